# SPDX-License-Identifier: MIT
"""guarantees.py - docs/guarantees.md names tests that exist.

Each promise is a list item "- **L1.** words", and after the words its proofs:
*loop/run:* `case` `case` for cases of tests/loop/run.c, or *meta/abi.sh* for
a script.  Prints complaints.
"""

import os
import re

SRC = os.environ.get("top_srcdir", ".")


def read(path):
    with open(os.path.join(SRC, path), encoding="utf-8") as f:
        return f.read()


def cases_of(test):
    """Those of tests/TEST.c, whatever macro of it makes them."""
    path = "tests/%s.c" % test
    if not os.path.exists(os.path.join(SRC, path)):
        return None
    return set(re.findall(r"^(?:\w*TEST\w*|EACH)\((\w+)", read(path),
                          flags=re.M))


LISTS = "".join(read("tests/" + path) for path in
                ("tests.mk", "emu/emu.mk", "compat/compat.mk",
                 "compat/evio.mk"))
CASES = r"\*([\w/]+):\*((?:\s+`\w+`)+)"
SCRIPT = r"\*([\w/-]+\.sh)\*"


def listed(path):
    return "tests/%s " % path in re.sub(r"\s", " ", LISTS)


def complaints_about(number, text):
    proofs = re.search(r"\*[\w/]+(:|\.sh)\*.*", text, flags=re.S)
    if proofs is None:
        yield "%s is not proved" % number
        return
    rest = re.sub(CASES + "|" + SCRIPT + r"|[;.\s]", "", proofs.group())
    if rest:
        yield "%s: not understood: %s" % (number, rest)
    for script in re.findall(SCRIPT, text):
        if not listed(script):
            yield "%s: there is no test %s" % (number, script)
    for test, names in re.findall(CASES, text):
        cases = cases_of(test)
        if cases is None or not (listed(test + ".t") or listed(test + ".c")):
            yield "%s: there is no test %s" % (number, test)
            continue
        for name in re.findall(r"\w+", names):
            if name not in cases:
                yield "%s: %s has no case %s" % (number, test, name)


def main():
    text = read("docs/guarantees.md")
    items = re.findall(r"^- \*\*(\w+)\.\*\*((?:.+\n)+?)(?=^-|^$|\Z)", text,
                       flags=re.M)
    if len(items) != len(re.findall(r"\*\*\w+\.\*\*", text)) or not items:
        print("some promises are not items")
    last = ("", 0)
    for number, words in items:
        this = (number[0], int(number[1:]))
        if this not in ((last[0], last[1] + 1), (this[0], 1)):
            print("%s after %s%d" % ((number,) + last))
        last = this
        for complaint in complaints_about(number, words):
            print(complaint)


main()
