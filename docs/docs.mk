# SPDX-License-Identifier: MIT
#
# The documents in this directory, and the manual as web pages.

EXTRA_DIST += \
	docs/guarantees.md \
	docs/guide.md \
	docs/html.sh \
	docs/io_uring.md \
	docs/manual.css \
	docs/packaging.md \
	docs/performance.md \
	docs/porting.md \
	docs/tracing.md

# What the manual sends its readers to; in directories, for the links.
nobase_doc_DATA = README.md NEWS docs/guarantees.md docs/guide.md \
	docs/io_uring.md docs/performance.md docs/porting.md docs/tracing.md \
	examples/README.md \
	examples/in_glib.c $(EXAMPLES:=.c)

# make html: in html/, beginning with html/index.html.
html-local:
	$(AM_V_GEN)$(SHELL) $(srcdir)/docs/html.sh html $(srcdir)/man3/*.3 \
		$(srcdir)/man7/*.7

mostlyclean-local:
	rm -rf html
