/* SPDX-License-Identifier: MIT */
/*
 * wakeup.pml - a post reaches its handler, though the loop was asleep.
 *
 * Of lib/loop/event.c: iv_event_post post_first post_own post_other
 * Of lib/loop/event.c: mark_pending
 * Of lib/loop/event.c: push wake take_posts
 * Of lib/loop/event.c: run_pending
 * Of lib/loop/event.c: ivi_events_run ivi_events_sleep ivi_events_awake
 * Of lib/loop/run.c: wait_for_events run
 *
 * Three posters, two of them of the same event.  The handler notes how much
 * had been written when it began; the loop ends once all has been seen, and
 * one that misses a post sleeps for ever: an invalid end state.
 *
 * EDGE: an eventfd that is watched edge-triggered and never read; LEVEL: what
 * is drained when the descriptors are dispatched.  SELF: the first call of
 * the handler of event 0 posts event 1 from inside the loop.  SPARE: one wait
 * may end for no reason.  POSTS: how often each of them posts.
 *
 * Spin's memory is sequentially consistent, as are the four accesses of going
 * to sleep in event.c, and those on the two sides of its fences; the mutants
 * *_EARLY, and CLEAR_LATE, are what weaker orders would permit.  A poster's
 * first look has no fence before it, and is taken to be before he has written.
 *
 * Check: EDGE SELF SPARE
 * Check: LEVEL SELF SPARE
 * Full: EDGE POSTS=2
 * Full: LEVEL POSTS=2
 * Refute: EDGE NO_SECOND_LOOK
 * Refute: LEVEL NO_SECOND_LOOK
 * Refute: EDGE LOOK_EARLY
 * Refute: EDGE ASLEEP_EARLY
 * Refute: EDGE CLEAR_LATE
 * Refute: EDGE READ_EARLY
 * Refute: LEVEL DRAIN_BEFORE_WAIT
 */
#define POSTERS	3
#define EVENTS	2
#ifndef POSTS
#define POSTS	1
#endif
#define EVENT_OF(poster)	((poster) / 2)
#ifdef SELF
#define SELF_POSTS	1
#else
#define SELF_POSTS	0
#endif

bit pending[EVENTS];		/* EVENT_PENDING */
byte top;			/* of the stack: 0, or event + 1 */
byte next[EVENTS];
bit asleep;
byte counter;			/* of the eventfd, or bytes in the pipe */
bit edge;			/* an edge has not been fetched yet */

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

proctype poster(byte e)
{
	byte i, seen_top;
	bit was;

	do
	:: i == POSTS -> break
	:: i < POSTS ->
		i++;
		was = pending[e];
		written[e]++;
#ifndef READ_EARLY
		if
		:: was -> was = pending[e]
		:: else
		fi;
#endif
		if
		:: was
		:: else -> atomic { was = pending[e]; pending[e] = 1 }
		fi;
		if
		:: was
		:: else ->
#ifdef ASLEEP_EARLY
			was = asleep;
			push(e, seen_top);
#else
			push(e, seen_top);
			was = asleep;
#endif
			if
			:: was ->
				atomic { was = asleep; asleep = 0 };
				if
				:: was -> atomic { counter++; edge = 1 }
				:: else
				fi
			:: else
			fi
		fi
	od
}

/* The owner's own state. */
bit taken[EVENTS];		/* on the list `pending' */
bit batch[EVENTS];
bit by_task;			/* the task is registered */
bit posted_itself, woken, block;

inline take_posts(e)
{
	atomic { e = top; top = 0 };
	do
	:: e != 0 -> d_step { taken[e - 1] = 1; e = next[e - 1] }
	:: else -> break
	od
}

inline handler(e)
{
	d_step { seen[e] = written[e] };
#ifdef SELF
	if
	:: e == 0 && !posted_itself ->
		posted_itself = 1;
		written[1]++;
		atomic { was = pending[1]; pending[1] = 1 };
		if
		:: was
		:: else -> push(1, seen_top); by_task = 1
		fi
	:: else
	fi
#endif
}

inline events_run(e)
{
	if
	:: top != 0 -> take_posts(e)
	:: else
	fi;
	if
	:: by_task || !(taken[0] || taken[1])
	:: else ->
		d_step {
			batch[0] = taken[0]; batch[1] = taken[1];
			taken[0] = 0; taken[1] = 0
		};
		for (e : 0 .. EVENTS - 1) {
			if
			:: batch[e] ->
				batch[e] = 0;
#ifdef CLEAR_LATE
				handler(e);
				pending[e] = 0
#else
				pending[e] = 0;
				handler(e)
#endif
			:: else
			fi
		}
		e = 0
	fi
}

inline events_sleep()
{
	if
	:: taken[0] || taken[1] -> block = 0
	:: else ->
#ifdef LOOK_EARLY
		block = (top == 0);
		asleep = 1;
#else
		asleep = 1;
		block = (top == 0);
#endif
#ifdef NO_SECOND_LOOK
		block = 1;
#endif
		if
		:: block
		:: else -> asleep = 0
		fi
	fi
}

active proctype owner()
{
	byte e, seen_top, spare = 1;
	bit was;

	atomic { run poster(EVENT_OF(0)); run poster(EVENT_OF(1));
		 run poster(EVENT_OF(2)) };
	do
	:: true ->
		/* Tasks. */
		if
		:: by_task -> by_task = 0; events_run(e)
		:: else
		fi;
		if
		:: seen[0] == 2 * POSTS && seen[1] == POSTS + SELF_POSTS -> break
		:: else
		fi;
		/* Wait. */
		if
		:: by_task -> block = 0
		:: else -> events_sleep()
		fi;
#ifdef DRAIN_BEFORE_WAIT
		counter = 0;
#endif
		woken = 0;
		if
#ifdef EDGE
		:: atomic { edge -> edge = 0; woken = 1 }
		:: atomic { !block && !edge -> skip }
#else
		:: atomic { counter != 0 -> woken = 1 }
		:: atomic { !block && counter == 0 -> skip }
#endif
#ifdef SPARE
		:: atomic { block && spare != 0 -> spare-- }
#endif
		fi;
		if
		:: block -> asleep = 0
		:: else
		fi;
		/* Posts, then descriptors. */
		events_run(e);
#ifdef LEVEL
		if
		:: woken -> counter = 0
		:: else
		fi
#endif
	od;
	assert(!by_task && !taken[0] && !taken[1])
}
