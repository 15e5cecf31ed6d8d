/* SPDX-License-Identifier: MIT */
/*
 * signal.c - iv_signal.
 */
#include "config.h"
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_list.h>
#include <iv_signal.h>
#include "harness/test.h"

/* ---- Helpers ------------------------------------------------------------------ */

/* The private part is what a caller's memory may hold that was compiled when
   IV_SIGNAL_INIT() did nothing. */
static void set(struct iv_signal *sig, int signum, unsigned flags,
		void (*handler)(void *), void *cookie)
{
	memset(sig, 0xa5, sizeof(*sig));
	sig->signum = signum;
	sig->flags = flags;
	sig->handler = handler;
	sig->cookie = cookie;
}

static void add(struct iv_signal *sig, int signum, unsigned flags,
		void (*handler)(void *), void *cookie)
{
	set(sig, signum, flags, handler, cookie);
	CHECK_INT(iv_signal_register(sig), ==, 0);
}

static void drop(void *sig)
{
	iv_signal_unregister(sig);
}

/* Runs what is due now. */
static void turn(void)
{
	quit_after_turns(2);
	iv_main();
}

static void ignored(int signum)
{
	(void)signum;
}

static void ignored_info(int signum, siginfo_t *info, void *context)
{
	(void)signum;
	(void)info;
	(void)context;
}

static struct sigaction action_of(int signum)
{
	struct sigaction sa;

	CHECK_SYS(sigaction(signum, NULL, &sa));
	return sa;
}

static unsigned count_fds(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 1000; fd++)
		n += (unsigned)fd_is_open(fd);
	return n;
}

/* ---- The handler ------------------------------------------------------------ */

TEST(the_handler_runs_on_the_alternate_stack)
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	CHECK(action_of(SIGUSR1).sa_flags & SA_ONSTACK);
	iv_signal_unregister(&sig);
	iv_deinit();
}

static struct sigaction chained[2];

static void chain(int signum)
{
	chained[signum == SIGUSR1 ? 0 : 1].sa_handler(signum);
}

static void replace(int signum)
{
	struct sigaction sa = { .sa_handler = chain };

	sigemptyset(&sa.sa_mask);
	CHECK_SYS(sigaction(signum, &sa, &chained[signum == SIGUSR1 ? 0 : 1]));
}

static int storm_over;
static pthread_t stormed;

static void *storm(void *unused)
{
	int i;

	for (i = 0; i < 20000; i++)
		pthread_kill(stormed, i % 2 ? SIGUSR1 : SIGUSR2);
	__atomic_store_n(&storm_over, 1, __ATOMIC_RELEASE);
	return unused;
}

/* A program's own handlers call ours while no signal is blocked, so that one
   interrupts another. */
TEST(called_by_handlers_that_block_nothing)
{
	struct tally t = { 0, 0 };
	struct iv_signal usr1, usr2;
	pthread_t tid;

	iv_init();
	add(&usr1, SIGUSR1, 0, tally, &t);
	add(&usr2, SIGUSR2, 0, tally, &t);
	replace(SIGUSR1);
	replace(SIGUSR2);
	stormed = pthread_self();
	storm_over = 0;
	CHECK_INT(thread_create(pthread_create, &tid, NULL, storm, NULL), ==,
		  0);
	while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE))
		turn();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	turn();
	CHECK_INT(t.calls, >, 0);
	CHECK_SYS(sigaction(SIGUSR1, &chained[0], NULL));
	CHECK_SYS(sigaction(SIGUSR2, &chained[1], NULL));
	iv_signal_unregister(&usr1);
	iv_signal_unregister(&usr2);
	iv_deinit();
}

/* ---- Delivery ------------------------------------------------------------------- */

struct dropping {
	struct iv_signal sig;
	unsigned calls;
};

static void drop_and_tally(void *_d)
{
	struct dropping *d = _d;

	d->calls++;
	iv_signal_unregister(&d->sig);
	memset(&d->sig, 0x5a, sizeof(d->sig));
}

/* The loop runs as long as the signal is registered, and no longer. */
TEST(raised_before_the_loop_runs)
{
	struct dropping d = { .calls = 0 };

	iv_init();
	add(&d.sig, SIGUSR1, 0, drop_and_tally, &d);
	raise(SIGUSR1);
	CHECK_INT(d.calls, ==, 0);
	iv_main();
	CHECK_INT(d.calls, ==, 1);
	iv_deinit();
}

static void raise_usr1(void *unused)
{
	(void)unused;
	raise(SIGUSR1);
}

TEST(raised_while_the_loop_runs)
{
	struct dropping d = { .calls = 0 };
	struct iv_timer t;

	iv_init();
	add(&d.sig, SIGUSR1, 0, drop_and_tally, &d);
	timer_after(&t, 1, raise_usr1, NULL);
	iv_timer_register(&t);
	iv_main();
	CHECK_INT(d.calls, ==, 1);
	iv_deinit();
}

static void *kill_usr1(void *unused)
{
	kill(getpid(), SIGUSR1);
	return unused;
}

/* It may be delivered to either thread; one of them sleeps in the kernel. */
TEST(sent_by_another_thread)
{
	struct dropping d = { .calls = 0 };
	pthread_t tid;

	iv_init();
	add(&d.sig, SIGUSR1, 0, drop_and_tally, &d);
	CHECK_INT(pthread_create(&tid, NULL, kill_usr1, NULL), ==, 0);
	iv_main();
	CHECK_INT(d.calls, ==, 1);
	pthread_join(tid, NULL);
	iv_deinit();
}

TEST(signals_are_merged)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, tally, &t);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
}

static unsigned raised;

static void raise_again(void *unused)
{
	(void)unused;
	if (++raised < 3)
		raise(SIGUSR1);
	else
		iv_quit();
}

TEST(a_signal_during_the_callback_causes_another)
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, raise_again, NULL);
	raise(SIGUSR1);
	iv_main();
	CHECK_INT(raised, ==, 3);
	iv_signal_unregister(&sig);
	iv_deinit();
}

static void raise_for_ever(void *unused)
{
	(void)unused;
	raise(SIGUSR1);
}

TEST(a_storm_starves_nobody)
{
	struct iv_signal sig;
	struct iv_timer t;

	iv_init();
	add(&sig, SIGUSR1, 0, raise_for_ever, NULL);
	raise(SIGUSR1);
	timer_after(&t, 1, quit_handler, NULL);
	iv_timer_register(&t);
	iv_main();
	iv_signal_unregister(&sig);
	iv_deinit();
}

TEST(callbacks_run_in_order_of_arrival)
{
	struct iv_signal hup, term, usr;

	iv_init();
	add(&term, SIGTERM, 0, trace, "T");
	add(&usr, SIGUSR1, 0, trace, "U");
	add(&hup, SIGHUP, 0, trace, "H");
	raise(SIGHUP);
	raise(SIGTERM);
	raise(SIGUSR1);
	raise(SIGHUP);
	turn();
	CHECK_STR(traced(), "HTU");
	iv_signal_unregister(&hup);
	iv_signal_unregister(&term);
	iv_signal_unregister(&usr);
	iv_deinit();
}

TEST(every_interest_is_called)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig[5];
	int i;

	iv_init();
	for (i = 0; i < 5; i++)
		add(&sig[i], i == 4 ? SIGUSR2 : SIGUSR1, 0, tally, &t);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 4);
	for (i = 0; i < 5; i++)
		iv_signal_unregister(&sig[i]);
	iv_deinit();
}

#ifdef SIGRTMIN
TEST(real_time_signals)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGRTMIN + 1, 0, tally, &t);
	raise(SIGRTMIN + 1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
}
#endif

TEST(handler_and_cookie_may_change)
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	raise(SIGUSR1);
	sig.handler = trace;
	sig.cookie = "x";
	turn();
	CHECK_STR(traced(), "x");
	iv_signal_unregister(&sig);
	iv_deinit();
}

TEST(quit_in_a_callback)
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, quit_handler, NULL);
	raise(SIGUSR1);
	iv_main();
	iv_signal_unregister(&sig);
	iv_deinit();
}

static jmp_buf outside;

static void leave_by_longjmp(void *label)
{
	trace(label);
	longjmp(outside, 1);
}

/* The others of the same signal have theirs in the next turn. */
TEST(handlers_leave_by_longjmp)
{
	struct iv_signal sigs[3];
	struct tally t = { 0, 1 };

	iv_init();
	add(&sigs[0], SIGUSR1, 0, leave_by_longjmp, "a");
	add(&sigs[1], SIGUSR1, 0, leave_by_longjmp, "a");
	add(&sigs[2], SIGUSR2, 0, tally, &t);
	CHECK_SYS(raise(SIGUSR1));
	CHECK_SYS(raise(SIGUSR2));
	if (setjmp(outside) == 0)
		turn();
	if (setjmp(outside) == 0)
		turn();
	if (setjmp(outside) == 0)
		turn();
	CHECK_STR(traced(), "aa");
	CHECK_INT(t.calls, ==, 1);
	drop(&sigs[0]);
	drop(&sigs[1]);
	drop(&sigs[2]);
	iv_main();
	iv_deinit();
}

static void run_the_loop(void *label)
{
	trace(label);
	turn();
	trace("|");
}

/* They need not wait until it has returned. */
TEST(a_handler_that_runs_the_loop_delays_no_other)
{
	struct iv_signal sigs[2];

	iv_init();
	add(&sigs[0], SIGUSR1, 0, run_the_loop, "a");
	add(&sigs[1], SIGUSR1, 0, run_the_loop, "a");
	CHECK_SYS(raise(SIGUSR1));
	turn();
	CHECK_STR(traced(), "aa||");
	drop(&sigs[0]);
	drop(&sigs[1]);
	iv_main();
	iv_deinit();
}

static void jump_and_leave_a_rest(void *sigs)
{
	drop(sigs);
	drop((struct iv_signal *)sigs + 1);
	longjmp(outside, 1);
}

/* There is nothing left of which there could be a rest. */
TEST(all_are_gone_when_a_handler_leaves_by_longjmp)
{
	struct iv_signal sigs[2];

	iv_init();
	add(&sigs[0], SIGUSR1, 0, jump_and_leave_a_rest, sigs);
	add(&sigs[1], SIGUSR1, 0, jump_and_leave_a_rest, sigs);
	CHECK_SYS(raise(SIGUSR1));
	if (setjmp(outside) == 0)
		turn();
	iv_main();
	iv_deinit();
}

/* It has worked when that did nothing, and there are programs that do it. */
TEST(initialised_once_more_after_registering)
{
	struct tally t = { 0, 1 };
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, tally, &t);
	IV_SIGNAL_INIT(&sig);
	CHECK_SYS(raise(SIGUSR1));
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	IV_SIGNAL_INIT(&sig);
	drop(&sig);
	iv_main();
	iv_deinit();
}

FATAL_TEST(registering_twice_after_initialising_once_more,
	   "is already registered")
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	IV_SIGNAL_INIT(&sig);
	iv_signal_register(&sig);
}

/* Other bits of `flags' are what an INIT that did nothing left there. */
TEST(unknown_flags_mean_nothing)
{
	struct tally t = { 0, 0 };
	struct iv_signal a, b;

	iv_init();
	add(&a, SIGUSR1, ~3u, tally, &t);
	add(&b, SIGUSR1, ~3u, tally, &t);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 2);
	iv_signal_unregister(&a);
	iv_signal_unregister(&b);
	iv_deinit();
}

/* ---- Unregistering -------------------------------------------------------------- */

TEST(unregistering_drops_a_pending_call)
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	raise(SIGUSR1);
	iv_signal_unregister(&sig);
	turn();
	iv_deinit();
}

static struct iv_signal *victims[3];

static void drop_all(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 3; i++) {
		iv_signal_unregister(victims[i]);
		free(victims[i]);
		victims[i] = NULL;
	}
}

/* All three are pending; the first to be called takes them all down. */
TEST(a_callback_unregisters_and_frees_all)
{
	int i;

	iv_init();
	for (i = 0; i < 3; i++) {
		victims[i] = malloc(sizeof(*victims[i]));
		CHECK(victims[i] != NULL);
		add(victims[i], SIGUSR1, 0, drop_all, NULL);
	}
	raise(SIGUSR1);
	iv_main();
	CHECK_PTR(victims[0], ==, NULL);
	iv_deinit();
}

struct again {
	struct iv_signal sig;
	unsigned calls;
};

static void register_again(void *_a)
{
	struct again *a = _a;

	iv_signal_unregister(&a->sig);
	if (++a->calls == 1) {
		CHECK_INT(iv_signal_register(&a->sig), ==, 0);
		raise(SIGUSR1);
	}
}

TEST(registered_again_in_its_callback)
{
	struct again a = { .calls = 0 };

	iv_init();
	add(&a.sig, SIGUSR1, 0, register_again, &a);
	raise(SIGUSR1);
	iv_main();
	CHECK_INT(a.calls, ==, 2);
	iv_deinit();
}

TEST(deinit_lets_go_of_what_is_registered)
{
	struct iv_signal a, b;

	iv_init();
	add(&a, SIGUSR1, 0, never_handler, NULL);
	add(&b, SIGUSR2, IV_SIGNAL_FLAG_THIS_THREAD, never_handler, NULL);
	raise(SIGUSR1);
	iv_deinit();
	CHECK(action_of(SIGUSR1).sa_handler == SIG_DFL);
	CHECK(action_of(SIGUSR2).sa_handler == SIG_DFL);

	iv_init();
	CHECK_INT(iv_signal_register(&a), ==, 0);
	iv_signal_unregister(&a);
	iv_deinit();
}

/* ---- Numbers and descriptors ------------------------------------------------------ */

TEST(bad_numbers_are_refused)
{
	static const int bad[] = {
		-1, 0, NSIG, 65536, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
		SIGILL
	};
	struct tally t = { 0, 0 };
	struct iv_signal sig;
	unsigned i;

	iv_init();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set(&sig, bad[i], 0, never_handler, NULL);
		CHECK_ERRNO(iv_signal_register(&sig), EINVAL);
	}
	add(&sig, SIGUSR1, 0, tally, &t);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
}

#ifdef __GLIBC__
/* The C library keeps this one for itself: sigaction() refuses it. */
TEST(a_number_that_the_system_refuses)
{
	struct iv_signal sig, other[2];

	iv_init();
	set(&sig, 33, 0, never_handler, NULL);
	CHECK_ERRNO(iv_signal_register(&sig), EINVAL);
	iv_main();
	memset(&sig, 0xa5, sizeof(sig));
	add(&other[0], SIGRTMIN + 1, 0, trace, "m");
	add(&other[1], SIGUSR1, 0, trace, "1");
	raise(SIGRTMIN + 1);
	raise(SIGUSR1);
	turn();
	CHECK_STR(traced(), "m1");
	iv_signal_unregister(&other[0]);
	iv_signal_unregister(&other[1]);
	iv_deinit();
}
#endif

TEST(without_descriptors)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;

	iv_init();
	leave_fds(0);
	set(&sig, SIGUSR1, 0, tally, &t);
	CHECK_ERRNO(iv_signal_register(&sig), EMFILE);
	CHECK(action_of(SIGUSR1).sa_handler == SIG_DFL);
	iv_main();
	restore_fds();
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
}

TEST(one_channel_for_all_signals_of_a_thread)
{
	struct iv_signal first, sig[20];
	unsigned before;
	int i;

	iv_init();
	add(&first, SIGUSR1, 0, never_handler, NULL);
	before = count_fds();
	for (i = 0; i < 20; i++)
		add(&sig[i], i % 2 ? SIGUSR1 : SIGUSR2, i % 4, never_handler,
		    NULL);
	CHECK_INT(count_fds(), ==, before);
	for (i = 0; i < 20; i++)
		iv_signal_unregister(&sig[i]);
	iv_signal_unregister(&first);
	iv_deinit();
}

/* ---- Dispositions and masks --------------------------------------------------------- */

TEST_ONCE(the_handler_restarts_calls_and_blocks_all)
{
	struct iv_signal sig;
	struct sigaction sa;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	sa = action_of(SIGUSR1);
	CHECK(sa.sa_flags & SA_RESTART);
	CHECK_INT(sigismember(&sa.sa_mask, SIGUSR2), ==, 1);
	CHECK_INT(sigismember(&sa.sa_mask, SIGCHLD), ==, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
}

TEST_ONCE(the_old_disposition_returns)
{
	struct sigaction old = { .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct iv_signal a, b;

	old.sa_sigaction = ignored_info;
	sigemptyset(&old.sa_mask);
	sigaddset(&old.sa_mask, SIGUSR2);
	CHECK_SYS(sigaction(SIGUSR1, &old, NULL));
	signal(SIGHUP, SIG_IGN);

	iv_init();
	add(&a, SIGUSR1, 0, never_handler, NULL);
	add(&b, SIGUSR1, 0, never_handler, NULL);
	iv_signal_unregister(&a);
	CHECK(action_of(SIGUSR1).sa_sigaction != ignored_info);
	iv_signal_unregister(&b);
	CHECK(action_of(SIGUSR1).sa_sigaction == ignored_info);
	CHECK_INT(action_of(SIGUSR1).sa_flags & (SA_SIGINFO | SA_NODEFER), ==,
		  SA_SIGINFO | SA_NODEFER);
	old = action_of(SIGUSR1);
	CHECK_INT(sigismember(&old.sa_mask, SIGUSR2), ==, 1);
	CHECK_INT(sigismember(&old.sa_mask, SIGHUP), ==, 0);

	add(&a, SIGHUP, 0, never_handler, NULL);
	iv_signal_unregister(&a);
	CHECK(action_of(SIGHUP).sa_handler == SIG_IGN);
	iv_deinit();
	signal(SIGUSR1, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

TEST_ONCE(the_handler_of_a_successor_stays)
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	signal(SIGUSR1, ignored);
	iv_signal_unregister(&sig);
	CHECK(action_of(SIGUSR1).sa_handler == ignored);
	iv_deinit();
	signal(SIGUSR1, SIG_DFL);
}

TEST(a_blocked_signal_waits)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &set, NULL), ==, 0);
	iv_init();
	add(&sig, SIGUSR1, 0, tally, &t);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 0);
	CHECK_INT(pthread_sigmask(SIG_UNBLOCK, &set, NULL), ==, 0);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
}

static void check_errno_kept(void)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, tally, &t);
	errno = 12345;
	raise(SIGUSR1);
	CHECK_INT(errno, ==, 12345);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
}

TEST(the_handler_keeps_errno)
{
	check_errno_kept();
}

#ifdef SYS_eventfd2
TEST(without_eventfd)
{
	deny_syscall(SYS_eventfd2, ENOSYS);
	check_errno_kept();
}
#endif

/* ---- EXCLUSIVE --------------------------------------------------------------------- */

#define EXCL	IV_SIGNAL_FLAG_EXCLUSIVE
#define HERE	IV_SIGNAL_FLAG_THIS_THREAD

TEST(an_exclusive_interest_hides_the_others)
{
	struct iv_signal sig[3];

	iv_init();
	add(&sig[0], SIGINT, 0, trace, "a");
	add(&sig[1], SIGINT, EXCL, trace, "B");
	add(&sig[2], SIGINT, 0, trace, "c");
	raise(SIGINT);
	turn();
	CHECK_STR(traced(), "B");
	iv_signal_unregister(&sig[1]);
	raise(SIGINT);
	turn();
	CHECK_STR(traced(), "ac");
	iv_signal_unregister(&sig[0]);
	iv_signal_unregister(&sig[2]);
	iv_deinit();
}

TEST(of_exclusive_interests_the_lowest_is_called)
{
	struct iv_signal sig[3];

	iv_init();
	add(&sig[2], SIGINT, EXCL, trace, "C");
	add(&sig[1], SIGINT, EXCL, trace, "B");
	add(&sig[0], SIGUSR1, EXCL, trace, "A");
	raise(SIGINT);
	turn();
	CHECK_STR(traced(), "B");
	iv_signal_unregister(&sig[1]);
	raise(SIGINT);
	turn();
	CHECK_STR(traced(), "C");
	iv_signal_unregister(&sig[0]);
	iv_signal_unregister(&sig[2]);
	iv_deinit();
}

TEST(a_call_is_handed_over)
{
	struct iv_signal sig[3];

	iv_init();
	add(&sig[0], SIGINT, EXCL, never_handler, NULL);
	add(&sig[1], SIGINT, EXCL, never_handler, NULL);
	add(&sig[2], SIGINT, 0, trace, "c");
	raise(SIGINT);
	iv_signal_unregister(&sig[0]);
	iv_signal_unregister(&sig[1]);
	turn();
	CHECK_STR(traced(), "c");
	iv_signal_unregister(&sig[2]);
	iv_deinit();
}

/* One that has had its call, or was not due, hands nothing over. */
TEST(nothing_is_handed_over_without_a_call)
{
	struct iv_signal sig[2];

	iv_init();
	add(&sig[0], SIGINT, EXCL, trace, "A");
	add(&sig[1], SIGINT, 0, never_handler, NULL);
	raise(SIGINT);
	turn();
	iv_signal_unregister(&sig[0]);
	turn();
	CHECK_STR(traced(), "A");

	sig[1].handler = trace;
	sig[1].cookie = "b";
	add(&sig[0], SIGINT, 0, never_handler, NULL);
	raise(SIGINT);
	iv_signal_unregister(&sig[0]);
	turn();
	CHECK_STR(traced(), "b");
	iv_signal_unregister(&sig[1]);
	iv_deinit();
}

static void drop_other(void *other)
{
	trace("x");
	iv_signal_unregister(other);
}

/* Both are due; the first to be called drops the other. */
TEST(a_plain_interest_hands_nothing_over)
{
	struct iv_signal sig[2];

	iv_init();
	add(&sig[0], SIGINT, 0, drop_other, &sig[1]);
	add(&sig[1], SIGINT, 0, never_handler, NULL);
	raise(SIGINT);
	turn();
	turn();
	CHECK_STR(traced(), "x");
	iv_signal_unregister(&sig[0]);
	iv_deinit();
}

/* ---- Threads -------------------------------------------------------------------------- */

struct listener {
	struct loop_thread *thread;
	pthread_t tid;
	struct iv_signal shared, here;
	int has_here;
	unsigned shared_calls, here_calls;
	struct iv_event *done;
};

static void count(struct listener *l, unsigned *n)
{
	CHECK(pthread_equal(pthread_self(), l->tid));
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
	iv_event_post(l->done);
}

static void shared_called(void *_l)
{
	struct listener *l = _l;

	count(l, &l->shared_calls);
}

static void here_called(void *_l)
{
	struct listener *l = _l;

	count(l, &l->here_calls);
}

static void listener_setup(void *_l)
{
	struct listener *l = _l;

	l->tid = pthread_self();
	add(&l->shared, SIGUSR1, 0, shared_called, l);
	if (l->has_here)
		add(&l->here, SIGUSR1, HERE, here_called, l);
}

static void listener_teardown(void *_l)
{
	struct listener *l = _l;

	iv_signal_unregister(&l->shared);
	if (l->has_here)
		iv_signal_unregister(&l->here);
}

static unsigned calls(const unsigned *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

static struct listener listeners[2];

static void both_shared(void *unused)
{
	(void)unused;
	if (calls(&listeners[0].shared_calls) &&
	    calls(&listeners[1].shared_calls))
		iv_quit();
}

static void start_listeners(struct iv_event *done)
{
	int i;

	for (i = 0; i < 2; i++) {
		listeners[i].done = done;
		listeners[i].thread =
			loop_thread_start(listener_setup, listener_teardown,
					  &listeners[i]);
	}
}

static void stop_listeners(void)
{
	loop_thread_stop(listeners[0].thread);
	loop_thread_stop(listeners[1].thread);
}

TEST(every_thread_is_called_in_its_own_loop)
{
	struct iv_event done = { .handler = both_shared };

	iv_init();
	CHECK_INT(iv_event_register(&done), ==, 0);
	start_listeners(&done);
	raise(SIGUSR1);
	iv_main();
	stop_listeners();
	CHECK_INT(listeners[0].shared_calls, ==, 1);
	CHECK_INT(listeners[1].shared_calls, ==, 1);
	iv_event_unregister(&done);
	iv_deinit();
}

/* The shared interests, those of the first thread as well, are called only
   when the signal finds a thread without an interest of its own. */
TEST(this_thread_hides_the_signal_from_the_process)
{
	struct iv_event done = { .handler = quit_handler };

	iv_init();
	CHECK_INT(iv_event_register(&done), ==, 0);
	listeners[0].has_here = 1;
	start_listeners(&done);
	CHECK_INT(pthread_kill(listeners[0].tid, SIGUSR1), ==, 0);
	iv_main();
	loop_thread_call(listeners[0].thread, trace, "");
	loop_thread_call(listeners[1].thread, trace, "");
	CHECK_INT(calls(&listeners[0].here_calls), ==, 1);
	CHECK_INT(calls(&listeners[0].shared_calls), ==, 0);
	CHECK_INT(calls(&listeners[1].shared_calls), ==, 0);

	done.handler = both_shared;
	CHECK_INT(pthread_kill(listeners[1].tid, SIGUSR1), ==, 0);
	iv_main();
	stop_listeners();
	CHECK_INT(listeners[0].here_calls, ==, 1);
	CHECK_INT(listeners[0].shared_calls, ==, 1);
	CHECK_INT(listeners[1].shared_calls, ==, 1);
	iv_event_unregister(&done);
	iv_deinit();
}

static void *raise_in_thread(void *unused)
{
	raise(SIGUSR1);
	return unused;
}

/* Nobody else is interested: then it is lost. */
TEST(this_thread_ignores_the_signals_of_others)
{
	struct iv_signal sig;
	pthread_t tid;

	iv_init();
	add(&sig, SIGUSR1, HERE, never_handler, NULL);
	CHECK_INT(pthread_create(&tid, NULL, raise_in_thread, NULL), ==, 0);
	pthread_join(tid, NULL);
	turn();
	iv_signal_unregister(&sig);
	iv_deinit();
}

TEST(this_thread_has_its_own_exclusive_order)
{
	struct iv_signal sig[4];

	iv_init();
	add(&sig[0], SIGUSR1, EXCL, never_handler, NULL);
	add(&sig[1], SIGUSR1, HERE, trace, "b");
	add(&sig[2], SIGUSR1, HERE | EXCL, trace, "C");
	add(&sig[3], SIGUSR1, HERE, trace, "d");
	raise(SIGUSR1);
	turn();
	CHECK_STR(traced(), "C");
	iv_signal_unregister(&sig[2]);
	raise(SIGUSR1);
	turn();
	CHECK_STR(traced(), "bd");
	iv_signal_unregister(&sig[0]);
	iv_signal_unregister(&sig[1]);
	iv_signal_unregister(&sig[3]);
	iv_deinit();
}

TEST(this_thread_hands_over_to_the_process)
{
	struct iv_signal sig[2];

	iv_init();
	add(&sig[0], SIGUSR1, 0, trace, "a");
	add(&sig[1], SIGUSR1, HERE | EXCL, never_handler, NULL);
	raise(SIGUSR1);
	iv_signal_unregister(&sig[1]);
	turn();
	CHECK_STR(traced(), "a");
	iv_signal_unregister(&sig[0]);
	iv_deinit();
}

TEST(delivered_to_a_thread_without_a_loop)
{
	struct dropping d = { .calls = 0 };
	pthread_t tid;

	iv_init();
	add(&d.sig, SIGUSR1, 0, drop_and_tally, &d);
	CHECK_INT(pthread_create(&tid, NULL, raise_in_thread, NULL), ==, 0);
	iv_main();
	CHECK_INT(d.calls, ==, 1);
	pthread_join(tid, NULL);
	iv_deinit();
}

/* Signals find threads in the middle of iv_init() and iv_deinit(). */
static void *init_and_deinit(void *_stop)
{
	const int *stop = _stop;
	struct iv_signal sig;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		iv_init();
		add(&sig, SIGUSR1, HERE, trace, "");
		iv_signal_unregister(&sig);
		add(&sig, SIGUSR2, 0, trace, "");
		iv_deinit();
	}
	return NULL;
}

#define SENDERS	3
#define SIGNALS	3000

static unsigned sent, seen;

static void *send_many(void *victim)
{
	int i;

	for (i = 0; i < SIGNALS; i++) {
		__atomic_fetch_add(&sent, 1, __ATOMIC_SEQ_CST);
		if (i % 3 == 0)
			pthread_kill(*(pthread_t *)victim, SIGUSR2);
		kill(getpid(), SIGUSR2);
	}
	return NULL;
}

static void look(void *unused)
{
	(void)unused;
	seen = __atomic_load_n(&sent, __ATOMIC_SEQ_CST);
	if (seen == SENDERS * SIGNALS)
		iv_quit();
}

/* After the last signal there is a call; the rest is for sanitizers. */
TEST(a_storm_with_threads_loses_nothing)
{
	pthread_t senders[SENDERS], victim;
	struct iv_signal sig;
	int i, stop = 0;

	time_limit(60);
	signal(SIGUSR1, SIG_IGN);
	iv_init();
	add(&sig, SIGUSR2, 0, look, NULL);
	CHECK_INT(pthread_create(&victim, NULL, init_and_deinit, &stop), ==, 0);
	for (i = 0; i < SENDERS; i++)
		CHECK_INT(pthread_create(&senders[i], NULL, send_many, &victim),
			  ==, 0);
	iv_main();
	CHECK_INT(seen, ==, SENDERS * SIGNALS);
	for (i = 0; i < SENDERS; i++)
		pthread_join(senders[i], NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(victim, NULL);
	iv_signal_unregister(&sig);
	iv_deinit();
	signal(SIGUSR1, SIG_DFL);
}

/* ---- Fork ----------------------------------------------------------------------------- */

static struct iv_signal usr1, usr2, hup;

static void add_three(void)
{
	signal(SIGHUP, SIG_IGN);
	add(&usr1, SIGUSR1, 0, never_handler, "usr1");
	add(&usr2, SIGUSR2, 0, never_handler, "usr2");
	add(&hup, SIGHUP, 0, never_handler, "hup");
}

static void drop_three(void)
{
	iv_signal_unregister(&usr1);
	iv_signal_unregister(&usr2);
	iv_signal_unregister(&hup);
	CHECK(action_of(SIGHUP).sa_handler == SIG_IGN);
	signal(SIGHUP, SIG_DFL);
}

static void child_raises(void *unused)
{
	(void)unused;
	raise(SIGUSR1);
	turn();
}

TEST(a_signal_in_a_child_does_nothing)
{
	iv_init();
	add_three();
	reap_child(fork_child(child_raises, NULL));
	turn();
	drop_three();
	iv_deinit();
}

/* The object was registered in the parent; in the child it is new. */
static void child_registers(void *unused)
{
	struct tally t = { 0, 0 };

	(void)unused;
	iv_init();
	usr1.handler = tally;
	usr1.cookie = &t;
	CHECK_INT(iv_signal_register(&usr1), ==, 0);
	CHECK(action_of(SIGUSR2).sa_handler == SIG_DFL);
	CHECK(action_of(SIGHUP).sa_handler == SIG_IGN);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&usr1);
	CHECK(action_of(SIGUSR1).sa_handler == SIG_DFL);
	iv_deinit();
}

TEST(a_child_starts_anew)
{
	struct tally t = { 0, 0 };

	iv_init();
	add_three();
	reap_child(fork_child(child_registers, NULL));
	usr1.handler = tally;
	usr1.cookie = &t;
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	drop_three();
	iv_deinit();
}

/* It goes on with the inherited loop instead. */
static void child_goes_on(void *unused)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;

	(void)unused;
	add(&sig, SIGUSR1, 0, tally, &t);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&usr1);
	iv_signal_unregister(&usr2);
	iv_signal_unregister(&hup);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 2);
	iv_signal_unregister(&sig);
	CHECK(action_of(SIGUSR1).sa_handler == SIG_DFL);
	iv_main();
	iv_deinit();
}

static void child_drops(void *unused)
{
	(void)unused;
	iv_signal_unregister(&usr1);
	iv_signal_unregister(&usr2);
	iv_signal_unregister(&hup);
	iv_main();
	iv_deinit();
}

static void add_usr2(void *sig)
{
	add(sig, SIGUSR2, 0, trace, "");
}

/* By the time it gives up the loop, the inherited interests are void. */
static void child_lets_go(void *unused)
{
	struct iv_signal sig;
	struct loop_thread *t = loop_thread_start(NULL, NULL, NULL);

	(void)unused;
	loop_thread_call(t, add_usr2, &sig);
	iv_deinit();
	CHECK(action_of(SIGUSR1).sa_handler == SIG_DFL);
	CHECK(action_of(SIGUSR2).sa_handler != SIG_DFL);
	loop_thread_call(t, drop, &sig);
	CHECK(action_of(SIGUSR2).sa_handler == SIG_DFL);
	loop_thread_stop(t);
}

TEST(a_child_lets_go_of_the_loop)
{
	iv_init();
	add_three();
	reap_child(fork_child(child_lets_go, NULL));
	drop_three();
	iv_deinit();
}

TEST(a_child_goes_on_with_the_loop)
{
	struct tally t = { 0, 0 };

	iv_init();
	add_three();
	reap_child(fork_child(child_goes_on, NULL));
	reap_child(fork_child(child_drops, NULL));
	usr1.handler = tally;
	usr1.cookie = &t;
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	drop_three();
	iv_deinit();
}

static void *keep_changing(void *_stop)
{
	const int *stop = _stop;
	struct iv_signal sig;

	iv_init();
	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		add(&sig, SIGUSR1, 0, trace, "");
		iv_signal_unregister(&sig);
	}
	iv_deinit();
	return NULL;
}

static void child_registers_another(void *unused)
{
	struct iv_signal sig;

	(void)unused;
	iv_init();
	add(&sig, SIGUSR2, 0, never_handler, NULL);
	iv_signal_unregister(&sig);
	iv_deinit();
	/* Checkers take what was the other thread's for leaks. */
	execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
}

/* Whatever locks the thread holds, they are free in the child. */
/* The parent's wake-up must be left for the parent. */
static void child_runs(void *go)
{
	char c;

	CHECK_INT(read(*(int *)go, &c, 1), ==, 1);
	turn();
	turn();
	iv_deinit();
}

TEST(a_child_takes_no_call_away)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;
	int go[2];
	pid_t pid;

	iv_init();
	make_pipe(go);
	add(&sig, SIGUSR1, 0, tally, &t);
	pid = fork_child(child_runs, &go[0]);
	raise(SIGUSR1);
	CHECK_INT(write(go[1], "x", 1), ==, 1);
	reap_child(pid);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
	close_pair(go);
}

TEST_ONCE(forked_while_a_thread_registers)
{
	int i, stop = 0;
	pthread_t tid;

	iv_init();
	CHECK_INT(pthread_create(&tid, NULL, keep_changing, &stop), ==, 0);
	for (i = 0; i < 50; i++)
		reap_child(fork_child(child_registers_another, NULL));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(tid, NULL);
	iv_deinit();
}

/* ---- Misuse ----------------------------------------------------------------------------- */

FATAL_TEST(initialised_and_registered_again, "is already registered")
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	IV_SIGNAL_INIT(&sig);
	iv_signal_register(&sig);
}

/* It did nothing once, and there are programs that call it too late. */
TEST(initialised_after_it_was_registered)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, tally, &t);
	IV_SIGNAL_INIT(&sig);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	iv_main();
	iv_deinit();
}

FATAL_TEST(registering_twice, "iv_signal_register: iv_signal ")
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	iv_signal_register(&sig);
}

FATAL_TEST_ONCE(registering_twice_says_so, "is already registered")
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	sig.signum = SIGUSR2;
	iv_signal_register(&sig);
}

FATAL_TEST_ONCE(unregistering_twice, "is not registered")
{
	struct iv_signal sig;

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	iv_signal_unregister(&sig);
	iv_signal_unregister(&sig);
}

FATAL_TEST_ONCE(unregistering_garbage,
		"iv_signal_unregister: iv_signal ")
{
	struct iv_signal sig;

	iv_init();
	set(&sig, SIGUSR1, 0, never_handler, NULL);
	iv_signal_unregister(&sig);
}

FATAL_TEST_ONCE(unregistering_a_bad_number, "there is no signal 65536")
{
	struct iv_signal sig;

	iv_init();
	set(&sig, 65536, 0, never_handler, NULL);
	iv_signal_unregister(&sig);
}

FATAL_TEST_ONCE(unregistering_a_negative_number, "there is no signal -1")
{
	struct iv_signal sig;

	iv_init();
	set(&sig, -1, 0, never_handler, NULL);
	iv_signal_unregister(&sig);
}

FATAL_TEST_ONCE(unregistering_in_another_thread, "belongs to another thread")
{
	struct iv_signal sig;
	struct loop_thread *t = loop_thread_start(NULL, NULL, NULL);

	iv_init();
	add(&sig, SIGUSR1, 0, never_handler, NULL);
	loop_thread_call(t, drop, &sig);
}

FATAL_TEST_ONCE(without_a_handler, "has no handler")
{
	struct iv_signal sig;

	iv_init();
	set(&sig, SIGUSR1, 0, NULL, NULL);
	iv_signal_register(&sig);
}

FATAL_TEST_ONCE(without_a_loop, "iv_signal_register: call iv_init()")
{
	struct iv_signal sig;

	set(&sig, SIGUSR1, 0, never_handler, NULL);
	iv_signal_register(&sig);
}

FATAL_TEST_ONCE(register_null,
		"iv_signal_register: the struct iv_signal pointer is NULL")
{
	iv_init();
	iv_signal_register(NULL);
}

FATAL_TEST_ONCE(unregister_null,
		"iv_signal_unregister: the struct iv_signal pointer is NULL")
{
	iv_init();
	iv_signal_unregister(NULL);
}
