#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the benchmarks: contestants in turn, medians, ratios, curves.

    run.py DIRECTORY [--quick] [--rounds N] [--with NAME,...] [WORKLOAD...]

DIRECTORY has bench-NAME for each contestant.  Results go to results.csv and
pictures (*.svg, *.png) to the same place: curves, and standing, which has a
bar for each row: ours to the best of the peers, or to raw where there is none;
and standing-libev, of libev's interface on ours to libev.
"""
import argparse
import csv
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import namedtuple

CONTESTANTS = ["raw", "ours", "libivykis", "libev", "ev", "libevent", "libuv",
               "evio", "evio2"]
PEERS = ["libivykis", "libev", "libevent", "libuv"]
TIME_LIMIT = 120

# Rounds of a row: at most, and at least; and none is begun that will probably
# not end within so many seconds of the first.
Effort = namedtuple("Effort", "most least seconds")
FULL, QUICK = Effort(7, 3, 6), Effort(3, 1, 1.5)

# Beyond this spread (middle half of the rounds, of the median) a ratio is
# not worth its digits.
SPREAD = 0.2

# Ours to the best peer: what is beyond this is behind.
LEVEL = 1.05

CPU, WALL, INSTRUCTIONS, CALLS = "ns CPU", "ns wall", "instr", "syscalls"

# quick: the last argument then.  None: not then.
Row = namedtuple("Row", "workload args quick measure unit curve")


def row(text, quick, measure=CPU, unit=None, curve=None):
    workload, *args = text.split()
    return Row(workload, args, quick, measure, unit or measure, curve)


def timer_rows():
    for workload, extra in (("insert", ""), ("start-stop", " 500000"),
                            ("replace", " 500000"), ("again", " 500000"),
                            ("remove", ""), ("expire", "")):
        for n in (1000, 10000, 100000, 1000000):
            for spread in (1, 0):
                text = f"timer-{workload} {n} {spread}{extra}"
                quick = None
                if n == 100000 and spread == 1:
                    quick = "100000" if extra else "1"
                curve = (f"timer-{workload}", n) if spread else None
                yield row(text, quick, curve=curve)


ROWS = [
    row("ring 100 1 200000", "30000", curve=("ring, 1 active", 100)),
    row("ring 1000 1 200000", None, curve=("ring, 1 active", 1000)),
    row("ring 9900 1 200000", None, curve=("ring, 1 active", 9900)),
    row("ring 9900 100 200000", None),
    row("ring 9900 1000 200000", None),
    row("ring-timers 9900 1000 200000", "10000"),
    row("ring 1000 100 20000", None, INSTRUCTIONS),
    row("ring-timers 1000 100 20000", None, INSTRUCTIONS),
    row("register-poll 100000", "20000"),
    row("register 100000", "20000"),
    row("register 500", None, CALLS),
    row("register-poll-raw 100000", "20000"),
    row("register-raw 100000", "20000"),
    row("register-poll-raw 500", None, CALLS),
    row("connections 50000", "5000"),
    row("connections 500", None, CALLS),
    row("toggle-poll 100000", "20000"),
    row("toggle 1000000", "100000"),
    row("toggle 500", None, CALLS),
    *timer_rows(),
    *(row(f"timer-late{which} {us} {200 if us < 10000 else 50}",
          "50" if us < 1000 else None, unit="us late")
      for which in ("", "-p99") for us in (100, 500, 1000, 10500)),
    row("timer-late 0 500", "100", unit="us late"),
    row("timer-rearm 1000 0 20000", "10000"),
    row("timer-rearm 1000 1000 20000", "10000"),
    row("timer-rearm-sleeps 1000 0 20000", None, unit="sleeps/1000"),
    row("timer-rearm-sleeps 1000 1000 20000", "10000", unit="sleeps/1000"),
    row("post-coalesced 1 5000000", "1000000"),
    row("post-coalesced 2 5000000", None),
    row("post-coalesced 2 5000000", None, WALL),
    row("post-fence 1 5000000", "1000000"),
    row("post-delivered 1 200000", "20000"),
    row("post-delivered 2 200000", None),
    row("ping-pong 50000", "1000"),
    row("ping-pong-apart 50000", None),
    row("work 2 1 20000", "1000"),
    *(row(f"work {threads} {depth} {items}", "50000"
          if (threads, depth) == (2, 256) else None, measure)
      for threads in (1, 2, 4)
      for depth, items in ((16, 100000), (256, 200000), (4096, 400000))
      for measure in (CPU, WALL)),
    *(row(f"work-long {threads} {depth} {ns} {items}", None, WALL)
      for threads in (1, 2, 4) for depth in (16, 256)
      for ns, items in ((1000, 20000), (100000, 2000))),
    row("work-continue 2 1 20000", None),
    row("work-continue 2 16 50000", None),
    row("work-continue 2 256 100000", "20000"),
    row("work-resubmit 2 256 100000", None),
    row("programs 1 300", "50", WALL),
    row("programs 1024 100", None, WALL),
    row("suspend 1 1 20000", "5000"),
    row("suspend 64 2 20000", "5000"),
    row("suspend 1 1 300", "300", CALLS),
    row("suspend 64 2 500", None, CALLS),
    row("echo 50 50000", "10000", curve=("echo", 50)),
    row("echo 1000 50000", "5000", curve=("echo", 1000)),
    row("echo 10000 50000", None, curve=("echo", 10000)),
    row("echo-timers 50 50000", None, curve=("echo-timers", 50)),
    row("echo-timers 1000 50000", "5000", curve=("echo-timers", 1000)),
    row("echo-timers 10000 50000", None, curve=("echo-timers", 10000)),
    row("edge-ring 1000 100 200000", "20000"),
    row("edge-ring 1000 100 20000", None, INSTRUCTIONS),
    row("edge-messages 100 100000", "10000"),
    row("edge-messages 100 5000", None, INSTRUCTIONS),
    row("edge-messages 100 1000", None, CALLS),
    row("edge-slow 100 100000", "10000"),
    row("edge-slow 100 5000", None, INSTRUCTIONS),
    row("edge-slow 100 1000", None, CALLS),
    row("follow 1000 50000", "3000"),
    row("follow 1000 2000", None, CALLS),
    row("follow-idle 10000 300", None, unit="sleeps"),
    row("alarm-again 1000 300000", "10000"),
    row("alarm-again 10000 300000", None),
    row("alarm-idle 10000 300", None, unit="sleeps"),
    row("memory-fd 5000", "5000", unit="bytes"),
    row("memory-timer 100000", "100000", unit="bytes"),
    row("init 5000", "300"),
    row("stack", "", unit="bytes"),
]


def give_up(text):
    sys.exit(f"bench: {text}")


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def run(command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=TIME_LIMIT,
                              check=False)
    except subprocess.TimeoutExpired:
        return give_up(f"took more than {TIME_LIMIT} s: {' '.join(command)}")


# ---- One measurement: a number per operation, or None --------------------

class Unable(Exception):
    pass


def checked(done):
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise Unable(lines[-1] if lines else f"status {done.returncode}")
    return done


def timed(command, measure):
    ops, cpu, wall = map(int, checked(run(command)).stdout.split())
    return (wall if measure == WALL else cpu) / ops


def instructions(command):
    done = checked(run(["valgrind", "--tool=callgrind",
                        "--callgrind-out-file=/dev/null", *command]))
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def calls(command):
    done = checked(run(["strace", "-f", "-c", "-U", "calls,name", *command]))
    return int(re.search(r"^ *(\d+) total", done.stderr, re.M).group(1))


def per_operation(count, command):
    """What two runs of different length differ by."""
    n = int(command[-1])
    return (count(command[:-1] + [str(3 * n)]) - count(command)) / (2 * n)


def measured(command, measure):
    if measure == INSTRUCTIONS:
        return per_operation(instructions, command)
    if measure == CALLS:
        return per_operation(calls, command)
    return timed(command, measure)


# ---- A row: everybody in turn --------------------------------------------

def spread(values):
    if len(values) < 4:
        low, high = min(values), max(values)
    else:
        low, _, high = statistics.quantiles(values, n=4)
    middle = statistics.median(values)
    return (high - low) / middle if middle else 0.0


def arguments(r, quick):
    return r.args[:-1] + [r.quick] if quick and r.args else r.args


def title(r, args):
    return " ".join([r.workload, *args]) + f" ({r.unit})"


def run_round(r, args, programs, values, errors):
    for name, program in programs.items():
        if name in errors or r.workload not in program.workloads:
            continue
        progress(f"{title(r, args)}: {name}")
        try:
            values.setdefault(name, []).append(
                measured([program.path, r.workload, *args], r.measure))
        except Unable as e:
            errors[name] = str(e)
            values.pop(name, None)


def effort_for(r, effort):
    """What hardly varies needs fewer rounds."""
    if r.measure == INSTRUCTIONS or r.unit == "bytes":
        return Effort(1, 1, 0)
    if r.measure == CALLS:
        return Effort(min(effort.most, 3), 1, effort.seconds)
    return effort


def run_row(r, args, programs, effort):
    values, errors = {}, {}
    most, least, seconds = effort_for(r, effort)
    start = time.monotonic()
    for i in range(most):
        taken = time.monotonic() - start
        if i >= least and taken * (i + 1) / i > seconds:
            break
        run_round(r, args, programs, values, errors)
    progress("")
    return values, errors, time.monotonic() - start


def print_row(text, values, errors, seconds):
    rounds = max((len(v) for v in values.values()), default=0)
    print(f"{text}: {rounds} rounds, {seconds:.1f} s")
    mine = statistics.median(values["ours"]) if "ours" in values else None
    raw = statistics.median(values["raw"]) if "raw" in values else None
    print(f"  {'':10}{'median':>11}{'min':>11}{'max':>11}"
          f"{'/ raw':>9}{'ours / it':>11}")
    for name, v in values.items():
        m = statistics.median(v)
        by_raw = f"{m / raw:9.2f}" if raw else f"{'-':>9}"
        by_it = f"{mine / m:11.2f}" if mine is not None and m else \
            f"{'-':>11}"
        mark = "  ~ varies" if spread(v) > SPREAD else ""
        print(f"  {name:10}{m:11.1f}{min(v):11.1f}{max(v):11.1f}"
              f"{by_raw}{by_it}{mark}")
    for name, error in errors.items():
        print(f"  {name:10} not possible: {error}")
    print(flush=True)


def print_summary(table, names):
    print("Medians; ~ marks those that vary too much for their ratios to "
          "mean much.\n")
    width = max(len(text) for text, _ in table)
    print(" " * width + "".join(f"{n:>12}" for n in names))
    for text, values in table:
        cells = ""
        for n in names:
            v = values.get(n)
            mark = "~" if v and spread(v) > SPREAD else ""
            cells += f"{mark + format(statistics.median(v), '.1f'):>12}" \
                if v else f"{'-':>12}"
        print(f"{text:{width}}{cells}")


# ---- Where ours stands -----------------------------------------------------

def ratio_of(mine, best):
    """Of counts, none at all may be the best."""
    if best > 0.005:
        return mine / best
    return 1.0 if mine <= 0.005 else float("inf")


def standings(table, mine, peers, limit):
    """MINE to the best peer, or to the limit if a row has no peer."""
    found = []
    for text, values in table:
        medians = {n: statistics.median(v) for n, v in values.items()}
        others = [medians[n] for n in peers if n in medians]
        if not others and limit in medians:
            text, others = f"{text} / {limit}", [medians[limit]]
        others = [m for m in others if m >= 0]  # a timer that is early: no
        if mine in medians and others:
            found.append((text, ratio_of(medians[mine], min(others))))
    return found


def print_standings(found, claim):
    behind = [(text, ratio) for text, ratio in found if ratio > LEVEL]
    print(f"\n{claim} in {len(behind)} of {len(found)} rows.")
    for text, ratio in sorted(behind, key=lambda b: -b[1]):
        print(f"{ratio:8.2f}  {text}")


# ---- Files ----------------------------------------------------------------

def write_csv(path, records):
    with open(path, "w", newline="", encoding="ascii") as f:
        out = csv.writer(f)
        out.writerow(["workload", "arguments", "unit", "contestant", "median",
                      "min", "max", "spread", "rounds"])
        for r, args, values in records:
            for name, v in values.items():
                out.writerow([r.workload, " ".join(args), r.unit, name,
                              f"{statistics.median(v):.3f}", f"{min(v):.3f}",
                              f"{max(v):.3f}", f"{spread(v):.3f}", len(v)])


def curves_of(records):
    curves = {}
    for r, _, values in records:
        if r.curve is None:
            continue
        name, x = r.curve
        for contestant, v in values.items():
            curves.setdefault(name, {}).setdefault(contestant, []).append(
                (x, statistics.median(v)))
    return {name: c for name, c in curves.items()
            if any(len(points) > 1 for points in c.values())}


def plot(base, size, script, command):
    """One figure, as SVG and PNG."""
    for terminal in ("svg", "pngcairo"):
        script += f"set terminal {terminal} size {size}\n" \
            f"set output '{base}.{terminal[:3]}'\n{command}\n"
    done = subprocess.run(["gnuplot"], input=script, text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        print(f"bench: gnuplot: {done.stderr.strip().splitlines()[-1]}",
              file=sys.stderr)


def draw(directory, name, curve):
    script = "set key outside; set logscale xy; set grid\n" \
        f"set title '{name}'; set xlabel 'objects'\n" \
        "set ylabel 'ns CPU per operation'\n"
    for contestant, points in curve.items():
        data = "\n".join(f"{x} {y}" for x, y in points)
        script += f"${contestant} << E\n{data}\nE\n"
    plot(os.path.join(directory, re.sub("[^a-z0-9]+", "-", name)), "720,440",
         script, "plot " + ", ".join(f"${c} with linespoints title '{c}'"
                                     for c in curve))


def draw_standings(directory, name, caption, found):
    """A bar from 1 to the ratio of each row; off the scale is its end."""
    rows = "".join(f'{min(max(ratio, 0.1), 10):.3f} {-i} "{text}" '
                   f"{2 if ratio > LEVEL else 1} {ratio:.2f}\n"
                   for i, (text, ratio) in enumerate(found))
    script = f"$rows << E\n{rows}E\n" \
        f"set title '{caption}'; unset key; set logscale x\n" \
        "set xrange [0.1:10]; set xtics (0.1, 0.2, 0.5, 1, 2, 5, 10)\n" \
        f"set yrange [{-len(found)}:1]; set grid x; set ytics font ',10'\n" \
        "set style fill solid; set linetype 1 lc rgb '#3a7d44'\n" \
        "set linetype 2 lc rgb '#c0392b'\n"
    plot(os.path.join(directory, name), f"900,{120 + 14 * len(found)}",
         script, "plot $rows using 1:2:(1):1:($2-0.4):($2+0.4):4:ytic(3) "
         "with boxxyerror lc variable, $rows using (0.11):2:5 with labels "
         "left font ',8'")


# ---- Who and what -----------------------------------------------------------

Program = namedtuple("Program", "path workloads")


def find_programs(directory, names):
    programs = {}
    for name in names:
        path = os.path.abspath(os.path.join(directory, f"bench-{name}"))
        if not os.access(path, os.X_OK):
            print(f"bench: {name} is missing and left out", file=sys.stderr)
            continue
        out = checked(run([path, "--list"])).stdout.splitlines()
        programs[name] = Program(path, {line.split()[0] for line in out})
    if not programs:
        give_up(f"no contestant is built in {directory}")
    return programs


def usable_rows(asked, quick):
    known = list(dict.fromkeys(r.workload for r in ROWS))
    for name in asked:
        if not any(w == name or w.startswith(name + "-") for w in known):
            give_up(f"no workload \"{name}\"; there are {' '.join(known)}")
    missing = {m for m, tool in ((INSTRUCTIONS, "valgrind"),
                                 (CALLS, "strace")) if not shutil.which(tool)}
    for m in missing:
        print(f"bench: no tool to count {m}: rows left out", file=sys.stderr)
    return [r for r in ROWS if r.measure not in missing and
            (r.quick is not None or not quick) and
            (not asked or any(r.workload == a or
                              r.workload.startswith(a + "-")
                              for a in asked))]


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n")[2].strip())
    p.add_argument("directory")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--rounds", type=int)
    p.add_argument("--with", dest="names", default=",".join(CONTESTANTS))
    p.add_argument("workload", nargs="*")
    p.error = give_up
    a = p.parse_intermixed_args()
    if a.rounds is not None and a.rounds < 1:
        give_up("at least one round")
    names = a.names.split(",")
    for n in names:
        if n not in CONTESTANTS:
            give_up(f"no contestant \"{n}\"; there are "
                    f"{' '.join(CONTESTANTS)}")
    rows = usable_rows(a.workload, a.quick)
    programs = find_programs(a.directory, names)
    effort = QUICK if a.quick else FULL
    if a.rounds:
        effort = Effort(a.rounds, a.rounds, TIME_LIMIT)
    start = time.monotonic()
    records = []
    for r in rows:
        args = arguments(r, a.quick)
        values, errors, seconds = run_row(r, args, programs, effort)
        print_row(title(r, args), values, errors, seconds)
        records.append((r, args, values))
    table = [(title(r, args), v) for r, args, v in records]
    print_summary(table, list(programs))
    found = standings(table, "ours", PEERS, "raw")
    print_standings(found, "Ours is behind the best peer, or raw if there is "
                    "none,")
    found_ev = standings(table, "ev", ["libev"], None)
    print_standings(found_ev, "Libev's interface on ours is behind libev")
    write_csv(os.path.join(a.directory, "results.csv"), records)
    if shutil.which("gnuplot"):
        if found:
            draw_standings(a.directory, "standing", "ours / best peer", found)
        if found_ev:
            draw_standings(a.directory, "standing-libev",
                           "libev on ours / libev", found_ev)
        for name, curve in curves_of(records).items():
            draw(a.directory, name, curve)
    else:
        print("bench: no gnuplot, no pictures", file=sys.stderr)
    print(f"\nThat took {(time.monotonic() - start) / 60:.1f} minutes.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        give_up("interrupted")
