/* SPDX-License-Identifier: MIT */
/*
 * echo_server - a TCP server that sends back whatever it receives.
 *
 * One thread and one loop serve all clients.  Of interest to a reader:
 *
 *   - accepting, also when descriptors have run out (got_client),
 *   - objects embedded in the program's own struct (struct connection),
 *   - a timer put off by traffic (put_off_idle_timer), and one that repeats
 *     (start_reporting),
 *   - clients that send faster than they read (send_back),
 *   - signals as callbacks of the loop, and ending such that every client
 *     gets its answer first (got_signal, begin_to_end, settle),
 *   - saying what the loop is doing when asked (say_how_it_goes).
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iv.h>
#include <iv_inspect.h>
#include <iv_list.h>
#include <iv_listen.h>
#include <iv_signal.h>
#include <iv_tick.h>

#define BUFFER_SIZE	16384
#define END_SECONDS	5		/* for clients to close their end */

enum { EXIT_USAGE = 2 };

struct connection {
	struct iv_fd		fd;
	struct iv_timer		idle;
	struct iv_list_head	list;

	/* buf[start] to buf[end - 1] was received and has to be sent. */
	size_t			start;
	size_t			end;
	char			buf[BUFFER_SIZE];
};

static struct {
	const char	*host;
	const char	*port;
	const char	*method;
	int		backlog;
	int		idle_seconds;
	int		report_seconds;		/* 0: at the end only */
	int		descriptors;		/* 0: as many as allowed */
	int		send_buffer;		/* 0: up to the system */
	bool		until_eof;
} option = {
	.host		= "127.0.0.1",
	.port		= "7777",
	.backlog	= INT_MAX,	/* the kernel cuts it to its limit */
	.idle_seconds	= 30,
};

static struct iv_listen listener;
static struct iv_fd input;
static struct iv_signal interrupt = { .signum = SIGINT };
static struct iv_signal terminate = { .signum = SIGTERM };
static struct iv_signal user = { .signum = SIGUSR1 };
static struct iv_list_head connections = IV_LIST_HEAD_INIT(connections);
static bool ending;
static struct iv_timer end_timer;
static struct iv_tick report_tick;

static struct {
	uint64_t	accepted;
	uint64_t	active;
	uint64_t	peak;
	uint64_t	idle;		/* closed for saying nothing */
	uint64_t	reset;		/* ended with an error */
	uint64_t	cut;		/* did not close when the server did */
	uint64_t	requests;	/* reads that got something */
	uint64_t	received;
	uint64_t	sent;
	uint64_t	stuck;		/* how often a client had to read first */
	uint64_t	turns;		/* of the loop, that had work to do */
	uint64_t	calls;		/* made here, not in the library */
} stats;

static void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("echo_server: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

/*
 * iv_now stays the same for the length of a turn, so a new value is a new
 * turn.  Called by each handler.
 */
static void count_turn(void)
{
	static struct timespec last;

	if (iv_now.tv_sec != last.tv_sec || iv_now.tv_nsec != last.tv_nsec) {
		last = iv_now;
		stats.turns++;
	}
}

static void start_timer(struct iv_timer *timer, time_t seconds)
{
	timer->expires = iv_now;
	timer->expires.tv_sec += seconds;
	iv_timer_register(timer);
}

static void stop_timer(struct iv_timer *timer)
{
	if (iv_timer_registered(timer))
		iv_timer_unregister(timer);
}

/* ---- Accepting ---------------------------------------------------------- */

static void got_data(void *_c);
static void been_idle(void *_c);
static void put_off_idle_timer(struct connection *c);

/* Unlike calloc() it leaves the pages of a buffer alone until it is used. */
static struct connection *new_connection(int fd)
{
	struct connection *c = malloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	IV_FD_INIT(&c->fd);
	c->fd.fd = fd;
	c->fd.cookie = c;
	c->fd.handler_in = got_data;
	iv_fd_set_flags(&c->fd, IV_FD_RAW);	/* accepted as it has to be */
	IV_TIMER_INIT(&c->idle);
	c->idle.cookie = c;
	c->idle.handler = been_idle;
	c->start = 0;
	c->end = 0;
	return c;
}

/*
 * The library accepts.  When descriptors have run out, clients wait in the
 * listener's queue, and it pauses.
 */
static void got_client(void *unused, int fd, const struct sockaddr *from,
		       socklen_t len)
{
	struct connection *c;

	(void)unused;
	(void)from;
	(void)len;
	count_turn();
	if (fd < 0)
		die(EXIT_FAILURE, "cannot accept: %s", strerror(errno));
	stats.accepted++;
	c = new_connection(fd);
	if (c == NULL || iv_fd_register_try(&c->fd) < 0) {
		stats.cut++;
		close(fd);
		free(c);
		return;
	}
	iv_list_add_tail(&c->list, &connections);
	put_off_idle_timer(c);
	if (++stats.active > stats.peak)
		stats.peak = stats.active;
}

/* ---- A connection ------------------------------------------------------- */

static void quit_if_unused(void);

static void close_connection(struct connection *c)
{
	iv_fd_unregister(&c->fd);
	stop_timer(&c->idle);
	iv_list_del(&c->list);
	close(c->fd.fd);
	stats.calls++;
	stats.active--;
	free(c);

	/* There is a free descriptor now: no need to wait any longer. */
	if (!ending)
		iv_listen_again(&listener);
	quit_if_unused();
}

static void been_idle(void *_c)
{
	stats.idle++;
	close_connection(_c);
}

static void put_off_idle_timer(struct connection *c)
{
	stop_timer(&c->idle);
	start_timer(&c->idle, option.idle_seconds);
}

/* After the server's end was closed: what still comes is not for us. */
static void discard(void *_c)
{
	struct connection *c = _c;
	ssize_t n;

	count_turn();
	n = read(c->fd.fd, c->buf, sizeof(c->buf));
	stats.calls++;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_connection(c);
}

static bool input_is_waiting(const struct connection *c)
{
	char byte;

	stats.calls++;
	return recv(c->fd.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/*
 * When the server ends: once everything that has come was answered, the
 * client sees an end of file, and we wait for its own.  A mere close() would
 * reset the connection if another request has just arrived, and the client's
 * kernel would throw away answers not read yet.
 */
static void settle(struct connection *c)
{
	if (c->start < c->end || input_is_waiting(c))
		return;
	shutdown(c->fd.fd, SHUT_WR);
	stats.calls++;
	iv_fd_set_handler_in(&c->fd, discard);
}

static bool is_stuck(const struct connection *c)
{
	return c->fd.handler_out != NULL;
}

/*
 * Sends what is in the buffer.  As long as it does not all fit into the
 * socket's buffer we do not read, either; then the client cannot write, and
 * memory is bounded however slow it is to read.
 */
static void send_back(void *_c)
{
	struct connection *c = _c;
	ssize_t n;
	bool stuck;

	count_turn();
	n = write(c->fd.fd, c->buf + c->start, c->end - c->start);
	stats.calls++;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		stats.reset++;
		close_connection(c);
		return;
	}
	if (n > 0) {
		c->start += n;
		stats.sent += n;
		put_off_idle_timer(c);
	}

	stuck = c->start < c->end;
	if (stuck != is_stuck(c)) {
		stats.stuck += stuck;
		iv_fd_set_handler_in(&c->fd, stuck ? NULL : got_data);
		iv_fd_set_handler_out(&c->fd, stuck ? send_back : NULL);
	}
	if (ending)
		settle(c);
}

/*
 * Reads once: if more is there, the loop calls again, after the others had
 * their turn.  At the end of the client's data (it may still be reading) all
 * has been sent back, as nothing is read before that.
 */
static void got_data(void *_c)
{
	struct connection *c = _c;
	ssize_t n;

	count_turn();
	n = read(c->fd.fd, c->buf, sizeof(c->buf));
	stats.calls++;
	if (n > 0) {
		c->start = 0;
		c->end = n;
		stats.requests++;
		stats.received += n;
		send_back(c);
	} else if (n == 0) {
		close_connection(c);
	} else if (errno != EAGAIN && errno != EINTR) {
		stats.reset++;
		close_connection(c);
	}
}

/* ---- The end ------------------------------------------------------------ */

static void quit_if_unused(void)
{
	if (ending && iv_list_empty(&connections))
		iv_quit();
}

static void close_all(void *unused)
{
	struct iv_list_head *lh, *lh2;

	(void)unused;
	iv_list_for_each_safe (lh, lh2, &connections) {
		stats.cut++;
		close_connection(iv_list_entry(lh, struct connection, list));
	}
}

/* Who has connected before gets an answer, too. */
static void close_listener(void)
{
	int fd;

	iv_listen_unregister(&listener);
	while ((fd = accept(listener.fd, NULL, NULL)) >= 0) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		got_client(NULL, fd, NULL, 0);
	}
	close(listener.fd);
}

static void begin_to_end(void)
{
	struct iv_list_head *lh, *lh2;

	close_listener();
	if (iv_fd_registered(&input))
		iv_fd_unregister(&input);
	if (iv_tick_registered(&report_tick))
		iv_tick_unregister(&report_tick);
	ending = true;
	start_timer(&end_timer, END_SECONDS);
	iv_list_for_each_safe (lh, lh2, &connections)
		settle(iv_list_entry(lh, struct connection, list));
	quit_if_unused();
}

/* The first signal asks for an orderly end, the second one insists. */
static void got_signal(void *unused)
{
	if (ending)
		close_all(unused);
	else
		begin_to_end();
}

/* Times are taken from the first of these signals on. */
static void say_how_it_goes(void *unused)
{
	struct iv_metrics m;

	(void)unused;
	iv_metrics_get(&m, sizeof(m));
	printf("loop: turns=%llu waits=%llu fd_calls=%llu timer_calls=%llu "
	       "spinning=%llu fds=%lu timers=%lu holds=%ld", m.turns, m.waits,
	       m.fd_calls, m.timer_calls, m.spinning, m.fds, m.timers,
	       m.holds);
	printf(" slept_ms=%llu late_us=%llu longest_us=%llu\n",
	       m.slept_ns / 1000000, m.late_ns_max / 1000, m.longest_ns / 1000);
	iv_dump(STDOUT_FILENO);
	iv_metrics_time(1);
}

static void got_input(void *unused)
{
	char ignored[4096];
	ssize_t n;

	(void)unused;
	n = read(input.fd, ignored, sizeof(ignored));
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		begin_to_end();
}

/* ---- The start ---------------------------------------------------------- */

static struct addrinfo *resolve(void)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *result;
	int error = getaddrinfo(option.host, option.port, &hints, &result);

	if (error != 0)
		die(EXIT_USAGE, "--host %s: %s (an address in figures is "
		    "needed)", option.host, gai_strerror(error));
	return result;
}

static int set_socket_option(int fd, int name, int value)
{
	return setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value));
}

/* Accepted sockets inherit the size of its buffers. */
static int open_listener(void)
{
	struct addrinfo *address = resolve();
	int fd;

	fd = socket(address->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || set_socket_option(fd, SO_REUSEADDR, 1) < 0 ||
	    (option.send_buffer != 0 &&
	     set_socket_option(fd, SO_SNDBUF, option.send_buffer) < 0) ||
	    bind(fd, address->ai_addr, address->ai_addrlen) < 0 ||
	    listen(fd, option.backlog) < 0)
		die(EXIT_FAILURE, "cannot listen on %s port %s: %s",
		    option.host, option.port, strerror(errno));
	freeaddrinfo(address);
	return fd;
}

static unsigned long descriptor_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

/* One line for people and programs. */
static void announce(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	char port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    getnameinfo((struct sockaddr *)&address, length, NULL, 0,
			port, sizeof(port), NI_NUMERICSERV) != 0)
		die(EXIT_FAILURE, "cannot find out the port");
	printf("listening: host=%s port=%s pid=%ld method=%s "
	       "descriptors=%lu\n", option.host, port, (long)getpid(),
	       iv_poll_method_name(), descriptor_limit());
}

static void start_listening(void)
{
	IV_LISTEN_INIT(&listener);
	listener.fd = open_listener();
	listener.handler = got_client;
	if (iv_listen_register(&listener) < 0)
		die(EXIT_FAILURE, "iv_listen_register: %s", strerror(errno));
	announce(listener.fd);
}

static void start_signal(struct iv_signal *sig, void (*handler)(void *))
{
	IV_SIGNAL_INIT(sig);
	sig->handler = handler;
	if (iv_signal_register(sig) < 0)
		die(EXIT_FAILURE, "iv_signal_register: %s", strerror(errno));
}

static void start_input(void)
{
	IV_FD_INIT(&input);
	input.fd = STDIN_FILENO;
	input.handler_in = got_input;
	if (option.until_eof && iv_fd_register_try(&input) < 0)
		die(EXIT_FAILURE, "cannot wait for the end of standard "
		    "input: %s", strerror(errno));
}

/* iv_fatal() has printed the message. */
static void init_failed(const char *message)
{
	(void)message;
	exit(EXIT_USAGE);
}

static void start_loop(void)
{
	if (option.method != NULL) {
		setenv("IV_SELECT_POLL_METHOD", option.method, 1);
		iv_set_fatal_msg_handler(init_failed);
	}
	iv_init();
	iv_set_fatal_msg_handler(NULL);
	if (option.method != NULL &&
	    strcmp(option.method, iv_poll_method_name()) != 0)
		die(EXIT_USAGE, "--method %s: not available here (but %s is)",
		    option.method, iv_poll_method_name());
}

/* After iv_init(), which raises the limit. */
static void limit_descriptors(void)
{
	struct rlimit limit;

	if (option.descriptors == 0)
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = option.descriptors;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die(EXIT_FAILURE, "--descriptors %d: %s", option.descriptors,
		    strerror(errno));
}

/* ---- Words -------------------------------------------------------------- */

static uint64_t microseconds(struct timeval tv)
{
	return tv.tv_sec * UINT64_C(1000000) + tv.tv_usec;
}

static void print_statistics(const char *label)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("%s: accepted=%" PRIu64 " active=%" PRIu64
	       " peak=%" PRIu64 " idle=%" PRIu64 " reset=%" PRIu64
	       " cut=%" PRIu64, label, stats.accepted, stats.active, stats.peak,
	       stats.idle, stats.reset, stats.cut);
	printf(" requests=%" PRIu64 " received=%" PRIu64 " sent=%" PRIu64
	       " stuck=%" PRIu64 " pauses=%lu turns=%" PRIu64
	       " calls=%" PRIu64, stats.requests, stats.received, stats.sent,
	       stats.stuck, listener.paused, stats.turns, stats.calls);
	printf(" user_us=%" PRIu64 " system_us=%" PRIu64 " method=%s\n",
	       microseconds(usage.ru_utime), microseconds(usage.ru_stime),
	       iv_poll_method_name());
}

static void report(void *unused)
{
	(void)unused;
	print_statistics("report");
}

/* At each full interval since the start, however late the loop is. */
static void start_reporting(void)
{
	IV_TICK_INIT(&report_tick);
	report_tick.interval.tv_sec = option.report_seconds;
	report_tick.handler = report;
	if (option.report_seconds > 0)
		iv_tick_register(&report_tick);
}

static const char usage_text[] =
"usage: echo_server [OPTION]...\n"
"Sends back what TCP clients send.  SIGINT or SIGTERM: answers what has come,\n"
"prints statistics, ends.  SIGUSR1: prints what the loop does.\n"
"\n"
"  --port N         port to listen on; 0: any, see the first line (7777)\n"
"  --host ADDRESS   address to listen on (127.0.0.1)\n"
"  --idle SECONDS   closes connections that are silent for so long (30)\n"
"  --report SECONDS prints statistics so often, too (never)\n"
"  --backlog N      clients that may wait to be accepted (the most allowed)\n"
"  --descriptors N  uses at most so many (as many as the system allows)\n"
"  --send-buffer N  bytes per connection in the kernel (as the system likes)\n"
"  --method NAME    poll method, such as epoll or poll (the best there is)\n"
"  --until-eof      ends at the end of standard input, too: a pipe from a\n"
"                   parent, with which the server is to die\n"
"  --help           prints this\n";

static int number(const char *what, const char *text, int min, int max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < min || n > max)
		die(EXIT_USAGE, "--%s %s: not a number from %d to %d",
		    what, text, min, max);
	return n;
}

static const struct option long_options[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "host", required_argument, NULL, 'a' },
	{ "idle", required_argument, NULL, 'i' },
	{ "report", required_argument, NULL, 'r' },
	{ "backlog", required_argument, NULL, 'b' },
	{ "descriptors", required_argument, NULL, 'd' },
	{ "send-buffer", required_argument, NULL, 's' },
	{ "method", required_argument, NULL, 'm' },
	{ "until-eof", no_argument, NULL, 'e' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void parse_option(int c)
{
	switch (c) {
	case 'p':
		number("port", optarg, 0, 65535);
		option.port = optarg;
		break;
	case 'a':
		option.host = optarg;
		break;
	case 'i':
		option.idle_seconds = number("idle", optarg, 1, 1000000);
		break;
	case 'r':
		option.report_seconds = number("report", optarg, 1, 1000000);
		break;
	case 'b':
		option.backlog = number("backlog", optarg, 1, 1000000);
		break;
	case 'd':
		option.descriptors = number("descriptors", optarg, 16, 1 << 30);
		break;
	case 's':
		option.send_buffer = number("send-buffer", optarg, 1, 1 << 30);
		break;
	case 'm':
		option.method = optarg;
		break;
	case 'e':
		option.until_eof = true;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(EXIT_SUCCESS);
	default:
		die(EXIT_USAGE, "try --help");
	}
}

static void parse_options(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_option(c);
	if (optind < argc)
		die(EXIT_USAGE, "%s: not an option; try --help",
		    argv[optind]);
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);

	start_loop();
	limit_descriptors();
	start_signal(&interrupt, got_signal);
	start_signal(&terminate, got_signal);
	start_signal(&user, say_how_it_goes);
	start_input();
	IV_TIMER_INIT(&end_timer);
	end_timer.handler = close_all;
	start_reporting();
	start_listening();

	iv_main();

	print_statistics("statistics");
	stop_timer(&end_timer);
	iv_signal_unregister(&interrupt);
	iv_signal_unregister(&terminate);
	iv_signal_unregister(&user);
	iv_deinit();
	return EXIT_SUCCESS;
}
