#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts instructions and system calls of hot paths, and compares.

    cost.py PROGRAM STORED COMPILER FLAGS [--update]

Each line of STORED is COUNT UNIT WORKLOAD ARGUMENT...; the last argument is
a number of operations, and COUNT is for one of these.  A count that is more
than 5 % off, in either direction, is a failure.  Counts belong to a
machine, a compiler and its flags, which the first line names.
"""
import os
import platform
import re
import shutil
import subprocess
import sys

TOLERANCE = 0.05
TOOLS = {"instructions": "valgrind", "syscalls": "strace"}


def output(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        sys.exit(f"check-cost: {' '.join(command)}: {done.stderr.strip()}")
    return done.stderr


def instructions(command):
    err = output(["valgrind", "--tool=callgrind",
                  "--callgrind-out-file=/dev/null", *command])
    return int(re.search(r"Collected : (\d+)", err).group(1))


def syscalls(command):
    err = output(["strace", "-f", "-c", "-U", "calls,name", *command])
    return int(re.search(r"^ *(\d+) total", err, re.M).group(1))


def per_operation(unit, command):
    """What two runs of different length differ by."""
    count = instructions if unit == "instructions" else syscalls
    n = int(command[-1])
    longer = count(command[:-1] + [str(2 * n)])
    return (longer - count(command)) / n


def built_with(compiler, flags):
    version = subprocess.run([*compiler.split(), "-dumpversion"], text=True,
                             capture_output=True, check=False).stdout.strip()
    return f"{platform.machine()} {os.path.basename(compiler)} " \
        f"{version.split('.')[0]} {flags}"


def usable_tools():
    """The tools that are there and run; strace may be forbidden to trace."""
    return {tool for tool in TOOLS.values() if shutil.which(tool) and
            subprocess.run([tool, "true"], capture_output=True,
                           check=False).returncode == 0}


def main():
    program, stored, compiler, flags = sys.argv[1:5]
    update = sys.argv[5:] == ["--update"]
    with open(stored, encoding="ascii") as f:
        comment, key, *lines = f.read().splitlines()
    here, tools = built_with(compiler, flags), usable_tools()
    passed = failed = skipped = 0
    out = [comment, f"# {here}"]
    for line in lines:
        expected, unit, *work = line.split()
        what = f"{unit} of {' '.join(work)}"
        if TOOLS[unit] not in tools:
            print(f"skipped: {what}: no usable {TOOLS[unit]}")
            skipped += 1
        elif unit == "instructions" and key != f"# {here}" and not update:
            print(f"skipped: {what}: the stored count is for {key[2:]}, "
                  f"and this is {here}")
            skipped += 1
        else:
            count = per_operation(unit, [program, *work])
            off = abs(count - float(expected)) > \
                TOLERANCE * float(expected) + 0.02
            print(f"{'FAIL' if off else 'ok'}: {what}: {count:.2f}, stored "
                  f"is {expected}")
            failed += off
            passed += not off
            line = f"{count:.2f} {unit} {' '.join(work)}"
        out.append(line)
    if update:
        with open(stored, "w", encoding="ascii") as f:
            f.write("\n".join(out) + "\n")
        return 0
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    if failed:
        print("make check-cost UPDATE=--update stores the new counts")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
