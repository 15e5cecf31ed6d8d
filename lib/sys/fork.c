/* SPDX-License-Identifier: MIT */
/*
 * fork.c - noticing a fork, and the gate before it.
 *
 * fork(2) copies memory page by page while other threads run on: what they
 * have half done at that moment stays so in the child for ever.  The few steps
 * that must not be caught so are done inside a gate, which is shut, and empty,
 * when the kernel copies.  All else is put right in the child by one call of
 * ivi_loops_forked(), which finds exactly one thread.
 *
 * pthread_atfork(3) calls the handlers before the fork in reverse order of
 * registration, those after it in order.  Ours are registered by a
 * constructor, so that those of a program, which may well use the library, run
 * while the gate is open, and find the child put right.
 *
 * A child of _Fork(3) or clone(2) gets no such call.  It is recognised by a
 * word that the kernel wipes in every child: MADV_WIPEONFORK (Linux 4.14,
 * madvise(2)), INHERIT_ZERO (FreeBSD, OpenBSD, minherit(2)).  Where there is
 * neither, getpid(2) tells, which is asked where it costs little.
 */
#include "config.h"
#include "sys/sys.h"
#include "base/timespec.h"

#include <sys/mman.h>
#include <unistd.h>

/* How long who comes to a gate that is shut waits for it at most, lest a
   handler of pthread_atfork() that waits for this thread hang. */
#define PATIENCE	IVI_SEC

#define NO_ADVICE	(-1)

static unsigned not_wiped = IVI_FIRST_GENERATION;
static unsigned last = IVI_FIRST_GENERATION;	/* what *ivi_process was last */
static pid_t pid;
static int watch_error = -EAGAIN;

unsigned *ivi_process = &not_wiped;

struct ivi_gate ivi_gates[IVI_GATES];
int ivi_gates_shut;
__thread unsigned ivi_gate_depth IVI_TLS_MODEL;

/* ---- The gate --------------------------------------------------------------- */

/* In a child that nobody was told of, those who were inside, and who had shut
   it, do not exist: that is noticed before anybody waits for them. */
void ivi_gate_wait(struct ivi_gate *g)
{
	int64_t since = ivi_clock_ns();
	unsigned n = 0;

	ivi_fork_notice();
	do {
		__atomic_fetch_sub(&g->inside, 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&ivi_gates_shut, __ATOMIC_ACQUIRE) &&
		       ivi_clock_ns() - since < PATIENCE)
			ivi_relax(n++);
		__atomic_fetch_add(&g->inside, 1, __ATOMIC_SEQ_CST);
	} while (__atomic_load_n(&ivi_gates_shut, __ATOMIC_SEQ_CST) &&
		 ivi_clock_ns() - since < PATIENCE);
}

/* A signal handler that forks may have interrupted its own thread inside. */
static void shut(void)
{
	struct ivi_gate *own = ivi_gate_own(), *g;
	unsigned n = 0;

	__atomic_fetch_add(&ivi_gates_shut, 1, __ATOMIC_SEQ_CST);
	for (g = ivi_gates; g < ivi_gates + IVI_GATES; g++) {
		while (__atomic_load_n(&g->inside, __ATOMIC_SEQ_CST) >
		       (g == own ? ivi_gate_depth : 0))
			ivi_relax(n++);
	}
}

static void open_again(void)
{
	__atomic_fetch_sub(&ivi_gates_shut, 1, __ATOMIC_RELEASE);
}

void ivi_gate_drain(void)
{
	ivi_fork_notice();
	shut();
	open_again();
}

static void forked(void)
{
	int i;

	for (i = 0; i < IVI_GATES; i++)
		__atomic_store_n(&ivi_gates[i].inside, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&ivi_gate_own()->inside, ivi_gate_depth,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&ivi_gates_shut, 0, __ATOMIC_RELAXED);
	last = last + 1 != IVI_NO_GENERATION ? last + 1 : IVI_FIRST_GENERATION;
	__atomic_store_n(ivi_process, last, __ATOMIC_RELAXED);
	pid = getpid();
	ivi_loops_forked();
}

/* ---- Noticing it ---------------------------------------------------------------- */

void ivi_fork_notice(void)
{
	if (*ivi_process == 0 || (ivi_process == &not_wiped && pid != getpid()))
		forked();
}

/* A page of its own, or NULL. */
static unsigned *wiped_page(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANON, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
#if defined(MADV_WIPEONFORK)
	/* Emulators (qemu-user 7.2) take any advice for one that they may
	   ignore. */
	if (madvise(p, size, NO_ADVICE) < 0 &&
	    madvise(p, size, MADV_WIPEONFORK) == 0)
		return p;
#elif defined(INHERIT_ZERO)
	if (minherit(p, size, INHERIT_ZERO) == 0)
		return p;
#endif
	munmap(p, size);
	return NULL;
}

static void __attribute__((constructor)) begin(void)
{
	unsigned *word = wiped_page();

	pid = getpid();
	if (word != NULL) {
		*word = last;
		ivi_process = word;
	}
	watch_error = -pthread_atfork(shut, open_again, forked);
}

int ivi_fork_watch(void)
{
	if (watch_error < 0)
		watch_error = -pthread_atfork(shut, open_again, forked);
	return watch_error;
}
