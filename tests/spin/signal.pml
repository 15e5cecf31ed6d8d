/* SPDX-License-Identifier: MIT */
/*
 * signal.pml - from the signal handler into the loop.
 *
 * Of lib/mod/signal.c: delivered wake wake_tree woken run_batch next_of_batch
 * Of lib/mod/signal.c: insert delete attach detach enter leave claim disclaim
 * Of lib/mod/event_raw.c: posted
 *
 * Signals arrive on two threads without a loop and on the owner's, where the
 * handler runs on top of whatever the owner is at, unless that has blocked
 * signals.  After each delivery a call of a callback begins; the owner sleeps
 * for ever if one does not: an invalid end state.  The handler never writes
 * to a descriptor that is closed.
 *
 * SHARED: an interest gets all signals.  EXCLUSIVE: of two, only the first is
 * called; the owner unregisters it at any moment, and what is due to it is
 * passed on to the second.  STORM: two, both called, and both unregistered at
 * any moment, after which the old disposition is back.
 *
 * Check: SHARED
 * Check: EXCLUSIVE
 * Check: STORM
 * Refute: SHARED DRAIN_LATE
 * Refute: SHARED LINKED_WHILE_CALLED
 * Refute: SHARED SIGNALS_NOT_BLOCKED
 * Refute: EXCLUSIVE NOT_PASSED_ON
 * Refute: STORM CLOSED_FIRST
 * Refute: SHARED CLAIMED_FIRST
 */
#define INTERESTS	2
#define SENDERS		3

bit state;			/* the spin lock */
bit blocked;			/* signals, in the owner's thread */
bit interrupted;		/* so the owner does not run */
bit installed;			/* the disposition is ours */

bit in_tree[INTERESTS];
bit pending[INTERESTS];		/* linked: on the owner's list or batch */
bit on_list[INTERESTS];		/* on the list, not the batch */
bit wake_open;			/* the descriptor exists */
bit readable;

byte sent;			/* deliveries to us that have begun */
byte delivered;			/* those that have returned */
byte seen[INTERESTS];		/* of `sent', when its callback last began */
bit leaving;

/* ---- The handler ---- */

inline post_raw()
{
	assert(wake_open);
	readable = 1
}

inline wake(s)
{
	if
	:: pending[s]
	:: else ->
		if
		:: !(on_list[0] || on_list[1]) -> post_raw()
		:: else
		fi;
		d_step { pending[s] = 1; on_list[s] = 1 }
	fi
}

inline wake_tree(found)
{
	found = 0;
	if
	:: in_tree[0] -> found = 1; wake(0)
	:: else
	fi;
#ifdef EXCLUSIVE
	if
	:: !found && in_tree[1] -> found = 1; wake(1)
	:: else
	fi
#else
	if
	:: in_tree[1] -> found = 1; wake(1)
	:: else
	fi
#endif
}

proctype sender(bit on_owner)
{
	bit found;

	/* Where it may stay: what comes too late is none of our business. */
end:	if
	:: !on_owner && installed
	:: atomic { on_owner && installed && !blocked -> interrupted = 1 }
	fi;
	sent++;
	atomic { !state -> state = 1 };
	wake_tree(found);
	assert(found || leaving);
	state = 0;
	atomic {
		delivered++;
		if
		:: on_owner -> interrupted = 0
		:: else
		fi
	}
}

/* ---- The owner ---- */

inline state_lock()
{
#ifndef SIGNALS_NOT_BLOCKED
	blocked = 1;
#endif
	atomic { !state -> state = 1 }
}

inline state_unlock()
{
	state = 0;
	blocked = 0
}

inline serve(s)
{
	if
	:: batch[s] ->
		state_lock();
#ifndef LINKED_WHILE_CALLED
		pending[s] = 0;
#endif
		batch[s] = 0;
		state_unlock();
		seen[s] = sent;
#ifdef LINKED_WHILE_CALLED
		pending[s] = 0
#endif
	:: else
	fi
}

inline woken()
{
#ifndef DRAIN_LATE
	readable = 0;
#endif
	state_lock();
	d_step {
		batch[0] = on_list[0]; batch[1] = on_list[1];
		on_list[0] = 0; on_list[1] = 0
	};
	state_unlock();
	serve(0);
	serve(1);
#ifdef DRAIN_LATE
	readable = 0
#endif
}

inline register(s, first)
{
#ifdef CLAIMED_FIRST
	installed = 1;
#endif
	if
	:: first -> wake_open = 1
	:: else
	fi;
	state_lock();
	in_tree[s] = 1;
	state_unlock();
	installed = 1
}

inline unregister(s, last)
{
#ifdef CLOSED_FIRST
	if
	:: last -> wake_open = 0
	:: else
	fi;
#endif
	state_lock();
	in_tree[s] = 0;
	if
	:: pending[s] ->
		d_step { pending[s] = 0; on_list[s] = 0; batch[s] = 0 };
#ifdef EXCLUSIVE
#ifndef NOT_PASSED_ON
		wake_tree(found)
#endif
#endif
	:: else
	fi;
	state_unlock();
	if
	:: last ->
		installed = 0;
		wake_open = 0;
		readable = 0
	:: else
	fi
}

/* All has been delivered and followed by a call. */
#define SERVED	(delivered == SENDERS && \
		 (seen[0] == SENDERS || seen[1] == SENDERS))

active proctype owner() provided (!interrupted)
{
	bit batch[INTERESTS], found;

	atomic { run sender(1); run sender(0); run sender(0) };
	register(0, 1);
#ifdef EXCLUSIVE
	register(1, 0);
	do
	:: readable -> woken()
	:: true -> break
	od;
	unregister(0, 0);
	do
	:: readable -> woken()
	:: SERVED -> break
	od;
#elif defined(STORM)
	register(1, 0);
	do
	:: readable -> woken()
	:: true -> break
	od;
	leaving = 1;
	unregister(0, 0);
#else
	do
	:: readable -> woken()
	:: SERVED -> break
	od;
	register(1, 0);
	unregister(0, 0);
#endif
	unregister(1, 1)
}
