# SPDX-License-Identifier: MIT
#
# The manual, and its test.

include $(srcdir)/man3/core.mk
include $(srcdir)/man3/modules.mk

# In EXTRA_DIST: automake leaves out what a condition leaves out.
MANUAL = $(MANUAL_CORE) $(MANUAL_MODULES) man7/ivykis_migrate.7

if INSTALL_MAN
man_MANS = $(MANUAL)
endif

TESTS_SH += tests/manual/manual.sh
TESTS_EXTRA += tests/manual/manual.py tests/manual/newcomer.py
