#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks the library in small ways and sees whether the test suite notices.

A mutant is one change of one line of lib/.  It is built, and the test
programs run until one fails: those that mirror the file first, then those of
its floor, then the others.  Mutants that do not compile, or compile to the
same object code, do not count.  Survivors are printed as diffs; those that
are known to be harmless are in survivors.txt beside this program, with the
reason, and are left out of the percentage.

Works in copies of the tree; tests run in a PID namespace of their own, since
a mutant of kill(2) might reach anybody.
"""
import argparse
import filecmp
import fnmatch
import hashlib
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FOREIGN = ('kqueue', 'dev_poll', 'port', 'port_timer')

# (name, pattern, replacement); each match of each pattern is a mutant.
SUBSTITUTIONS = [
    ('equality', r'==', '!='),
    ('equality', r'!=', '=='),
    ('boundary', r'(?<![-<])<(?![<=])(?= )', '<='),
    ('boundary', r'(?<![->])>(?![>=])(?= )', '>='),
    ('boundary', r'(?<!<)<=', '<'),
    ('boundary', r'(?<!>)>=', '>'),
    ('logic', r'&&', '||'),
    ('logic', r'\|\|', '&&'),
    ('negation', r'(?<=[( ])!(?=[a-z(])', ''),
    ('condition', r'\bif \((?=.*\)$)', 'if (!'),
    ('count', r'\+\+', '--'),
    ('count', r'(?<!-)--(?!-)', '++'),
    ('off by one', r' [+-] 1\b', ''),
    ('result', r'\breturn 0;', 'return -1;'),
    ('result', r'\breturn -1;', 'return 0;'),
    ('result', r'\breturn true;', 'return false;'),
    ('result', r'\breturn false;', 'return true;'),
    ('order', r'\biv_list_add\(', 'iv_list_add_tail('),
    ('order', r'\biv_list_add_tail\(', 'iv_list_add('),
    ('errno', r'\bEINTR\b', 'EXDEV'),
    ('errno', r'\bEAGAIN\b', 'EXDEV'),
    ('errno', r'\bENOSYS\b', 'EXDEV'),
]
STATEMENT = re.compile(r'^\t+(?!return\b|goto\b|if\b|else\b|for\b|while\b|do\b|'
                       r'switch\b|case\b|default\b|static\b|const\b|struct\b|'
                       r'int\b|unsigned\b|bool\b|char\b|va_|\(void\))'
                       r'[\w*+(-][^{}"]*;$')
FUNCTION = re.compile(r'(?:\w.*?)?\b(\w+)\((?!\()')
DECLARATION = re.compile(r'^\t+[\w ]+\s\**\w+(\[\w*\])?( = [^;]*)?[;,]')


def code_lines(text):
    """Numbers and text of the lines that hold statements."""
    depth = 0
    comment = False
    skip = False
    for number, line in enumerate(text.split('\n')):
        if comment or line.lstrip().startswith('/*'):
            comment = '*/' not in line
            continue
        if line.startswith('#') or skip:
            skip = line.endswith('\\')
            continue
        if depth and 'IVI_DEBUGGING' not in line and 'iv_fatal' not in line:
            yield number, line
        depth += line.count('{') - line.count('}')


def negated(line, start):
    """The line with the parenthesis of the "if" closed once more."""
    return line[:start] + '(!' + line[start:] + ')'


def mutants_of(path, text):
    """(path, line number, operator, new line)"""
    for number, line in code_lines(text):
        code = re.sub(r'/\*.*?\*/|"(\\.|[^"])*"',
                      lambda m: ' ' * len(m.group()), line)
        for name, pattern, replacement in SUBSTITUTIONS:
            for match in re.finditer(pattern, code):
                if name == 'condition':
                    new = negated(line, match.end() - 1)
                else:
                    new = (line[:match.start()] + replacement +
                           line[match.end():])
                yield path, number, name, new
        if (STATEMENT.match(code) and not DECLARATION.match(code) and
                code.count('(') == code.count(')')):
            yield path, number, 'deletion', re.match(r'\t+', line).group() + ';'
        if code.strip() in ('break;', 'continue;'):
            yield path, number, 'deletion', line.replace(code.strip(), ';')


def listed(directory):
    return subprocess.run(['git', 'ls-files', directory], cwd=TOP, check=True,
                          capture_output=True, text=True).stdout.split()


def sources(patterns):
    return [f for f in listed('lib') if f.endswith(('.c', '.h')) and
            any(fnmatch.fnmatch(f, p) or fnmatch.fnmatch(f, p + '/*')
                for p in patterns)]


def known_survivors():
    """What is known to be harmless, as key() has it."""
    with open(os.path.join(HERE, 'survivors.txt'), encoding='utf-8') as f:
        return {' '.join(line.split()) for line in f
                if line.startswith('lib/')}


def key(mutant, text):
    """"path: function: old line => new line", with one blank each."""
    path, number, _, new = mutant
    lines = text.split('\n')
    heads = map(FUNCTION.match, reversed(lines[:number]))
    function = next((head.group(1) for head in heads if head), '')
    return ' '.join(f'{path}: {function}: {lines[number]} => {new}'.split())


# ---- One tree of a worker --------------------------------------------------

class Tree:
    def __init__(self, root, number, limit):
        self.limit = limit
        self.src = os.path.join(os.path.abspath(root), str(number))
        self.build = os.path.join(self.src, 'build')
        self.copy()
        if not os.path.exists(self.build):
            self.must(['./autogen.sh'], self.src)
            os.makedirs(self.build)
            self.must(['../configure', '-q', '--disable-static',
                       'CFLAGS=-O2'], self.build)
        self.must(['make', '-s', 'all', 'tests/emu/libemulated.la'],
                  self.build)
        self.must(['make', '-s', 'check', 'TESTS='], self.build)

    def copy(self):
        """Brings a tree that was kept up to date."""
        for name in listed('.'):
            to = os.path.join(self.src, name)
            if os.path.exists(to) and filecmp.cmp(os.path.join(TOP, name), to,
                                                  shallow=False):
                continue
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy(os.path.join(TOP, name), to)

    def check(self):
        """Nothing that fails anyhow may count as a kill."""
        for test in self.tests('lib/loop/loop.c') + self.tests(
                'lib/poll/kqueue.c'):
            if not self.run(test) and not self.run(test):
                sys.exit(f'mutate: {test} fails without a mutant')

    @staticmethod
    def must(command, cwd):
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f'mutate: {" ".join(command)} failed: '
                     f'{(done.stdout + done.stderr)[-2000:]}')

    def make(self, *targets):
        return subprocess.run(['make', '-s', *targets], cwd=self.build,
                              stdin=subprocess.DEVNULL,
                              capture_output=True, check=False).returncode == 0

    def fingerprint(self):
        """Of all code of the library, the emulated one's too."""
        digest = hashlib.sha256()
        for top in ('lib', 'tests/emu'):
            for base, dirs, names in os.walk(os.path.join(self.build, top)):
                dirs.sort()
                for name in sorted(names):
                    if name.endswith('.o'):
                        with open(os.path.join(base, name), 'rb') as f:
                            digest.update(f.read())
        return digest.digest()

    def tests(self, path):
        """Test programs, the likeliest to notice first."""
        floor, name = os.path.split(os.path.relpath(path, 'lib'))
        stem = os.path.splitext(name)[0]
        everything = []
        for base, _, names in os.walk(os.path.join(self.build, 'tests')):
            for n in names:
                if n.endswith('.t'):
                    everything.append(os.path.relpath(os.path.join(base, n),
                                                      self.build))
        emulated = stem in FOREIGN

        def rank(test):
            tfloor, tname = os.path.split(os.path.relpath(test, 'tests'))
            is_emu = tname.endswith('.emu.t') or tfloor == 'emu' or \
                tname.split('.')[0] in FOREIGN
            return (is_emu != emulated,
                    not (tfloor == floor and tname.startswith(stem)),
                    tfloor != floor, test)
        chosen = [t for t in everything
                  if emulated or not t.endswith('.emu.t')]
        return sorted(chosen, key=rank)

    def run(self, test):
        env = dict(os.environ, IV_TEST_TIME_SCALE='1')
        command = ['unshare', '--pid', '--fork', '--kill-child',
                   '--mount-proc', './' + test]
        try:
            done = subprocess.run(command, cwd=self.build, env=env,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL,
                                  timeout=self.limit, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode in (0, 77)

    def judge(self, mutant):
        """stillborn, equal, survived or the test that killed it"""
        path, number, _, new = mutant
        name = os.path.join(self.src, path)
        with open(name, encoding='utf-8') as f:
            text = f.read()
        before = self.fingerprint()
        lines = text.split('\n')
        lines[number] = new
        try:
            self.replace(name, '\n'.join(lines))
            if not self.make('all', 'tests/emu/libemulated.la'):
                return 'stillborn'
            if self.fingerprint() == before:
                return 'equal'
            for test in self.tests(path):
                if not self.make(test):
                    return 'stillborn'
                if not self.run(test):
                    return test
            return 'survived'
        finally:
            self.replace(name, text)
            self.make('all', 'tests/emu/libemulated.la')

    @staticmethod
    def replace(name, text):
        with open(name, 'w', encoding='utf-8') as f:
            f.write(text)


def work(root, number, limit, queue, results):
    tree = Tree(root, number, limit)
    while True:
        mutant = queue.get()
        if mutant is None:
            return
        started = time.monotonic()
        verdict = tree.judge(mutant)
        results.put((mutant, verdict, time.monotonic() - started))


# ---- The report --------------------------------------------------------------

def show(mutant, text):
    path, number, name, new = mutant
    old = text.split('\n')[number]
    print(f'survived: {path}:{number + 1} ({name})\n'
          f'\t- {old.strip()}\n\t+ {new.strip()}', flush=True)


def percentage(part, whole):
    return 100.0 * part / whole if whole else 100.0


def table(tally):
    print(f'{"file":32} {"killed":>7} {"alive":>7} {"known":>7} {"%":>7}')
    total = [0, 0, 0]
    for path, (killed, alive, known) in sorted(tally.items()):
        print(f'{path:32} {killed:7} {alive:7} {known:7} '
              f'{percentage(killed, killed + alive):7.1f}')
        total = [a + b for a, b in zip(total, (killed, alive, known))]
    killed, alive, known = total
    share = percentage(killed, killed + alive)
    print(f'{"all":32} {killed:7} {alive:7} {known:7} {share:7.1f}')
    return share


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--count', type=int, default=100,
                        help='mutants to try, 0: all (default %(default)s)')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--limit', type=int, default=60,
                        help='seconds for a test program')
    parser.add_argument('--least', type=float, default=85,
                        help='per cent that must be killed')
    parser.add_argument('--keep', metavar='DIR',
                        help='keep the trees there for the next run')
    parser.add_argument('files', nargs='*', default=['lib'],
                        help='files or directories, or patterns of such')
    return parser.parse_args()


def main():
    args = parse()
    for tool in ('unshare', 'make', 'git'):
        if shutil.which(tool) is None:
            sys.exit(f'mutate: {tool} is not installed')
    if subprocess.run(['unshare', '--pid', '--fork', '--mount-proc', 'true'],
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit('mutate: cannot make a PID namespace (root can)')
    texts = {}
    mutants = []
    for path in sources(args.files or ['lib']):
        with open(os.path.join(TOP, path), encoding='utf-8') as f:
            texts[path] = f.read()
        mutants += mutants_of(path, texts[path])
    if not mutants:
        sys.exit(f'mutate: nothing to change in {" ".join(args.files)}')
    available = len(mutants)
    known = known_survivors()
    random.Random(args.seed).shuffle(mutants)
    if args.count:
        mutants = mutants[:args.count]
    print(f'{len(mutants)} of {available} mutants, seed {args.seed}',
          flush=True)

    root = args.keep or tempfile.mkdtemp(prefix='mutate.')
    Tree(root, 0, args.limit).check()
    queue, results = multiprocessing.Queue(), multiprocessing.Queue()
    for mutant in mutants + [None] * args.jobs:
        queue.put(mutant)
    crew = [multiprocessing.Process(target=work,
                                    args=(root, n, args.limit, queue, results))
            for n in range(args.jobs)]
    for process in crew:
        process.start()
    tally, counts = {}, {'stillborn': 0, 'equal': 0}
    try:
        for done in range(1, len(mutants) + 1):
            mutant, verdict, seconds = results.get()
            if sys.stderr.isatty():
                print(f'\r{done}/{len(mutants)} {mutant[0]}: {verdict} '
                      f'({seconds:.1f} s)\033[K', end='', file=sys.stderr)
            if verdict in counts:
                counts[verdict] += 1
                continue
            entry = tally.setdefault(mutant[0], [0, 0, 0])
            if verdict != 'survived':
                entry[0] += 1
            elif key(mutant, texts[mutant[0]]) in known:
                entry[2] += 1
            else:
                entry[1] += 1
                show(mutant, texts[mutant[0]])
    finally:
        for process in crew:
            process.terminate()
        if not args.keep:
            shutil.rmtree(root, ignore_errors=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f'{counts["stillborn"]} did not compile, {counts["equal"]} made no '
          'difference to the object code')
    share = table(tally)
    sys.exit(share < args.least)


main()
