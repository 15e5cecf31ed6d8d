/* SPDX-License-Identifier: MIT */
/*
 * workq.pml - the ring of a work pool: each item is taken once, in order.
 *
 * Of lib/base/workq.c: ivi_workq_next refill ivi_workq_add take_ring
 * Of lib/base/workq.c: remove_from_ring has_place write_place publish
 *
 * One adds items 1 to ITEMS under the lock, with few PLACES, so that places are
 * used again while others take; with CANCEL he also removes one at any moment.
 * The takers read tail, the place, and then move head; they take the lock to
 * refill when they find nothing.  At the end every item was taken or removed,
 * exactly once, and those taken in the order of their numbers, as head moved.
 *
 * Spin's memory is sequentially consistent: that a place is read after tail
 * and written before it is what acquire and release are for in workq.h.
 *
 * Check: ITEMS=4
 * Check: ITEMS=4 CANCEL
 * Full: ITEMS=5 PLACES=3 CANCEL
 * Refute: ITEMS=4 NO_LIMIT
 * Refute: ITEMS=4 MOVED_BLINDLY
 * Refute: ITEMS=4 PUBLISHED_EARLY
 * Refute: ITEMS=4 PAST_THE_REST
 * Refute: ITEMS=4 CANCEL NOT_CLAIMED
 */
#ifndef PLACES
#define PLACES	2
#endif
#define TAKERS	2

byte place[PLACES];
byte head, tail, limit = PLACES;
chan rest = [ITEMS] of { byte };
bit lock;

byte gone[ITEMS + 1];		/* taken or removed: how often */
byte last;			/* the one taken last */
byte total;

inline acquire()
{
	atomic { !lock -> lock = 1 }
}

inline release()
{
	lock = 0
}

inline count(item)
{
	gone[item]++;
	assert(gone[item] == 1);
	total++
}

/* ITEM: 0 if there was none. */
inline take(item, h)
{
	h = head;
	do
	:: h == tail -> item = 0; break
	:: else ->
		item = place[h % PLACES];
#ifdef MOVED_BLINDLY
		atomic { head = h + 1; count(item) };
		break
#else
		if
		:: atomic {
			head == h -> head = h + 1;
			count(item);
			assert(item > last);
			last = item
		   };
		   break
		:: atomic { head != h -> h = head }
		fi
#endif
	od
}

inline look_for_place()
{
	if
	:: tail == limit -> limit = head + PLACES
	:: else
	fi
#ifdef NO_LIMIT
	;
	limit = tail + 1
#endif
}

inline put_place(item)
{
#ifdef PUBLISHED_EARLY
	tail++;
	place[(tail - 1) % PLACES] = item
#else
	place[tail % PLACES] = item;
	tail++
#endif
}

inline refill(item)
{
	look_for_place();
	do
	:: len(rest) > 0 && tail != limit ->
		rest?item;
		put_place(item)
	:: else -> break
	od
}

proctype taker()
{
	byte item, h;

	do
	:: total == ITEMS -> break
	:: total < ITEMS ->
		take(item, h);
		if
		:: item == 0 ->
			acquire();
			refill(item);
			take(item, h);
			release()
		:: else
		fi
	od
}

init
{
	byte i, h, at, t, item, removed;

	atomic {
		run taker();
		run taker()
	};
	i = 1;
	do
	:: i > ITEMS -> break
	:: i <= ITEMS ->
		acquire();
		look_for_place();
		if
#ifdef PAST_THE_REST
		:: tail != limit -> put_place(i)
#else
		:: len(rest) == 0 && tail != limit -> put_place(i)
#endif
		:: else -> rest!i
		fi;
		release();
		i++
#ifdef CANCEL
	:: i > 2 && !removed ->
		removed = i - 2;
		acquire();
		if
		:: rest??[eval(removed)] ->
			atomic { rest??eval(removed); count(removed) }
		:: else ->
#ifdef NOT_CLAIMED
			h = head;
#else
			atomic { h = head; head = tail };
#endif
			at = h;
			t = tail;
			do
			:: at != tail ->
				item = place[at % PLACES];
				if
				:: item == removed ->
					atomic { count(item) }
				:: else ->
					place[t % PLACES] = item;
					t++
				fi;
				at++
			:: else -> break
			od;
#ifdef NOT_CLAIMED
			head = tail;
#endif
			limit = tail + PLACES;
			tail = t
		fi;
		release()
#endif
	od;
	total == ITEMS;
}
