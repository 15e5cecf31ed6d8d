#!/bin/sh
# SPDX-License-Identifier: MIT
#
# probes.sh - the probes that docs/tracing.md lists are in the library, if it
# was built with them, and a program comes by each, with its arguments.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

[ -z "${EMULATOR-}" ] || skip_all 'not with an emulator'
library=$top_builddir/lib/.libs/libivykis.so.0
[ -f "$library" ] || skip_all 'no shared library was built'
have readelf || skip_all 'no readelf'

# In the table, a probe is the first word of a row.
sed -n 's/^| `\([a-z_]*\)`.*/\1/p' "$top_srcdir/docs/tracing.md" |
	sort >"$tmp/listed"
readelf -n "$library" >"$tmp/notes" 2>"$tmp/log"
awk '$1 == "Provider:" { ours = $2 == "ivykis" }
	$1 == "Name:" && ours { print $2 }' "$tmp/notes" | sort -u >"$tmp/found"

if grep -q '^S\["enable_usdt"\]="no"' "$top_builddir/config.status"; then
	none "$(cat "$tmp/found")" 'a library without probes has none'
	finish
	exit
fi
none "$([ "$(wc -l <"$tmp/listed")" -ge 10 ] || cat "$tmp/listed")" \
	'docs/tracing.md lists probes'
none "$(comm -23 "$tmp/listed" "$tmp/found")" 'all of them are there'
none "$(comm -13 "$tmp/listed" "$tmp/found")" 'and no others'

what='a program comes by each of them'
cat >"$tmp/count.py" <<'END'
import gdb

NAMES = open(gdb.convenience_variable("names").string()).read().split()
seen = set()


def argument(n):
    return gdb.parse_and_eval("$_probe_arg%d" % n)


class Probe(gdb.Breakpoint):
    def __init__(self, name):
        super().__init__("-probe-stap ivykis:" + name)
        self.silent = True
        self.name = name

    def stop(self):
        what = self.name
        if what in ("handler__begin", "work__begin"):
            handler = int(argument(2 if what == "handler__begin" else 1))
            what += " " + gdb.execute("info symbol 0x%x" % handler,
                                      to_string=True).split(" ")[0]
        if self.name == "handler__begin":
            what += " %d" % int(argument(0))
        seen.add(what)
        return False


gdb.execute("break main")
gdb.execute("run")
for name in NAMES:
    Probe(name)
gdb.execute("continue")
for what in sorted(seen):
    print("seen:", what)
END
case "${CFLAGS-}" in
*-fsanitize* | *--coverage*)
	skip "$what" 'a special build'
	finish
	exit ;;
esac
# shellcheck disable=SC2086 # lists they are
if ! have gdb || ! ${CC:-cc} ${CFLAGS-} -g -O0 -I"$top_srcdir/include" \
	-o "$tmp/program" "$top_srcdir/tests/integration/probes.c" \
	-L"$top_builddir/lib/.libs" -livykis ${LDFLAGS-} >"$tmp/log" 2>&1; then
	skip "$what" 'no gdb, or the program does not compile'
	finish
	exit
fi
LD_LIBRARY_PATH=$top_builddir/lib/.libs DEBUGINFOD_URLS='' timeout 120 gdb -nx \
	-batch -ex "set \$names = \"$tmp/listed\"" -ex "source $tmp/count.py" \
	"$tmp/program" >"$tmp/said" 2>&1 </dev/null
if ! grep -q 'Breakpoint 1, ' "$tmp/said"; then
	skip "$what" 'gdb may not trace, or has no Python'
	finish
	exit
fi
sed -n 's/^seen: //p' "$tmp/said" >"$tmp/seen"
sed 's/ .*//' "$tmp/seen" | sort -u >"$tmp/names"
none "$(comm -23 "$tmp/listed" "$tmp/names" && grep -i error "$tmp/said")" \
	"$what"
none "$(for line in '1 got_data' '2 may_send' '4 time_out' '5 do_task' \
	'6 got_news' '7 do_call' '8 prepare'; do
	grep -qx "handler__begin ${line#* } ${line% *}" "$tmp/seen" ||
		echo "not seen: $line"
done
grep -qx 'work__begin do_work' "$tmp/seen" || echo 'not seen: do_work')" \
	'and its arguments say what it is about'
finish
