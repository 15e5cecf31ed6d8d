/* SPDX-License-Identifier: MIT */
/*
 * fd_misuse.c - descriptors: what stops the program, and with which words.
 */
#include "config.h"
#include <iv_inspect.h>
#include "poll/lab.h"

#define NUMBER	100	/* as in the messages below */

static struct iv_fd fd;

/* A loop, and FD ready to be registered with a pipe that is NUMBER. */
static void prepare(void)
{
	int fds[2];

	iv_init();
	make_pipe(fds);
	CHECK_SYS(dup2(fds[0], NUMBER));
	IV_FD_INIT(&fd);
	fd.fd = NUMBER;
	fd.handler_in = never_handler;
}

/* ---- Registering -------------------------------------------------------- */

FATAL_TEST(register_twice, "iv_fd_register: fd 100 is already registered")
{
	prepare();
	iv_fd_register(&fd);
	iv_fd_register(&fd);
}

FATAL_TEST(register_try_twice,
	   "iv_fd_register_try: fd 100 is already registered")
{
	prepare();
	iv_fd_register(&fd);
	iv_fd_register_try(&fd);
}

FATAL_TEST(initialise_a_registered_one, "IV_FD_INIT: fd 100 is registered")
{
	prepare();
	iv_fd_register(&fd);
	IV_FD_INIT(&fd);
}

/* What only looks like one that is registered may be initialised. */
TEST(initialise_a_copy)
{
	struct iv_fd copy;
	int fds[2];

	iv_init();
	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	iv_fd_register(&fd);
	copy = fd;
	IV_FD_INIT(&copy);
	CHECK_INT(copy.fd, ==, -1);
	CHECK(!iv_fd_registered(&copy));
	CHECK(iv_fd_registered(&fd));
	iv_fd_unregister(&fd);
	iv_deinit();
	close_pair(fds);
}

static void register_it(void *unused)
{
	(void)unused;
	iv_fd_register(&fd);
}

/* What a loop that has ended has left looks the same. */
TEST(initialise_one_that_has_lost_its_loop)
{
	int fds[2];

	iv_init();
	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	loop_thread_stop(loop_thread_start(register_it, NULL, NULL));
	IV_FD_INIT(&fd);
	CHECK_INT(fd.fd, ==, -1);
	iv_deinit();
	close_pair(fds);
}

static struct iv_fd second;

/* Both are ready: whoever comes first has the other's memory go. */
static void forget_the_other(void *other)
{
	memset(other, 0, sizeof(struct iv_fd));
}

static void overwritten_while_ready(int timed)
{
	int fds[2];

	prepare();
	iv_metrics_time(timed);
	make_pipe(fds);
	poke(fds[1]);
	CHECK_SYS(dup2(fds[0], NUMBER));
	fd.handler_in = forget_the_other;
	fd.cookie = &second;
	iv_fd_register(&fd);
	IV_FD_INIT(&second);
	second.fd = fds[0];
	second.handler_in = forget_the_other;
	second.cookie = &fd;
	iv_fd_register(&second);
	iv_main();
}

FATAL_TEST(overwritten, "iv_main: iv_fd 0x")
{
	overwritten_while_ready(0);
}

FATAL_TEST_ONCE(overwritten_says_so, "was freed or overwritten while it was")
{
	overwritten_while_ready(0);
}

FATAL_TEST(overwritten_while_times_are_taken, "iv_main: iv_fd 0x")
{
	overwritten_while_ready(1);
}

FATAL_TEST(register_negative, "iv_fd_register: invalid fd -1")
{
	prepare();
	fd.fd = -1;
	iv_fd_register(&fd);
}

FATAL_TEST(register_closed, "iv_fd_register: fd 100 is not open (EBADF)")
{
	prepare();
	CHECK_SYS(close(NUMBER));
	iv_fd_register(&fd);
}

FATAL_TEST(register_closed_without_handlers,
	   "iv_fd_register: fd 100 is not open (EBADF)")
{
	prepare();
	CHECK_SYS(close(NUMBER));
	fd.handler_in = NULL;
	iv_fd_register(&fd);
}

FATAL_TEST(register_huge, "iv_fd_register: fd 1073741824 is not open (EBADF)")
{
	prepare();
	fd.fd = 1 << 30;
	iv_fd_register(&fd);
}

FATAL_TEST(register_another_with_the_same_number,
	   "iv_fd_register: fd 100 is already registered with another iv_fd")
{
	struct iv_fd other;

	prepare();
	iv_fd_register(&fd);
	if (tells_files_apart())
		turns(1);	/* then the kernel knows FD */
	IV_FD_INIT(&other);
	other.fd = NUMBER;
	other.handler_in = never_handler;
	iv_fd_register(&other);
}

FATAL_TEST(register_another_after_a_turn,
	   "iv_fd_register: fd 100 is already registered with another iv_fd")
{
	struct iv_fd other;

	prepare();
	iv_fd_register(&fd);
	turns(1);
	IV_FD_INIT(&other);
	other.fd = NUMBER;
	iv_fd_register(&other);
}

FATAL_TEST(register_garbage, "iv_fd_register: iv_fd 0x")
{
	prepare();
	memset(&fd, 0xa5, sizeof(fd));
	fd.fd = NUMBER;
	iv_fd_register(&fd);
}

FATAL_TEST(garbage_is_called_by_its_name,
	   "is not initialised or already registered")
{
	prepare();
	memset(&fd, 0xa5, sizeof(fd));
	fd.fd = NUMBER;
	iv_fd_register_try(&fd);
}

/* ---- Not registered ------------------------------------------------------ */

FATAL_TEST(unregister_first, "iv_fd_unregister: fd 100 is not registered")
{
	prepare();
	iv_fd_unregister(&fd);
}

FATAL_TEST(unregister_twice, "iv_fd_unregister: fd 100 is not registered")
{
	prepare();
	iv_fd_register(&fd);
	iv_fd_unregister(&fd);
	iv_fd_unregister(&fd);
}

FATAL_TEST(unregister_after_refusal,
	   "iv_fd_unregister: fd 1048576 is not registered")
{
	prepare();
	fd.fd = 1 << 20;
	CHECK_ERRNO(iv_fd_register_try(&fd), EBADF);
	iv_fd_unregister(&fd);
}

FATAL_TEST(set_in_first, "iv_fd_set_handler_in: fd 100 is not registered")
{
	prepare();
	iv_fd_set_handler_in(&fd, never_handler);
}

FATAL_TEST(set_out_first, "iv_fd_set_handler_out: fd 100 is not registered")
{
	prepare();
	iv_fd_set_handler_out(&fd, NULL);
}

FATAL_TEST(set_err_first, "iv_fd_set_handler_err: fd 100 is not registered")
{
	prepare();
	iv_fd_set_handler_err(&fd, never_handler);
}

FATAL_TEST(set_after_unregister,
	   "iv_fd_set_handler_in: fd 100 is not registered")
{
	prepare();
	iv_fd_register(&fd);
	iv_fd_unregister(&fd);
	iv_fd_set_handler_in(&fd, NULL);
}

/* ---- Null ----------------------------------------------------------------- */

FATAL_TEST_ONCE(null_init, "IV_FD_INIT: the struct iv_fd pointer is NULL")
{
	IV_FD_INIT(NULL);
}

FATAL_TEST_ONCE(null_registered,
		"iv_fd_registered: the struct iv_fd pointer is NULL")
{
	iv_fd_registered(NULL);
}

FATAL_TEST_ONCE(null_register,
		"iv_fd_register: the struct iv_fd pointer is NULL")
{
	iv_init();
	iv_fd_register(NULL);
}

FATAL_TEST_ONCE(null_register_try,
		"iv_fd_register_try: the struct iv_fd pointer is NULL")
{
	iv_init();
	iv_fd_register_try(NULL);
}

FATAL_TEST_ONCE(null_unregister,
		"iv_fd_unregister: the struct iv_fd pointer is NULL")
{
	iv_init();
	iv_fd_unregister(NULL);
}

FATAL_TEST_ONCE(null_set,
		"iv_fd_set_handler_in: the struct iv_fd pointer is NULL")
{
	iv_init();
	iv_fd_set_handler_in(NULL, NULL);
}

/* ---- No loop, another loop ------------------------------------------------ */

FATAL_TEST_ONCE(register_without_loop,
		"iv_fd_register: call iv_init() in this thread first")
{
	IV_FD_INIT(&fd);
	iv_fd_register(&fd);
}

FATAL_TEST_ONCE(register_try_without_loop,
		"iv_fd_register_try: call iv_init() in this thread first")
{
	IV_FD_INIT(&fd);
	iv_fd_register_try(&fd);
}

FATAL_TEST_ONCE(unregister_without_loop,
		"iv_fd_unregister: call iv_init() in this thread first")
{
	prepare();
	iv_fd_register(&fd);
	iv_deinit();
	iv_fd_unregister(&fd);
}

FATAL_TEST_ONCE(set_without_loop,
		"iv_fd_set_handler_out: call iv_init() in this thread first")
{
	prepare();
	iv_fd_register(&fd);
	iv_deinit();
	iv_fd_set_handler_out(&fd, NULL);
}

static void *in_thread(void *cookie)
{
	void (*fn)(struct iv_fd *);

	memcpy(&fn, cookie, sizeof(fn));
	iv_init();
	fn(&fd);
	return NULL;
}

static void call_elsewhere(void (*fn)(struct iv_fd *))
{
	pthread_t tid;

	prepare();
	iv_fd_register(&fd);
	CHECK_INT(pthread_create(&tid, NULL, in_thread, &fn), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

FATAL_TEST(unregister_elsewhere, ": its owner is thread ")
{
	call_elsewhere(iv_fd_unregister);
}

static void set_in(struct iv_fd *f)
{
	iv_fd_set_handler_in(f, NULL);
}

FATAL_TEST(set_elsewhere, ": its owner is thread ")
{
	call_elsewhere(set_in);
}

FATAL_TEST(register_registered_one_elsewhere,
	   "iv_fd_register: fd 100 is already registered")
{
	call_elsewhere(iv_fd_register);
}

static void *register_only(void *unused)
{
	(void)unused;
	prepare();
	iv_fd_register(&fd);
	iv_deinit();
	return NULL;
}

FATAL_TEST_ONCE(unregister_after_its_loop,
		"belongs to a loop that has ended")
{
	pthread_t tid;

	iv_init();
	CHECK_INT(pthread_create(&tid, NULL, register_only, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	iv_fd_unregister(&fd);
}
