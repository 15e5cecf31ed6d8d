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
 *	programs.c	... with programs
 *	any.c		... with children that nobody claims
 *	inotify.c	... with inotify
 *	alarms.c	... with alarms and clocks that are set
 *	listen.c	... with listeners
 *	paths.c		... with names and files that are watched
 *	loops.c		... with hooks, calls and a second loop
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
/* The same, for a handler that may touch nothing of the loop. */
void world_apart(void);

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
/* ALWAYS: /dev/null, which is ready and has no other end. */
enum end { READER, WRITER, SOCKET, ALWAYS };

struct line {
	enum end	end;
	int	fd, peer;	/* -1: not open */
	unsigned	in, out;	/* bytes on their way */
	bool	full;		/* nothing can be written */
	bool	eof;		/* the peer was shut down */
	bool	shut;		/* fd was shut down */

	bool	registered;
	bool	noref, edge, exclusive;	/* IV_FD_NOREF, ... */
	bool	suspended;
	unsigned	handlers;	/* bands with handlers */
	unsigned	set;		/* those that may be called */
	unsigned	was;		/* bands ready since the last wait */
	/* As of the last wait: */
	unsigned	ready;		/* may be called */
	unsigned	must;		/* must be called */
	unsigned	last;		/* the highest band called */
	bool	served;		/* another was called after it */
	/* Bands, in the order of time: kicked; in a turn begun since, which is
	   in progress; not called in it, so for another one. */
	unsigned	kicked, kept, back;
	unsigned	spurious;	/* may be called in any turn, once */
	unsigned	extra;		/* ready for no other reason, in this */
	/* With edges: which are new, and what was so at the last wait. */
	unsigned	news, seen;
};

/* What was shut down is writable though full, since the error comes at once. */
extern bool ground_shut_is_writable;

static inline unsigned line_level(const struct line *l)
{
	bool hup = l->peer < 0 ||
		   (l->end == SOCKET && l->eof && l->shut);

	if (l->end == ALWAYS && l->fd >= 0)
		return IN | OUT;
	if (hup)
		return BANDS;
	return (l->end != WRITER && (l->in > 0 || l->eof) ? IN : 0U) |
	       (l->end != READER &&
		(!l->full || (l->shut && ground_shut_is_writable)) ? OUT : 0U);
}

/* ---- The model (model.c) ------------------------------------------------------ */

#define LINES	6
#define TIMERS	7	/* the first one paces the loop */
#define TICKS	2	/* timers that come after these */
#define TASKS	7	/* so does this */
#define EVENTS	6
#define CALLS	3	/* struct iv_call: events that come after these */
#define QUITTER	(EVENTS + CALLS)	/* and so does iv_loop_quit() */
#define ALARMS	4
#define CLOCKS	2	/* that alarms are set by: */
enum { REALTIME, BOOTTIME };
#define LISTENERS	3
#define HOOKS	8
#define POINTS	8	/* as IV_HOOK_*, from 1 on */
#define RAWS	3
#define SIGNALS	5
#define ITEMS	3
#define CHILDREN	4
#define PROGRAMS	2	/* children that come after these */
#define ALL_CHILDREN	(CHILDREN + PROGRAMS)
#define INSTANCES	2	/* of inotify */
#define WATCHES	6
#define FILENAMES	3	/* of files */
#define PATHS	3
#define FOLLOWERS	2	/* each may have a file that has no name */
#define INODES	(FILENAMES + FOLLOWERS + 2)	/* 0: the directory; the last:
						   just renamed */
#define QUEUE	64
#define DEPTH	4	/* iv_main() in iv_main() ... */

/* Tasks of the library: for posts of its own thread, for work, for what has
   happened to a child before it was registered. */
#define TASK_POSTS	TASKS
#define TASK_WORK	(TASKS + 1)
#define TASK_LOOK	(TASKS + 2)
/* ... for what has changed with alarms. */
#define TASK_CLOCK	(TASK_LOOK + CHILDREN)
/* ... for names that are to be looked at. */
#define TASK_FILES	(TASK_CLOCK + CLOCKS)
#define TASK_SETTLE	(TASK_FILES + 1)
/* ... for children that nobody claims. */
#define TASK_ANY	(TASK_SETTLE + 1)
#define ALL_TASKS	(TASK_ANY + 1)

/* The raw event by which the library hears of signals; its interests in
   SIGCHLD. */
#define RAW_SIGNALS	RAWS
#define ALL_RAWS	(RAWS + 1)
#define SIGNAL_CHILD	SIGNALS
#define SIGNAL_ANY	(SIGNALS + 1)
/* Its timer, for a look at all children that it has put off. */
#define TIMER_SWEEP	(TIMERS + TICKS)
/* ... for each alarm that is due; for when the next one may be. */
#define TIMER_ALARM	(TIMER_SWEEP + 1)
#define TIMER_GUARD	(TIMER_ALARM + ALARMS)
/* ... for listeners that pause. */
#define TIMER_AGAIN	(TIMER_GUARD + CLOCKS)
/* ... which keeps the loop going while there are names. */
#define TIMER_HOLD	(TIMER_AGAIN + LISTENERS)
/* ... which ends a program. */
#define TIMER_STOP	(TIMER_HOLD + 1)
#define ALL_TIMERS	(TIMER_STOP + PROGRAMS)

enum call {
	CALL_TIMER, CALL_TASK, CALL_WORK, CALL_COMPLETION, CALL_EVENT,
	CALL_FD, CALL_RAW,
	CALL_SIGNALS,		/* the library works off what has come */
	CALL_SIGNAL, CALL_CHILD,
	CALL_ANY,		/* of a child that nobody claims */
	CALL_INOTIFY,		/* the library reads what is queued */
	CALL_WATCH,
	CALL_HOOK,
	CALL_ACCEPT,		/* the library accepts */
	CALL_CLOCK,		/* the library is told that one was set */
	CALL_PATH, CALL_FOLLOW,
	CALL_HINTS,		/* it is told that names have changed */
	CALL_LOOK,		/* it looks at them after a wait */
	CALL_WAIT,		/* the poll method was told to wait */
	CALL_RETURN		/* of iv_main() */
};

struct list {
	int	n;
	int	v[32];
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

struct hook {
	bool	registered;
	int	point;
	uint64_t	order;
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
	bool	event[EVENTS + CALLS];	/* registered, or on its way */
	struct hook	hook[HOOKS];
	struct list	hooks[POINTS];	/* of a point, yet to be called */
	struct {
		bool	registered, posted, ready;
	} raw[ALL_RAWS];
	struct signal	signal[SIGNALS];
	bool	worked;			/* work has been submitted */
	bool	at_work;		/* and is being done */
	bool	item[ITEMS];

	bool	quit;
	struct {
		bool	registered;
		bool	on;		/* watched: it does not pause */
		bool	ready;		/* as of the last wait */
		int	fd;
		unsigned	waiting;	/* clients */
	} listener[LISTENERS];
	int	alarms;			/* registered (alarms.c) */
	struct {
		bool	registered;
		bool	due;	/* it differed at the last wait */
	} path[PATHS];
	struct {
		bool	registered;
		unsigned	due;	/* as of the last wait */
	} follow[FOLLOWERS];
	unsigned	looking;	/* the depth at which names are */
	unsigned	look_stage;	/* 1: the loop has waited; 2: and read */
	uint64_t	changes;	/* as of the last wait (paths.c) */
	int	refs;			/* iv_ref()s in force */
	uint64_t	orders;		/* timers and hooks registered so far */
	bool	now_valid;
	int64_t	now;			/* as iv_now shows it */
	int64_t	slack;
	struct list	due, queue, round, pending, batch;
	struct list	work, working;
	int	completing;		/* -1, or the item to complete next */
	struct list	signals, signal_batch;
	bool	in_signals;		/* they are being worked off */
	struct child	child[ALL_CHILDREN];
	bool	hooked;			/* children are told of by SIGCHLD */
	bool	sweeping;		/* all children are being looked at */
	int64_t	rested;			/* no sweep is put off longer */
	bool	any;			/* there is an iv_wait_any */
	bool	any_looks;		/* at all children, for it */
	const void	*sigchld[2];	/* by which they hear of SIGCHLD */
	struct instance	instance[INSTANCES];
	struct watch	watch[WATCHES];
	int	reading;		/* instance, or -1 */
	struct event	told;		/* to the last watch called */
	int	serving;		/* line, or -1 */
	unsigned	rounds, current;	/* rounds begun; in progress or 0 */
};

extern struct model model;

void model_begin(void);
void model_enter(unsigned flags);	/* iv_main() is called, or iv_run() */
void model_leave(void);			/* ... and has returned */
unsigned model_depth(void);
/* From now on this is about the other loop. */
void model_swap(void);
/* The clock was moved by a command, or by the other loop. */
void model_advanced(void);

/* Stops the program unless this call is right now: of object I, of BAND. */
void model_called(enum call call, int i, unsigned band);
/* The handler has returned. */
void model_done(void);

/* From a ground that tells: the wait is over; if ANYTHING is false it found
   nothing, else these lines and all else that is posted. */
void model_waited(bool anything);
void model_line_found(struct line *l, unsigned bands);
void model_listener_found(int fd);

/* True if a handler will be called though nothing else happens. */
bool model_busy(void);
/* False in a turn that is not to sleep, whatever there is. */
bool model_may_sleep(void);
/* What keeps iv_main() from returning. */
int model_holds(void);
/* The soonest timer, or INT64_MAX. */
int64_t model_soonest(void);

/* Each before the library is told. */
void model_line_changes(struct line *l);
void model_line_set(struct line *l, unsigned handlers);
void model_line_suspend(struct line *l, bool on);
void model_line_kick(struct line *l, unsigned bands);
void model_line_news(struct line *l, unsigned bands);
void model_line_register(struct line *l, unsigned handlers);
void model_line_unregister(struct line *l);
void model_timer_register(int i, int64_t at);
void model_timer_unregister(int i);
void model_task_register(int i);
void model_task_unregister(int i);
bool model_task_registered(int i);
void model_task_init(int i);
void model_event_unregister(int i);
void model_event_post(int i, bool from_owner);
void model_quit_post(bool from_owner);
void model_hook_register(int i, int point);
void model_hook_unregister(int i);
void model_take_down(bool begins);	/* around that */
void model_signal_raise(int signum);
void model_signal_unregister(int i);
void model_signals_done(void);
void model_child_register(int i, bool blind, bool look);
void model_child_unregister(int i, bool kept);	/* its status is known */
void model_child_news(int i, int status);
void model_child_taken(int i);		/* by another than the library */
void model_sigchld(void);
void model_sweep_put_off(int64_t until);
void model_sweep_begin(void);		/* by the timer */
void model_sweep_end(void);
bool model_child_ended(int status);
void model_any_register(void);
void model_any_unregister(void);
void model_any_looks(bool begins);	/* around that */
void model_work_submit(int i);
bool model_work_cancel(int i);		/* false: it has begun */

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
void ground_post(int fd);		/* as foreign code posts a raw event */
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
/* True if it has been waited for. */
bool ground_child_taken(pid_t pid);
/* Whether the next to be registered has no pidfd: if BLIND is true or there
   are none. */
bool ground_child_blind(bool blind);

/* The loop has slept since BEGUN: was that right?  (alarms.c) */
void alarms_check_sleep(int64_t begun, int64_t late);

/* A clock that alarms are set by, and its number for the system, or -1; by how
   much the one is ahead; the machine was suspended. */
int64_t ground_clock_shows(int clock);
int ground_clock_number(int clock);
void ground_wall_set(int64_t by);
void ground_suspend(int64_t ns);

int64_t ground_clock(void);
void ground_advance(int64_t ns);

/* How many faults it has thought of in this program. */
unsigned ground_thoughts(void);
/* Waits since the last call; a turn of the loop has at least one. */
unsigned ground_waits(void);
/* So many of those may have been no waits. */
unsigned ground_looks(void);
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
