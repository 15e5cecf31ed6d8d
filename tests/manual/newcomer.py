# SPDX-License-Identifier: MIT
"""newcomer.py - does what one does who has just installed the library.

Reads the page ivykis(3), copies its first example, compiles it by the command
that the page gives, runs it, and talks to it.  Prints what went wrong.  Where
the library is, man, pkg-config and the linker know from the environment.
"""

import os
import re
import sys
import tempfile
import textwrap

from manual import run, talk_to


def main():
    code, page = run(["man", "ivykis"],
                     env=dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8"))
    if code:
        return "man ivykis: " + page
    told = re.search(r"^EXAMPLES$.*?(^ *#include.*?)^ *Save it as (\S+),"
                     r".*?^ *(cc .*?)$", re.sub(".\b", "", page),
                     flags=re.M | re.S)
    if told is None:
        return "there is no example, or it is not said what to do with it"
    example, name, command = told.groups()
    with open(name, "w", encoding="utf-8") as f:
        f.write(textwrap.dedent(example))
    code, out = run(["sh", "-c", command])
    return out if code else talk_to(os.path.splitext(name)[0])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        complaint = main()
        os.chdir("/")
    sys.exit(complaint or None)
