# SPDX-License-Identifier: MIT
#
# Models of protocols between threads, for ./dev spin.

EXTRA_DIST += \
	tests/spin/ev_async.pml \
	tests/spin/gate.pml \
	tests/spin/pool.pml \
	tests/spin/rest.pml \
	tests/spin/run.sh \
	tests/spin/signal.pml \
	tests/spin/thread.pml \
	tests/spin/unregister.pml \
	tests/spin/wakeup.pml \
	tests/spin/workq.pml
