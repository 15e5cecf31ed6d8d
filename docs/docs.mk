# SPDX-License-Identifier: MIT
#
# The documents in this directory, and the manual as web pages.

EXTRA_DIST += \
	docs/guarantees.md \
	docs/guide.md \
	docs/html.sh \
	docs/manual.css \
	docs/packaging.md \
	docs/performance.md \
	docs/porting.md

# make html: in html/, beginning with html/index.html.
html-local:
	$(AM_V_GEN)$(SHELL) $(srcdir)/docs/html.sh html $(srcdir)/man3/*.3

mostlyclean-local:
	rm -rf html
