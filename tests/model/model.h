/* SPDX-License-Identifier: MIT */
/*
 * model.h - random programs against a model of what the library promises.
 *
 * A program is a string of records of four bytes: command, two operands, and
 * whether a handler may execute it.  The same bytes are made by a generator,
 * replayed, shrunk, enumerated (small.c) and fuzzed.
 *
 *	world.c		the commands, on the library and on the model
 *	children.c	those that have to do with child processes
 *	inotify.c	... with inotify
 *	model.c		the model: what may be called now, and what must be
 *	model_inotify.c	... by inotify
 *	real.c		descriptors of the kernel, time kept by the spy
 *	real_child.c	... and its processes
 *	sim.c		descriptors, a poll method and time of its own
 */
#ifndef IV_MODEL_H
#define IV_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define RECORD		4
#define PROGRAM_MAX	2048

/* The flags of a first record that says exactly which of the faults happens
   that the ground might think of: the Nth, its operands are N; none if 0. */
#define EXACT	0x80

/* ---- Running programs (world.c) --------------------------------------------- */

/* Does not return if the library and the model disagree. */
void world_run(const uint8_t *program, size_t size);

/* Executes the next command if it is one that others could do while the loop
   sleeps. */
bool world_outside(void);

/* Commands executed and handlers called since the process began. */
extern uint64_t world_steps, world_calls;

extern unsigned world_commands;
const char *world_command_name(unsigned op);

/* Prints what it does. */
extern bool world_verbose;

void world_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void world_fail(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* ---- Lines: descriptors and what is at their other end ----------------------- */

enum { ERR = 1, IN = 2, OUT = 4, BANDS = 7 };
enum end { READER, WRITER, SOCKET };

struct line {
	enum end	end;
	int	fd, peer;	/* -1: not open */
	unsigned	in, out;	/* bytes on their way */
	bool	full;		/* nothing can be written */
	bool	eof;		/* the peer was shut down */
	bool	shut;		/* fd was shut down */

	bool	registered;
	unsigned	set;		/* bands with handlers */
	unsigned	was;		/* bands ready since the last wait */
	/* As of the last wait: */
	unsigned	ready;		/* may be called */
	unsigned	must;		/* must be called */
	unsigned	last;		/* the highest band called */
	bool	served;		/* another was called after it */
};

/* What was shut down is writable though full, since the error comes at once. */
extern bool ground_shut_is_writable;

static inline unsigned line_level(const struct line *l)
{
	bool hup = l->peer < 0 ||
		   (l->end == SOCKET && l->eof && l->shut);

	if (hup)
		return BANDS;
	return (l->end != WRITER && (l->in > 0 || l->eof) ? IN : 0U) |
	       (l->end != READER &&
		(!l->full || (l->shut && ground_shut_is_writable)) ? OUT : 0U);
}

/* ---- The model (model.c) ------------------------------------------------------ */

#define LINES	6
#define TIMERS	7	/* the first one paces the loop */
#define TASKS	7	/* so does this */
#define EVENTS	6
#define RAWS	3
#define SIGNALS	5
#define ITEMS	3
#define CHILDREN	4
#define INSTANCES	2	/* of inotify */
#define WATCHES	6
#define FILENAMES	3	/* of files */
#define INODES	(FILENAMES + 2)	/* 0: the directory; the last: just renamed */
#define QUEUE	64
#define DEPTH	4	/* iv_main() in iv_main() ... */

/* Tasks of the library: for posts of its own thread, for work, for what has
   happened to a child before it was registered. */
#define TASK_POSTS	TASKS
#define TASK_WORK	(TASKS + 1)
#define TASK_LOOK	(TASKS + 2)
#define ALL_TASKS	(TASK_LOOK + CHILDREN)

/* The raw event by which the library hears of signals; its interest in
   SIGCHLD. */
#define RAW_SIGNALS	RAWS
#define ALL_RAWS	(RAWS + 1)
#define SIGNAL_CHILD	SIGNALS
/* Its timer, for a look at all children that it has put off. */
#define TIMER_SWEEP	TIMERS
#define ALL_TIMERS	(TIMERS + 1)

enum call {
	CALL_TIMER, CALL_TASK, CALL_WORK, CALL_COMPLETION, CALL_EVENT,
	CALL_FD, CALL_RAW,
	CALL_SIGNALS,		/* the library works off what has come */
	CALL_SIGNAL, CALL_CHILD,
	CALL_INOTIFY,		/* the library reads what is queued */
	CALL_WATCH,
	CALL_WAIT,		/* the poll method was told to wait */
	CALL_RETURN		/* of iv_main() */
};

struct list {
	int	n;
	int	v[16];
};

struct signal {
	bool	registered;
	int	signum;
	bool	exclusive, own_thread;
	const void	*address;
};

/* An interest, and what the kernel has to say of its process. */
struct child {
	bool	registered;
	bool	blind;		/* even its end is known by SIGCHLD only */
	bool	news;		/* a status has not been told: this */
	int	status;
	bool	heard;		/* SIGCHLD has come since, while registered */
	bool	ready;		/* as of the last wait, its end shows */
	bool	must;		/* the sweep in progress has to tell */
	bool	over;		/* the last status has been told */
};

struct event {
	unsigned	wd;
	uint32_t	mask, cookie;
	int	name;		/* or -1 */
};

struct instance {
	bool	registered;
	bool	ready;			/* as of the last wait */
	struct event	queue[QUEUE];	/* in the kernel */
	int	queued;
	struct event	batch[QUEUE];	/* read by the library */
	int	read, at;		/* the current one */
	uint64_t	below;		/* older watches may get that */
	unsigned	wd[INODES];	/* or 0 */
	uint32_t	mask[INODES];	/* that the kernel knows */
};

struct watch {
	bool	registered;
	int	instance;
	unsigned	wd;
	uint32_t	mask;
	uint64_t	order;		/* of registration */
};

struct model {
	struct line	line[LINES];
	struct {
		bool	registered;
		int64_t	at;
		int64_t	due;		/* not before it was registered */
		uint64_t	order;
		bool	must;		/* the last wait ended after that */
	} timer[ALL_TIMERS];
	unsigned	ran[ALL_TASKS];	/* round in which it was called or INITed */
	bool	event[EVENTS];
	struct {
		bool	registered, posted, ready;
	} raw[ALL_RAWS];
	struct signal	signal[SIGNALS];
	bool	worked;			/* work has been submitted */
	bool	item[ITEMS];

	bool	quit;
	uint64_t	orders;		/* timers registered so far */
	bool	now_valid;
	int64_t	now;			/* as iv_now shows it */
	struct list	due, queue, round, pending, batch;
	struct list	work, working;
	int	completing;		/* -1, or the item to complete next */
	struct list	signals, signal_batch;
	bool	in_signals;		/* they are being worked off */
	struct child	child[CHILDREN];
	bool	sweeping;		/* all children are being looked at */
	int64_t	rested;			/* no sweep is put off longer */
	struct instance	instance[INSTANCES];
	struct watch	watch[WATCHES];
	int	reading;		/* instance, or -1 */
	struct event	told;		/* to the last watch called */
	int	serving;		/* line, or -1 */
	unsigned	rounds, current;	/* rounds begun; in progress or 0 */
};

extern struct model model;

void model_begin(void);
void model_enter(void);			/* iv_main() is called */
void model_leave(void);			/* ... and has returned */
unsigned model_depth(void);
/* The clock was moved by a command. */
void model_advanced(void);

/* Stops the program unless this call is right now: of object I, of BAND. */
void model_called(enum call call, int i, unsigned band);
/* The handler has returned. */
void model_done(void);

/* From a ground that tells: the wait is over; if ANYTHING is false it found
   nothing, else these lines and all else that is posted. */
void model_waited(bool anything);
void model_line_found(struct line *l, unsigned bands);

/* True if a handler will be called though nothing else happens. */
bool model_busy(void);
/* What keeps iv_main() from returning. */
int model_holds(void);
/* The soonest timer, or INT64_MAX. */
int64_t model_soonest(void);

/* Each before the library is told. */
void model_line_changes(struct line *l);
void model_line_set(struct line *l, unsigned set);
void model_line_register(struct line *l, unsigned set);
void model_line_unregister(struct line *l);
void model_timer_register(int i, int64_t at);
void model_timer_unregister(int i);
void model_task_register(int i);
void model_task_unregister(int i);
bool model_task_registered(int i);
void model_task_init(int i);
void model_event_unregister(int i);
void model_event_post(int i, bool from_owner);
void model_signal_raise(int signum);
void model_signal_unregister(int i);
void model_signals_done(void);
void model_child_register(int i, bool blind, bool look);
void model_child_unregister(int i);
void model_child_news(int i, int status);
void model_child_taken(int i);		/* by another than the library */
void model_sigchld(void);
void model_sweep_put_off(int64_t until);
void model_sweep_begin(void);		/* by the timer */
void model_sweep_end(void);
bool model_child_ended(int status);
void model_work_submit(int i);

/* ---- The model of inotify (model_inotify.c) -------------------------------------- */

void model_inotify_register(int k);
void model_inotify_unregister(int k);
void model_watch_register(int i, int k, int inode, uint32_t mask);
void model_watch_unregister(int i);
/* Has happened to INODE. */
void model_inotify_event(int inode, uint32_t mask, uint32_t cookie, int name);
/* No more can be queued. */
bool model_inotify_full(void);
/* There is something in the queue that a watch wants. */
bool model_inotify_busy(int k);
void model_inotify_read(int k);
bool model_watch_called(int i);		/* by the instance that is being read */
void model_inotify_done(void);

/* ---- The ground: real.c or sim.c ------------------------------------------------ */

void ground_begin(const uint8_t *program, size_t size);
void ground_end(void);
void ground_restart(void);			/* the loop was taken down */
void ground_pair(enum end end, int fds[2]);	/* fds[0] is ours */
void ground_write(int fd, unsigned n);
void ground_fill(int fd);
void ground_read(int fd, unsigned n);		/* n: what there is */
void ground_shutdown(int fd);
void ground_close(int fd);

/* Processes; where there are none, nothing of this is called.  prepare(), then
   a fork whose child calls main(), then begun(): it waits at the other end of
   the descriptor for a byte, its exit status, and has no other one of ours. */
extern const bool ground_is_real;
void ground_child_prepare(void);
void ground_child_main(void *unused);
int ground_child_begun(void);
/* Around what causes a SIGCHLD, which then has come. */
void ground_sigchld_hold(void);
void ground_sigchld_release(void);
/* Whether the next to be registered has no pidfd: if BLIND is true or there
   are none. */
bool ground_child_blind(bool blind);

int64_t ground_clock(void);
void ground_advance(int64_t ns);

/* How many faults it has thought of in this program. */
unsigned ground_thoughts(void);
/* Waits since the last call; a turn of the loop has at least one. */
unsigned ground_waits(void);
/* How late a wait may end. */
int64_t ground_late(void);
/* The kernel tells what was ready at some time since the last wait. */
bool ground_keeps_events(void);
/* It tells the model of each wait, by model_called(CALL_WAIT), what is ready. */
extern const bool ground_tells;
/* Asks the kernel whether it knows what the model knows. */
void ground_check_levels(void);
void ground_check_interest(void);

#endif
