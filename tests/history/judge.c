/* SPDX-License-Identifier: MIT */
/*
 * judge.c - tests of the judge: histories made up, good and bad.
 */
#include <stdlib.h>
#include "harness/test.h"
#include "history/log.h"

static struct log l;

static struct record *at(int64_t start, int64_t end, enum deed deed,
			 unsigned seq)
{
	struct record *r = log_add(&l, deed, 7);

	r->start = start;
	r->end = end;
	r->seq = seq;
	return r;
}

static void call_at(int64_t start, unsigned saw)
{
	at(start, start, CALLED, 0)->saw[0] = saw;
}

static void verdict(const char *expected)
{
	const char *what = log_complaint(&l);

	CHECK_STR(what, expected);
	log_free(&l);
}

TEST_ONCE(posts_may_merge)
{
	at(1, 2, REGISTERED, 0);
	at(3, 5, POSTED, 1);
	at(4, 8, POSTED, 2);
	call_at(7, 2);
	at(9, 9, CLOSED, 0);
	verdict(NULL);
}

TEST_ONCE(a_post_without_a_call)
{
	at(1, 2, REGISTERED, 0);
	at(3, 4, POSTED, 1);
	at(9, 9, CLOSED, 0);
	verdict("channel 7: post 1 of poster 0 is lost");
}

TEST_ONCE(a_call_that_began_too_early)
{
	at(1, 2, REGISTERED, 0);
	call_at(3, 1);
	at(4, 5, POSTED, 1);
	at(9, 9, CLOSED, 0);
	verdict("channel 7: post 1 of poster 0 is lost");
}

TEST_ONCE(a_call_that_does_not_see_what_was_written)
{
	at(1, 2, REGISTERED, 0);
	at(3, 4, POSTED, 2);
	call_at(5, 1);
	at(9, 9, CLOSED, 0);
	verdict("channel 7: post 2 of poster 0 is lost");
}

TEST_ONCE(a_call_in_the_next_interval_is_too_late)
{
	at(1, 2, REGISTERED, 0);
	at(3, 4, POSTED, 1);
	at(5, 5, CLOSED, 0);
	at(6, 6, REGISTERED, 0);
	call_at(7, 1);
	at(9, 9, CLOSED, 0);
	verdict("channel 7: post 1 of poster 0 is lost");
}

TEST_ONCE(unregistering_may_drop_a_post)
{
	at(1, 2, REGISTERED, 0);
	at(3, 4, POSTED, 1);
	at(9, 9, UNREGISTERED, 0);
	at(10, 11, POSTED, 2);
	verdict(NULL);
}

TEST_ONCE(a_call_before_registration)
{
	call_at(1, 1);
	at(2, 2, REGISTERED, 0);
	verdict("channel 7: called while not registered");
}

TEST_ONCE(a_call_after_unregistering)
{
	at(1, 2, REGISTERED, 0);
	at(3, 3, UNREGISTERED, 0);
	call_at(4, 1);
	verdict("channel 7: called while not registered");
}

static void beat_at(int64_t start, unsigned seq, int64_t due)
{
	at(start, start, BEAT, seq)->due = due;
}

TEST_ONCE(beats_may_be_late_and_missed)
{
	at(1, 2, REGISTERED, 0);
	beat_at(11, 1, 11);
	beat_at(35, 3, 31);
	at(36, 36, CLOSED, 0);
	at(41, 42, REGISTERED, 0);
	beat_at(51, 1, 51);
	verdict(NULL);
}

TEST_ONCE(a_beat_that_comes_early)
{
	at(1, 2, REGISTERED, 0);
	beat_at(10, 1, 11);
	verdict("channel 7: beat 1 came 1 ns early");
}

TEST_ONCE(a_beat_that_comes_twice)
{
	at(1, 2, REGISTERED, 0);
	beat_at(31, 3, 31);
	beat_at(32, 3, 31);
	verdict("channel 7: beat 3 after 3");
}

TEST_ONCE(a_beat_after_unregistering)
{
	at(1, 2, REGISTERED, 0);
	at(3, 3, CLOSED, 0);
	beat_at(11, 1, 11);
	verdict("channel 7: called while not registered");
}

TEST_ONCE(a_thing_done_once)
{
	at(1, 2, SUBMITTED, 5);
	at(3, 4, WORKED, 5);
	at(5, 5, COMPLETED, 5);
	verdict(NULL);
}

TEST_ONCE(a_thing_never_completed)
{
	at(1, 2, SUBMITTED, 5);
	at(3, 4, WORKED, 5);
	verdict("thing 7: not completed in its turn");
}

TEST_ONCE(a_thing_done_twice)
{
	at(1, 2, SUBMITTED, 5);
	at(3, 4, WORKED, 5);
	at(5, 6, WORKED, 5);
	at(7, 7, COMPLETED, 5);
	verdict("thing 7: not completed in its turn");
}

TEST_ONCE(a_thing_completed_twice)
{
	at(1, 2, SUBMITTED, 5);
	at(3, 4, WORKED, 5);
	at(5, 5, COMPLETED, 5);
	at(6, 6, COMPLETED, 5);
	verdict("thing 7: more than once");
}

TEST_ONCE(a_thing_completed_during_work)
{
	at(1, 2, SUBMITTED, 5);
	at(3, 6, WORKED, 5);
	at(5, 5, COMPLETED, 5);
	verdict("thing 7: completed during work");
}

TEST_ONCE(a_thing_with_other_contents)
{
	at(1, 2, SUBMITTED, 5);
	at(3, 4, WORKED, 6);
	at(5, 5, COMPLETED, 6);
	verdict("thing 7: worked on with other contents");
}

TEST_ONCE(an_empty_history_proves_nothing)
{
	verdict("the history is empty");
}
