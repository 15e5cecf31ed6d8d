# SPDX-License-Identifier: MIT
#
# Random programs against a model: the real poll methods, the emulated ones.

MODEL = \
	tests/model/alarms.c \
	tests/model/any.c \
	tests/model/children.c \
	tests/model/inotify.c \
	tests/model/listen.c \
	tests/model/loops.c \
	tests/model/main.c \
	tests/model/main.h \
	tests/model/model.c \
	tests/model/model.h \
	tests/model/model_inotify.c \
	tests/model/paths.c \
	tests/model/programs.c \
	tests/model/small.c \
	tests/model/stubs.c \
	tests/model/world.c \
	tests/model/world.h
MODEL_REAL = $(MODEL) tests/model/real.c tests/model/real_child.c $(SPY)
MODEL_WRAPS = -Wl,--wrap=ivi_note -Wl,--wrap=iv_event_raw_register \
	-Wl,--wrap=iv_timer_register -Wl,--wrap=iv_timer_unregister \
	-Wl,--wrap=iv_task_register -Wl,--wrap=iv_task_unregister \
	-Wl,--wrap=iv_hook_register -Wl,--wrap=iv_wait_interest_unregister \
	-Wl,--wrap=iv_fd_set_handler_in -Wl,--wrap=ivi_accept \
	-Wl,--wrap=ivi_fd_listens -Wl,--wrap=iv_fd_register_try \
	-Wl,--wrap=ivi_signal_register_hook
MODEL_REAL_WRAPS = $(SPY_WRAPS) $(MODEL_WRAPS) -Wl,--wrap=ivi_pidfd_open

MODELS =
if LINKER_WRAPS
MODELS += tests/model/model tests/model/simulated
endif
if EMULATED_KERNELS
MODELS += tests/model/model-emulated
endif
check_PROGRAMS += $(MODELS)

tests_model_model_SOURCES = $(MODEL_REAL)
tests_model_model_LDADD = lib/libivykis-inside.la $(NO_LTO)
tests_model_model_LDFLAGS = $(MODEL_REAL_WRAPS)
tests_model_simulated_SOURCES = $(MODEL) tests/model/sim.c
tests_model_simulated_LDADD = lib/libivykis-inside.la $(NO_LTO)
tests_model_simulated_LDFLAGS = $(AM_LDFLAGS) $(MODEL_WRAPS)
tests_model_model_emulated_SOURCES = $(MODEL_REAL)
tests_model_model_emulated_CPPFLAGS = -DMODEL_EMULATED $(AM_CPPFLAGS)
tests_model_model_emulated_LDADD = tests/emu/libemulated.la $(NO_LTO)
tests_model_model_emulated_LDFLAGS = $(MODEL_REAL_WRAPS)

dist_check_SCRIPTS += tests/model/model.sh
TESTS += tests/model/model.sh

# By ./dev fuzz, with clang.
EXTRA_PROGRAMS += tests/model/fuzz
tests_model_fuzz_SOURCES = \
	tests/model/alarms.c \
	tests/model/any.c \
	tests/model/children.c \
	tests/model/fuzz.c \
	tests/model/inotify.c \
	tests/model/listen.c \
	tests/model/loops.c \
	tests/model/main.h \
	tests/model/model.c \
	tests/model/model.h \
	tests/model/model_inotify.c \
	tests/model/paths.c \
	tests/model/programs.c \
	tests/model/sim.c \
	tests/model/stubs.c \
	tests/model/world.c \
	tests/model/world.h
tests_model_fuzz_LDADD = lib/libivykis-inside.la $(NO_LTO)
tests_model_fuzz_LDFLAGS = $(AM_LDFLAGS) $(MODEL_WRAPS) -fsanitize=fuzzer
