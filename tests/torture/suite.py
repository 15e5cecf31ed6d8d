#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The test programs, while calls of the library fail once or twice.

Each case of the programs that use the shared library runs with some random
points of torture.py.  A case does not know what fails: that one of its checks
does is allowed, and so is iv_fatal().  Other signals, hangs, deadlines that
pass and what the harness's leak fence finds are not.
"""

import argparse
import collections
import concurrent.futures
import glob
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

import torture

# Of struct page in inject.c.
KINDS, NAME = 96, 32

# What cannot be done without a call.  Where SIGCHLD is blocked, or not sent,
# only pidfds tell of a child's end; a program that may not be killed goes on.
BY_PIDFD = ["wait/sigchld_is_blocked", "wait/a_thread_is_no_child",
            "wait/a_child_with"]
NEEDED = ([(case, call) for case in BY_PIDFD
           for call in ["pidfd_open", "pidfd_send_signal", "waitid:pidfd"]] +
          [("popen/", "kill"), ("popen/", "pidfd_send_signal")])

ALLOWED = ["passed", "skipped", "check", "fatal"]


def programs(build):
    """Those that call the library through its shared object."""
    for path in sorted(glob.glob(os.path.join(build, "tests/*/*.t"))):
        if re.search(r"/(history/\w+|loop/debug)\.t$", path):
            continue    # threads by the second; stderr kept for itself
        out = subprocess.run(["readelf", "-d", path], text=True, check=True,
                             stdout=subprocess.PIPE).stdout
        if re.search(r"NEEDED.*libivykis\.so", out):
            yield path


def cases(path, method):
    out = subprocess.run([path, "-l", "-m", method], text=True, check=True,
                         stdout=subprocess.PIPE).stdout
    return [line[:-len(method) - 3] for line in out.splitlines()
            if line.endswith(f" [{method}]")]


def run(args, path, method, case, rules, page=None):
    env = dict(os.environ, LD_PRELOAD=args.injector)
    if rules:
        env["TORTURE"] = rules
    if page:
        env["TORTURE_PAGE"] = page
    return subprocess.run([path, "-m", method, case], env=env, text=True,
                          errors="replace", check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


def calls(args, path, method, case):
    with tempfile.NamedTemporaryFile() as page:
        run(args, path, method, case, None, page.name)
        data = page.read()
    names = [data[i * NAME:(i + 1) * NAME].split(b"\0")[0].decode()
             for i in range(KINDS)]
    numbers = struct.unpack_from(f"{KINDS}I", data, KINDS * NAME)
    return {c: n for c, n in zip(names, numbers)
            if c in torture.ERRORS and n and
            not any(case.startswith(what) and c == call
                    for what, call in NEEDED)}


def some_points(dice, seen, count):
    """A kind of call first: otherwise those that are many would be all."""
    for _ in range(count if seen else 0):
        call = dice.choice(sorted(seen))
        err = dice.choice(torture.ERRORS[call])
        mode = dice.choice("opb" if torture.transient(call, err) else "op")
        yield f"{call}/{mode}/{dice.randint(1, seen[call])}/{torture.code(err)}"


def judge(output):
    if re.search(r"^ok .*# SKIP", output, re.M):
        return "skipped"
    if re.search(r"^ok ", output, re.M):
        return "passed"
    if not re.search(r"^not ok ", output, re.M):
        return "harness"
    if "time limit exceeded" in output:
        return "hang"
    if "fence: " in output.replace("fence: exempt", ""):
        return "leak"
    if "the loop still runs at its deadline" in output:
        return "lost"
    died = re.search(r"died of signal (\d+)", output)
    if died and (died.group(1) != "6" or "ivykis: " not in output):
        return "signal"
    return "fatal" if died else "check"


def torment(args, work):
    path, method, case, seed = work
    dice = random.Random(seed)
    results = []
    for rules in some_points(dice, calls(args, path, method, case),
                             args.points):
        output = run(args, path, method, case, rules)
        results.append((rules, judge(output), output))
    return path, method, case, results


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--points", type=int, default=5, help="of each case")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--build", default="build")
    p.add_argument("methods", nargs="*", default=torture.METHODS)
    args = p.parse_args()
    torture.check_methods(p, args.methods)
    args.injector = os.path.abspath(
        os.path.join(args.build, "tests/torture/.libs/inject.so"))
    works = [(path, method, case, f"{args.seed} {method} {case}")
             for path in programs(args.build) for method in args.methods
             for case in cases(path, method)]
    sums = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for n, (path, method, case, results) in enumerate(
                pool.map(lambda w: torment(args, w), works), 1):
            for rules, verdict, output in results:
                sums[verdict] += 1
                if verdict not in ALLOWED:
                    print(f"FAIL  TORTURE={rules} {path} -m {method} {case}: "
                          f"{verdict}\n{output[-600:]}", flush=True)
            if n % 100 == 0:
                print(f"{n} of {len(works)} cases", file=sys.stderr,
                      flush=True)
    print(", ".join(f"{n} {verdict}" for verdict, n in sorted(sums.items())))
    failed = sum(n for v, n in sums.items() if v not in ALLOWED)
    print(f"{sum(sums.values()) - failed - sums['skipped']} passed, "
          f"{failed} failed, {sums['skipped']} skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
