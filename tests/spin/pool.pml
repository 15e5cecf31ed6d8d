/* SPDX-License-Identifier: MIT */
/*
 * pool.pml - a work pool: no item is lost or done twice, nobody is left over.
 *
 * Of lib/mod/work_pool.c: ivi_pool_submit withhold take_idle ivi_pool_call
 * Of lib/mod/work_pool.c: ivi_pool_lacks_worker ivi_pool_wants_worker
 * Of lib/mod/work_pool.c: ivi_worker_kick ivi_pool_kick_all ivi_pool_hand_in
 * Of lib/mod/work_pool.c: ivi_pool_want ivi_pool_post ivi_pool_ask
 * Of lib/mod/work_worker.c: worker_next worker_take worker_arrive
 * Of lib/mod/work_worker.c: worker_kicked worker_hand_in worker_timer
 * Of lib/mod/work_worker.c: worker_unpark worker_close worker_leave
 * Of lib/mod/work_worker.c: worker_main ivi_worker_start
 * Of lib/mod/work_owner.c: pool_news ivi_pool_staff pool_by_owner
 * Of lib/mod/work_owner.c: ivi_pool_tend is_over pool_destroy ivi_pool_orphan
 * Of lib/mod/work_ask.c: take_back
 * Of lib/mod/work.c: pool_close
 *
 * What happens under the pool's lock is one atomic step, except where `done' is
 * filled, or items are taken, at the same time without it.  That taking itself
 * is one step is what workq.pml is about.  Events (`kick', `news') are bits that
 * a post sets, which is what wakeup.pml is about.
 * Nobody may touch a pool, a worker or an event that is gone; at the end
 * every item has been worked on and completed exactly once, there is no
 * worker, and the pool's memory has been freed.  Waiting for ever is an
 * invalid end state.
 *
 * The owner submits all items, at any moment, also in a completion; then he may
 * call nobody as long as another completion follows.  Without PUT he puts the
 * pool only once they are completed, with it at any moment after that.
 * ORPHAN: the owner's loop goes at any moment, instead; what is queued then may
 * be dropped.  FAIL: starting a worker may fail, for want of memory, of a
 * thread, or in the thread.  TIMER: some times an idle worker has been idle
 * for long enough.  MORE: the work of the first item submits another one.
 * MEET: the work of the last but one waits for that of the last to begin.
 * LEAVE: some completions do not return.  CANCEL: the owner may take the last
 * item back.
 *
 * Check: ITEMS=3
 * Check: PUT
 * Check: MEET ITEMS=4
 * Check: MORE PUT
 * Check: FAIL
 * Check: TIMER PUT
 * Check: LEAVE ITEMS=3
 * Check: CANCEL PUT
 * Check: ORPHAN MORE
 * Check: ORPHAN TIMER
 * Full: WORKERS=3 ITEMS=3
 * Full: FAIL PUT
 * Full: TIMER PUT MORE
 * Full: ORPHAN MORE TIMER
 * Refute: ITEMS=3 PARK_UNLOCKED
 * Refute: ITEMS=3 TAKEN_ONE_BY_ONE
 * Refute: MEET ITEMS=4 NO_RELAY
 * Refute: MEET ITEMS=3 WITHHELD_FOR_EVER
 * Refute: LEAVE ITEMS=3 NO_REST
 * Refute: TIMER WORKERS=1 LEAVE_QUIETLY
 * Refute: PUT DONE_IGNORED
 * Refute: PUT TIMER KICK_UNCOUNTED
 * Refute: ORPHAN COUNTED_LATE
 * Refute: ORPHAN POSTING_IGNORED
 * Refute: PUT NOT_KICKED
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
byte refs = 2;
chan queue = [ALL] of { byte };
chan done = [ALL] of { byte };
bit closed;
byte posting;
chan ready = [ALL] of { byte };	/* the owner's: taken off `done' */
bit idle[WORKERS];
byte called = NONE;
byte workers, starting;
bit wanted, failed, put, orphaned;
bit news, news_registered = 1, by_owner, rest;

/* Of each worker. */
bit used[WORKERS], arrived[WORKERS], kicked[WORKERS];
byte kicking[WORKERS];

/* What has become of each item. */
byte worked[ALL], completed[ALL];
bit dropped[ALL];
byte begun, ended;
byte all_completed;
bit met;
byte failures = 2, timeouts = 2, leaves = 1;

#define FREE	(!lock)
#define IDLE(w)	(used[w] && idle[w])
#if WORKERS == 1
#define ANY_IDLE	idle[0]
#elif WORKERS == 2
#define ANY_IDLE	(idle[0] || idle[1])
#else
#define ANY_IDLE	(idle[0] || idle[1] || idle[2])
#endif
#define LACKS	(len(queue) > 0 && !ANY_IDLE && workers < WORKERS)
#define WANTS	(called == NONE && starting == 0 && LACKS)
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

/* The owner is to look for a worker. */
inline want()
{
	wanted = 1;
	posting++
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

inline unlock()
{
	lock = 0
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

/* POST: whether the caller must; he is counted in `posting' then. */
inline hand_in(item, post)
{
#ifdef COUNTED_LATE
	counted = 0;
#else
	counted = (len(done) == 0 && !closed);
	posting = posting + counted;
#endif
	do
	:: atomic {
		!closed && (len(done) > 0 || counted) ->
		post = (len(done) == 0);
		done!item
	   };
	   break
#ifdef COUNTED_LATE
	:: atomic { !closed && len(done) == 0 && !counted ->
		post = 1; done!item };
	   posting++;
	   counted = 1;
	   break
#else
	:: atomic { !closed && len(done) == 0 && !counted ->
		counted = 1; posting++ }
#endif
	:: atomic { closed -> post = 0 }; break
	od;
	if
	:: counted && !post -> posting--
	:: else
	fi;
	counted = 0
}

inline post_news(post)
{
	if
	:: post ->
		post = 0;
		atomic { assert(news_registered && refs > 0); news = 1 };
		posting--
	:: else
	fi
}

inline unref()
{
	atomic { assert(refs > 0); refs-- }
}

/* WITHHELD: nobody is called for it yet. */
inline submit(i, withheld)
{
	atomic {
		LOCK; assert(refs > 0);
		lacking = 0;
		other = NONE;
		if
		:: orphaned -> dropped[i] = 1
		:: else ->
			begun++;
			queue!i;
			if
			:: withheld
			:: else -> call(other)
			fi;
			lacking = (other == NONE && LACKS)
		fi
	};
	unlock();
	kick(other)
}

/* ---- Workers ---- */

inline work(item)
{
	atomic { worked[item]++; assert(worked[item] == 1) };
#ifdef MORE
	if
	:: item == 0 ->
		submit(ITEMS, 0);
		if
		:: lacking ->
			atomic {
				FREE;
				if
				:: !orphaned -> want(); post = 1
				:: else
				fi
			};
			post_news(post)
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

inline take(item)
{
	if
	:: atomic { len(queue) > 0 -> queue?item }
	:: atomic { len(queue) == 0 -> item = NONE }
	fi
}

/* The next item for what was done, which may be NONE. */
inline next(item, begin)
{
	atomic { LOCK; assert(refs > 0) };
	if
	:: item != NONE -> hand_in(item, post)
	:: else
	fi;
	atomic {
		if
		:: begin -> arrive(me)
		:: else
		fi;
		item = NONE;
		if
		:: len(queue) > 0 -> queue?item
		:: len(queue) == 0 && (put || orphaned) -> ending = 1
#ifdef PARK_UNLOCKED
		:: len(queue) == 0 && !(put || orphaned) -> parks = 1
#else
		:: len(queue) == 0 && !(put || orphaned) -> idle[me] = 1
#endif
		fi;
#ifdef NO_RELAY
		other = NONE;
#else
		call(other);
#endif
		if
		:: begin && !orphaned && WANTS -> want(); wanting = 1
		:: else
		fi
	};
	unlock();
#ifdef PARK_UNLOCKED
	if
	:: parks -> atomic { FREE -> parks = 0; idle[me] = 1 }
	:: else
	fi;
#endif
	post_news(wanting);
	post_news(post);
	kick(other)
}

inline leave(failing)
{
	atomic {
		LOCK; assert(refs > 0);
		arrive(me);
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
		assert(!idle[me]);
		used[me] = 0
	}
}

proctype worker(byte me)
{
	byte item = NONE, n, other = NONE, was;
	bit post, wanting, counted, ending, lacking, parks;

#ifdef FAIL
	if
	:: atomic { failures > 0 -> failures-- }; leave(1); goto gone
	:: true
	fi;
#endif
	kicked[me] = 1;
	do
	:: atomic { kicked[me] -> kicked[me] = 0; n = 0 };
	   next(item, 1);
	   do
	   :: item == NONE -> break
	   :: item != NONE ->
		   work(item);
		   n++;
		   was = item;
		   if
		   :: n == BATCH -> break
		   :: else
		   fi;
		   take(item);
		   if
		   :: item != NONE -> hand_in(was, post); post_news(post)
		   :: else -> item = was; next(item, 0)
		   fi
	   od;
	   if
	   :: item != NONE ->
		   hand_in(item, post);
		   post_news(post);
		   item = NONE;
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
	atomic { FREE -> idle[me] = 0 };
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
		workers++; starting++
	   };
	   atomic { LOCK; workers--; starting-- };
	   unlock()
#endif
	:: true ->
		atomic {
			FREE -> refs++;
			workers++;
			starting++;
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
	rest = 0;
	news = 0;
	unref();
	gone = 1
}

inline tend()
{
	atomic {
		LOCK; call(other);
		lacking = (wanted && WANTS);
		wanted = 0
	};
	unlock();
	kick(other);
	if
	:: lacking -> staff()
	:: else
	fi;
	atomic {
		FREE -> over = (put && workers == 0 && begun == ended)
	};
	if
	:: over -> destroy()
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

#ifdef ORPHAN
#define MAY_PUT	false
#elif defined(PUT)
#define MAY_PUT	(submitted == ITEMS)
#else
#define MAY_PUT	(all_completed == ALL)
#endif

inline complete(item)
{
	completed[item]++;
	assert(!gone);
	assert(worked[item] == 1 && completed[item] == 1);
#ifndef DONE_IGNORED
	ended++;
#endif
	all_completed++
}

inline handle_news()
{
	atomic {
		FREE ->
#ifdef TAKEN_ONE_BY_ONE
		if
		:: len(done) > 0 -> done?i; ready!i
		:: else
		fi
#else
		do
		:: len(done) > 0 -> done?i; ready!i
		:: len(done) == 0 -> break
		od;
#ifdef DONE_IGNORED
		ended = ended + len(ready)
#endif
#endif
	};
#ifndef NO_REST
	rest = (len(ready) > 1);
#endif
	do
	:: len(ready) > 0 ->
		atomic { ready?i; complete(i) };
		if
		:: submitted < ITEMS && !put ->
			submit(submitted, len(ready) > 0);
			submitted++;
			if
			:: lacking -> staff()
			:: else
			fi
		:: !put && MAY_PUT -> close()
		:: true
		fi;
		if
		:: gone -> goto left
		:: else
		fi;
		if
#ifdef LEAVE
		:: atomic { leaves > 0 -> leaves-- }; goto left
#endif
		:: true
		fi
	:: len(ready) == 0 -> break
	od;
	rest = 0;
#ifndef WITHHELD_FOR_EVER
	tend()
#endif
left:	skip
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
		hand_in(i, post);
		post_news(post)
	:: else
	fi
}

inline orphan()
{
	atomic {
		FREE -> orphaned = 1;
		drop(queue, i);
		drop(done, i);
		drop(ready, i);
		closed = 1
	};
#ifndef POSTING_IGNORED
	posting == 0;
#endif
	kick_all();
	destroy()
}

/* Takes the last item out of the middle, if it is there still. */
inline take_back()
{
	atomic {
		FREE -> i = 0;
		if
		:: queue??[eval(ITEMS - 1)] ->
			queue??eval(ITEMS - 1);
			dropped[ITEMS - 1] = 1;
			ended++;
			all_completed++
		:: else
		fi
	}
}

active proctype owner()
{
	byte submitted, other = NONE, w = NONE, i;
	bit lacking, failing, alone, started, over, gone, post, counted;

	do
	:: !gone && !put && submitted < ITEMS ->
		submit(submitted, 0);
		submitted++;
		if
		:: lacking -> staff()
		:: else
		fi
	:: atomic { !gone && news -> news = 0 }; again: handle_news()
	:: atomic { !gone && rest -> rest = 0 }; goto again
	:: atomic { !gone && by_owner -> by_owner = 0 }; handle_by_owner()
	:: !gone && !put && MAY_PUT -> close()
#ifdef CANCEL
	:: !gone && !put && submitted == ITEMS -> take_back()
#endif
#ifdef ORPHAN
	:: !gone -> orphan()
#endif
	:: gone -> break
	od;
	unref();
	/* All threads end. */
	workers == 0 && refs == 0;
	assert(posting == 0);
	for (i : 0 .. ALL - 1) {
#ifdef ORPHAN
		assert(worked[i] <= 1 && completed[i] <= worked[i])
#elif defined(CANCEL)
		assert(worked[i] + dropped[i] == 1 &&
		       completed[i] == worked[i])
#else
		assert(worked[i] == 1 && completed[i] == 1 && !dropped[i])
#endif
	}
}
