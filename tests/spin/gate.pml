/* SPDX-License-Identifier: MIT */
/*
 * gate.pml - nobody is half-way when the kernel copies the memory.
 *
 * Of lib/sys/sys.h: ivi_gate_enter ivi_gate_leave
 * Of lib/sys/fork.c: ivi_gate_wait shut open_again ivi_gate_drain
 *
 * Three threads go in and out of the gate; one marks and pushes inside.  One
 * thread forks, and with INSIDE is itself half-way then, in a signal handler;
 * one drains, as when a loop is taken down.  Two threads share a counter.  At
 * the moment of the fork nobody else has marked what is not pushed; drain()
 * returns after all who were inside when it began; nobody waits for ever.
 *
 * That who comes waits for a second only is left out.
 *
 * Check: PLAIN
 * Check: INSIDE
 * Refute: PLAIN NO_SECOND_LOOK
 * Refute: PLAIN LOOK_FIRST
 * Refute: PLAIN FORK_DOES_NOT_WAIT
 * Refute: PLAIN STAYS_SHUT
 * Refute: PLAIN WAITS_INSIDE
 * Refute: INSIDE WAITS_FOR_ITSELF
 */
#define THREADS	3
#define ROUNDS	2
#define COUNTER(t)	((t) / 2)	/* the forker's is 0, too */

byte inside[2];
byte gates_shut;
bit half[THREADS];		/* marked, and not pushed */
byte begun[THREADS], done[THREADS];

inline enter(t)
{
#ifdef LOOK_FIRST
	gates_shut == 0;
	inside[COUNTER(t)]++;
#else
	inside[COUNTER(t)]++;
#ifndef NO_SECOND_LOOK
	do
	:: atomic { gates_shut == 0 -> break }
	:: atomic { gates_shut != 0 -> skip };
#ifndef WAITS_INSIDE
		inside[COUNTER(t)]--;
#endif
		gates_shut == 0;
#ifndef WAITS_INSIDE
		inside[COUNTER(t)]++
#endif
	od
#endif
#endif
}

proctype thread(byte t)
{
	byte i;

	for (i : 1 .. ROUNDS) {
		enter(t);
		atomic { half[t] = 1; begun[t]++ };
		atomic { half[t] = 0; done[t]++ };
		inside[COUNTER(t)]--
	}
}

#ifdef INSIDE
#define OWN	1
#else
#define OWN	0
#endif

inline shut(own)
{
	gates_shut++;
	inside[0] <= own;
	inside[1] == 0
}

proctype drainer()
{
	byte was;

	was = begun[1];
	shut(0);
	assert(done[1] >= was);
	gates_shut--
}

active proctype forker()
{
#ifdef INSIDE
	inside[0]++;
#endif
	atomic {
		run thread(0); run thread(1); run thread(2);
#ifndef INSIDE
		run drainer()
#endif
	};
#ifdef FORK_DOES_NOT_WAIT
	gates_shut++;
#else
#ifdef WAITS_FOR_ITSELF
	shut(0);
#else
	shut(OWN);
#endif
#endif
	/* fork(2) */
	d_step { assert(!half[0] && !half[1] && !half[2]) };
#ifndef STAYS_SHUT
	gates_shut--;
#endif
#ifdef INSIDE
	inside[0]--
#else
	skip
#endif
}
