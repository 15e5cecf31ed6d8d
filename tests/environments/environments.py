#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the test programs where something is missing, scarce or odd.

Each environment is a line: optional system calls denied with one errno or
another, as sandboxes and old kernels do, a machine that has been up for 126
years, few descriptors, little stack, one processor, valgrind.  A case that
needs what an environment lacks is in the list of that environment below, with
the reason, and counts as skipped; any other failure is one.

    environments.py [--quick] [--build DIR] [ENVIRONMENT...]
"""
import argparse
import concurrent.futures
import ctypes
import errno
import fnmatch
import os
import re
import resource
import shutil
import struct
import subprocess
import sys

# What --quick runs: at least one program of each module.
QUICK = ('loop/event', 'loop/fd', 'loop/loop', 'loop/run', 'loop/timer',
         'mod/event_raw', 'mod/fd_pump', 'mod/popen', 'mod/signal',
         'mod/wait', 'mod/work', 'poll/conformance', 'poll/conformance_fork')
# Nothing that depends on the system, or on the machine being quick.
LEFT_OUT = ('base/*', 'meta/*', 'harness/*', 'emu/*', '*.emu', 'poll/kqueue',
            'poll/dev_poll', 'poll/port', 'poll/port_timer',
            'compat/evio/*_kqueue')
SECONDS = 1500

# ---- seccomp(2) -------------------------------------------------------------

NUMBERS = {     # x86-64, and the table that all younger architectures share
    'x86_64': {'epoll_pwait2': 441, 'timerfd_create': 283, 'eventfd2': 290,
               'pidfd_open': 434, 'splice': 275, 'epoll_create1': 291,
               'ppoll': 271},
    'aarch64': {'epoll_pwait2': 441, 'timerfd_create': 85, 'eventfd2': 19,
                'pidfd_open': 434, 'splice': 76, 'epoll_create1': 20,
                'ppoll': 73},
}.get(os.uname().machine, {})
ERRORS = ('ENOSYS', 'EPERM', 'EINVAL')
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2


def bpf(code, jt, jf, k):
    return struct.pack('=HBBI', code, jt, jf, k)


def deny(number, err):
    """For the calling process and its children, for ever."""
    text = (bpf(0x20, 0, 0, 0) +                    # A = the call's number
            bpf(0x15, 0, 1, number) +               # if it is that one
            bpf(0x06, 0, 0, 0x00050000 | err) +     # fail
            bpf(0x06, 0, 0, 0x7fff0000))            # else allow
    code = ctypes.create_string_buffer(text, len(text))
    program = struct.pack('@HP', len(text) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 or
            libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program) < 0):
        raise OSError(ctypes.get_errno(), 'prctl')


# ---- Environments -----------------------------------------------------------

class Environment:
    def __init__(self, name, needs=(), prefix=(), setup=None, scale=2,
                 only=None, quick=True):
        self.name = name
        self.needs = needs      # see NEEDS
        self.prefix = list(prefix)
        self.setup = setup
        self.scale = scale
        self.only = only
        self.quick = quick

    def reason(self, case, notes):
        for pattern, reason in self.needs:
            if re.search(pattern, case + '\n' + notes):
                return reason
        return None

    def missing(self):
        """Why it cannot be had here, or nothing."""
        done = subprocess.run(self.prefix + ['true'], preexec_fn=self.setup,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=False)
        return done.stderr.decode().strip().split('\n')[-1] \
            if done.returncode else ''


def limit(which, n):
    return lambda: resource.setrlimit(which, (n, n))


# What cases cannot do without: patterns of their names or of what they say when
# they fail, and reasons.
NEEDS = {
    'timerfd_create': (
        (r'"epoll-timerfd" is unusable', 'wants this method by name'),
        (r': timerfd_create\(', 'uses a timerfd of its own'),
        (r': evio_open_timer\(', 'has no other timers'),
        (r'^epoll/device_is_named', 'wants this method by name')),
    'eventfd2': (
        (r': eventfd\(', 'uses an eventfd of its own'),
        (r'^event/registering_often_opens_one_channel',
         'counts attempts, of which one fails'),
        (r'^event_raw/(its_descriptors|no_descriptor_left)',
         'knows how many descriptors an eventfd takes')),
    'epoll_create1': (
        (r'"(epoll|epoll-timerfd)" is unusable', 'wants this method by name'),
        (r': epoll_create1\(', 'uses an epoll set of its own'),
        (r'evio_create\(', 'has nothing else'),
        (r'^(epoll|epoll_refused|epoll_timerfd|epoll_look|poller|ppoll)/',
         'is about the choice between methods')),
    'ppoll': (
        (r'"ppoll" is unusable', 'wants this method by name'),
        (r'^(epoll_timerfd|poller|ppoll)/',
         'is about the choice between methods')),
    'splice': (
        (r'^(fd_pump_splice|splice)/', 'is about splice'),
        (r'^fd_pump/idle_pumps_have_no_buffers', 'is about pipes of splice'),
        (r'^fd_pump_copy/interrupted_while_emptying_the_pipe',
         'has splice fail by itself, in the middle')),
}


def denied():
    for call, number in NUMBERS.items():
        for err in ERRORS:
            value = getattr(errno, err)
            yield Environment(
                '%s=%s' % (call, err), NEEDS.get(call, ()),
                quick=err == 'ENOSYS',
                setup=lambda number=number, value=value: deny(number, value))


def environments():
    yield from denied()
    for name, seconds in (('up 126 years', 4 * 10 ** 9),
                          ('up 2^31 s soon', 2 ** 31 - 5)):
        yield Environment(
            name, prefix=('unshare', '--time', '--fork', '--monotonic',
                          str(seconds)), quick=seconds == 4 * 10 ** 9,
            needs=((r'^clock/is_not_the_time_of_day', 'compares with it'),
                   (r'^timer/unregistered_after_its_loop_has_ended',
                    'thinks of 2^31 s as a time that never comes')))
    yield Environment(
        '16 descriptors', setup=limit(resource.RLIMIT_NOFILE, 16),
        needs=((r': (Too many open files|Bad file descriptor)\n',
                'needs more'),
               (r': iv_init: poll method .*: EMFILE', 'needs more loops'),
               (r'setrlimit\(RLIMIT_NOFILE', 'sets a limit of its own'),
               (r'^work/(deinit_at_any_moment|burst_wakes_all_idle_workers)',
                'waits for threads, each of which needs a loop'),
               (r'^child_inside/an_exit_costs_a_constant_number_of_waits',
                'is about pidfds'),
               (r'^wait/each_thread_has_its_own_children',
                'starts children while the pidfds of others are open'),
               (r'^poll/numbers_are_not_looked_up_in_a_table',
                'needs a large number')))
    # loop/loop and poll/conformance_scale have threads with 16 KiB; a whole
    # test program needs more.
    yield Environment('stacks of 256 KiB',
                      setup=limit(resource.RLIMIT_STACK, 262144))
    yield Environment('one processor', prefix=('taskset', '-c', '0'))
    yield Environment(
        'valgrind', scale=20, quick=False,
        prefix=('valgrind', '-q', '--error-exitcode=99', '--leak-check=full'))


# ---- Running ----------------------------------------------------------------

def programs(build, quick):
    root = os.path.join(build, 'tests')
    found = []
    for base, _, names in os.walk(root):
        for name in names:
            if name.endswith('.t'):
                path = os.path.join(base, name)
                found.append((os.path.relpath(path, root)[:-2], path))
    return [path for name, path in sorted(found)
            if (name in QUICK if quick else
                not any(fnmatch.fnmatch(name, p) for p in LEFT_OUT))]


def run(environment, path, scale):
    env = dict(os.environ,
               IV_TEST_TIME_SCALE=str(environment.scale * scale))
    try:
        done = subprocess.run(
            environment.prefix + [path], env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=environment.setup, timeout=SECONDS, check=False)
        return done.stdout.decode('utf-8', 'replace'), done.returncode
    except subprocess.TimeoutExpired as e:
        return (e.stdout or b'').decode('utf-8', 'replace'), 'no end'


def verdicts(environment, path, output, status):
    """Triples: passed, failed or skipped, the case, what was said."""
    notes, failed = [], False
    cases = re.findall(r'^(ok|not ok) \d+ - (\S+)(.*)$|^(#.*)$', output,
                       flags=re.M)
    plan = re.search(r'^1\.\.(\d+)', output, flags=re.M)
    if plan is None or int(plan.group(1)) != sum(bool(c[0]) for c in cases):
        yield 'failed', path, output[-500:] + '\nstatus %s' % status
    for verdict, name, rest, note in cases:
        if note:
            notes.append(note)
            continue
        if '# SKIP' in rest:
            yield 'skipped', name, rest
        elif verdict == 'ok':
            yield 'passed', name, ''
        elif environment.reason(name, '\n'.join(notes)):
            yield 'skipped', name, environment.reason(name, '\n'.join(notes))
        else:
            yield 'failed', name + rest, '\n'.join(notes[-12:])
        notes = []


def judge(environment, paths, args):
    why = environment.missing()
    counts = dict(passed=0, failed=0, skipped=0)
    if why:
        counts['skipped'] = 1
        print('%-32s skipped: %s' % (environment.name, why), flush=True)
        return counts
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = pool.map(lambda p: (p, *run(environment, p, args.scale)),
                           paths)
        for path, output, status in results:
            for verdict, case, text in verdicts(environment, path, output,
                                                status):
                counts[verdict] += 1
                if verdict == 'failed':
                    print('%s: %s\n%s' % (environment.name, case, text))
    print('%-32s %5d passed %3d failed %3d skipped' %
          (environment.name, *counts.values()), flush=True)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--scale', type=int, default=1,
                        help='for time limits')
    parser.add_argument('--build', default='build')
    parser.add_argument('names', nargs='*', metavar='environment',
                        help='patterns; by default all')
    args = parser.parse_args()
    everything = list(environments())
    chosen = [e for e in everything if (e.quick or not args.quick) and
              (not args.names or
               any(fnmatch.fnmatch(e.name, n) for n in args.names))]
    if not chosen:
        sys.exit('environments: none is called %s; there are: %s' % (
            ' '.join(args.names), ', '.join(e.name for e in everything)))
    paths = programs(args.build, args.quick)
    if not paths:
        sys.exit('environments: no test programs in %s' % args.build)
    total = dict(passed=0, failed=0, skipped=0)
    for environment in chosen:
        tool = environment.prefix[:1]
        if tool and shutil.which(tool[0]) is None:
            print('%-32s skipped: no %s' % (environment.name, tool[0]))
            total['skipped'] += 1
            continue
        for key, n in judge(environment, paths, args).items():
            total[key] += n
    print('%(passed)d passed, %(failed)d failed, %(skipped)d skipped' % total)
    sys.exit(total['failed'] > 0)


if __name__ == '__main__':
    main()
