# SPDX-License-Identifier: MIT
#
# Every test; a new one is a line here.  tests/FLOOR/NAME.t is made of
# tests/FLOOR/NAME.c, the harness and the shared library.  One that looks
# inside the library has a second line:
#	tests_FLOOR_NAME_t_LDADD = $(INSIDE)
# One that replaces a system call adds -Wl,--wrap=CALL to its _LDFLAGS.

TESTS_C = \
	tests/base/avl.t \
	tests/base/list.t \
	tests/meta/layout.t \
	tests/mod/fd_pump.t

if USE_INOTIFY
TESTS_C += tests/mod/inotify.t
endif

# ---- The core
TESTS_C += \
	tests/base/timerq.t \
	tests/base/timespec.t
tests_base_timerq_t_LDADD = $(INSIDE)
tests_base_timespec_t_LDADD = $(INSIDE)

TESTS_SH = \
	tests/harness/selftest.sh \
	tests/meta/abi.sh \
	tests/meta/dist.sh \
	tests/meta/exports.sh \
	tests/meta/floors.sh \
	tests/meta/headers.sh \
	tests/meta/ifdefs.sh \
	tests/meta/mirror.sh \
	tests/meta/readme.sh \
	tests/meta/slices.sh \
	tests/meta/spdx.sh \
	tests/meta/version.sh

# What scripts read.
TESTS_EXTRA = \
	tests/integration/syslog-ng.py \
	tests/meta/every.c \
	tests/meta/exports.txt \
	tests/meta/tap.sh

HARNESS_SOURCES = \
	tests/harness/fence.c \
	tests/harness/harness.h \
	tests/harness/help.c \
	tests/harness/loop.c \
	tests/harness/test.c \
	tests/harness/test.h
