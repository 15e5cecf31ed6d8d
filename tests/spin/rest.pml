/* SPDX-License-Identifier: MIT */
/*
 * rest.pml - a post reaches its handler in a loop inside another program's.
 *
 * Of lib/loop/event.c: post_first post_other post_call mark_pending
 * Of lib/loop/event.c: push wake take_posts
 * Of lib/loop/event.c: ivi_events_run ivi_events_awake
 * Of lib/loop/event.c: ivi_events_rest ivi_events_rest_outside
 * Of lib/loop/embed.c: settle limit
 * Of lib/loop/run.c: run_level
 *
 * The host sleeps until the descriptor is readable, has the loop make a turn
 * that does not sleep, and so on until all has been seen; one that misses a
 * post sleeps for ever: an invalid end state.  Three posters, two of them of
 * the same event.
 *
 * ASKS: before each sleep the host calls iv_loop_timeout(), and does not sleep
 * if that says zero.  Otherwise it looks at nothing but the descriptor.
 * STAGES: the kernel is told of changes by a wait, which fetches what was to be
 * seen on the descriptor (IVI_CAP_STAGES).
 *
 * Check: ASKS
 * Check: ASKS STAGES
 * Check: FD_ONLY
 * Full: ASKS STAGES POSTS=2
 * Full: FD_ONLY POSTS=2
 * Refute: ASKS STAGES NO_SECOND_REST
 * Refute: FD_ONLY LOOK_EARLY
 * Refute: FD_ONLY NO_WAKE
 * Refute: FD_ONLY STAY_AWAKE
 */
#define POSTERS	3
#define EVENTS	2
#ifndef POSTS
#define POSTS	1
#endif
#define EVENT_OF(poster)	((poster) / 2)

bit pending[EVENTS];		/* EVENT_PENDING */
byte top;			/* of the stack: 0, or event + 1 */
byte next[EVENTS];
bit asleep;
bit readable;			/* the descriptor */

byte written[EVENTS], seen[EVENTS];

inline push(e, seen_top)
{
	do
	:: atomic { seen_top = top; next[e] = seen_top };
	   if
	   :: atomic { top == seen_top -> top = e + 1 }; break
	   :: atomic { top != seen_top -> skip }
	   fi
	od
}

inline wake(was)
{
	was = asleep;
	if
	:: was ->
		atomic { was = asleep; asleep = 0 };
		if
		:: was -> readable = 1
		:: else
		fi
	:: else
	fi
}

proctype poster(byte e)
{
	byte i, seen_top;
	bit was;

	do
	:: i == POSTS -> break
	:: i < POSTS ->
		i++;
		written[e]++;
		was = pending[e];
		if
		:: was
		:: else -> atomic { was = pending[e]; pending[e] = 1 }
		fi;
		if
		:: was
		:: else -> push(e, seen_top); wake(was)
		fi
	od
}

/* The owner's own state. */
bit taken[EVENTS];		/* on the list `pending' */
bit any;

inline rest()
{
#ifdef LOOK_EARLY
	any = (top != 0);
	asleep = 1;
#else
	asleep = 1;
	any = (top != 0);
#endif
#ifndef NO_WAKE
	if
	:: any -> wake(was)
	:: else
	fi
#endif
}

inline events_run(e)
{
	if
	:: top != 0 ->
		atomic { e = top; top = 0 };
		do
		:: e != 0 -> d_step { taken[e - 1] = 1; e = next[e - 1] }
		:: else -> break
		od
	:: else
	fi;
	for (e : 0 .. EVENTS - 1) {
		if
		:: taken[e] ->
			taken[e] = 0;
			pending[e] = 0;
			d_step { seen[e] = written[e] }
		:: else
		fi
	}
	e = 0
}

active proctype owner()
{
	byte e;
	bit was, now;

	rest();
	atomic { run poster(EVENT_OF(0)); run poster(EVENT_OF(1));
		 run poster(EVENT_OF(2)) };
	do
	:: seen[0] == 2 * POSTS && seen[1] == POSTS -> break
	:: else ->
		now = 0;
#ifdef ASKS
		rest();
#ifdef STAGES
		readable = 0;
#endif
#ifndef NO_SECOND_REST
		rest();
#endif
		now = any;
#endif
		/* The host. */
		if
		:: now
		:: readable
		fi;
		/* iv_run(IV_RUN_NOWAIT). */
		asleep = 0;
		readable = 0;
		events_run(e);
#ifndef STAY_AWAKE
		rest()
#endif
	od
}
