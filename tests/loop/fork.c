/* SPDX-License-Identifier: MIT */
/*
 * fork.c - tests of loops in a process that forks.  The child may start a
 * loop of its own or go on with the one it has inherited; neither may be
 * noticed in the parent, whose kernel objects the child has inherited, too.
 */
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <iv_event.h>
#include <iv_signal.h>
#include <iv_thread.h>
#include <iv_work.h>
#include "harness/test.h"

/* ---- A loop with one object of each kind ------------------------------------ */

static struct iv_timer timer;
static struct iv_task task;
static struct iv_event event;
static struct iv_fd fd;
static int fds[2];
static unsigned seen;

enum { TIMER = 1, TASK = 2, EVENT = 4, FD = 8, ALL = 15 };

static void got(unsigned what)
{
	CHECK_INT(seen & what, ==, 0);
	seen |= what;
	if (seen == ALL)
		iv_quit();
}

static void got_timer(void *unused)
{
	(void)unused;
	got(TIMER);
}

static void got_task(void *unused)
{
	(void)unused;
	got(TASK);
}

static void got_event(void *unused)
{
	(void)unused;
	got(EVENT);
}

static void got_fd(void *unused)
{
	char c;

	(void)unused;
	CHECK_INT(read(fds[0], &c, 1), ==, 1);
	got(FD);
}

static void register_all(void)
{
	make_socketpair(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = got_fd;
	iv_fd_register(&fd);
	IV_EVENT_INIT(&event);
	event.handler = got_event;
	CHECK_INT(iv_event_register(&event), ==, 0);
	IV_TASK_INIT(&task);
	task.handler = got_task;
	IV_TIMER_INIT(&timer);
}

static void unregister_all(void)
{
	iv_fd_unregister(&fd);
	iv_event_unregister(&event);
	close_pair(fds);
}

static sem_t post_now;

static void *post_from_a_thread(void *unused)
{
	while (sem_wait(&post_now) < 0)
		;
	iv_event_post(&event);
	return unused;
}

static void let_post(void *unused)
{
	(void)unused;
	CHECK_SYS(sem_post(&post_now));
	got(TIMER);
}

/* Everything still works: the post comes while the loop sleeps, or is about
   to. */
static void exercise(void)
{
	pthread_t tid;

	seen = 0;
	sem_init(&post_now, 0, 0);
	CHECK_INT(pthread_create(&tid, NULL, post_from_a_thread, NULL), ==, 0);
	iv_invalidate_now();
	timer_after(&timer, 2, let_post, NULL);
	iv_timer_register(&timer);
	iv_task_register(&task);
	poke(fds[1]);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	sem_destroy(&post_now);
	CHECK_INT(seen, ==, ALL);
}

/* The same, without a thread. */
static void exercise_alone(void)
{
	seen = 0;
	iv_invalidate_now();
	timer_after(&timer, 1, got_timer, NULL);
	iv_timer_register(&timer);
	iv_task_register(&task);
	iv_event_post(&event);
	poke(fds[1]);
	iv_main();
	CHECK_INT(seen, ==, ALL);
}

static void begin(void)
{
	iv_init();
	register_all();
	exercise_alone();
}

static void end(void)
{
	exercise();
	unregister_all();
	iv_deinit();
}

static void in_child(void (*fn)(void *))
{
	reap_child(fork_child(fn, NULL));
}

static void unregister_only(void *unused)
{
	(void)unused;
	iv_fd_unregister(&fd);
	iv_event_unregister(&event);
}

/* ---- What the child does ------------------------------------------------------- */

static void nothing(void *unused)
{
	(void)unused;
}

TEST(the_child_does_nothing)
{
	begin();
	in_child(nothing);
	exercise_alone();
	in_child(nothing);
	end();
}

static void fresh_loop(void *unused)
{
	(void)unused;
	CHECK_INT(iv_inited(), ==, 1);
	iv_init();
	CHECK_INT(iv_inited(), ==, 1);
	close_pair(fds);
	register_all();
	exercise();
	unregister_all();
	iv_deinit();
	CHECK_INT(iv_inited(), ==, 0);
}

static unsigned open_fds(void)
{
	unsigned n = 0;
	int i;

	for (i = 0; i < 200; i++)
		n += (unsigned)fd_is_open(i);
	return n;
}

static void close_inherited(void *_fds)
{
	iv_init();
	iv_deinit();
	close_pair(fds);
	CHECK_INT(open_fds(), ==, *(unsigned *)_fds);
}

/* What the inherited loop had opened is closed, and only in the child. */
TEST(a_fresh_loop_gives_the_inherited_one_up)
{
	unsigned n = open_fds();

	begin();
	reap_child(fork_child(close_inherited, &n));
	end();
}

TEST(the_child_starts_a_fresh_loop)
{
	begin();
	in_child(fresh_loop);
	exercise_alone();
	in_child(fresh_loop);
	end();
}

/* On its own descriptors: those it has inherited are shared. */
static void go_on(void *unused)
{
	(void)unused;
	iv_fd_unregister(&fd);
	close_pair(fds);
	make_socketpair(fds);
	fd.fd = fds[0];
	iv_fd_register(&fd);
	exercise();
	exercise_alone();
	unregister_all();
	iv_deinit();
}

TEST(the_child_goes_on_with_the_inherited_loop)
{
	begin();
	in_child(go_on);
	exercise_alone();
	in_child(go_on);
	end();
}

static void go_on_with_everything(void *unused)
{
	(void)unused;
	exercise();
	unregister_all();
	iv_deinit();
}

/* The parent waits meanwhile, so they do not compete for the pipe's bytes. */
TEST(the_child_goes_on_with_the_inherited_descriptor)
{
	begin();
	in_child(go_on_with_everything);
	exercise_alone();
	in_child(go_on_with_everything);
	end();
}

static void take_down(void *unused)
{
	(void)unused;
	unregister_all();
	iv_deinit();
	CHECK_INT(iv_inited(), ==, 0);
}

TEST(the_child_takes_everything_down)
{
	begin();
	in_child(take_down);
	exercise_alone();
	in_child(take_down);
	end();
}

static void only_deinit(void *unused)
{
	(void)unused;
	iv_deinit();
}

TEST(the_child_just_calls_iv_deinit)
{
	begin();
	in_child(only_deinit);
	end();
}

/* What the child posts to the inherited event stays in the child. */
static void post_here(void *unused)
{
	(void)unused;
	iv_event_post(&event);
	seen = 0;
	event.handler = quit_handler;
	iv_main();
}

TEST(a_post_in_the_child_is_the_childs)
{
	begin();
	in_child(post_here);
	event.handler = never_handler;
	quit_after_turns(5);
	iv_main();
	event.handler = got_event;
	end();
}

/* The wake-up channel, if it were shared, could swallow this. */
static void sleep_with_the_inherited_event(void *unused)
{
	(void)unused;
	iv_fd_unregister(&fd);
	timer_after(&timer, 20, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
}

TEST(the_child_sleeps_while_the_parent_is_posted_to)
{
	pid_t pid;

	begin();
	pid = fork_child(sleep_with_the_inherited_event, NULL);
	exercise();
	exercise();
	reap_child(pid);
	end();
}

static void fork_again(void *unused)
{
	fresh_loop(unused);
	begin();
	in_child(fresh_loop);
	in_child(go_on);
	end();
}

TEST(a_child_of_the_child)
{
	begin();
	in_child(fork_again);
	end();
}

/* ---- When it forks ---------------------------------------------------------------- */

static void fork_in_handler(void *_fn)
{
	in_child((void (*)(void *))_fn);
	iv_quit();
}

static void fork_in_each_handler(void (*fn)(void *))
{
	struct iv_timer tm;
	struct iv_task tk;
	struct iv_event ev;
	struct iv_fd watch;
	int more[2];

	begin();

	timer_after(&tm, 0, fork_in_handler, (void *)fn);
	iv_timer_register(&tm);
	iv_main();

	IV_TASK_INIT(&tk);
	tk.handler = fork_in_handler;
	tk.cookie = (void *)fn;
	iv_task_register(&tk);
	iv_main();

	IV_EVENT_INIT(&ev);
	ev.handler = fork_in_handler;
	ev.cookie = (void *)fn;
	CHECK_INT(iv_event_register(&ev), ==, 0);
	iv_event_post(&ev);
	iv_main();
	iv_event_unregister(&ev);

	make_pipe(more);
	poke(more[1]);
	IV_FD_INIT(&watch);
	watch.fd = more[0];
	watch.handler_in = fork_in_handler;
	watch.cookie = (void *)fn;
	iv_fd_register(&watch);
	iv_main();
	iv_fd_unregister(&watch);
	close_pair(more);

	end();
}

TEST(forked_in_a_handler_with_a_fresh_loop)
{
	fork_in_each_handler(fresh_loop);
}

/* The iv_main() that it has inherited goes on in the child. */
static pid_t forked;

static void fork_and_return(void *unused)
{
	(void)unused;
	forked = (pid_t)CHECK_SYS(fork());
}

static int fork_and_both_go_on(void)
{
	struct iv_timer tm, last;

	timer_after(&tm, 1, fork_and_return, NULL);
	iv_timer_register(&tm);
	timer_after(&last, 5, quit_handler, NULL);
	iv_timer_register(&last);
	iv_main();
	return forked == 0;
}

TEST(both_go_on_in_the_same_handler)
{
	begin();
	if (fork_and_both_go_on()) {
		go_on(NULL);
		_exit(0);
	}
	/* First: they share the pipe, and would read each other's byte. */
	reap_child(forked);
	exercise_alone();
	end();
}

static void *post_the_first(void *unused)
{
	iv_event_post(&event);
	return unused;
}

/* Not by the channel of the parent, which is open, and watched by nobody. */
static void the_first_event(void *unused)
{
	pthread_t tid;

	(void)unused;
	IV_EVENT_INIT(&event);
	event.handler = quit_handler;
	CHECK_INT(iv_event_register(&event), ==, 0);
	CHECK_INT(pthread_create(&tid, NULL, post_the_first, NULL), ==, 0);
	iv_main();
	pthread_join(tid, NULL);
	iv_event_unregister(&event);
	iv_deinit();
}

TEST(the_first_event_is_registered_in_a_child)
{
	iv_init();
	IV_EVENT_INIT(&event);
	event.handler = never_handler;
	CHECK_INT(iv_event_register(&event), ==, 0);
	iv_event_unregister(&event);
	reap_child(fork_child(the_first_event, NULL));
	the_first_event(NULL);
}

/* Two are ready, by what the first to be called takes away. */
struct kicked {
	struct iv_fd	fd;
	int	fds[2];
	struct kicked	*other;
	unsigned	calls;
};

static void kick_other_and_fork(void *_k)
{
	struct kicked *k = _k;

	if (k->calls++ > 0 || k->other->calls > 0) {
		iv_fd_set_handler_in(&k->fd, NULL);
		iv_quit();
		return;
	}
	drain(k->fds[0]);
	drain(k->other->fds[0]);
	iv_fd_kick(&k->other->fd, 1, 0);
	forked = (pid_t)CHECK_SYS(fork());
}

TEST(a_kick_goes_on_in_the_child)
{
	struct kicked k[2];
	int i;

	iv_init();
	for (i = 0; i < 2; i++) {
		make_pipe(k[i].fds);
		poke(k[i].fds[1]);
		k[i].other = &k[!i];
		k[i].calls = 0;
		IV_FD_INIT(&k[i].fd);
		k[i].fd.fd = k[i].fds[0];
		k[i].fd.cookie = &k[i];
		k[i].fd.handler_in = kick_other_and_fork;
		iv_fd_register(&k[i].fd);
	}
	iv_main();
	CHECK_INT(k[0].calls, ==, 1);
	CHECK_INT(k[1].calls, ==, 1);
	for (i = 0; i < 2; i++) {
		iv_fd_unregister(&k[i].fd);
		close_pair(k[i].fds);
	}
	iv_deinit();
	if (forked == 0)
		_exit(0);
	reap_child(forked);
}

/* The kernel's timer, where there is one, is set by then. */
static int busy_turns;

static void turn(void *unused)
{
	(void)unused;
	if (--busy_turns == 0)
		iv_quit();
}

static void wait_for_inherited_timer(void *unused)
{
	(void)unused;
	iv_fd_unregister(&fd);
	iv_main();
}

TEST(the_child_inherits_a_timer_that_the_kernel_knows)
{
	struct iv_timer far;
	long ms = 30;
	pid_t pid;

	begin();
	fd.handler_in = turn;
	poke(fds[1]);
	/* Again, should ten turns take longer than that. */
	do {
		iv_invalidate_now();
		timer_after(&far, ms, quit_handler, NULL);
		iv_timer_register(&far);
		busy_turns = 10;
		iv_main();
		ms *= 2;
	} while (!iv_timer_registered(&far));
	pid = fork_child(wait_for_inherited_timer, NULL);
	iv_fd_set_handler_in(&fd, NULL);
	iv_main();
	CHECK_INT(iv_timer_registered(&far), ==, 0);
	reap_child(pid);
	drain(fds[0]);
	iv_fd_set_handler_in(&fd, got_fd);
	end();
}

TEST(forked_a_hundred_times)
{
	static void (*const fns[])(void *) = {
		nothing, fresh_loop, go_on, take_down, only_deinit,
	};
	int n = time_scale() > 1 ? 10 : 100, i;

	begin();
	for (i = 0; i < n; i++) {
		in_child(fns[i % 5]);
		if (i % 3 == 0)
			exercise_alone();
	}
	end();
}

/* ---- Other threads ------------------------------------------------------------------ */

static void fresh_loop_alone(void *unused)
{
	(void)unused;
	iv_init();
	close_pair(fds);
	register_all();
	exercise_alone();
	unregister_all();
	iv_deinit();
}

/* Their loops do not exist in the child. */
TEST(other_threads_have_loops)
{
	struct loop_thread *t;

	begin();
	t = loop_thread_start(NULL, NULL, NULL);
	in_child(fresh_loop_alone);
	in_child(only_deinit);
	loop_thread_call(t, nothing, NULL);
	loop_thread_stop(t);
	end();
}

/* ---- Other threads that are busy ------------------------------------------------------ */

/*
 * fork(2) copies memory while they run on, so that whatever they were at is
 * half done in some children.
 */
static int stop;
static struct iv_signal sig;
static struct iv_work_pool pool;
static struct iv_work_item items[8];
static pthread_t busy[4], forker;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *keep_posting(void *unused)
{
	while (!stopped())
		iv_event_post(&event);
	return unused;
}

static void *keep_signalling(void *unused)
{
	while (!stopped()) {
		pthread_kill(forker, SIGUSR1);
		sched_yield();
	}
	return unused;
}

static void ignored(void *unused)
{
	(void)unused;
}

static void *keep_making_loops(void *unused)
{
	while (!stopped()) {
		iv_init();
		if (iv_thread_create("ends", ignored, NULL) == 0)
			iv_main();
		iv_deinit();
	}
	return unused;
}

static void submit_again(void *item)
{
	if (!stopped())
		iv_work_pool_submit_work(&pool, item);
}

static void busy_begin(void)
{
	static void *(*const fns[])(void *) = {
		keep_posting, keep_posting, keep_signalling, keep_making_loops,
	};
	unsigned i;

	begin();
	stop = 0;
	forker = pthread_self();
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.handler = ignored;
	event.handler = ignored;
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 3;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	for (i = 0; i < 8; i++) {
		IV_WORK_ITEM_INIT(&items[i]);
		items[i].cookie = &items[i];
		items[i].work = ignored;
		items[i].completion = submit_again;
		iv_work_pool_submit_work(&pool, &items[i]);
	}
	for (i = 0; i < 4; i++)
		CHECK_INT(thread_create(pthread_create, &busy[i], NULL, fns[i],
					NULL), ==, 0);
}

static void busy_end(void)
{
	unsigned i;

	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 4; i++)
		CHECK_INT(pthread_join(busy[i], NULL), ==, 0);
	iv_signal_unregister(&sig);
	iv_work_pool_put(&pool);
	iv_event_unregister(&event);
	iv_fd_unregister(&fd);
	iv_main();
	close_pair(fds);
	iv_deinit();
	event.handler = got_event;
}

static void limit_child(void)
{
	alarm((unsigned)(10 * time_scale()));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

static void __attribute__((unused)) go_on_alone(void *unused)
{
	exercise_alone();
	unregister_only(unused);
	iv_deinit();
}

/* ThreadSanitizer allows a child of many threads none of its own. */
#ifdef __SANITIZE_THREAD__
#define go_on_busily	go_on_alone
#else
#define go_on_busily	go_on
#endif

/* Posts arrive, though one may have been half done. */
static void busy_goes_on(void *unused)
{
	limit_child();
	quit_after_turns(2);
	iv_main();
	event.handler = got_event;
	exercise_alone();
	go_on_busily(unused);
}

static void busy_fresh(void *unused)
{
	limit_child();
	fresh_loop_alone(unused);
}

static void busy_deinit(void *unused)
{
	limit_child();
	only_deinit(unused);
}

static void busy_unregisters(void *unused)
{
	(void)unused;
	limit_child();
	iv_event_unregister(&event);
	iv_signal_unregister(&sig);
	iv_deinit();
}

static void busy_execs(void *unused)
{
	(void)unused;
	limit_child();
	execl("/bin/true", "true", (char *)NULL);
	FAIL("/bin/true cannot be executed");
}

TEST(forked_while_threads_post_work_and_signal)
{
	static void (*const fns[])(void *) = {
		busy_goes_on, busy_fresh, busy_deinit, busy_unregisters,
		busy_execs,
	};
	int n = time_scale() > 1 ? 20 : 200, i;

#ifdef __SANITIZE_ADDRESS__
	SKIP("locks of AddressSanitizer itself are not free in such a child");
#endif
	need_kernel("has locks of its own, which are not free in such a child");
	time_limit(120);
	busy_begin();
	for (i = 0; i < n; i++) {
		quit_after_turns(2);
		iv_main();
		in_child(fns[i % 5]);
	}
	busy_end();
}

/* ---- A program's own handlers ------------------------------------------------------------ */

static struct loop_thread *joined_before;
static int use_in_child;

/* Before ours has been asked to hold anything, if it ever holds anything. */
static void join_it(void)
{
	if (joined_before != NULL)
		loop_thread_stop(joined_before);
	joined_before = NULL;
}

static void use_it(void)
{
	if (use_in_child == 1)
		fresh_loop_alone(NULL);
	else if (use_in_child == 2)
		take_down(NULL);
	else if (use_in_child == 3)
		iv_deinit();
}

TEST(handlers_that_were_registered_before_the_first_loop)
{
	CHECK_INT(pthread_atfork(join_it, NULL, use_it), ==, 0);
	begin();
	for (use_in_child = 1; use_in_child <= 3; use_in_child++) {
		joined_before = loop_thread_start(NULL, NULL, NULL);
		in_child(nothing);
	}
	end();
}

/* ---- Children that nobody was told of ------------------------------------------------------- */

#if defined(__linux__) && !defined(__s390__)
static pid_t silent_fork(void)
{
	return (pid_t)CHECK_SYS(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL,
					NULL));
}

static void in_silent_child(void (*fn)(void *))
{
	pid_t pid = silent_fork();

	if (pid == 0) {
		fn(NULL);
		_exit(0);
	}
	reap_child(pid);
}

/* The descriptor of a /dev/poll or of a port is inherited, and of no use: before
   it is used nothing but the page tells of a child. */
static void need_page(void)
{
	const char *method = iv_poll_method_name();

	if (strncmp(method, "port", 4) == 0 || strcmp(method, "dev_poll") == 0)
		need_kernel("wipes no page on fork");
}

TEST(a_child_by_clone)
{
	begin();
	need_page();
	in_silent_child(fresh_loop_alone);
	exercise_alone();
	in_silent_child(unregister_only);
	exercise_alone();
	in_silent_child(only_deinit);
	exercise_alone();
	in_silent_child(go_on);
	exercise_alone();
	end();
}

static void put_pool(void *unused)
{
	(void)unused;
	iv_work_pool_put(&pool);
	iv_deinit();
}

TEST(a_child_by_clone_puts_a_pool)
{
	begin();
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	in_silent_child(put_pool);
	in_child(put_pool);
	iv_work_pool_put(&pool);
	end();
}

/* Nobody has waited there until posts were through.  The child may do little:
   the C library's locks may be held. */
static void unregister_at_once(void *unused)
{
	(void)unused;
	limit_child();
	iv_event_unregister(&event);
}

/* Marked as pending, and not pushed: the lowest bit is the mark. */
static void unregister_half_posted(void *unused)
{
	(void)unused;
	limit_child();
	event.owner = (void *)((uintptr_t)event.owner | 1);
	iv_event_unregister(&event);
}

TEST(a_child_by_clone_with_half_a_post)
{
	begin();
	in_silent_child(unregister_half_posted);
	end();
}

TEST(a_child_by_clone_while_threads_post)
{
	int n = time_scale() > 1 ? 20 : 200, i;

#ifdef __SANITIZE_THREAD__
	SKIP("ThreadSanitizer takes such a child for a thread of its parent");
#endif
	time_limit(120);
	busy_begin();
	for (i = 0; i < n; i++) {
		quit_after_turns(2);
		iv_main();
		in_silent_child(unregister_at_once);
	}
	busy_end();
}
#endif

/* ---- Generations -------------------------------------------------------------------------- */

static int depth, fds_open;

/* Each of them leaves all it has to its child. */
static void one_more_generation(void *unused)
{
	struct iv_signal s;
	struct iv_event e;

	(void)unused;
	iv_init();
	IV_SIGNAL_INIT(&s);
	s.signum = SIGUSR2;
	s.handler = ignored;
	CHECK_INT(iv_signal_register(&s), ==, 0);
	IV_EVENT_INIT(&e);
	e.handler = ignored;
	CHECK_INT(iv_event_register(&e), ==, 0);
	if (depth == 1)
		fds_open = open_fds();
	if (depth > 1)
		CHECK_INT(open_fds(), ==, fds_open);
	if (depth++ < 4)
		in_child(one_more_generation);
}

TEST(generations_of_fresh_loops_pile_up_nothing)
{
	in_child(one_more_generation);
}
