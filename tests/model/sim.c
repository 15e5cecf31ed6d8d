/* SPDX-License-Identifier: MIT */
/*
 * sim.c - the ground that is all ours: descriptors, a poll method and a clock
 * that take the place of lib/sys/fd.c, wake.c, clock.c and the table of poll
 * methods.  There is no system call and no waiting, and whatever a kernel may
 * do it does here when the program's number says so: it reports one
 * descriptor at a time or in any order, wakes up for nothing or too early, is
 * short of memory, and lets others post, write and raise signals while the
 * loop sleeps.
 */
#include <stdlib.h>
#include <string.h>
#include "loop/poll_method.h"
#include "model/main.h"
#include "model/model.h"
#include "sys/clockfd.h"
#include "sys/sys.h"

#define FILES	128
#define BASE	1000	/* the first number; no real descriptor has it */
#define RETRY_NS	INT64_C(10000000)
#define SPIN	8	/* waits in a row that need not have been */

const bool ground_tells = true;
bool ground_shut_is_writable;
const char *const model_methods[] = { "sim", NULL };

/* ---- Chance --------------------------------------------------------------------- */

static uint64_t chance;
static bool faults, exact;
static unsigned thoughts, the_fault;

/* True once in N times, if this program has faults at all. */
static bool happens(unsigned n)
{
	thoughts++;
	if (exact)
		return thoughts == the_fault;
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return faults && chance % n == 0;
}

/* By the first record only, so that a program that is shrunk stays the same. */
static void chance_begin(const uint8_t *program, size_t size)
{
	size = size < RECORD ? size : RECORD;
	exact = size == RECORD && (program[3] & EXACT);
	the_fault = exact ? program[1] | program[2] << 8U : 0;
	chance = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++)
		chance = (chance ^ program[i]) * UINT64_C(0x100000001b3);
	chance |= 1;
	faults = true;
	faults = !happens(4);
	thoughts = 0;
}

unsigned ground_thoughts(void)
{
	return thoughts;
}

/* ---- The clock ------------------------------------------------------------------- */

static int64_t now;

void ivi_clock(struct timespec *ts)
{
	*ts = (struct timespec){ now / IVI_SEC, (long)(now % IVI_SEC) };
}

int64_t ivi_clock_ns(void)
{
	return now;
}

void ivi_nap(int64_t ns)
{
	ground_advance(ns);
}

static int64_t wall_ahead, slept;

int64_t ground_clock_shows(int clock)
{
	return now + slept + (clock == REALTIME ? wall_ahead : 0);
}

int ground_clock_number(int clock)
{
	return clock == REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

void ground_wall_set(int64_t by)
{
	wall_ahead = by;
}

void ground_suspend(int64_t ns)
{
	slept += ns;
}

/* There are these two, whatever the system has. */
int ivi_clock_number(clockid_t clock)
{
	return clock == CLOCK_MONOTONIC ? IVI_BOOTTIME : IVI_REALTIME;
}

int64_t ivi_clock_shows(int number)
{
	return ground_clock_shows(number == IVI_REALTIME ? REALTIME :
							   BOOTTIME);
}

int64_t ivi_clock_compare(int number, int64_t *ahead)
{
	*ahead = ivi_clock_shows(number) - ivi_clock_shows(IVI_BOOTTIME);
	return ivi_clock_shows(number);
}

/* Nobody tells. */
int ivi_clockfd_open(int number)
{
	(void)number;
	return -ENOSYS;
}

int ivi_clockfd_arm(int fd, int64_t at)
{
	(void)fd;
	(void)at;
	return -ENOSYS;
}

int ivi_clockfd_clear(int fd)
{
	(void)fd;
	return -ENOSYS;
}

int64_t ground_clock(void)
{
	return now;
}

void ground_advance(int64_t ns)
{
	now = INT64_MAX - now > ns ? now + ns : INT64_MAX;
}

/* ---- Descriptors --------------------------------------------------------------------- */

enum kind { CLOSED, PIPE_IN, PIPE_OUT, STREAM, COUNTER, NOT_POLLABLE };

static struct file {
	enum kind	kind;
	int	peer;		/* index, or -1 */
	unsigned	bytes;		/* to be read */
	unsigned	asked;		/* what poll(2) has said of it */
	bool	full, eof, shut;
} files[FILES];

static struct file *file(int fd)
{
	return fd >= BASE && fd < BASE + FILES ? &files[fd - BASE] : NULL;
}

static int file_open(enum kind kind)
{
	for (int i = 0; i < FILES; i++)
		if (files[i].kind == CLOSED) {
			files[i] = (struct file){ .kind = kind, .peer = -1 };
			return i;
		}
	world_fail("too many files");
}

static unsigned file_level(const struct file *f)
{
	if (f->kind == COUNTER)
		return f->bytes > 0 ? IN : 0;
	if (f->kind == NOT_POLLABLE)
		return IN | OUT;
	if (f->peer < 0 || (f->eof && f->shut))
		return BANDS;
	return (f->kind != PIPE_OUT && (f->bytes > 0 || f->eof) ? IN : 0U) |
	       (f->kind != PIPE_IN && !f->full ? OUT : 0U);
}

void ground_pair(enum end end, int fds[2])
{
	int a, b;

	if (end == ALWAYS) {
		fds[0] = BASE + file_open(NOT_POLLABLE);
		fds[1] = -1;
		return;
	}
	a = file_open(end == READER ? PIPE_IN : end == WRITER ? PIPE_OUT :
			  STREAM);
	b = file_open(end == READER ? PIPE_OUT : end == WRITER ? PIPE_IN :
			  STREAM);

	files[a].peer = b;
	files[b].peer = a;
	fds[0] = BASE + a;
	fds[1] = BASE + b;
}

void ground_write(int fd, unsigned n)
{
	files[file(fd)->peer].bytes += n;
}

void ground_post(int fd)
{
	file(fd)->bytes++;
}

void ground_fill(int fd)
{
	file(fd)->full = true;
	files[file(fd)->peer].bytes++;
}

void ground_read(int fd, unsigned n)
{
	struct file *f = file(fd);

	f->bytes -= n < f->bytes ? n : f->bytes;
	if (f->bytes == 0 && f->peer >= 0)
		files[f->peer].full = false;
}

void ground_shutdown(int fd)
{
	file(fd)->shut = true;
	files[file(fd)->peer].eof = true;
}

void ground_close(int fd)
{
	struct file *f = file(fd);

	if (f->peer >= 0)
		files[f->peer].peer = -1;
	f->kind = CLOSED;
}

/* ---- In place of lib/sys/fd.c and wake.c ------------------------------------------------ */

int ivi_fd_check(int fd)
{
	const struct file *f = file(fd);

	return f != NULL && f->kind != CLOSED ? 0 : -EBADF;
}

int ivi_fd_cloexec(int fd)
{
	return ivi_fd_check(fd);
}

int ivi_fd_nonblock(int fd)
{
	return ivi_fd_check(fd);
}

bool ivi_fd_is_cloexec(int fd)
{
	return ivi_fd_check(fd) == 0;
}

bool ivi_fd_is_blocking(int fd)
{
	(void)fd;
	return false;
}

unsigned ivi_fd_ready(int fd, unsigned what)
{
	struct file *f = file(fd);
	unsigned level = file_level(f), set;

	set = (what & 1 ? IN : 0U) | (what & 2 ? OUT : 0U);
	f->asked = level & ERR ? BANDS : level & set;
	return (f->asked & IN ? 1U : 0U) | (f->asked & OUT ? 2U : 0U) |
	       (f->asked & ERR ? 4U : 0U);
}

int ivi_fd_oob_inline(int fd)
{
	return file(fd)->kind == STREAM ? 0 : -ENOTSOCK;
}

const char *ivi_fd_kind(int fd)
{
	(void)fd;
	return "a file";
}

bool ivi_fd_is_fifo(int fd)
{
	return file(fd)->kind == PIPE_IN || file(fd)->kind == PIPE_OUT;
}

bool ivi_fd_is_socket(int fd)
{
	return file(fd)->kind == STREAM;
}

bool ivi_fd_is_file(int fd)
{
	(void)fd;
	return false;
}

bool ivi_fd_has_error(int fd)
{
	(void)fd;
	return false;
}

void ivi_fd_limit_raise(void)
{
}

int ivi_fd_limit(void)
{
	return 0;
}

int ivi_pipe(int fds[2], bool nonblock)
{
	(void)nonblock;
	fds[0] = fds[1] = -1;
	return -EMFILE;
}

int ivi_wake_open(struct ivi_wake *w)
{
	w->rfd = w->wfd = BASE + file_open(COUNTER);
	return 0;
}

void ivi_wake_close(struct ivi_wake *w)
{
	ground_close(w->rfd);
}

void ivi_wake_post(const struct ivi_wake *w)
{
	file(w->wfd)->bytes++;
}

int ivi_wake_drain(const struct ivi_wake *w)
{
	bool any = file(w->rfd)->bytes > 0;

	file(w->rfd)->bytes = 0;
	return any;
}

/* ---- The poll method -------------------------------------------------------------------- */

struct sim {
	struct ivi_poller	p;
	bool	woken;			/* by wake() */
	bool	short_of_memory;	/* changes are yet to be made */
	unsigned	spins, empty;
	int	n;
	struct ivi_fd	*fd[FILES];
};

static int sim_open(struct ivi_poller *p)
{
	((struct sim *)p)->n = 0;
	return 0;
}

static void sim_close(struct ivi_poller *p)
{
	((struct sim *)p)->n = 0;
}

static void forget(struct sim *s, struct ivi_fd *f)
{
	for (int i = 0; i < s->n; i++)
		if (s->fd[i] == f)
			s->fd[i--] = s->fd[--s->n];
}

static int sim_apply(struct ivi_poller *p, struct ivi_fd *f)
{
	struct sim *s = (struct sim *)p;

	if (f->flags & IVI_FD_GONE) {
		forget(s, f);
		f->armed = 0;
		return 0;
	}
	if (ivi_fd_check(ivi_fd_pub(f)->fd) < 0)
		return -EBADF;
	if (file(ivi_fd_pub(f)->fd)->kind == NOT_POLLABLE)
		return -EPERM;
	if (!(f->flags & IVI_FD_PROBE) && happens(10)) {
		s->short_of_memory = true;
		return -ENOMEM;
	}
	forget(s, f);
	if (f->wanted != 0)
		s->fd[s->n++] = f;
	f->armed = f->wanted;
	return 0;
}

static unsigned found(const struct ivi_fd *f)
{
	unsigned level = file_level(file(ivi_fd_pub(f)->fd));
	unsigned bands = (level & ERR ? IVI_BANDS : 0U) |
			 (level & IN ? IVI_IN : 0U) |
			 (level & OUT ? IVI_OUT : 0U);

	return bands == IVI_BANDS ? bands : bands & f->armed;
}

static bool anything(const struct sim *s)
{
	for (int i = 0; i < s->n; i++)
		if (found(s->fd[i]))
			return true;
	return s->woken;
}

/* The line that F is of, or NULL: it is one of the library's. */
static struct line *line_of(const struct ivi_fd *f)
{
	for (int i = 0; i < LINES; i++)
		if (model.line[i].registered &&
		    model.line[i].fd == ivi_fd_pub(f)->fd)
			return &model.line[i];
	return NULL;
}

static void shuffle(struct sim *s)
{
	for (int i = s->n - 1; i > 0; i--) {
		int j = happens(2) ? (int)(chance >> 32) % (i + 1) : i;
		struct ivi_fd *f = s->fd[i];

		j = j < 0 ? i : j;
		s->fd[i] = s->fd[j];
		s->fd[j] = f;
	}
}

/* Some of the lines may be kept for the next wait. */
static void report(struct sim *s)
{
	bool one = happens(3);
	unsigned told = 0;

	shuffle(s);
	for (int i = 0; i < s->n; i++) {
		struct line *l = line_of(s->fd[i]);
		unsigned bands = found(s->fd[i]);

		if (bands == 0 || s->fd[i]->wanted == 0 ||
		    (l != NULL && one && told++ > 0))
			continue;
		ivi_ready(&s->p, s->fd[i], bands);
		model_listener_found(ivi_fd_pub(s->fd[i])->fd);
		if (l != NULL)
			model_line_found(l, (bands & IVI_ERR ? ERR : 0U) |
					 (bands & IVI_IN ? IN : 0U) |
					 (bands & IVI_OUT ? OUT : 0U));
	}
}

/* What was asked for because memory was short.  True if there was any. */
static bool asked(void)
{
	for (int i = 0; i < FILES; i++)
		if (files[i].asked != 0)
			return true;
	return false;
}

static void report_asked(void)
{
	for (int i = 0; i < LINES; i++) {
		struct line *l = &model.line[i];

		if (l->registered && file(l->fd)->asked != 0)
			model_line_found(l, file(l->fd)->asked);
	}
	for (int i = 0; i < FILES; i++)
		files[i].asked = 0;
}

/* Every line's wish is known, unless memory was short. */
static void check_told(const struct sim *s)
{
	unsigned told[LINES] = { 0 };

	for (int i = 0; i < s->n; i++) {
		struct line *l = line_of(s->fd[i]);

		if (l != NULL)
			told[l - model.line] = s->fd[i]->armed;
	}
	for (int i = 0; i < LINES; i++) {
		const struct line *l = &model.line[i];
		unsigned want = (l->set & ERR ? IVI_ERR : 0U) |
				(l->set & IN ? IVI_IN : 0U) |
				(l->set & OUT ? IVI_OUT : 0U);

		if (l->registered && l->end != ALWAYS && told[i] != want)
			world_fail("line %d: told %#x, wanted %#x", i,
				   told[i], want);
	}
}

/* The loop goes to sleep until UNTIL; others may wake it. */
static void sleep_until(struct sim *s, int64_t until)
{
	if (!model_may_sleep() || (model_busy() && !s->short_of_memory))
		world_fail("the loop sleeps though there is something to do");
	while (world_outside()) {
		if (model.pending.n > 0 && !s->woken)
			world_fail("an event was posted, and the loop sleeps");
		if (anything(s))
			return;
	}
	if (until == IVI_NEVER)
		world_fail("the loop sleeps for ever");
	if (until - model.slack > model_soonest())
		world_fail("the loop sleeps too long");
	if (s->short_of_memory && until > now + RETRY_NS)
		world_fail("the loop does not try again");
	if (happens(6))
		until = now + (until - now) / 2;
	else if (happens(6))
		until--;
	now = until;
}

static unsigned sim_wait(struct ivi_poller *p, int64_t until)
{
	struct sim *s = (struct sim *)p;

	model_called(CALL_WAIT, 0, 0);
	if (!s->short_of_memory)
		check_told(s);
	if (model_busy() || until > now || !model_may_sleep())
		s->spins = 0;
	else if (++s->spins > SPIN)
		world_fail("the loop spins");
	if (!anything(s) && until > now)
		sleep_until(s, until);
	s->short_of_memory = false;
	s->woken = false;
	if (!asked() && happens(8) && ++s->empty < 3) {
		model_waited(false);
		return 0;
	}
	s->empty = 0;
	model_waited(true);
	report(s);
	report_asked();
	return 0;
}

static int sim_wake_open(struct ivi_poller *p)
{
	(void)p;
	return 0;
}

static void sim_wake(struct ivi_poller *p)
{
	struct sim *s = (struct sim *)p;

	__atomic_store_n(&s->woken, true, __ATOMIC_SEQ_CST);
}

static const struct ivi_poll_method sim = {
	.name = "sim",
	.size = sizeof(struct sim),
	.open = sim_open,
	.close = sim_close,
	.apply = sim_apply,
	.wait = sim_wait,
	.wake_open = sim_wake_open,
	.wake = sim_wake,
};

const struct ivi_poll_method *const ivi_poll_methods[] = { &sim, NULL };

/* ---- No processes ----------------------------------------------------------------------- */

const bool ground_is_real;

void ground_child_prepare(void)
{
}

void ground_child_main(void *unused)
{
	(void)unused;
}

int ground_child_begun(void)
{
	return -1;
}

void ground_sigchld_hold(void)
{
}

void ground_sigchld_release(void)
{
}

bool ground_child_taken(pid_t pid)
{
	(void)pid;
	return false;
}

bool ground_child_blind(bool blind)
{
	return blind;
}

/* ---- For the model ---------------------------------------------------------------------- */

void ground_begin(const uint8_t *program, size_t size)
{
	chance_begin(program, size);
	now = 1000 * IVI_SEC;
	wall_ahead = slept = 0;
	memset(files, 0, sizeof(files));
	ground_restart();
}

void ground_end(void)
{
	for (int i = 0; i < FILES; i++)
		if (files[i].kind != CLOSED)
			world_fail("file %d was left open", i);
}

void ground_restart(void)
{
}

unsigned ground_looks(void)
{
	return 0;
}

unsigned ground_waits(void)
{
	return 0;
}

int64_t ground_late(void)
{
	return 0;
}

bool ground_keeps_events(void)
{
	return false;
}

void ground_check_levels(void)
{
	for (int i = 0; i < LINES; i++)
		if (model.line[i].fd >= 0 && line_level(&model.line[i]) !=
		    file_level(file(model.line[i].fd)))
			world_fail("line %d has another level", i);
}

void ground_check_interest(void)
{
}
