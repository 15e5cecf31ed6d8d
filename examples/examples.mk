# SPDX-License-Identifier: MIT
#
# Every example; a new one is two lines here.

EXAMPLES = \
	examples/cron_lite \
	examples/echo_load \
	examples/echo_server \
	examples/echo_threads \
	examples/hash_files \
	examples/init_lite \
	examples/in_poll \
	examples/reload \
	examples/run_jobs \
	examples/tail_follow \
	examples/tcp_relay

examples_cron_lite_LDADD = lib/libivykis.la
examples_echo_load_LDADD = lib/libivykis.la
examples_echo_server_LDADD = lib/libivykis.la
examples_echo_threads_LDADD = lib/libivykis.la
examples_hash_files_LDADD = lib/libivykis.la
examples_init_lite_LDADD = lib/libivykis.la
examples_in_poll_LDADD = lib/libivykis.la
examples_reload_LDADD = lib/libivykis.la
examples_run_jobs_LDADD = lib/libivykis.la
examples_tail_follow_LDADD = lib/libivykis.la
examples_tcp_relay_LDADD = lib/libivykis.la

if USE_INOTIFY
EXAMPLES += examples/watch_dir
examples_watch_dir_LDADD = lib/libivykis.la
endif

examples_evio_server_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(srcdir)/include/ivykis-evio
examples_evio_server_LDADD = lib/libivykis-evio.a
if USE_EVIO
EXAMPLES += examples/evio_server
endif

dist_noinst_DATA = examples/README.md examples/in_glib.c
