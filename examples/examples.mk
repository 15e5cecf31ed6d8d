# SPDX-License-Identifier: MIT
#
# Every example; a new one is two lines here.

EXAMPLES = \
	examples/echo_load \
	examples/echo_server \
	examples/echo_threads \
	examples/hash_files \
	examples/reload \
	examples/run_jobs \
	examples/tcp_relay

examples_echo_load_LDADD = lib/libivykis.la
examples_echo_server_LDADD = lib/libivykis.la
examples_echo_threads_LDADD = lib/libivykis.la
examples_hash_files_LDADD = lib/libivykis.la
examples_reload_LDADD = lib/libivykis.la
examples_run_jobs_LDADD = lib/libivykis.la
examples_tcp_relay_LDADD = lib/libivykis.la

if USE_INOTIFY
EXAMPLES += examples/watch_dir
examples_watch_dir_LDADD = lib/libivykis.la
endif

dist_noinst_DATA = examples/README.md
