# SPDX-License-Identifier: MIT
#
# Every example; a new one is two lines here.

EXAMPLES = \
	examples/echo_server

examples_echo_server_LDADD = lib/libivykis.la
