/* SPDX-License-Identifier: MIT */
/*
 * pool.pml - a work pool: no item is lost or done twice, nobody is left over.
 *
 * Of lib/mod/work.c: pool_submit pool_push pool_collect pool_publish
 * Of lib/mod/work.c: pool_call pool_take_idle pool_lacks_worker
 * Of lib/mod/work.c: pool_wants_worker kick pool_kick_all report post_news
 * Of lib/mod/work.c: worker_next worker_take worker_arrive worker_kicked
 * Of lib/mod/work.c: worker_timer worker_unpark
 * Of lib/mod/work.c: worker_leave worker_stop worker_main worker_start
 * Of lib/mod/work.c: pool_staff pool_tend pool_news pool_by_owner
 * Of lib/mod/work.c: pool_destroy pool_orphan pool_close
 *
 * What happens under the pool's lock is one atomic step, except where `care' is
 * written: that is a step of its own, as submitters read it, and fill the
 * inbox, without the lock.  Events (`kick', `news') are bits that a post sets,
 * which is what wakeup.pml is about.
 * Nobody may touch a pool, a worker or an event that is gone; at the end
 * every item has been worked on and completed exactly once, there is no
 * worker, and the pool's memory has been freed.  Waiting for ever is an
 * invalid end state.
 *
 * The owner submits all items, at any moment.  Without PUT it puts the pool
 * only once they are completed, with it at any moment after that.  ORPHAN:
 * the owner's loop goes at any moment, instead; what is queued then may be
 * dropped.  FAIL: starting a worker may fail, for want of memory, of a
 * thread, or in the thread.  TIMER: some times an idle worker has been idle
 * for long enough.  MORE: the work of the first item submits another one.
 * MEET: the work of the last but one waits for that of the last to begin.
 *
 * Check: ITEMS=3
 * Check: PUT
 * Check: MEET ITEMS=4
 * Check: MORE PUT
 * Check: FAIL
 * Check: TIMER PUT
 * Check: ORPHAN MORE
 * Check: ORPHAN TIMER
 * Full: WORKERS=3 ITEMS=3
 * Full: FAIL PUT
 * Full: TIMER PUT MORE
 * Full: ORPHAN MORE TIMER
 * Refute: ITEMS=3 PARK_UNLOCKED
 * Refute: ITEMS=3 TAKEN_ONE_BY_ONE
 * Refute: MEET ITEMS=4 NO_RELAY
 * Refute: TIMER WORKERS=1 LEAVE_QUIETLY
 * Refute: PUT DONE_IGNORED
 * Refute: PUT TIMER KICK_UNCOUNTED
 * Refute: ORPHAN POSTING_IGNORED
 * Refute: PUT NOT_KICKED
 * Refute: WORKERS=1 ITEMS=3 NO_SECOND_LOOK
 * Refute: WORKERS=1 ITEMS=3 LOOKS_FIRST
 * Refute: FAIL FAILURE_IGNORED
 */
#ifndef WORKERS
#define WORKERS	2
#endif
#ifndef ITEMS
#define ITEMS	2
#endif
#ifdef MORE
#define ALL	(ITEMS + 1)
#else
#define ALL	ITEMS
#endif
#define BATCH	2
#define NONE	255

/* The pool. */
bit lock;			/* only where it is held for more than a step */
bit care = 1;
byte refs = 2;
chan inbox = [ALL] of { byte };
chan queue = [ALL] of { byte };
chan done = [ALL] of { byte };
chan batch = [ALL] of { byte };	/* the owner's: taken off `done' */
bit idle[WORKERS];
byte called = NONE;
byte workers, starting;
bit wanted, failed, put, orphaned;
bit news, news_registered = 1, by_owner;

/* Of each worker. */
bit used[WORKERS], arrived[WORKERS], posting[WORKERS], kicked[WORKERS];
byte kicking[WORKERS];

/* What has become of each item. */
byte worked[ALL], completed[ALL];
bit dropped[ALL];
byte all_completed;
bit met;
byte failures = 2, timeouts = 2;

#define FREE	(!lock)
#define IDLE(w)	(used[w] && idle[w])
#if WORKERS == 1
#define ANY_IDLE	idle[0]
#define ANY_POSTING	posting[0]
#elif WORKERS == 2
#define ANY_IDLE	(idle[0] || idle[1])
#define ANY_POSTING	(posting[0] || posting[1])
#else
#define ANY_IDLE	(idle[0] || idle[1] || idle[2])
#define ANY_POSTING	(posting[0] || posting[1] || posting[2])
#endif
#define LACKS	(len(queue) > 0 && !ANY_IDLE && workers < WORKERS)
#define WANTS	(called == NONE && starting == 0 && LACKS)
#define CARE	(orphaned || (ANY_IDLE -> called == NONE : workers < WORKERS))
#define LOCK	FREE -> lock = 1

/* ---- Under the lock: parts of an atomic step ---- */

inline take_idle(w)
{
	w = NONE;
	if
	:: idle[0] -> w = 0
#if WORKERS > 1
	:: idle[1] -> w = 1
#endif
#if WORKERS > 2
	:: idle[2] -> w = 2
#endif
	:: else
	fi;
	if
	:: w != NONE -> assert(used[w]); idle[w] = 0; kicking[w]++
	:: else
	fi
}

inline call(w)
{
	w = NONE;
	if
	:: len(queue) > 0 && called == NONE -> take_idle(w); called = w
	:: else
	fi
}

/* POST: whether news are to be posted. */
inline report(me, item, post)
{
	post = 0;
	if
	:: orphaned
	:: !orphaned && item != NONE ->
		post = (len(done) == 0);
		done!item
	:: !orphaned && item == NONE ->
		wanted = 1;
		post = 1
	fi;
	posting[me] = post
}

inline arrive(me)
{
	if
	:: called == me -> called = NONE
	:: else
	fi;
	if
	:: !arrived[me] -> starting--; arrived[me] = 1
	:: else
	fi
}

inline drop(q, i)
{
	do
	:: len(q) > 0 -> q?i; dropped[i] = 1
	:: else -> break
	od
}

inline collect(i)
{
	do
	:: len(inbox) > 0 -> inbox?i; queue!i
	:: else -> break
	od;
	if
	:: orphaned -> drop(queue, i)
	:: else
	fi;
	i = 0
}

/* A step of its own, but not without the lock. */
inline unlock()
{
	atomic { care = CARE; lock = 0 }
}

/* ---- Without the lock ---- */

inline kick(w)
{
	if
	:: w != NONE ->
		atomic { assert(used[w]); kicked[w] = 1 };
		atomic { assert(used[w]); kicking[w]-- }
	:: else
	fi;
	w = NONE
}

inline post_news(me)
{
	if
	:: post ->
		post = 0;
		atomic { assert(news_registered && refs > 0); news = 1 };
		posting[me] = 0
	:: else
	fi
}

inline unref()
{
	atomic { assert(refs > 0); refs-- }
}

inline submit(i)
{
	lacking = 0;
#ifdef LOOKS_FIRST
	needed = care;
#endif
	atomic { assert(refs > 0); inbox!i };
#ifndef LOOKS_FIRST
	needed = care;
#endif
	if
	:: needed ->
		needed = 0;
		atomic {
			LOCK; assert(refs > 0);
			collect(c);
			call(other);
			lacking = (other == NONE && LACKS)
		};
		unlock();
		kick(other)
	:: else
	fi
}

/* ---- Workers ---- */

inline work(item)
{
	atomic { worked[item]++; assert(worked[item] == 1) };
#ifdef MORE
	if
	:: item == 0 ->
		submit(ITEMS);
		if
		:: lacking ->
			atomic { FREE -> report(me, NONE, post) };
			post_news(me)
		:: else
		fi
	:: else
	fi;
#endif
#ifdef MEET
	if
	:: item == ITEMS - 2 -> met
	:: item == ITEMS - 1 -> met = 1
	:: else
	fi
#endif
}

inline next(item)
{
	atomic {
		LOCK; assert(refs > 0);
		begin = (item == NONE);
		post = 0;
		if
		:: item != NONE -> report(me, item, post)
		:: else
		fi;
		item = NONE;
		arrive(me);
		if
		:: len(queue) == 0 -> collect(c)
		:: else
		fi;
		if
		:: len(queue) > 0 -> queue?item
		:: len(queue) == 0 && (put || orphaned) -> ending = 1
#ifdef PARK_UNLOCKED
		:: len(queue) == 0 && !(put || orphaned) -> parks = 1
#else
		:: len(queue) == 0 && !(put || orphaned) -> idle[me] = 1
#endif
		fi
	};
	care = CARE;
	atomic {
#ifndef NO_SECOND_LOOK
		if
		:: care ->
			collect(c);
			if
			:: idle[me] && len(queue) > 0 ->
				idle[me] = 0;
				queue?item
			:: else
			fi
		:: else
		fi;
#endif
#ifdef NO_RELAY
		other = NONE;
#else
		call(other);
#endif
		if
		:: begin && WANTS -> report(me, NONE, post)
		:: else
		fi
	};
	unlock();
#ifdef PARK_UNLOCKED
	if
	:: parks -> atomic { FREE -> parks = 0; idle[me] = 1; care = CARE }
	:: else
	fi;
#endif
	post_news(me);
	kick(other)
}

inline leave(failing)
{
	atomic {
		LOCK; assert(refs > 0);
		arrive(me);
		collect(c);
		workers--;
		failed = failed || failing;
#ifndef LEAVE_QUIETLY
		wanted = 1;
#endif
		if
		:: !orphaned -> assert(news_registered); news = 1
		:: else
		fi
	};
	unlock();
	unref();
	atomic {
		assert(!posting[me] && !idle[me]);
		used[me] = 0
	}
}

proctype worker(byte me)
{
	byte item = NONE, n, other = NONE, c;
	bit post, begin, ending, lacking, parks, needed;

#ifdef FAIL
	if
	:: atomic { failures > 0 -> failures-- }; leave(1); goto gone
	:: true
	fi;
#endif
	kicked[me] = 1;
	do
	:: atomic { kicked[me] -> kicked[me] = 0; n = 0 };
	   do
	   :: n == BATCH -> break
	   :: n < BATCH ->
		   n++;
		   next(item);
		   if
		   :: item == NONE -> break
		   :: else -> work(item)
		   fi
	   od;
	   if
	   :: item != NONE ->
		   atomic { FREE -> report(me, item, post); item = NONE };
		   post_news(me);
		   kicked[me] = 1
	   :: item == NONE && ending -> break
	   :: else
	   fi
#ifdef TIMER
	:: atomic { timeouts > 0 && idle[me] -> timeouts-- };
	   atomic {
		   LOCK; ending = idle[me];
		   idle[me] = 0
	   };
	   unlock();
	   if
	   :: ending -> break
	   :: else
	   fi
#endif
	od;
	atomic { FREE -> idle[me] = 0; care = CARE };
#ifndef KICK_UNCOUNTED
	kicking[me] == 0;
#endif
	kicked[me] = 0;
	leave(0);
gone:
	skip
}

/* ---- The owner ---- */

/* With W < WORKERS: there is room, as workers < max_threads. */
inline worker_start()
{
	started = 0;
	if
#ifdef FAIL
	:: atomic { failures > 0 -> failures-- }	/* no memory */
	:: atomic {					/* no thread */
		failures > 0 -> failures--;
		workers++; starting++;
		care = CARE
	   };
	   atomic { LOCK; workers--; starting-- };
	   unlock()
#endif
	:: true ->
		atomic {
			FREE -> refs++;
			workers++;
			starting++;
			care = CARE;
			if
			:: !used[0] -> w = 0
#if WORKERS > 1
			:: !used[1] -> w = 1
#endif
#if WORKERS > 2
			:: !used[2] -> w = 2
#endif
			fi;
			used[w] = 1;
			arrived[w] = 0;
			assert(kicking[w] == 0);
			started = 1;
			run worker(w);
			w = NONE
		}
	fi
}

inline staff()
{
	atomic {
		FREE -> failing = failed;
		failed = 0;
		alone = (workers == 0)
	};
	started = 0;
	if
	:: !failing -> worker_start()
	:: else
	fi;
#ifndef FAILURE_IGNORED
	if
	:: !started && alone -> by_owner = 1
	:: else
	fi
#endif
}

inline destroy()
{
	news_registered = 0;
	by_owner = 0;
	news = 0;
	unref();
	gone = 1
}

inline tend()
{
	atomic {
		LOCK; collect(c);
		call(other);
		lacking = (wanted && WANTS);
		wanted = 0;
#ifdef DONE_IGNORED
		ready = (put && !busy && workers == 0 && len(queue) == 0)
#else
		ready = (put && !busy && workers == 0 && len(queue) == 0 &&
			 len(done) == 0)
#endif
	};
	unlock();
	kick(other);
	if
	:: lacking -> staff()
	:: else
	fi;
	if
	:: ready -> destroy()
	:: else
	fi
}

inline complete(item)
{
	completed[item]++;
	assert(worked[item] == 1 && completed[item] == 1);
	all_completed++
}

inline handle_news()
{
	atomic {
		FREE -> busy = 1;
#ifdef TAKEN_ONE_BY_ONE
		n = len(done)
#else
		do
		:: len(done) > 0 -> done?i; batch!i
		:: len(done) == 0 -> break
		od
#endif
	};
	do
#ifdef TAKEN_ONE_BY_ONE
	:: n > 0 -> atomic { n--; done?i; complete(i) }
	:: n == 0 -> break
#else
	:: atomic { len(batch) > 0 -> batch?i; complete(i) }
	:: len(batch) == 0 -> break
#endif
	od;
	busy = 0;
	tend()
}

inline handle_by_owner()
{
	atomic {
		FREE -> i = NONE;
		if
		:: len(queue) > 0 -> queue?i
		:: else
		fi;
		lacking = (len(queue) > 0)
	};
	if
	:: lacking -> staff()
	:: else
	fi;
	if
	:: i != NONE ->
		atomic { worked[i]++; assert(worked[i] == 1) };
		atomic { FREE -> done!i };
		news = 1
	:: else
	fi
}

inline kick_all()
{
	do
	:: atomic { LOCK; take_idle(other) };
	   unlock();
	   if
	   :: other == NONE -> break
	   :: else -> kick(other)
	   fi
	od
}

inline close()
{
	atomic { FREE -> put = 1 };
#ifndef NOT_KICKED
	kick_all();
#endif
	tend()
}

inline orphan()
{
	atomic {
		FREE -> lock = 1;
		orphaned = 1;
		collect(c);
		drop(queue, i);
		drop(done, i)
	};
#ifndef POSTING_IGNORED
	!ANY_POSTING;
#endif
	unlock();
	kick_all();
	destroy()
}

#ifdef ORPHAN
#define MAY_PUT	false
#elif defined(PUT)
#define MAY_PUT	(submitted == ITEMS)
#else
#define MAY_PUT	(all_completed == ALL)
#endif

active proctype owner()
{
	byte submitted, other = NONE, w = NONE, n, i, c;
	bit lacking, failing, alone, started, ready, busy, gone, needed;

	do
	:: !gone && !put && submitted < ITEMS ->
		submit(submitted);
		submitted++;
		if
		:: lacking -> staff()
		:: else
		fi
	:: atomic { !gone && news -> news = 0 }; handle_news()
	:: atomic { !gone && by_owner -> by_owner = 0 }; handle_by_owner()
	:: !gone && !put && MAY_PUT -> close()
#ifdef ORPHAN
	:: !gone -> orphan()
#endif
	:: gone -> break
	od;
	unref();
	/* All threads end. */
	workers == 0 && refs == 0;
	assert(len(inbox) == 0);
	for (i : 0 .. ALL - 1) {
#ifdef ORPHAN
		assert(worked[i] <= 1 && completed[i] <= worked[i])
#else
		assert(worked[i] == 1 && completed[i] == 1 && !dropped[i])
#endif
	}
}
