/* SPDX-License-Identifier: MIT */
/*
 * fence.c - what a case must leave as it found it.
 *
 * Allowed without asking, because iv_init() documents it: SIGPIPE and SIGURG
 * going from default to ignored, and higher limits on descriptors.
 * Descriptors, threads and POSIX timers are read from /proc and not compared
 * where that is missing.
 */
#include "config.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "harness.h"

#define MAX_TARGET	128

/* ThreadSanitizer starts a thread of its own beside the first of ours, and
   reports threads that are not joined itself. */
#ifdef __SANITIZE_THREAD__
#define UNCOUNTED_THREADS	1
#else
#define UNCOUNTED_THREADS	0
#endif

struct fd_state {
	int	fd;
	char	target[MAX_TARGET];
};

struct fence_state {
	struct fd_state	*fds;
	size_t		num_fds;
	int		threads;
	int		timers;
	struct sigaction actions[NSIG];
	sigset_t	mask;
	struct rlimit	limits[RLIM_NLIMITS];
};

/* ---- Taking ------------------------------------------------------------ */

static int by_fd(const void *a, const void *b)
{
	const struct fd_state *x = a;
	const struct fd_state *y = b;

	return (x->fd > y->fd) - (x->fd < y->fd);
}

static void add_fd(struct fence_state *s, int dir, const char *name)
{
	struct fd_state *f;
	ssize_t len;

	if (name[0] == '.' || atoi(name) == dir)
		return;
	if ((s->num_fds & (s->num_fds - 1)) == 0) {
		size_t room = s->num_fds > 0 ? 2 * s->num_fds : 1;

		s->fds = realloc(s->fds, room * sizeof(*s->fds));
		CHECK(s->fds != NULL);
	}
	f = &s->fds[s->num_fds++];
	f->fd = atoi(name);
	len = readlinkat(dir, name, f->target, sizeof(f->target) - 1);
	f->target[len > 0 ? len : 0] = '\0';
}

static void take_fds(struct fence_state *s)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL)
		add_fd(s, dirfd(dir), de->d_name);
	closedir(dir);
	if (s->num_fds > 0)
		qsort(s->fds, s->num_fds, sizeof(*s->fds), by_fd);
}

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *de;
	int n = 0;

	if (dir == NULL)
		return 0;
	while ((de = readdir(dir)) != NULL)
		n += de->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* /proc/self/timers has a line "ID: n" for each, Linux 3.10 and later. */
static int count_timers(void)
{
	FILE *f = fopen("/proc/self/timers", "re");
	char line[256];
	int n = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		n += strncmp(line, "ID:", 3) == 0;
	fclose(f);
	return n;
}

static void take(struct fence_state *s)
{
	int i;

	memset(s, 0, sizeof(*s));
	take_fds(s);
	s->threads = count_threads();
	s->timers = count_timers();
	for (i = 1; i < NSIG; i++)
		sigaction(i, NULL, &s->actions[i]);
	sigprocmask(SIG_SETMASK, NULL, &s->mask);
	for (i = 0; i < (int)RLIM_NLIMITS; i++)
		getrlimit(i, &s->limits[i]);
}

struct fence_state *fence_take(void)
{
	struct fence_state *s = malloc(sizeof(*s));

	CHECK(s != NULL);
	take(s);
	return s;
}

/* ---- Comparing --------------------------------------------------------- */

static unsigned compare_fds(const struct fence_state *a,
			    const struct fence_state *b)
{
	size_t i = 0;
	size_t k = 0;
	unsigned n = 0;

	while (i < a->num_fds || k < b->num_fds) {
		const struct fd_state *x = i < a->num_fds ? &a->fds[i] : NULL;
		const struct fd_state *y = k < b->num_fds ? &b->fds[k] : NULL;

		if (x == NULL || (y != NULL && y->fd < x->fd)) {
			note("fence: descriptor %d (%s) left open", y->fd,
			     y->target);
			k++;
			n++;
		} else if (y == NULL || x->fd < y->fd) {
			note("fence: descriptor %d (%s) was closed", x->fd,
			     x->target);
			i++;
			n++;
		} else {
			if (strcmp(x->target, y->target) != 0) {
				note("fence: descriptor %d was %s, now is %s",
				     x->fd, x->target, y->target);
				n++;
			}
			i++;
			k++;
		}
	}
	return n;
}

/* pthread_join(3) returns a moment before /proc forgets the thread; a second
   is ample. */
static unsigned compare_threads(const struct fence_state *a)
{
	const struct timespec ms = { 0, 1000000 };
	int tries = (int)(1000 * time_scale());
	int limit = a->threads + UNCOUNTED_THREADS;
	int n;

	while ((n = count_threads()) > limit && tries-- > 0)
		nanosleep(&ms, NULL);
	if (n <= limit)
		return 0;
	note("fence: %d threads left running", n - limit);
	return 1;
}

static unsigned compare_children(void)
{
	siginfo_t si;

	si.si_pid = 0;
	if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
		return 0;
	if (si.si_pid != 0)
		note("fence: child %ld left unreaped", (long)si.si_pid);
	else
		note("fence: a child left running");
	return 1;
}

static int same_action(int sig, const struct sigaction *a,
		       const struct sigaction *b)
{
	if (a->sa_handler == b->sa_handler)
		return 1;
	return (sig == SIGPIPE || sig == SIGURG) &&
	       a->sa_handler == SIG_DFL && b->sa_handler == SIG_IGN;
}

static unsigned compare_signals(const struct fence_state *a,
				const struct fence_state *b)
{
	unsigned n = 0;
	int i;

	for (i = 1; i < NSIG; i++) {
		if (!same_action(i, &a->actions[i], &b->actions[i])) {
			note("fence: disposition of signal %d (%s) changed", i,
			     strsignal(i));
			n++;
		}
		if (sigismember(&a->mask, i) != sigismember(&b->mask, i)) {
			note("fence: signal %d (%s) %s", i, strsignal(i),
			     sigismember(&b->mask, i) ? "left blocked" :
			     "was unblocked");
			n++;
		}
	}
	return n;
}

static unsigned compare_limits(const struct fence_state *a,
			       const struct fence_state *b)
{
	unsigned n = 0;
	int i;

	for (i = 0; i < (int)RLIM_NLIMITS; i++) {
		const struct rlimit *x = &a->limits[i];
		const struct rlimit *y = &b->limits[i];

		if (x->rlim_cur == y->rlim_cur && x->rlim_max == y->rlim_max)
			continue;
		if (i == RLIMIT_NOFILE && x->rlim_cur <= y->rlim_cur &&
		    x->rlim_max <= y->rlim_max)
			continue;
		note("fence: resource limit %d was %llu/%llu, now is "
		     "%llu/%llu", i, (unsigned long long)x->rlim_cur,
		     (unsigned long long)x->rlim_max,
		     (unsigned long long)y->rlim_cur,
		     (unsigned long long)y->rlim_max);
		n++;
	}
	return n;
}

static unsigned compare_timers(const struct fence_state *a,
			       const struct fence_state *b)
{
	if (a->timers == b->timers)
		return 0;
	note("fence: %d POSIX timers before, %d now", a->timers, b->timers);
	return 1;
}

/* Emulated kernels know what real ones tolerate. */
static unsigned compare_faults(void)
{
	/* Loops may end with descriptors in them, and tests may close those
	   too early: only these are the library's. */
	static const enum emu_fault ours[] = {
		EMU_FAULT_ABSENT, EMU_FAULT_INHERITED, EMU_FAULT_TIMER
	};
	unsigned i, n = 0;

	for (i = 0; emu_faults != NULL &&
	     i < sizeof(ours) / sizeof(ours[0]); i++)
		if (emu_faults(ours[i]) > 0) {
			note("fence: kernel: %s (%u times)",
			     emu_fault_text(ours[i]), emu_faults(ours[i]));
			n++;
		}
	return n;
}

unsigned fence_compare(struct fence_state *a)
{
	struct fence_state b;
	unsigned n = 0;

	/* First: a thread that is just ending may hold descriptors. */
	if (!(fence_allowed & FENCE_THREADS))
		n += compare_threads(a);
	take(&b);
	if (!(fence_allowed & FENCE_FDS))
		n += compare_fds(a, &b);
	if (!(fence_allowed & FENCE_CHILDREN))
		n += compare_children();
	if (!(fence_allowed & FENCE_SIGNALS))
		n += compare_signals(a, &b);
	if (!(fence_allowed & FENCE_LIMITS))
		n += compare_limits(a, &b);
	if (!(fence_allowed & FENCE_TIMERS))
		n += compare_timers(a, &b);
	if (!(fence_allowed & FENCE_KERNEL))
		n += compare_faults();
	free(b.fds);
	free(a->fds);
	free(a);
	return n;
}
