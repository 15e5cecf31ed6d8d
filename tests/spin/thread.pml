/* SPDX-License-Identifier: MIT */
/*
 * thread.pml - threads that are joined by their creator's loop, or outlive it.
 *
 * Of lib/mod/thread.c: child_main child_ended child_join child_orphan
 * Of lib/mod/thread.c: child_start child_abandon children_fini unref
 *
 * Three threads; the creator joins each when it is told of its end, and its
 * loop ends when all have been joined, or with LEAVES at any moment, and then
 * without those that are still running.  Starting one may fail.  Each thread
 * is joined or detached exactly once, each record is freed exactly once and
 * not touched after that, and nobody posts to a loop that is gone.
 *
 * Check: JOINS
 * Check: LEAVES
 * Refute: LEAVES POSTED_UNLOCKED
 * Refute: LEAVES FREED_BY_CREATOR
 * Refute: LEAVES NOT_LOCKED_BY_CREATOR
 * Refute: JOINS NOT_POSTED
 * Refute: LEAVES UNREF_BEFORE_UNLOCK
 */
#define CHILDREN	3

byte refs[CHILDREN];		/* 0: freed, or not allocated */
bit lock[CHILDREN], orphaned[CHILDREN];
bit registered[CHILDREN], posted[CHILDREN];	/* the event `ended' */
bit listed[CHILDREN];				/* a sibling */
bit runs[CHILDREN], joined[CHILDREN], detached[CHILDREN];
bit loop_alive = 1;

inline acquire(c)
{
	atomic { assert(refs[c] > 0); !lock[c] -> lock[c] = 1 }
}

inline release(c)
{
	atomic { assert(refs[c] > 0); lock[c] = 0 }
}

inline unref(c)
{
	atomic { assert(refs[c] > 0); refs[c]-- }
}

inline post(c)
{
	atomic { assert(loop_alive && registered[c]); posted[c] = 1 }
}

proctype child(byte c)
{
	bit quiet;

#ifdef POSTED_UNLOCKED
	acquire(c);
	quiet = orphaned[c];
	release(c);
	if
	:: !quiet -> post(c)
	:: else
	fi;
#elif !defined(NOT_POSTED)
	acquire(c);
	if
	:: !orphaned[c] -> post(c)
	:: else
	fi;
#ifdef UNREF_BEFORE_UNLOCK
	unref(c);
	release(c);
	goto gone;
#else
	release(c);
#endif
#endif
	unref(c);
gone:
	runs[c] = 0
}

inline start(c)
{
	refs[c] = 2;
	registered[c] = 1;
	if
	:: true ->			/* pthread_create() fails */
		registered[c] = 0;
		refs[c] = 0
	:: true ->
		atomic { runs[c] = 1; run child(c) };
		listed[c] = 1
	fi
}

inline let_go(c)
{
	listed[c] = 0;
	registered[c] = 0;
	posted[c] = 0;
#ifdef FREED_BY_CREATOR
	refs[c] = 0
#else
	unref(c)
#endif
}

inline join(c)
{
	posted[c] = 0;
	!runs[c];
	joined[c] = 1;
	let_go(c)
}

inline orphan(c)
{
#ifdef NOT_LOCKED_BY_CREATOR
	atomic { assert(refs[c] > 0); orphaned[c] = 1 };
#else
	acquire(c);
	orphaned[c] = 1;
	release(c);
#endif
	detached[c] = 1;
	let_go(c)
}

active proctype creator()
{
	byte c;

	for (c : 0 .. CHILDREN - 1) {
		start(c)
	}
	do
	:: posted[0] -> join(0)
	:: posted[1] -> join(1)
	:: posted[2] -> join(2)
	:: !(listed[0] || listed[1] || listed[2]) -> break
#ifdef LEAVES
	:: true -> break
#endif
	od;
	for (c : 0 .. CHILDREN - 1) {
		if
		:: listed[c] -> orphan(c)
		:: else
		fi
	}
	loop_alive = 0;
	!(runs[0] || runs[1] || runs[2]);
	for (c : 0 .. CHILDREN - 1) {
		assert(refs[c] == 0 && !(joined[c] && detached[c]))
	}
}
