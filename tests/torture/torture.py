#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes each call of the library fail, at each place, with each error.

program.c runs a scenario for each module under the rules of inject.c; this
counts the calls of each, makes the list of points, feeds them to some servers
and adds up what they answer.  See --help.

A point is METHOD SCENARIO RULES, and can be run again as arguments of --point.
Points that are done are kept in WORK/done, so that a run that was interrupted
goes on; any change of the library begins anew.
"""

import argparse
import collections
import concurrent.futures
import errno
import hashlib
import itertools
import os
import queue
import random
import re
import subprocess
import sys
import time

METHODS = ["epoll-timerfd", "epoll", "ppoll", "poll"]
EMULATED = ["kqueue", "dev_poll", "port-timer", "port"]

SAMPLE = 4000     # points of --quick

ABSENT = ["ENOSYS", "EPERM", "EINVAL"]
NO_FD = ["EMFILE", "ENFILE", "ENOMEM"]

# What Linux may say.  SHORT: does one byte.  Calls on descriptors that fail
# for descriptors that are not open only are not here: fcntl.
ERRORS = {
    "malloc": ["ENOMEM"],
    "calloc": ["ENOMEM"],
    "realloc": ["ENOMEM"],
    "pipe": NO_FD,
    "pipe2": NO_FD + ABSENT,
    "eventfd": NO_FD + ABSENT,
    "epoll_create1": NO_FD + ABSENT,
    "epoll_ctl:add": ["ENOMEM", "ENOSPC"],
    "epoll_ctl:mod": ["ENOMEM", "ENOENT"],
    "epoll_ctl:del": ["ENOENT", "EBADF"],
    "epoll_wait": ["EINTR"],
    "epoll_pwait2": ["EINTR"] + ABSENT,
    "poll": ["EINTR", "ENOMEM"],
    "ppoll": ["EINTR", "ENOMEM"],
    "timerfd_create": NO_FD + ABSENT,
    "timerfd_settime": ["ENOSYS", "EPERM"],
    "inotify_init1": NO_FD + ["ENOSYS"],
    "inotify_add_watch": ["ENOSPC", "ENOMEM", "EACCES"],
    "inotify_rm_watch": ["EINVAL"],
    "dup2": ["EINTR", "EBUSY"],
    "fcntl:dup": ["EMFILE", "EINVAL"],
    "fstat": ["ENOMEM", "EIO"],
    "stat": ["ENOMEM", "EIO"],
    "lstat": ["ENOMEM", "EIO", "EACCES"],
    "statfs": ["ENOSYS", "EPERM", "EIO"],
    "fstatfs": ["ENOSYS", "EPERM", "EIO"],
    "readlink": ["ENOMEM", "EIO", "EACCES"],
    "ioctl": ["ENOTTY", "EINVAL"],
    "recv": ["EINTR", "EAGAIN", "ECONNRESET", "ENOMEM"],
    "setsockopt": ["ENOPROTOOPT", "EINVAL", "ENOMEM"],
    "shutdown": ["ENOTCONN"],
    "close": ["EINTR", "EIO"],
    "open": NO_FD + ["ENOENT", "EACCES"],
    "read": ["EINTR"],
    "write": ["EINTR"],
    "read:data": ["EINTR", "EAGAIN", "ECONNRESET", "ENOMEM", "SHORT"],
    "write:data": ["EINTR", "EAGAIN", "EPIPE", "ECONNRESET", "ENOSPC", "SHORT"],
    "writev": ["EINTR", "EPIPE", "EAGAIN"],
    "splice": ["EINTR", "EAGAIN", "EINVAL", "ENOMEM", "EPIPE", "ENOSYS",
               "EPERM", "SHORT"],
    "nanosleep": ["EINTR"],
    "clock_gettime": ["EINVAL"],
    "pthread_create": ["EAGAIN"],
    "pthread_key_create": ["EAGAIN", "ENOMEM"],
    "pthread_setspecific": ["ENOMEM"],
    "pthread_mutex_init": ["ENOMEM", "EAGAIN"],
    "__register_atfork": ["ENOMEM"],
    "fork": ["EAGAIN", "ENOMEM", "ENOSYS"],
    "vfork": ["EAGAIN", "ENOMEM", "ENOSYS"],
    "execv": ["ENOENT", "EACCES", "ENOMEM", "ETXTBSY"],
    "execve": ["ENOENT", "EACCES", "ENOMEM", "ETXTBSY"],
    "chdir": ["ENOENT", "EACCES", "ENOMEM"],
    "close_range": ABSENT,
    "getdents64": ["ENOSYS", "ENOMEM"],
    "accept4": ["EINTR", "ECONNABORTED", "EPROTO", "EMFILE", "ENFILE",
                "ENOBUFS", "ENOMEM"] + ABSENT,
    "accept": ["EINTR", "ECONNABORTED", "EPERM", "EMFILE", "ENOBUFS"],
    "kill": ["EPERM"],
    "sigaction": ["EINVAL"],
    "signal": ["EINVAL"],
    "wait4": ["EINTR", "ECHILD"],
    "waitpid": ["EINTR", "ECHILD"],
    "waitid": ["EINTR"] + ABSENT,
    "pidfd_open": NO_FD + ABSENT,
    "pidfd_send_signal": ["EPERM", "ENOSYS"],
    "waitid:pidfd": ["EINTR", "ECHILD", "ENOSYS"],
    "kqueue": NO_FD,
    "kevent": ["ENOMEM"],
    "kevent:wait": ["EINTR"],
    "port_create": ["EMFILE", "EAGAIN"],
    "port_associate": ["ENOMEM", "EAGAIN"],
    "port_send": ["ENOMEM"],
    "port_getn": ["EINTR"],
    "timer_create": ["EAGAIN", "ENOMEM", "EPERM"],
    "timer_settime": ABSENT,
    "DP_POLL": ["EINTR"],
    "getrlimit": ["EPERM"],
    "setrlimit": ["EPERM", "EINVAL"],
}

# These pass: for ever is not what a kernel does.
TRANSIENT = {
    *((call, err) for call in ("accept4", "accept")
      for err in ("ECONNABORTED", "EPROTO", "EPERM", "EMFILE", "ENFILE",
                  "ENOBUFS", "ENOMEM") if (call, err) != ("accept4", "EPERM")),
    "EINTR", "EBUSY", ("stat", "ENOMEM"), ("stat", "EIO"),
    ("read:data", "EAGAIN"), ("write:data", "EAGAIN"),
    ("splice", "EAGAIN"), ("recv", "EAGAIN"), ("kevent", "ENOMEM"),
    ("port_send", "ENOMEM"), ("poll", "ENOMEM"), ("ppoll", "ENOMEM"),
}

# Scenarios once more, in a kernel without something: what is used instead has
# calls of its own.
WITHOUT = [
    ("pump", "splice"), ("events", "eventfd"), ("raw-events", "eventfd"),
    ("work", "eventfd"), ("signals", "eventfd"), ("wait", "pidfd_open"),
    ("kill", "pidfd_open"), ("popen-close", "pidfd_open"),
    ("timers", "epoll_pwait2"), ("timers", "timerfd_create"),
    ("alarms", "timerfd_create"),
    ("timers", "ppoll"), ("popen", "pipe2"), ("fds", "ioctl"),
    ("listen", "accept4"), ("spawn", "close_range"), ("spawn", "pidfd_open"),
]

DETOURS = ["pipe2", "pipe", "read:data", "write:data", "waitid", "epoll_wait",
           "poll", "fcntl"]

# iv_init() cannot return an error, nor can the clock; the others are in the
# pages of the functions they name.
FATAL = re.compile(
    r"iv_init: (out of memory|poll method \S+: |no poll method |pthread_atfork: |pthread_key_create: "
    r"|IV_SELECT_POLL_METHOD: \"\S+\" is unusable )"
    r"|iv_now: clock_gettime: |iv_alarm: clock_gettime: |iv_work_pool_submit_\w+: ENOMEM")


def code(name):
    return 0 if name == "SHORT" else getattr(errno, name)


# What a loaded machine may be the reason of: it is slow, and the kernel frees
# inotify instances, of which a user has 128, some time after they were closed.
# What has another reason happens again.
LOADED = re.compile(f"hang|inotify_register fails with errno {errno.EMFILE}")


def transient(call, err):
    return err in TRANSIENT or (call, err) in TRANSIENT


class Server:
    """One program.c for each kernel, started again should it end."""

    def __init__(self, args):
        self.args = args
        self.processes = {}

    def start(self, program):
        env = dict(os.environ, LD_PRELOAD=self.args.injector)
        for name in [n for n in env if n.startswith("TORTURE")]:
            del env[name]
        env.pop("IV_EXCLUDE_POLL_METHOD", None)
        self.processes[program] = subprocess.Popen(
            [program], env=env, text=True, bufsize=1, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def run(self, point):
        program = program_of(self.args, point[0])
        if program not in self.processes:
            self.start(program)
        process = self.processes[program]
        process.stdin.write(" ".join(point) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline().rstrip("\n")
        if not answer:
            process.wait()
            del self.processes[program]
            return "wrong the server is gone [0]"
        return answer

    def stop(self):
        for process in self.processes.values():
            process.stdin.close()
            process.wait()


def program_of(args, method):
    name = "emulated" if method in EMULATED else "program"
    return os.path.join(args.build, "tests/torture", name)


def list_scenarios(args):
    env = dict(os.environ, LD_PRELOAD=args.injector)
    out = subprocess.run([program_of(args, METHODS[0]), "list"], env=env, text=True,
                         check=True, stdout=subprocess.PIPE).stdout
    return [(name, "") for name in out.split()] + [
        (name, ",".join(f"{call}/f/1/{errno.ENOSYS}" for call in calls.split()))
        for name, calls in WITHOUT]


def check_methods(parser, names):
    for name in names:
        if name not in METHODS + EMULATED:
            parser.error("no such method: %s (there are %s)" % (
                name, " ".join(METHODS + EMULATED)))


def counts(answer):
    return {name: int(n) for name, n in re.findall(r"(\S+)=(\d+)", answer)}


def modes(call, err, seen):
    """The ways to fail for one kind of call that is made SEEN times."""
    for n in range(1, seen + 1):
        yield "o", n
        if n < seen:
            yield "p", n
        if transient(call, err):
            yield "b", n
        elif err != "SHORT":
            yield "f", n
    if err == "SHORT":
        yield "r", 50


def points_of(method, scenario, base, seen):
    for call, n in seen.items():
        if base.startswith(call + "/"):
            continue
        for err in ERRORS.get(call, []):
            for mode, at in modes(call, err, n):
                rule = f"{call}/{mode}/{at}/{code(err)}"
                yield method, scenario, base + "," * bool(base) + rule


def storm(method, scenario, base, seen, percent, dice):
    """Everything fails now and then, each call with one of its errors."""
    calls = [c for c in seen if c in ERRORS and not base.startswith(c + "/")]
    rules = [f"{c}/r/{percent}/{code(dice.choice(ERRORS[c]))}" for c in calls]
    return method, scenario, ",".join([base] * bool(base) + rules)


def works(args, server, method):
    """False without this method, here."""
    if not os.path.exists(program_of(args, method)):
        return False
    answer = server.run((method, "timers", "-"))
    if answer.startswith("fatal iv_init: IV_SELECT_POLL_METHOD: "):
        return False
    return True


def seen_in(server, method, scenario, base):
    """Calls and their numbers, or nothing where BASE denies what is unused."""
    answer = server.run((method, scenario, "-"))
    if not answer.startswith("count"):
        sys.exit(f"torture: {method} {scenario} -: {answer}")
    seen = counts(answer)
    if base and base.split("/")[0] not in seen:
        return {}
    if base:
        # What is called instead is known only when it fails.
        for call in DETOURS:
            seen.setdefault(call, 6)
    return seen


def points_with(args, server, method, dice):
    points = []
    for scenario, base in list_scenarios(args):
        seen = seen_in(server, method, scenario, base)
        if not seen:
            continue
        points += points_of(method, scenario, base, seen)
        points += [storm(method, scenario, base, seen, percent, dice)
                   for percent in (1, 10, 50) for _ in range(args.storms)]
    return points


def sample(points, dice):
    """SAMPLE of them, of which each call of each scenario, and each of its
    errors, gets the same share."""
    groups = collections.defaultdict(list)
    for method, scenario, rules in dice.sample(points, len(points)):
        call, _, _, err = rules.split(",")[-1].split("/")
        groups[scenario, call, err].append((method, scenario, rules))
    rounds = itertools.zip_longest(*groups.values())
    every = (p for r in rounds for p in r if p is not None)
    return list(itertools.islice(every, SAMPLE))


def judge(answer):
    """The class of an answer, and whether it is allowed."""
    text, _, failed = answer.rpartition(" [")
    word = text.split(" ")[0]
    if failed == "0]" and word == "passed":
        return "not reached", True
    if word == "fatal":
        return word, bool(FATAL.match(text[6:]))
    return word, word in ("passed", "refused")


class Log:
    """What is done, of this very library."""

    def __init__(self, args):
        key = hashlib.sha1()
        files = [args.injector, args.library, __file__]
        files += {program_of(args, m) for m in args.methods}
        for name in files:
            with open(name, "rb") as f:
                key.update(f.read())
        key.update(repr((args.seed, args.quick, args.methods)).encode())
        self.name = os.path.join(args.work, "done")
        self.done = {}
        self.load(key.hexdigest())

    def load(self, key):
        try:
            with open(self.name, encoding="utf-8") as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            lines = []
        fresh = not lines or lines[0] != key
        if not fresh:
            for line in lines[1:]:
                point, tab, answer = line.partition("\t")
                if tab:
                    self.done[point] = answer
        self.file = open(self.name, "w" if fresh else "a", encoding="utf-8")
        if fresh:
            print(key, file=self.file)

    def add(self, point, answer):
        self.done[point] = answer
        print(point, answer, sep="\t", file=self.file, flush=True)

    def finish(self):
        self.file.close()
        os.rename(self.name, self.name + ".last")


def work_off(args, points, log):
    begun = shown = time.monotonic()
    servers = queue.Queue()
    everyone = [Server(args) for _ in range(args.jobs)]
    for server in everyone:
        servers.put(server)

    def one(point):
        server = servers.get()
        answer = server.run(point)
        if not judge(answer)[1] and LOADED.search(answer):
            time.sleep(1)
            answer = server.run(point)
        servers.put(server)
        return point, answer

    left = [p for p in points if " ".join(p) not in log.done]
    bad = sum(not judge(a)[1] for a in log.done.values())
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for n, (point, answer) in enumerate(pool.map(one, left), 1):
            log.add(" ".join(point), answer)
            if not judge(answer)[1]:
                bad += 1
                print("FAIL ", *point, "->", answer, flush=True)
            if time.monotonic() - shown > 5:
                shown = time.monotonic()
                rest = (shown - begun) / n * (len(left) - n)
                print(f"{n} of {len(left)} points, {bad} bad, "
                      f"{rest:.0f} s to go", file=sys.stderr, flush=True)
    for server in everyone:
        server.stop()
    return [log.done[" ".join(p)] for p in points]


def table(points, answers):
    columns = ["passed", "refused", "fatal", "not reached", "wrong"]
    print(f"{'':16}{'points':>9}" + "".join(f"{c:>13}" for c in columns))
    for method in dict.fromkeys(p[0] for p in points):
        sums = collections.Counter(
            judge(a)[0] for p, a in zip(points, answers) if p[0] == method)
        print(f"{method:16}{sum(sums.values()):9}"
              + "".join(f"{sums[c]:13}" for c in columns))


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--quick", action="store_true", help="some random points")
    p.add_argument("--full", action="store_true", help="all points (default)")
    p.add_argument("--seed", type=int, help="of the sample and the storms")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--build", default="build")
    p.add_argument("--point", nargs=3, metavar=("METHOD", "SCENARIO", "RULES"),
                   help="just this one")
    p.add_argument("methods", nargs="*", metavar="METHOD",
                   help="default: all that are here")
    args = p.parse_args()
    check_methods(p, args.methods)
    args.methods = args.methods or METHODS + EMULATED
    args.work = os.path.join(args.build, "torture")
    args.storms = 1 if args.quick else 20
    if args.seed is None:
        args.seed = int(time.time()) if args.quick else 1
    args.injector = os.path.abspath(
        os.path.join(args.build, "tests/torture/.libs/inject.so"))
    args.library = os.path.join(args.build, "lib/.libs/libivykis.so")
    return args


def main():
    args = arguments()
    server = Server(args)
    if args.point:
        print(server.run(args.point))
        server.stop()
        return 0
    os.makedirs(args.work, exist_ok=True)
    asked = len(args.methods)
    args.methods = [m for m in args.methods if works(args, server, m)]
    skipped = asked - len(args.methods)
    dice = random.Random(args.seed)
    points = [p for m in args.methods
              for p in points_with(args, server, m, dice)]
    server.stop()
    every = len(points)
    if args.quick:
        points = sample(points, dice)
    print(f"{len(points)} of {every} points, seed {args.seed}", flush=True)
    log = Log(args)
    answers = work_off(args, points, log)
    log.finish()
    table(points, answers)
    failed = sum(not judge(a)[1] for a in answers)
    print(f"{len(answers) - failed} passed, {failed} failed, "
          f"{skipped} skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
