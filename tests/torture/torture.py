#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails every call of the library once, and sees what becomes of it.

program.c uses each module twice.  It is run once for each point: a call, which
one of them fails, with which errno, and whether the following ones fail, too;
and with calls that fail at random.  Allowed is
    passed      the program did all it wanted
    reported    a function returned -1 with an errno that was injected
    fatal       iv_init() said that it cannot work
and nothing else: no signal, no hang, no event that got lost, no descriptor,
thread or block of memory left.

    torture.py [--quick | --full] [--resume] [--build DIR] [METHOD...]
"""
import argparse
import collections
import concurrent.futures
import errno
import os
import random
import re
import subprocess
import sys

NEW_FD = ('EMFILE', 'ENFILE', 'ENOMEM')
ABSENT = ('ENOSYS', 'EPERM', 'EINVAL')
SHORT = 'short'

# What may fail, and how.
ERRORS = {
    'malloc': ('ENOMEM',), 'calloc': ('ENOMEM',), 'realloc': ('ENOMEM',),
    'pipe': ('EMFILE', 'ENFILE'),
    'pipe2': ('EMFILE', 'ENFILE', 'ENOSYS'),
    'eventfd': NEW_FD + ('ENODEV',) + ABSENT,
    'epoll_create1': NEW_FD,
    'epoll_ctl': ('ENOMEM', 'ENOSPC'),
    'epoll_wait': ('EINTR',),
    'epoll_pwait2': ('EINTR',) + ABSENT,
    'poll': ('EINTR', 'ENOMEM'), 'ppoll': ('EINTR', 'ENOMEM') + ABSENT,
    'timerfd_create': NEW_FD + ('ENODEV',) + ABSENT,
    'timerfd_settime': ABSENT,
    'inotify_init1': NEW_FD, 'inotify_add_watch': ('ENOMEM', 'ENOSPC'),
    'inotify_rm_watch': ('EINVAL',),
    'dup2': ('EBUSY', 'EMFILE'), 'fcntl': ('EMFILE',),
    'open': NEW_FD + ('EACCES',),
    'close': ('EINTR', 'EIO'),
    'fstat': ('ENOMEM',), 'ioctl': ('ENOTTY',),
    'setsockopt': ('ENOPROTOOPT',), 'shutdown': ('ENOTCONN',),
    'read': ('EINTR', 'EAGAIN', SHORT), 'write': ('EINTR', SHORT),
    'writev': ('EINTR', SHORT),
    'splice': ('EINTR', 'EAGAIN', 'ENOMEM', SHORT) + ABSENT,
    'pthread_create': ('EAGAIN', 'EPERM'),
    'pthread_key_create': ('EAGAIN', 'ENOMEM'),
    'pthread_setspecific': ('ENOMEM',), 'pthread_mutex_init': ('ENOMEM',),
    '__register_atfork': ('ENOMEM',),
    'fork': ('EAGAIN', 'ENOMEM'),
    'execvp': ('ENOENT', 'EACCES', 'ENOMEM', 'E2BIG'),
    'kill': ('EPERM',),
    'wait4': ('EINTR',), 'waitid': ('EINTR',), 'waitpid': ('EINTR',),
    'getrlimit': ('EPERM',), 'setrlimit': ('EPERM',),
    'nanosleep': ('EINTR',),
    'syscall': NEW_FD + ABSENT,         # pidfd_open(2)
    'kqueue': NEW_FD, 'kevent': ('EINTR', 'ENOMEM'),
    'port_create': ('EMFILE', 'EAGAIN'),
    'port_associate': ('ENOMEM', 'EAGAIN'), 'port_send': ('ENOMEM',),
    'port_getn': ('EINTR',),
    'timer_create': ('EAGAIN', 'ENOMEM', 'EPERM'), 'timer_settime': ABSENT,
    'DP_POLL': ('EINTR',),
}
# These pass, or nothing would ever get on.
PASSING = {'EINTR', 'EAGAIN', SHORT}
ONLY_PASSING = {'epoll_ctl', 'kevent', 'poll', 'port_associate',
                'port_send', 'read', 'write', ('ppoll', 'ENOMEM')}
# What cannot fail the way the library calls it, and why.
INFALLIBLE = {
    'abort': '', '_exit': '', 'exit': '', 'free': '', 'getpid': '',
    'gettid': '', 'getauxval': '', 'getenv': '', 'memcpy': '', 'memmove': '',
    'memset': '', 'strcmp': '', 'strcspn': '', 'strlen': '', 'strncmp': '',
    'strspn': '', 'sigemptyset': '', 'sigfillset': '', 'sched_yield': '',
    'stderr': 'no function', 'syslog': 'says nothing of it',
    'fprintf': 'for iv_thread_list_children() only, which returns nothing',
    'snprintf': 'into a buffer', 'vsnprintf': 'into a buffer',
    'sigaction': 'with a signal that may be caught',
    'signal': 'with a signal that may be caught',
    'pthread_sigmask': 'with a valid how',
    'pthread_join': 'of a thread that can be joined',
    'pthread_detach': 'of a thread that can be joined',
    'pthread_mutex_lock': 'of a normal mutex',
    'pthread_mutex_unlock': 'of a normal mutex',
    'pthread_mutex_destroy': 'of a free mutex',
    'clock_gettime': 'of a clock that exists', 'pthread_once': '',
    'pthread_setcancelstate': 'with a valid state',
    '__errno_location': '', '__sigsetjmp': '',
}
STARTUP = re.compile(r'^(_ITM_|__cxa_|__gmon_|__pthread_|__stack_chk|__tls_)')

MODES = ('once', 'pair', 'on')
RANDOM_PERCENT = (1, 10, 50)
METHODS = ('epoll-timerfd', 'epoll', 'ppoll', 'poll')
EMULATED = ('kqueue', 'dev_poll', 'port-timer', 'port')
SECONDS = 20

Point = collections.namedtuple('Point', 'method call mode n err seed')


def modes_of(call, err):
    if err in PASSING or ONLY_PASSING & {call, (call, err)}:
        return MODES[:2]
    return MODES


# ---- Running ----------------------------------------------------------------

class Torture:
    def __init__(self, build, method, seconds):
        name = 'emulated' if method in EMULATED else 'program'
        self.program = os.path.join(build, 'tests', 'torture', name)
        self.preload = os.path.join(build, 'tests', 'torture', '.libs',
                                    'inject.so')
        self.dir = os.path.join(build, 'torture')
        self.seconds = seconds
        os.makedirs(self.dir, exist_ok=True)

    def run(self, method, **variables):
        env = dict(os.environ, IV_SELECT_POLL_METHOD=method,
                   LD_PRELOAD=os.path.abspath(self.preload), **variables)
        env.pop('IV_EXCLUDE_POLL_METHOD', None)
        done = subprocess.run(
            [os.path.abspath(self.program)], env=env, cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=self.seconds, check=False)
        return done.returncode, done.stdout.decode('utf-8', 'replace')

    def calls(self, method):
        """How often each call is made, or nothing without this method."""
        log = os.path.join(self.dir, 'calls.' + method)
        if os.path.exists(log):
            os.remove(log)
        status, output = self.run(method, TORTURE_LOG=os.path.abspath(log))
        if status == 3 and 'IV_SELECT_POLL_METHOD' in output:
            return None
        if status != 0:
            sys.exit(f'torture: {method}: nothing was injected, and yet: '
                     f'{output or status}')
        with open(log, encoding='ascii') as f:
            return collections.Counter(f.read().split())

    def outcome(self, point):
        spec = '/'.join((point.call, point.mode, str(point.n),
                         str(0 if point.err == SHORT else
                             getattr(errno, point.err))))
        try:
            status, output = self.run(point.method, TORTURE=spec,
                                      TORTURE_SEED=str(point.seed))
        except subprocess.TimeoutExpired:
            return 'hang or lost event', ''
        return judge(status, output, point.err)


def judge(status, output, err):
    lines = output.strip().split('\n')
    if status < 0:
        return 'signal %d' % -status, output
    if status == 3:
        good = lines[-1].startswith('fatal: iv_init: ')
        return ('fatal' if good else 'wrong fatal', lines[-1])
    if status != 0:
        return 'wrong', lines[-1]
    if lines[-1] != 'done fds=0 threads=0 blocks=0':
        return 'leak', lines[-1]
    reported = [line for line in lines if line.startswith('reported: ')]
    if any(line.split()[-1] != err for line in reported):
        return 'wrong errno', '; '.join(reported)
    return ('reported' if reported else 'passed'), ''


ALLOWED = ('passed', 'reported', 'fatal')


# ---- Points -----------------------------------------------------------------

def points_of(method, counts, most):
    for call, count in sorted(counts.items()):
        for err in ERRORS[call]:
            for n in range(1, min(count, most) + 1):
                for mode in modes_of(call, err):
                    yield Point(method, call, mode, n, err, 0)
            if 'on' not in modes_of(call, err) and err != 'EINVAL':
                for seed in range(10):
                    yield Point(method, call, 'random',
                                RANDOM_PERCENT[seed % 3], err, seed)


def forgotten(build):
    """Calls of the library that this file does not know."""
    library = os.path.join(build, 'lib', '.libs', 'libivykis.so')
    out = subprocess.run(['nm', '-D', '--undefined-only', library],
                         check=True, stdout=subprocess.PIPE).stdout.decode()
    names = {line.split()[-1].split('@')[0] for line in out.splitlines()}
    return sorted(name for name in names if name not in ERRORS and
                  name not in INFALLIBLE and not STARTUP.match(name))


class Record:
    """What was tried already, for --resume."""
    def __init__(self, path, resume):
        self.done = set()
        if resume and os.path.exists(path):
            with open(path, encoding='ascii') as f:
                self.done = {line.rstrip('\n') for line in f}
        self.file = open(path, 'a' if resume else 'w', encoding='ascii')

    def key(self, point):
        return ' '.join(str(word) for word in point)

    def add(self, point):
        self.file.write(self.key(point) + '\n')
        self.file.flush()


def progress(text):
    if sys.stderr.isatty():
        print('\r' + text + '\033[K', end='', file=sys.stderr, flush=True)


def torture(args, method, points):
    rig = Torture(args.build, method, SECONDS * args.scale)
    record = Record(os.path.join(rig.dir, 'done.' + method), args.resume)
    todo = [p for p in points if record.key(p) not in record.done]
    outcomes = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for i, (point, (verdict, text)) in enumerate(
                zip(todo, pool.map(rig.outcome, todo)), 1):
            outcomes[verdict] += 1
            progress(f'{method}: {i} of {len(todo)}')
            if verdict in ALLOWED:
                record.add(point)
            else:
                progress('')
                print(f'{record.key(point)}: {verdict}: {text}', flush=True)
    progress('')
    bad = sum(n for v, n in outcomes.items() if v not in ALLOWED)
    print('%-14s %6d points: %s' % (
        method, len(todo), ', '.join(
            f'{n} {v}' for v, n in sorted(outcomes.items()))), flush=True)
    return len(todo) - bad, bad


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--quick', action='store_true',
                        help='some points of each call')
    parser.add_argument('--full', action='store_true',
                        help='every point, not the first dozen of each call')
    parser.add_argument('--resume', action='store_true',
                        help='leave out what passed before')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--jobs', type=int,
                        default=2 * (os.cpu_count() or 1))
    parser.add_argument('--scale', type=int, default=1, help='of time limits')
    parser.add_argument('--build', default='build')
    parser.add_argument('methods', nargs='*', default=METHODS + EMULATED)
    return parser.parse_args()


def main():
    args = parse()
    missing = forgotten(args.build)
    print('calls of the library: ' + (
        'forgotten: ' + ' '.join(missing) if missing else 'all are known'))
    passed, failed, skipped = int(not missing), int(bool(missing)), 0
    for method in args.methods:
        rig = Torture(args.build, method, SECONDS)
        counts = rig.calls(method) if os.path.exists(rig.program) else None
        if counts is None:
            print('%-14s not here' % method)
            skipped += 1
            continue
        points = list(points_of(method, counts,
                                10 ** 6 if args.full else 12))
        if args.quick:
            random.Random(args.seed).shuffle(points)
            points = points[:200]
        good, bad = torture(args, method, points)
        passed, failed = passed + good, failed + bad
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
