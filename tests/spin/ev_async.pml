/* SPDX-License-Identifier: MIT */
/*
 * ev_async.pml - a send reaches its callback, though the loop was asleep, and
 * though another thread was half-way when the process forked.
 *
 * Of lib/compat/ev/async.c: ev_async_send evi_asyncs_feed evi_asyncs_marked
 * Of lib/compat/ev/signal.c: ev_feed_signal evi_signals_feed
 * Of lib/compat/ev/wake.c: evi_wake evi_wake_sleep evi_wake_awake news
 * Of lib/compat/ev/wake.c: evi_wake_look any_begun
 * Of lib/compat/ev/wait.c: evi_wait
 *
 * Three senders, two of them to the same watcher.  A callback notes what each
 * of them had written when it began; the loop ends once all has been seen, and
 * one that misses a send sleeps for ever: an invalid end state.
 *
 * FORK: the process forks at any moment, from the loop's callbacks or from
 * another thread, and the child has nobody but who runs the loop, and one
 * sender that is made there: what that one sends has to be seen.  SIGNALS: who
 * sends does not look whether it is marked, as a signal handler.  SPARE: one
 * wait may end for no reason.  SENDS: how often each of them sends.
 *
 * Spin's memory is sequentially consistent, as are accesses on the two sides of
 * a fence; the mutants *_EARLY and *_LATE are what weaker orders would permit,
 * and what the wrong order in the source would be.
 *
 * Check: SPARE
 * Check: SPARE SIGNALS
 * Check: FORK
 * Check: FORK SIGNALS
 * Full: SENDS=2
 * Refute: LOOK_EARLY
 * Refute: MARK_LATE
 * Refute: CLEAR_LATE
 * Refute: FLAG_LOOK_EARLY
 * Refute: FLAG_CLEAR_LATE
 * Refute: NO_SECOND_LOOK
 * Refute: SPARE AWAKE_IN_TWO
 * Refute: FORK NO_LOOK
 * Refute: FORK LOOK_AND_SLEEP
 * Refute: FORK SIGNALS NO_LOOK
 * Refute: FORK FLAGS_ONLY
 */
#define SENDERS	3
#define WATCHERS	2
#ifndef SENDS
#define SENDS	1
#endif
#define WATCHER_OF(sender)	((sender) % 2)
#define LATE	2			/* the sender that is made in the child */

#define AWAKE	0
#define ASLEEP	1
#define CALLED	2

bit sent[WATCHERS];
bit flag;			/* asyncs_sent */
byte sleeper;
byte counter;			/* of the eventfd */
bit forked;

byte written[SENDERS], seen[SENDERS];

/* One access of a thread, if it is in this process. */
#define STEP(what)							\
	atomic {							\
		if							\
		:: forked && s != LATE -> goto gone			\
		:: else -> what						\
		fi							\
	}

proctype sender(byte s)
{
	byte i, w = WATCHER_OF(s), was;

	do
	:: i == SENDS -> break
	:: i < SENDS ->
		i++;
		was = 0;
#ifdef LOOK_EARLY
		STEP(was = sent[w]);
#endif
		STEP(written[s]++);
#if !defined(LOOK_EARLY) && !defined(SIGNALS)
		STEP(was = sent[w]);
#endif
		if
		:: was
		:: else ->
#ifdef FLAG_LOOK_EARLY
			STEP(was = flag);
#endif
#ifndef MARK_LATE
			STEP(sent[w] = 1);
#endif
#ifndef FLAG_LOOK_EARLY
			STEP(was = flag);
#endif
			if
			:: was
			:: else ->
				STEP(flag = 1);
				STEP(was = sleeper; sleeper = CALLED);
				if
				:: was == ASLEEP -> STEP(counter = 1)
				:: else
				fi
			fi;
#ifdef MARK_LATE
			STEP(sent[w] = 1)
#endif
		fi
	od;
gone:	skip
}

/* The loop's own state: what is pending of it. */
bit news, call[WATCHERS];
bit block, looked;

/* Another thread forks; who goes on with the loop in the child begins anew. */
#ifdef FORK
#define MAY_FORK							\
	if								\
	:: true								\
	:: atomic { !forked -> forked = 1; goto turn }			\
	fi
#else
#define MAY_FORK	skip
#endif

inline look()
{
#ifndef NO_LOOK
#ifdef LOOK_AND_SLEEP
	flag = 1;
#else
	if
#ifdef FLAGS_ONLY
	:: flag ->
#else
	:: flag || sent[0] || sent[1] ->
#endif
		flag = 1;
		sleeper = CALLED
	:: else
	fi;
#endif
#endif
	news = 1
}

inline asyncs_feed()
{
	for (w : 0 .. WATCHERS - 1) {
		if
		:: sent[w] ->
#ifndef CLEAR_LATE
			sent[w] = 0;
#endif
			call[w] = 1
		:: else
		fi
	}
}

inline invoke()
{
	if
	:: news ->
		news = 0;
		atomic {
			if
			:: sleeper == CALLED -> sleeper = AWAKE
			:: else
			fi
		};
#ifdef FLAG_CLEAR_LATE
		was = flag;
#else
		atomic { was = flag; flag = 0 };
#endif
		MAY_FORK;
		if
		:: was -> asyncs_feed()
		:: else
		fi;
#ifdef FLAG_CLEAR_LATE
		flag = 0
#endif
	:: else
	fi;
	for (w : 0 .. WATCHERS - 1) {
		if
		:: call[w] ->
			d_step {
				call[w] = 0;
				s = 0;
				do
				:: s == SENDERS -> break
				:: s < SENDERS ->
					if
					:: WATCHER_OF(s) == w ->
						seen[s] = written[s]
					:: else
					fi;
					s++
				od;
				s = 0
			};
#ifdef CLEAR_LATE
			sent[w] = 0
#endif
		:: else
		fi
	}
}

#define SERVED(s)	(seen[s] == SENDS || (forked && s != LATE))

active proctype owner()
{
	byte w, s, was, spare = 1;

	atomic {
		run sender(0); run sender(1);
#ifndef FORK
		run sender(LATE)
#endif
	};
turn:	do
	:: true ->
#ifdef FORK
		if
		:: forked && !looked ->
			looked = 1;
			/* Its own channel, from now on. */
			counter = 0;
			look();
			run sender(LATE)
		:: else
		fi;
#endif
		if
		:: SERVED(0) && SERVED(1) && SERVED(LATE) -> break
		:: else
		fi;
		atomic {
			block = (sleeper != CALLED);
#ifdef NO_SECOND_LOOK
			block = 1;
			sleeper = ASLEEP
#else
			if
			:: block -> sleeper = ASLEEP
			:: else
			fi
#endif
		};
		MAY_FORK;
		if
		:: atomic { counter != 0 -> counter = 0 }
		:: atomic { !block && counter == 0 -> skip }
#ifdef SPARE
		:: atomic { block && spare != 0 -> spare-- }
#endif
#ifdef FORK
		:: atomic { !forked -> forked = 1; goto turn }
#endif
		fi;
#ifdef AWAKE_IN_TWO
		was = sleeper;
		sleeper = AWAKE;
#else
		atomic { was = sleeper; sleeper = AWAKE };
#endif
		if
		:: was == CALLED -> news = 1
		:: else
		fi;
		invoke()
	od
}
