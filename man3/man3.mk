# SPDX-License-Identifier: MIT
#
# The manual, and its test.

include $(srcdir)/man3/core.mk
include $(srcdir)/man3/modules.mk

dist_man_MANS = $(MANUAL_CORE) $(MANUAL_MODULES)

TESTS_SH += tests/manual/manual.sh
TESTS_EXTRA += tests/manual/manual.py tests/manual/newcomer.py
