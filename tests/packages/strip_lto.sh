#!/bin/sh
# SPDX-License-Identifier: MIT
#
# strip_lto.sh DIR - takes the code for link-time optimisation out of the static
# libraries there, as rpm of Fedora does (brp-strip-lto) before it takes out what
# is for debuggers, and rpm of Debian does not.  With one and without the other
# gcc cannot link them.

find "$1" -name '*.a' -exec strip -p -R '.gnu.lto_*' -R '.gnu.debuglto_*' \
	-N __gnu_lto_v1 {} +
