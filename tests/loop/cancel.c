/* SPDX-License-Identifier: MIT */
/*
 * cancel.c - tests of threads that are cancelled while their loops run.
 *
 * The wait is the only place where that may happen, so whatever the loop is at
 * when it is cancelled, it leaves no lock held and nothing open.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>
#ifdef __linux__
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#endif
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_loop.h>
#include <iv_signal.h>
#include <iv_thread.h>
#include <iv_wait.h>
#include <iv_work.h>
#include "harness/test.h"

/* What the thread to be cancelled has registered. */
static struct {
	struct iv_fd	fd;
	struct iv_task	churn;
	struct iv_timer	timer;
	struct iv_event	event;
	struct iv_event_raw	raw;
	struct iv_signal	sig;
	struct iv_work_pool	pool;
	struct iv_work_item	item;
	struct iv_wait_interest	child;
} o;

static int fds[2];
static int ready, with_child;

static void ignored(void *unused)
{
	(void)unused;
}

static void child_changed(void *unused, int status, const struct rusage *usage)
{
	(void)unused;
	(void)usage;
	CHECK(WIFEXITED(status));
}

static void leave(void *unused)
{
	(void)unused;
	_exit(0);
}

/* Each turn: all that takes locks, opens, and closes. */
static void churn(void *unused)
{
	(void)unused;
	iv_signal_unregister(&o.sig);
	CHECK_INT(iv_signal_register(&o.sig), ==, 0);
	iv_event_raw_unregister(&o.raw);
	CHECK_INT(iv_event_raw_register(&o.raw), ==, 0);
	iv_event_raw_post(&o.raw);
	iv_fd_unregister(&o.fd);
	iv_fd_register(&o.fd);
	iv_event_unregister(&o.event);
	CHECK_INT(iv_event_register(&o.event), ==, 0);
	iv_event_post(&o.event);
	if (iv_timer_registered(&o.timer))
		return;
	timer_after(&o.timer, 1, churn, NULL);
	iv_timer_register(&o.timer);
}

static void churn_again(void *unused)
{
	churn(unused);
	iv_task_register(&o.churn);
}

static void worked(void *unused)
{
	(void)unused;
	iv_work_pool_submit_work(&o.pool, &o.item);
}

static void register_raw(void)
{
	IV_EVENT_RAW_INIT(&o.raw);
	o.raw.handler = ignored;
	CHECK_INT(iv_event_raw_register(&o.raw), ==, 0);
}

static void register_signal(int signum)
{
	IV_SIGNAL_INIT(&o.sig);
	o.sig.signum = signum;
	o.sig.handler = ignored;
	CHECK_INT(iv_signal_register(&o.sig), ==, 0);
}

static void register_all(void)
{
	IV_FD_INIT(&o.fd);
	o.fd.fd = fds[0];
	o.fd.handler_in = ignored;
	iv_fd_register(&o.fd);
	IV_EVENT_INIT(&o.event);
	o.event.handler = ignored;
	CHECK_INT(iv_event_register(&o.event), ==, 0);
	register_raw();
	register_signal(SIGUSR1);
	IV_TIMER_INIT(&o.timer);
	IV_TASK_INIT(&o.churn);
}

static void start_work(void)
{
	IV_WORK_POOL_INIT(&o.pool);
	o.pool.max_threads = 1;
	CHECK_INT(iv_work_pool_create(&o.pool), ==, 0);
	IV_WORK_ITEM_INIT(&o.item);
	o.item.work = ignored;
	o.item.completion = worked;
	worked(NULL);
}

static void start_child(void)
{
	IV_WAIT_INTEREST_INIT(&o.child);
	o.child.handler = child_changed;
	CHECK_INT(iv_wait_interest_register_spawn(&o.child, leave, NULL), ==,
		  0);
}

static void *run_loop(void *unused)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	iv_init();
	register_all();
	if (with_child) {
		start_work();
		start_child();
	}
	o.churn.handler = churn_again;
	iv_task_register(&o.churn);
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	pthread_setcancelstate(state, &state);
	iv_main();
	return unused;
}

/*
 * AddressSanitizer leaves the frames of a cancelled thread poisoned;
 * ThreadSanitizer no longer counts what it does with atomic variables, not
 * even in a destructor of its own data that takes a lock.
 */
static void require_no_sanitizer(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP("this sanitizer does not follow cancelled threads");
#endif
}

static unsigned random_up_to(unsigned n)
{
	static unsigned seed = 1;

	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

/* Its channel is the program's, as a descriptor would be. */
static void close_raw(void)
{
	close(o.raw.event_rfd.fd);
	if (o.raw.event_wfd != o.raw.event_rfd.fd)
		close(o.raw.event_wfd);
}

/* Comes back when its loop is set up. */
static pthread_t start(void *(*fn)(void *))
{
	pthread_t tid;

	ready = 0;
	CHECK_INT(thread_create(pthread_create, &tid, NULL, fn, NULL), ==, 0);
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		sched_yield();
	return tid;
}

static void cancel_one(int i)
{
	unsigned spins = random_up_to(3000);
	pthread_t tid;
	void *result;

	with_child = i % 8 == 0;
	tid = start(run_loop);
	while (spins-- > 0)
		if (spins % 500 == 0)
			pthread_kill(tid, SIGUSR1);
	CHECK_INT(pthread_cancel(tid), ==, 0);
	/* The wait of a busy loop does not sleep, but is one all the same. */
	pthread_kill(tid, SIGUSR1);
	CHECK_INT(pthread_join(tid, &result), ==, 0);
	CHECK_PTR(result, ==, PTHREAD_CANCELED);
	if (with_child)
		iv_work_pool_put(&o.pool);
	close_raw();
	CHECK_INT(fd_is_open(fds[0]), ==, 1);
}

static void *wait_for_signals(void *unused)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	iv_init();
	register_signal(SIGUSR1);
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	pthread_setcancelstate(cancel, &cancel);
	iv_main();
	return unused;
}

static void cancel_told(unsigned spins)
{
	pthread_t tid = start(wait_for_signals);
	void *result;

	pthread_kill(tid, SIGUSR1);
	while (spins-- > 0)
		__asm__ volatile ("");
	CHECK_INT(pthread_cancel(tid), ==, 0);
	pthread_kill(tid, SIGUSR1);
	CHECK_INT(pthread_join(tid, &result), ==, 0);
	CHECK_PTR(result, ==, PTHREAD_CANCELED);
}

/* All locks of signals and children are free. */
static void use_all(void)
{
	iv_init();
	register_all();
	churn(NULL);
	raise(SIGUSR1);
	start_child();
	quit_after_turns(3);
	iv_main();
	iv_wait_interest_kill(&o.child, SIGKILL);
	iv_wait_interest_unregister(&o.child);
	iv_signal_unregister(&o.sig);
	iv_event_raw_unregister(&o.raw);
	iv_event_unregister(&o.event);
	iv_fd_unregister(&o.fd);
	if (iv_timer_registered(&o.timer))
		iv_timer_unregister(&o.timer);
	iv_deinit();
}

static void reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
}

TEST(loops_are_cancelled_at_any_moment)
{
	int n = time_scale() > 1 ? 30 : 500, i;

	require_no_sanitizer();
	time_limit(120);
	make_socketpair(fds);
	/* One that comes before anybody has registered it. */
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	for (i = 0; i < n; i++)
		cancel_one(i);
	use_all();
	reap_all();
	CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
	close_pair(fds);
}

/*
 * The request may be on its way before the signal handler turns cancellation
 * off, and arrive when it has the lock.
 */
TEST(while_the_signal_handler_runs)
{
	int n = time_scale() > 1 ? 100 : 6000, i;

	require_no_sanitizer();
	time_limit(120);
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	for (i = 0; i < n; i++)
		cancel_told((unsigned)i * 37 % 12000);
	CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

#if defined(__GLIBC__) && defined(SYS_rt_sigprocmask)
/* True of the thread that is cancelled when it asks for this. */
static __thread int doomed;

/* The signal handler does that before all else. */
pid_t getpid(void)
{
	if (doomed) {
		doomed = 0;
		pthread_cancel(pthread_self());
	}
	return (pid_t)syscall(SYS_getpid);
}

static void doom(void *unused)
{
	(void)unused;
	doomed = 1;
	__atomic_store_n(&ready, 2, __ATOMIC_RELEASE);
}

static void *wait_for_doom(void *unused)
{
	struct iv_task task;
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	iv_init();
	register_signal(SIGUSR1);
	IV_TASK_INIT(&task);
	task.handler = doom;
	iv_task_register(&task);
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	pthread_setcancelstate(cancel, &cancel);
	iv_main();
	return unused;
}

/* glibc before 2.41 cancels who permits it again in a wait at once, but without
   the result that says so (pthread_setcancelstate()). */
TEST(who_joins_is_told_so)
{
	pthread_t tid;
	void *result;

	require_no_sanitizer();
	tid = start(wait_for_doom);
	while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) != 2)
		sched_yield();
	CHECK_INT(pthread_kill(tid, SIGUSR1), ==, 0);
	CHECK_INT(pthread_join(tid, &result), ==, 0);
	CHECK_PTR(result, ==, PTHREAD_CANCELED);
}

static void *take_down_when_cancelled(void *unused)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	iv_init();
	register_all();
	start_work();
	pthread_cancel(pthread_self());
	pthread_setcancelstate(state, &state);
	iv_deinit();
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	pthread_testcancel();
	return unused;
}

/* close(2) and the joining of threads would be cancellation points. */
TEST(taken_down_though_there_is_a_request)
{
	pthread_t tid;
	void *result;

	require_no_sanitizer();
	make_pipe(fds);
	tid = start(take_down_when_cancelled);
	CHECK_INT(pthread_join(tid, &result), ==, 0);
	CHECK_PTR(result, ==, PTHREAD_CANCELED);
	close_raw();
	close_pair(fds);
}

#define SIGCANCEL	32		/* glibc's */

static unsigned long long bit(int signum)
{
	return 1ULL << (signum - 1);
}

static int other;	/* signal, that is blocked as well */

/* Both signals that wait are delivered when it returns: first that with the
   lower number, whose handler is then interrupted before it has done anything. */
static void unblock_both(int signum, siginfo_t *info, void *_context)
{
	ucontext_t *context = _context;
	unsigned long long mask;

	(void)signum;
	(void)info;
	memcpy(&mask, &context->uc_sigmask, sizeof(mask));
	mask &= ~(bit(SIGCANCEL) | bit(other));
	memcpy(&context->uc_sigmask, &mask, sizeof(mask));
}

static pid_t blocked_thread;

static void *wait_with_both_blocked(void *unused)
{
	unsigned long long mask = bit(SIGCANCEL) | bit(other);
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	iv_init();
	register_signal(other);
	register_raw();
	CHECK_INT(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL,
			  sizeof(mask)), ==, 0);
	blocked_thread = (pid_t)iv_get_thread_id();
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	pthread_setcancelstate(state, &state);
	iv_main();
	return unused;
}

/* The kernel call that the thread is in; -1: none, or it can't be told. */
static long call_of(pid_t thread)
{
	char name[64];
	long nr = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/syscall", (int)thread);
	f = fopen(name, "r");
	if (f == NULL)
		return -1;
	if (fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	fclose(f);
	return nr;
}

/* A later glibc does not wait there, and needs no request to be handled. */
static void await_call(pid_t thread, long nr)
{
	int n;

	for (n = 0; n < 20000 && call_of(thread) != nr; n++)
		sched_yield();
}

static long call_of_wait(void)
{
	const char *method = iv_poll_method_name();

	if (strcmp(method, "ppoll") == 0)
		return SYS_ppoll;
#ifdef SYS_poll
	if (strcmp(method, "poll") == 0)
		return SYS_poll;
#endif
#ifdef SYS_epoll_wait
	return SYS_epoll_wait;
#else
	return SYS_epoll_pwait;
#endif
}

/* AWAKE: not in the wait any more, but where that ends. */
static void cancel_blocked(int awake)
{
	pthread_t tid = start(wait_with_both_blocked);
	void *result;

	await_call(blocked_thread, call_of_wait());
	CHECK_INT(pthread_cancel(tid), ==, 0);
	if (awake) {
		iv_event_raw_post(&o.raw);
		await_call(blocked_thread, SYS_futex);
	}
	CHECK_INT(pthread_kill(tid, other), ==, 0);
	CHECK_INT(pthread_kill(tid, SIGUSR2), ==, 0);
	CHECK_INT(pthread_join(tid, &result), ==, 0);
	CHECK_PTR(result, ==, PTHREAD_CANCELED);
	close_raw();
}

static void cancel_some_blocked(int signum, int awake, int times)
{
	struct sigaction sa = {
		.sa_sigaction = unblock_both,
		.sa_flags = SA_SIGINFO,
	};

	other = signum;
	CHECK_INT(sigaction(SIGUSR2, &sa, NULL), ==, 0);
	while (times-- > 0)
		cancel_blocked(awake);
	CHECK(signal(SIGUSR2, SIG_DFL) != SIG_ERR);
}

/* The wait waits for the handler of the request, and that one must not wait
   for the wait. */
TEST(a_signal_interrupts_the_handler_of_the_request)
{
	require_no_sanitizer();
	CHECK(signal(SIGRTMIN, SIG_IGN) != SIG_ERR);
	cancel_some_blocked(SIGRTMIN, 1, 5);
	CHECK(signal(SIGRTMIN, SIG_DFL) != SIG_ERR);
}

static void count(void *n)
{
	++*(int *)n;
}

/* What was sent to a thread that ends by it is for other loops, too. */
TEST(the_request_interrupts_the_signal_handler)
{
	struct iv_signal sig;
	int calls = 0, i;

	require_no_sanitizer();
	iv_init();
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.cookie = &calls;
	sig.handler = count;
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	for (i = 1; i <= 3; i++) {
		cancel_some_blocked(SIGUSR1, 0, 1);
		iv_run(IV_RUN_NOWAIT);
		CHECK_INT(calls, ==, i);
	}
	iv_signal_unregister(&sig);
	iv_deinit();
}
#endif
