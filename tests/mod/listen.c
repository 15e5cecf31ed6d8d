/* SPDX-License-Identifier: MIT */
/*
 * listen.c - iv_listen.
 */
#include "config.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <iv_listen.h>
#include "harness/test.h"
#include "poll/lab.h"

/* ---- Helpers -------------------------------------------------------------------- */

#define MOST	300

/* What has been accepted, in order, and how often it was said that nothing
   will be. */
struct server {
	struct iv_listen	l;
	int		fds[MOST];
	unsigned	got, broken, quit_at;
	int		error;
	void		(*then)(struct server *s);
};

static int listen_on(int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = (int)CHECK_SYS(socket(AF_INET, type, 0));

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_SYS(fcntl(fd, F_SETFD, FD_CLOEXEC));
	CHECK_SYS(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	if (type == SOCK_STREAM)
		CHECK_SYS(listen(fd, SOMAXCONN));
	return fd;
}

/* The connection stands when it returns, whether or not it is accepted. */
static int connect_to(int listener)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));

	CHECK_SYS(fcntl(fd, F_SETFD, FD_CLOEXEC));
	CHECK_SYS(getsockname(listener, (struct sockaddr *)&a, &len));
	CHECK_SYS(connect(fd, (struct sockaddr *)&a, len));
	return fd;
}

static void connect_many(int listener, int *fds, unsigned n)
{
	while (n-- > 0)
		fds[n] = connect_to(listener);
}

static void close_many(int *fds, unsigned n)
{
	while (n-- > 0)
		CHECK_SYS(close(fds[n]));
}

static void got_client(void *_s, int fd, const struct sockaddr *from,
		       socklen_t len)
{
	struct server *s = _s;

	if (fd < 0) {
		s->error = errno;
		CHECK_INT(fd, ==, -1);
		CHECK_PTR(from, ==, NULL);
		CHECK_INT(len, ==, 0);
		s->broken++;
		if (s->then != NULL)
			s->then(s);
		return;
	}
	CHECK_INT(s->got, <, MOST);
	s->fds[s->got++] = fd;
	if (s->got == s->quit_at)
		iv_quit();
	if (s->then != NULL)
		s->then(s);
}

static void set(struct server *s, int fd, unsigned flags)
{
	memset(s, 0xa5, sizeof(*s));
	IV_LISTEN_INIT(&s->l);
	s->l.fd = fd;
	s->l.flags = flags;
	s->l.cookie = s;
	s->l.handler = got_client;
	s->got = s->broken = s->quit_at = 0;
	s->then = NULL;
}

static void start(struct server *s, unsigned flags)
{
	set(s, listen_on(SOCK_STREAM), flags);
	CHECK_INT(iv_listen_registered(&s->l), ==, 0);
	CHECK_SYS(iv_listen_register(&s->l));
	CHECK_INT(iv_listen_registered(&s->l), ==, 1);
}

static void stop(struct server *s)
{
	iv_listen_unregister(&s->l);
	CHECK_INT(iv_listen_registered(&s->l), ==, 0);
	CHECK_SYS(close(s->l.fd));
	close_many(s->fds, s->got);
	iv_main();
}

static void run_until(struct server *s, unsigned got)
{
	with_deadline(5);
	s->quit_at = got;
	if (s->got < got)
		iv_main();
	without_deadline();
	CHECK_INT(s->got, ==, got);
}

/* For both kinds. */
#define LISTEN_TEST(name)						\
static void run_##name(unsigned flags);					\
TEST(name)								\
{									\
	run_##name(0);							\
}									\
TEST(name##_exclusive)							\
{									\
	run_##name(IV_LISTEN_EXCLUSIVE);				\
}									\
static void run_##name(unsigned flags)

/* ---- Accepting -------------------------------------------------------------------- */

LISTEN_TEST(connections_are_handed_over)
{
	struct server s;
	int fds[100], i;

	iv_init();
	start(&s, flags);
	for (i = 0; i < 3; i++) {
		fds[i] = connect_to(s.l.fd);
		run_until(&s, (unsigned)i + 1);
	}
	connect_many(s.l.fd, fds + 3, 97);
	run_until(&s, 100);
	turns(2);
	CHECK_INT(s.got, ==, 100);
	CHECK_INT(s.l.paused, ==, 0);
	CHECK_INT(s.broken, ==, 0);
	close_many(fds, 100);
	stop(&s);
	iv_deinit();
}

TEST(what_is_handed_over)
{
	struct server s;
	int client;

	iv_init();
	start(&s, 0);
	CHECK(fcntl(s.l.fd, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(s.l.fd, F_GETFL) & O_NONBLOCK);
	client = connect_to(s.l.fd);
	run_until(&s, 1);
	CHECK(fcntl(s.fds[0], F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(s.fds[0], F_GETFL) & O_NONBLOCK);
	iv_listen_unregister(&s.l);
	CHECK(fcntl(s.l.fd, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(s.l.fd, F_GETFL) & O_NONBLOCK);
	CHECK_SYS(iv_listen_register(&s.l));
	stop(&s);
	CHECK_SYS(close(client));
	iv_deinit();
}

static struct sockaddr_in seen;

static void see_address(void *_s, int fd, const struct sockaddr *from,
			socklen_t len)
{
	CHECK_INT(len, ==, sizeof(seen));
	memcpy(&seen, from, len);
	got_client(_s, fd, from, len);
}

TEST(the_address_of_the_peer)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	struct server s;
	int client;

	iv_init();
	start(&s, 0);
	s.l.handler = see_address;
	client = connect_to(s.l.fd);
	CHECK_SYS(getsockname(client, (struct sockaddr *)&own, &len));
	run_until(&s, 1);
	CHECK_INT(seen.sin_family, ==, AF_INET);
	CHECK_INT(seen.sin_port, ==, own.sin_port);
	CHECK_INT(seen.sin_addr.s_addr, ==, htonl(INADDR_LOOPBACK));
	stop(&s);
	CHECK_SYS(close(client));
	iv_deinit();
}

TEST(a_local_listener)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct server s;
	int fd = (int)CHECK_SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	int client = (int)CHECK_SYS(socket(AF_UNIX, SOCK_STREAM, 0));

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", tmpdir());
	CHECK_SYS(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	CHECK_SYS(listen(fd, 1));
	iv_init();
	set(&s, fd, 0);
	CHECK_SYS(iv_listen_register(&s.l));
	CHECK_SYS(connect(client, (struct sockaddr *)&a, sizeof(a)));
	run_until(&s, 1);
	stop(&s);
	CHECK_SYS(close(client));
	iv_deinit();
}

/* The others have their turn. */
LISTEN_TEST(a_budget_per_turn)
{
	struct server s;
	int fds[80];

	iv_init();
	start(&s, flags);
	s.l.budget = 3;
	connect_many(s.l.fd, fds, 10);
	turns(1);
	CHECK_INT(s.got, ==, 3);
	turns(1);
	CHECK_INT(s.got, ==, 6);
	run_until(&s, 10);
	s.l.budget = 0;
	connect_many(s.l.fd, fds + 10, 70);
	turns(1);
	CHECK_INT(s.got, ==, flags & IV_LISTEN_EXCLUSIVE ? 14 : 74);
	run_until(&s, 80);
	stop(&s);
	close_many(fds, 80);
	iv_deinit();
}

TEST(it_keeps_the_loop_running)
{
	struct server s;

	iv_init();
	start(&s, 0);
	check_no_spin();
	stop(&s);
	iv_deinit();
}

/* ---- What handlers may do ----------------------------------------------------------- */

static void unregister_and_free(struct server *s)
{
	unsigned i;

	iv_listen_unregister(&s->l);
	CHECK_SYS(close(s->l.fd));
	for (i = 0; i < s->got; i++)
		CHECK_SYS(close(s->fds[i]));
	memset(s, 0xa5, sizeof(*s));
	free(s);
}

LISTEN_TEST(a_handler_unregisters_and_frees)
{
	struct server *s = malloc(sizeof(*s));
	int fds[5];

	iv_init();
	start(s, flags);
	s->then = unregister_and_free;
	connect_many(s->l.fd, fds, 5);
	iv_main();
	close_many(fds, 5);
	iv_deinit();
}

static void register_anew(struct server *s)
{
	iv_listen_unregister(&s->l);
	CHECK_SYS(iv_listen_register(&s->l));
}

LISTEN_TEST(a_handler_registers_anew)
{
	struct server s;
	int fds[5];

	iv_init();
	start(&s, flags);
	s.then = register_anew;
	connect_many(s.l.fd, fds, 5);
	turns(1);
	CHECK_INT(s.got, ==, 1);
	run_until(&s, 5);
	stop(&s);
	close_many(fds, 5);
	iv_deinit();
}

static struct server *victim;

static void unregister_victim(struct server *s)
{
	(void)s;
	if (victim != NULL)
		unregister_and_free(victim);
	victim = NULL;
}

TEST(a_handler_frees_another)
{
	struct server s;
	int fds[6];

	iv_init();
	start(&s, 0);
	victim = malloc(sizeof(*victim));
	start(victim, 0);
	victim->then = unregister_and_free;
	s.then = unregister_victim;
	connect_many(s.l.fd, fds, 5);
	fds[5] = connect_to(victim->l.fd);
	/* Whichever comes first. */
	victim->then = NULL;
	run_until(&s, 5);
	CHECK_PTR(victim, ==, NULL);
	stop(&s);
	close_many(fds, 6);
	iv_deinit();
}

static void run_nested(struct server *s)
{
	s->then = NULL;
	turns(2);
	s->quit_at = s->got + 2;
}

LISTEN_TEST(a_handler_runs_the_loop)
{
	struct server s;
	int fds[10];

	iv_init();
	start(&s, flags);
	s.then = run_nested;
	s.l.budget = 4;
	connect_many(s.l.fd, fds, 10);
	turns(2);
	CHECK_INT(s.got, >=, 4);
	run_until(&s, 10);
	stop(&s);
	close_many(fds, 10);
	iv_deinit();
}

static void free_nested(struct server *s)
{
	s->then = unregister_and_free;
	turns(2);
}

TEST(freed_in_a_nested_loop)
{
	struct server *s = malloc(sizeof(*s));
	int fds[5];

	iv_init();
	start(s, 0);
	s->then = free_nested;
	connect_many(s->l.fd, fds, 5);
	iv_main();
	close_many(fds, 5);
	iv_deinit();
}

/* ---- Descriptors run out ---------------------------------------------------------------- */

/* Of what it pauses for, nobody is lost. */
LISTEN_TEST(out_of_descriptors)
{
	struct server s;
	int fds[6];

	iv_init();
	start(&s, flags);
	connect_many(s.l.fd, fds, 6);
	leave_fds(2);
	run_until(&s, 2);
	check_no_spin();
	CHECK_INT(s.got, ==, 2);
	CHECK_INT(s.l.paused, >=, 1);
	CHECK_INT(s.l.paused, <, 5);
	restore_fds();
	run_until(&s, 6);
	stop(&s);
	close_many(fds, 6);
	iv_deinit();
}

TEST(a_pause_that_is_ended)
{
	struct server s;
	int fds[3], i;

	iv_init();
	start(&s, 0);
	iv_listen_again(&s.l);
	connect_many(s.l.fd, fds, 3);
	leave_fds(0);
	with_deadline(5);
	while (s.l.paused < 3) {
		iv_listen_again(&s.l);
		turns(1);
	}
	without_deadline();
	CHECK_INT(s.got, ==, 0);
	restore_fds();
	iv_listen_again(&s.l);
	iv_listen_again(&s.l);
	for (i = 0; i < 2 && s.got < 3; i++)
		turns(1);
	CHECK_INT(s.got, ==, 3);
	stop(&s);
	close_many(fds, 3);
	iv_deinit();
}

TEST(unregistered_in_a_pause)
{
	struct server s;
	int client;

	iv_init();
	start(&s, 0);
	client = connect_to(s.l.fd);
	leave_fds(0);
	turns(2);
	restore_fds();
	CHECK_INT(s.l.paused, ==, 1);
	iv_listen_unregister(&s.l);
	/* Nothing is left that would keep it. */
	iv_main();
	CHECK_SYS(iv_listen_register(&s.l));
	run_until(&s, 1);
	CHECK_INT(s.l.paused, ==, 1);
	stop(&s);
	CHECK_SYS(close(client));
	iv_deinit();
}

/* ---- What is no listener -------------------------------------------------------------------- */

static void check_refused(int fd, unsigned flags, int err)
{
	struct server s;

	set(&s, fd, flags);
	CHECK_ERRNO(iv_listen_register(&s.l), err);
	CHECK_INT(iv_listen_registered(&s.l), ==, 0);
}

LISTEN_TEST(no_listeners_are_refused)
{
	int fds[2], fd;

	iv_init();
	check_refused(-1, flags, EBADF);
	check_refused(9999, flags, EBADF);
	make_pipe(fds);
	check_refused(fds[0], flags, ENOTSOCK);
	close_pair(fds);
	make_socketpair(fds);
	check_refused(fds[0], flags, EINVAL);
	close_pair(fds);
	fd = (int)CHECK_SYS(open("/dev/null", O_RDONLY));
	check_refused(fd, flags, ENOTSOCK);
	CHECK_SYS(close(fd));
	fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	check_refused(fd, flags, EINVAL);
	CHECK_SYS(close(fd));
	fd = listen_on(SOCK_DGRAM);
	check_refused(fd, flags, EINVAL);
	CHECK_SYS(close(fd));
	iv_main();
	iv_deinit();
}

TEST(one_per_thread)
{
	struct server s;

	iv_init();
	start(&s, 0);
	check_refused(s.l.fd, 0, EEXIST);
	stop(&s);
	iv_deinit();
}

#ifdef __linux__
static void quit(struct server *unused)
{
	(void)unused;
	iv_quit();
}

/* Told once, and then it is quiet. */
static void check_broken(struct server *s, int err)
{
	s->then = quit;
	with_deadline(5);
	iv_main();
	without_deadline();
	s->then = NULL;
	CHECK_INT(s->broken, ==, 1);
	CHECK_INT(s->error, ==, err);
	check_no_spin();
	CHECK_INT(s->broken, ==, 1);
	CHECK_INT(s->l.paused, ==, 0);
	CHECK_INT(iv_listen_registered(&s->l), ==, 1);
}

LISTEN_TEST(shut_down_and_listening_again)
{
	struct server s;
	int fds[2];

	if (strncmp(test_method(), "kqueue", 6) == 0)
		SKIP("where it is, listeners cannot be shut down");
	iv_init();
	start(&s, flags);
	fds[0] = connect_to(s.l.fd);
	run_until(&s, 1);
	CHECK_SYS(shutdown(s.l.fd, SHUT_RDWR));
	check_broken(&s, EINVAL);
	/* It is tried when asked for. */
	iv_listen_again(&s.l);
	turns(2);
	CHECK_INT(s.broken, ==, 2);
	CHECK_SYS(listen(s.l.fd, 5));
	fds[1] = connect_to(s.l.fd);
	iv_listen_again(&s.l);
	run_until(&s, 2);
	stop(&s);
	close_many(fds, 2);
	iv_deinit();
}
#endif

/* Closed before it is unregistered, maybe with something else in its place:
   a mistake, which whoever notices it survives. */
LISTEN_TEST(closed_and_replaced)
{
	struct server s;
	int copy, writer;

	fence_allow(FENCE_KERNEL, "what is watched has been closed");
	iv_init();
	start(&s, flags);
	turns(1);
	copy = (int)CHECK_SYS(fcntl(s.l.fd, F_DUPFD_CLOEXEC, 100));
	CHECK_SYS(close(s.l.fd));
	check_no_spin();
	writer = become_pipe(s.l.fd);
	poke(writer);
	check_no_spin();
	CHECK_INT(s.got, ==, 0);
	CHECK_INT(s.broken, <=, 1);
	stop(&s);
	CHECK_SYS(close(writer));
	CHECK_SYS(close(copy));
	iv_deinit();
}

/* ---- Several loops --------------------------------------------------------------------------- */

#define LOOPS	3

struct crew {
	struct server	s;
	struct loop_thread *thread;
	unsigned	total;
};

static void join(void *_c)
{
	struct crew *c = _c;

	CHECK_SYS(iv_listen_register(&c->s.l));
}

static void part(void *_c)
{
	struct crew *c = _c;

	iv_listen_unregister(&c->s.l);
}

static void count(void *_total, int fd, const struct sockaddr *from,
		  socklen_t len)
{
	unsigned *total = _total;

	(void)from;
	(void)len;
	CHECK(fd >= 0);
	CHECK_SYS(close(fd));
	(*total)++;
}

static void nothing(void *unused)
{
	(void)unused;
}

/* None is in its turn still, or has not had the processor. */
static void all_wait(struct crew crew[LOOPS])
{
	unsigned i;

	for (i = 0; i < LOOPS; i++)
		loop_thread_call(crew[i].thread, nothing, NULL);
}

/* That many connections; how many each loop has. */
static void share(struct crew crew[LOOPS], unsigned flags, unsigned n,
		  int one_by_one)
{
	int fd = listen_on(SOCK_STREAM), client;
	unsigned i;
	char c;

	for (i = 0; i < LOOPS; i++) {
		set(&crew[i].s, fd, flags);
		crew[i].total = 0;
		crew[i].s.l.cookie = &crew[i].total;
		crew[i].s.l.handler = count;
		crew[i].thread = loop_thread_start(join, part, &crew[i]);
	}
	while (n-- > 0) {
		if (one_by_one)
			all_wait(crew);
		client = connect_to(fd);
		CHECK_INT(read(client, &c, 1), ==, 0);
		CHECK_SYS(close(client));
	}
	for (i = 0; i < LOOPS; i++)
		loop_thread_stop(crew[i].thread);
	CHECK_SYS(close(fd));
}

/* Each client is accepted by one of them. */
LISTEN_TEST(several_loops)
{
	struct crew crew[LOOPS];
	unsigned i, total = 0;

	share(crew, flags, 300, 0);
	for (i = 0; i < LOOPS; i++)
		total += crew[i].total;
	CHECK_INT(total, ==, 300);
}

/* They take turns: nobody has more than twice its share. */
TEST(exclusive_loops_share)
{
	struct crew crew[LOOPS];
	unsigned i;

	if (strncmp(test_method(), "epoll", 5) != 0)
		SKIP("all loops are woken here: the fastest has it");
	share(crew, IV_LISTEN_EXCLUSIVE, 300, 1);
	for (i = 0; i < LOOPS; i++)
		CHECK_INT(crew[i].total, <=, 2 * 300 / LOOPS);
}

/* ---- Forks -------------------------------------------------------------------------------------- */

static void accept_in_child(void *_s)
{
	struct server *s = _s;
	int client = connect_to(s->l.fd);

	run_until(s, 1);
	stop(s);
	CHECK_SYS(close(client));
	iv_deinit();
}

LISTEN_TEST(a_forked_child_goes_on)
{
	struct server s;
	int client;

	iv_init();
	start(&s, flags);
	turns(1);
	/* The parent does not look meanwhile. */
	reap_child(fork_child(accept_in_child, &s));
	client = connect_to(s.l.fd);
	run_until(&s, 1);
	stop(&s);
	CHECK_SYS(close(client));
	iv_deinit();
}

static void begin_in_child(void *_s)
{
	struct server *s = _s;

	iv_init();
	IV_LISTEN_INIT(&s->l);
	start(s, 0);
	accept_in_child(s);
}

TEST(a_forked_child_begins_anew)
{
	struct server s;

	iv_init();
	start(&s, 0);
	turns(1);
	reap_child(fork_child(begin_in_child, &s));
	stop(&s);
	iv_deinit();
}

/* ---- Misuse ---------------------------------------------------------------------------------------- */

FATAL_TEST(registering_twice, "iv_listen_register: iv_listen ")
{
	struct server s;

	iv_init();
	start(&s, 0);
	iv_listen_register(&s.l);
}

FATAL_TEST_ONCE(unregistering_twice, "iv_listen_unregister: iv_listen ")
{
	struct server s;

	iv_init();
	start(&s, 0);
	iv_listen_unregister(&s.l);
	iv_listen_unregister(&s.l);
}

FATAL_TEST_ONCE(again_without_registering, "iv_listen_again: iv_listen ")
{
	struct server s;

	iv_init();
	set(&s, 0, 0);
	iv_listen_again(&s.l);
}

static void unregister_there(void *_s)
{
	struct server *s = _s;

	iv_listen_unregister(&s->l);
}

FATAL_TEST_ONCE(unregistering_in_another_thread, "belongs to another thread")
{
	struct server s;

	iv_init();
	start(&s, 0);
	loop_thread_start(unregister_there, NULL, &s);
}

FATAL_TEST_ONCE(without_a_handler, "has no handler")
{
	struct server s;

	iv_init();
	set(&s, listen_on(SOCK_STREAM), 0);
	s.l.handler = NULL;
	iv_listen_register(&s.l);
}

FATAL_TEST_ONCE(unknown_flags, "unknown flags 0x80")
{
	struct server s;

	iv_init();
	set(&s, listen_on(SOCK_STREAM), 0x81);
	iv_listen_register(&s.l);
}

FATAL_TEST_ONCE(without_a_loop, "iv_listen_register: call iv_init()")
{
	struct server s;

	set(&s, 0, 0);
	iv_listen_register(&s.l);
}

FATAL_TEST_ONCE(register_null, "iv_listen_register: the struct")
{
	iv_init();
	iv_listen_register(NULL);
}

FATAL_TEST_ONCE(unregister_null, "iv_listen_unregister: the struct")
{
	iv_init();
	iv_listen_unregister(NULL);
}

FATAL_TEST_ONCE(registered_null, "iv_listen_registered: the struct")
{
	iv_listen_registered(NULL);
}

FATAL_TEST_ONCE(again_null, "iv_listen_again: the struct")
{
	iv_init();
	iv_listen_again(NULL);
}

FATAL_TEST(overwritten_while_it_is_registered,
	   "was freed or overwritten while it was registered")
{
	struct server s;

	iv_init();
	start(&s, 0);
	connect_to(s.l.fd);
	memset(s.l.pad, 0, sizeof(s.l.pad));
	iv_main();
}
