# SPDX-License-Identifier: MIT
#
# Every example; a new one is two lines here.

EXAMPLES = \
	examples/echo_load \
	examples/echo_server

examples_echo_load_LDADD = lib/libivykis.la
examples_echo_server_LDADD = lib/libivykis.la

dist_noinst_DATA = examples/README.md
