# SPDX-License-Identifier: MIT
#
# What ./dev torture needs, built on demand: a program that uses everything,
# the injector, and both for the emulated kernels, where these and the library
# are two shared objects, so that only calls of the second fail.

EXTRA_DIST += \
	tests/torture/infallible.txt \
	tests/torture/suite.py \
	tests/torture/torture.py

TORTURE = \
	tests/torture/inject.la \
	tests/torture/program

EXTRA_LTLIBRARIES = tests/torture/inject.la
EXTRA_PROGRAMS += tests/torture/program

tests_torture_inject_la_SOURCES = tests/torture/inject.c \
	tests/torture/inject.h
tests_torture_inject_la_CPPFLAGS = -I$(srcdir)/tests/emu/include
tests_torture_inject_la_LDFLAGS = -module -avoid-version -shared \
	-rpath /nowhere
tests_torture_inject_la_LIBADD = -ldl
tests_torture_program_SOURCES = tests/torture/program.c \
	tests/torture/program.h tests/torture/inject.h
# A handler that ends with a call must not look like the library calling.
tests_torture_program_CFLAGS = $(AM_CFLAGS) -fno-optimize-sibling-calls \
	-fno-strict-aliasing
# That of libev's interface is in the program: its own calls do not fail.
TORTURE_CPPFLAGS = $(AM_CPPFLAGS)
if BUILD_LIBEV
TORTURE_CPPFLAGS += -I$(srcdir)/include/ivykis-ev -DHAVE_EV
tests_torture_program_SOURCES += tests/torture/ev.c $(LIBEV_SOURCES)
endif
tests_torture_program_CPPFLAGS = $(TORTURE_CPPFLAGS)
tests_torture_program_LDADD = lib/libivykis.la

tests_torture_libkernels_la_SHORTNAME = kernels
tests_torture_libivykis_emulated_la_SHORTNAME = torture

if EMULATED_KERNELS
TORTURE += tests/torture/emulated
EXTRA_LTLIBRARIES += \
	tests/torture/libivykis-emulated.la \
	tests/torture/libkernels.la
EXTRA_PROGRAMS += tests/torture/emulated

tests_torture_libkernels_la_SOURCES = $(EMU_SOURCES)
tests_torture_libkernels_la_CPPFLAGS = $(tests_emu_libemulated_la_CPPFLAGS)
tests_torture_libkernels_la_LDFLAGS = -avoid-version -shared -rpath /nowhere

tests_torture_libivykis_emulated_la_SOURCES = $(LIB_SOURCES) \
	$(POLL_METHODS:=.c)
tests_torture_libivykis_emulated_la_CPPFLAGS = \
	$(tests_emu_libemulated_la_CPPFLAGS)
tests_torture_libivykis_emulated_la_LDFLAGS = -avoid-version -shared \
	-rpath /nowhere
tests_torture_libivykis_emulated_la_LIBADD = tests/torture/libkernels.la
$(tests_torture_libivykis_emulated_la_OBJECTS): lib/poll/registry.inc

tests_torture_emulated_SOURCES = $(tests_torture_program_SOURCES)
tests_torture_emulated_CPPFLAGS = $(TORTURE_CPPFLAGS)
tests_torture_emulated_CFLAGS = $(tests_torture_program_CFLAGS)
tests_torture_emulated_LDADD = tests/torture/libivykis-emulated.la \
	tests/torture/libkernels.la
endif

torture: all
	@$(MAKE) $(AM_MAKEFLAGS) $(TORTURE)
.PHONY: torture
CLEANFILES += $(TORTURE)
