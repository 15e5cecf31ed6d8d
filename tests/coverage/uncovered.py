#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lines that no test executes, less those that uncovered.txt accounts for.

    uncovered.py COVERAGE.json

The argument is what gcovr --json writes.  Ends with 1 if a line is not
accounted for, or one that is has been executed.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def text_of(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as f:
        return f.read().split('\n')


def never_executed(report):
    """Pairs of a name and a text, with the number of the line."""
    with open(report, encoding='utf-8') as f:
        files = json.load(f)['files']
    found = {}
    for entry in files:
        source = text_of(entry['file'])
        for line in entry['lines']:
            if line['count'] == 0 and not line.get('gcovr/noncode'):
                number = line['line_number']
                key = (entry['file'], source[number - 1].strip())
                found.setdefault(key, []).append(number)
    return found


def accounted_for(prefix):
    lines = text_of('tests/coverage/uncovered.txt')
    return {tuple(line[len(prefix):].split(': ', 1)) for line in lines
            if line.startswith(prefix + 'lib/')}


def main():
    found, known = never_executed(sys.argv[1]), accounted_for('')
    unknown = set(found) - known - accounted_for('sometimes ')
    stale = known - set(found)
    for path, text in sorted(unknown):
        numbers = ', '.join(str(n) for n in found[path, text])
        print(f'{path}:{numbers}: not executed: {text}')
    for path, text in sorted(stale):
        print(f'{path}: executed, and still in uncovered.txt: {text}')
    count = sum(len(numbers) for numbers in found.values())
    print(f'{count} lines not executed')
    sys.exit(bool(unknown or stale))


if __name__ == '__main__':
    main()
