/* SPDX-License-Identifier: MIT */
/*
 * unregister.pml - posting, unregistering, and taking the loop down.
 *
 * Of lib/loop/event.c: iv_event_post post_other mark_pending is_new push
 * Of lib/loop/event.c: take_posts drop_pending
 * Of lib/sys/sys.h: ivi_gate_enter ivi_gate_leave
 * Of lib/loop/event.c: iv_event_register iv_event_unregister ivi_events_run
 * Of lib/loop/event.c: run_pending
 * Of lib/loop/event.c: ivi_events_fini
 *
 * Nobody touches a loop or an event that has been freed; no handler runs, and
 * nothing is left on a stack, after unregistering; nobody waits for ever.
 *
 * SHARED: three posters and two events, which stay allocated, while their
 * owner registers them in a loop, unregisters them at any moment, takes the
 * loop down, and does all that again with a second loop.  Late posts are
 * ignored.
 * OWN: each poster has its own event, whose handler unregisters and frees it;
 * after the last one the loop goes, though no post may have returned yet.
 *
 * Whether the loop wakes up is a matter of wakeup.pml.
 *
 * Check: SHARED
 * Check: OWN
 * Refute: SHARED NO_COUNT
 * Refute: OWN NO_COUNT
 * Refute: OWN COUNT_LATE
 * Refute: SHARED NO_WAIT_FOR_PUSH
 * Refute: SHARED LEFT_ON_STACK
 * Refute: SHARED FINI_DOES_NOT_WAIT
 * Refute: OWN TOUCH_AFTER_PUSH
 */
#define POSTERS	3
#ifdef SHARED
#define EVENTS	2
#define LOOPS	2
#define POSTS	2
#define EVENT_OF(poster)	((poster) / 2)
#else
#define EVENTS	3
#define LOOPS	1
#define POSTS	1
#define EVENT_OF(poster)	(poster)
#endif

/* The word `owner'. */
#define NEVER	0
#define RETIRED	1
#define LOOP	2		/* and its number */
byte owner_of[EVENTS];
bit pending[EVENTS];

bit event_alive[EVENTS], loop_alive[LOOPS];
byte next[EVENTS];
byte top[LOOPS];		/* 0, or event + 1 */
byte inside;			/* the gate; see gate.pml */

bit linked[EVENTS];		/* node.prev: on the owner's list */
bit registered[EVENTS];
byte handled;

inline push(l, e, seen_top)
{
	do
	:: atomic { assert(loop_alive[l]); seen_top = top[l] };
	   atomic { assert(event_alive[e]); next[e] = seen_top };
	   if
	   :: atomic { top[l] == seen_top ->
		       assert(loop_alive[l]); top[l] = e + 1 }; break
	   :: atomic { top[l] != seen_top -> assert(loop_alive[l]) }
	   fi
	od
}

proctype poster(byte e)
{
	byte i, l, seen_top, was_owner;
	bit was;

	for (i : 1 .. POSTS) {
		atomic { assert(event_alive[e]); was = pending[e] };
		if
		:: was -> goto merged
		:: else
		fi;
#if !defined(NO_COUNT) && !defined(COUNT_LATE)
		inside++;
#endif
		atomic {
			assert(event_alive[e]);
			was_owner = owner_of[e];
			was = pending[e];
			pending[e] = 1
		};
		if
		:: was || was_owner == RETIRED
		:: else ->
			assert(was_owner >= LOOP);
			l = was_owner - LOOP;
			push(l, e, seen_top);
#ifdef COUNT_LATE
			inside++;
#endif
#ifdef TOUCH_AFTER_PUSH
			assert(event_alive[e]);
#endif
			/* wake(): reads `asleep' and uses the channel. */
			assert(loop_alive[l]);
#ifdef COUNT_LATE
			inside--;
#endif
		fi;
#if !defined(NO_COUNT) && !defined(COUNT_LATE)
		inside--;
#endif
merged:		skip
	}
}

inline take_posts(l, t)
{
	atomic { t = top[l]; top[l] = 0 };
	do
	:: t != 0 ->
		d_step {
			assert(event_alive[t - 1] && !linked[t - 1]);
			linked[t - 1] = 1;
			t = next[t - 1]
		}
	:: else -> break
	od
}

inline register(l, e)
{
	atomic {
		linked[e] = 0;
		registered[e] = 1;
		owner_of[e] = LOOP + l;
		pending[e] = 0
	}
}

inline unregister(l, e, t)
{
	atomic { owner_of[e] = RETIRED; was = pending[e]; pending[e] = 0 };
	if
	:: was ->
#ifndef LEFT_ON_STACK
		take_posts(l, t);
#ifndef NO_WAIT_FOR_PUSH
		if
		:: linked[e]
		:: else ->
			inside == 0;
			take_posts(l, t);
			assert(linked[e])
		fi;
#endif
#endif
		linked[e] = 0
	:: else
	fi;
	registered[e] = 0
}

/* The loop has come around: E is pending, maybe. */
inline serve(e)
{
	if
	:: linked[e] ->
		linked[e] = 0;
		assert(event_alive[e] && registered[e]);
		pending[e] = 0;
		handled++;
#ifdef OWN
		unregister(l, e, t);
		event_alive[e] = 0
#endif
	:: else
	fi
}

inline fini(l)
{
#ifndef FINI_DOES_NOT_WAIT
	inside == 0;
#endif
	atomic { assert(top[l] == 0); loop_alive[l] = 0 }
}

active proctype owner()
{
	byte l, e, t, i;
	bit was;

	for (l : 0 .. LOOPS - 1) {
		loop_alive[l] = 1;
		for (e : 0 .. EVENTS - 1) {
			event_alive[e] = 1;
			register(l, e)
		}
		if
		:: l == 0 ->
			atomic {
				for (i : 0 .. POSTERS - 1) {
					run poster(EVENT_OF(i))
				}
			}
		:: else
		fi;
		do
		:: top[l] != 0 ->
			take_posts(l, t);
			for (e : 0 .. EVENTS - 1) {
				serve(e)
			}
#ifdef OWN
		:: handled == EVENTS -> break
		od;
#else
		:: true -> break
		od;
		for (e : 0 .. EVENTS - 1) {
			unregister(l, e, t)
		}
#endif
		fini(l)
	}
	for (e : 0 .. EVENTS - 1) {
		assert(!linked[e] && !registered[e])
	}
}
