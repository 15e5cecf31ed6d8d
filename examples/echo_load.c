/* SPDX-License-Identifier: MIT */
/*
 * echo_load - drives an echo server and measures it.
 *
 * Opens many connections to a server on this machine, which it starts itself
 * (--server) or finds running (--connect).  Each connection sends a message,
 * waits for its echo, compares the two, and sends the next.  What happens is
 * divided into phases, each of which has a deadline, so that the program ends
 * whatever the server does:
 *
 *	STARTING	until the server has said where it listens
 *	CONNECTING	a limited number of connects are in flight
 *	RUNNING		requests are sent and replies checked
 *	DRAINING	no new requests; the last replies come
 *	STOPPING	the server was told to end and prints its statistics
 *
 * The end of a phase is found by check_progress(), a task: handlers register
 * it when they have changed a count, and it runs when they have returned.
 */
#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <iv.h>
#include <iv_signal.h>

/* Some C libraries do not come with the kernel's headers. */
#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/perf_event.h>)
#include <linux/perf_event.h>
#include <sys/syscall.h>
#define HAVE_PERF_EVENTS 1
#endif
#endif

#define USUAL_CONNECTIONS	10000
#define SPARE_DESCRIPTORS	24	/* of a process, not connections */
#define MAX_IN_FLIGHT		128	/* connects */
#define CONNECT_BATCH		64	/* per turn */
#define REQUEST_BATCH		1024

#define START_SECONDS		30
#define CONNECT_SECONDS		30
#define DRAIN_SECONDS		3	/* of silence */
#define STOP_SECONDS		10

#define MSEC			INT64_C(1000000)/* in nanoseconds */
#define SEC			INT64_C(1000000000)

enum { EXIT_USAGE = 2 };

enum phase {
	STARTING,
	CONNECTING,
	RUNNING,
	DRAINING,
	STOPPING,
};

struct client {
	struct iv_fd	fd;
	bool		busy;		/* has not got all of its echo */
	uint64_t	requests;
	uint64_t	sent_at;
	const char	*message;	/* in messages[] */
	size_t		sent;
	size_t		received;
};

static struct {
	const char	*server;
	char		**server_options;
	char		*connect;
	const char	*method;
	int		connections;	/* 0: as many as possible */
	int		seconds;
	int		size;
	uint64_t	requests;	/* per connection; 0: any number */
} option = {
	.seconds	= 10,
	.size		= 64,
};

static enum phase phase = STARTING;
static struct iv_timer deadline;
static struct iv_timer progress_timer;
static struct iv_task progress_task;
static struct iv_task batch_task;
static struct iv_signal interrupt = { .signum = SIGINT };
static struct iv_signal terminate = { .signum = SIGTERM };

static struct sockaddr_storage target;
static socklen_t target_length;
static unsigned int source = 1;		/* connect from 127.0.0.source */

static struct client *clients;
static int num_clients;
static int num_touched;			/* by the batches of this phase */

static struct {
	int		in_flight;
	int		open;
	int		busy;
} now_are;

static struct {
	int		opened;
	int		failed;
	int		answered;	/* at least once */
	int		lost;
	int		ended;		/* closed by the server, between replies */
	int		unanswered;	/* open to the end, never answered */
	int		wrong;		/* replies */
	int		error;		/* the last reason of one of these */
	uint64_t	requests;
	uint64_t	received;	/* bytes */
	uint64_t	started_at;
	uint64_t	finished_at;
} stats;

static struct {
	pid_t		pid;		/* 0: not ours */
	struct iv_fd	output;		/* its stdout */
	char		text[4096];	/* what came from there */
	size_t		length;
	int		input;		/* its stdin: it ends if we do */
	int		status;
	struct rusage	usage;
	int		call_counter;	/* perf event, or -1 */
	uint64_t	calls;
} server = {
	.input		= -1,
	.call_counter	= -1,
};

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;

	fputs("echo_load: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

#define die(status, ...)	do { say(__VA_ARGS__); exit(status); } while (0)

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (uint64_t)SEC + ts.tv_nsec;
}

static void start_timer(struct iv_timer *timer, int64_t nanoseconds)
{
	timer->expires = iv_now;
	timer->expires.tv_sec += nanoseconds / SEC;
	timer->expires.tv_nsec += nanoseconds % SEC;
	if (timer->expires.tv_nsec >= SEC) {
		timer->expires.tv_sec++;
		timer->expires.tv_nsec -= SEC;
	}
	iv_timer_register(timer);
}

static void stop_timer(struct iv_timer *timer)
{
	if (iv_timer_registered(timer))
		iv_timer_unregister(timer);
}

static void set_deadline(int seconds)
{
	stop_timer(&deadline);
	start_timer(&deadline, seconds * SEC);
}

static void want_task(struct iv_task *task)
{
	if (!iv_task_registered(task))
		iv_task_register(task);
}

/* ---- Histogram ---------------------------------------------------------- */

/*
 * Of nanoseconds.  A bucket is as wide as a 32nd of the power of two below
 * its values, so a quantile is at most 3 % too large.
 */
#define SUB_BITS	5
#define SUB		(1U << SUB_BITS)

static struct {
	uint64_t	bucket[(64 - SUB_BITS) * SUB + SUB];
	uint64_t	total;
	uint64_t	max;
} latency;

static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift = 0;

	if (value >= 2 * SUB)
		shift = 63 - SUB_BITS - __builtin_clzll(value);
	return shift * SUB + (value >> shift);
}

static uint64_t largest_in(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 2 * SUB)
		return bucket;
	shift = bucket / SUB - 1;
	return ((UINT64_C(1) + SUB + bucket % SUB) << shift) - 1;
}

static void record_latency(uint64_t value)
{
	latency.bucket[bucket_of(value)]++;
	latency.total++;
	if (value > latency.max)
		latency.max = value;
}

/* PER_MILLE of all values are not larger than this. */
static uint64_t latency_quantile(unsigned int per_mille)
{
	uint64_t left = (latency.total * per_mille + 999) / 1000;
	unsigned int i = 0;

	if (latency.total == 0)
		return 0;
	while (left > latency.bucket[i])
		left -= latency.bucket[i++];
	return largest_in(i) < latency.max ? largest_in(i) : latency.max;
}

/* ---- Messages ----------------------------------------------------------- */

/*
 * All messages are parts of one random text that begin at different places,
 * so an echo of another connection's message, or of an older one, is noticed.
 */
#define PLACES	4096

static char *messages;
static char scratch[65536];

static void make_messages(void)
{
	uint32_t x = 2463534242U;	/* xorshift */
	size_t length = option.size + PLACES;
	size_t i;

	messages = malloc(length);
	if (messages == NULL)
		die(EXIT_FAILURE, "out of memory");
	for (i = 0; i < length; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		messages[i] = x >> 24;
	}
}

static const char *choose_message(const struct client *c)
{
	size_t number = c - clients;

	return messages + (number * 61 + c->requests * 7) % PLACES;
}

/* ---- A client ----------------------------------------------------------- */

static void send_message(void *_c);

static void set_busy(struct client *c, bool busy)
{
	now_are.busy += busy - c->busy;
	c->busy = busy;
}

static void drop(struct client *c)
{
	set_busy(c, false);
	iv_fd_unregister(&c->fd);
	close(c->fd.fd);
	now_are.open--;
	want_task(&progress_task);
}

static void lose(struct client *c, int error)
{
	stats.lost++;
	stats.error = error;
	drop(c);
}

static void start_request(struct client *c)
{
	c->message = choose_message(c);
	c->sent = 0;
	c->received = 0;
	c->sent_at = now();
	set_busy(c, true);
	send_message(c);
}

static void send_message(void *_c)
{
	struct client *c = _c;
	bool stuck;
	ssize_t n;

	n = write(c->fd.fd, c->message + c->sent, option.size - c->sent);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		lose(c, errno);
		return;
	}
	if (n > 0)
		c->sent += n;
	stuck = c->sent < (size_t)option.size;
	if (stuck != (c->fd.handler_out != NULL))
		iv_fd_set_handler_out(&c->fd, stuck ? send_message : NULL);
}

static void finish_request(struct client *c)
{
	stats.finished_at = now();
	record_latency(stats.finished_at - c->sent_at);
	stats.requests++;
	if (c->requests++ == 0)
		stats.answered++;

	if (c->requests == option.requests)
		drop(c);
	else if (phase == RUNNING)
		start_request(c);
	else
		set_busy(c, false);
	if (phase != RUNNING)
		want_task(&progress_task);
}

static bool is_echo(const struct client *c, size_t n)
{
	return c->busy && n <= c->sent - c->received &&
	       memcmp(scratch, c->message + c->received, n) == 0;
}

static void got_reply(void *_c)
{
	struct client *c = _c;
	ssize_t n;

	n = read(c->fd.fd, scratch, sizeof(scratch));
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			lose(c, errno);
	} else if (n == 0 && c->busy && c->received > 0) {
		lose(c, 0);
	} else if (n == 0) {
		stats.ended++;
		drop(c);
	} else if (!is_echo(c, n)) {
		stats.wrong++;
		drop(c);
	} else {
		c->received += n;
		stats.received += n;
		if (c->received == (size_t)option.size)
			finish_request(c);
	}
}

/* ---- Connecting --------------------------------------------------------- */

static void fail(int error)
{
	stats.failed++;
	stats.error = error;
	want_task(&progress_task);
}

static void connected(void *_c)
{
	struct client *c = _c;
	socklen_t length = sizeof(int);
	int error = 0;

	now_are.in_flight--;
	want_task(&batch_task);
	getsockopt(c->fd.fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0) {
		fail(error);
		drop(c);
		return;
	}
	stats.opened++;
	want_task(&progress_task);
	iv_fd_set_handler_out(&c->fd, NULL);
	iv_fd_set_handler_in(&c->fd, got_reply);
}

/*
 * A source address has some 28000 ephemeral ports on Linux.  With
 * IP_BIND_ADDRESS_NO_PORT (4.2) connect() still chooses the port.
 */
static int bind_to_source(int fd)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f000000 | source),
	};

	if (source == 1)
		return 0;
#ifdef IP_BIND_ADDRESS_NO_PORT
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 },
		   sizeof(int));
#endif
	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* A descriptor on its way to the server, or -1 with errno. */
static int connect_from_source(void)
{
	int fd = socket(target.ss_family, SOCK_STREAM, 0);
	int error;

	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (bind_to_source(fd) == 0 &&
	    (connect(fd, (struct sockaddr *)&target, target_length) == 0 ||
	     errno == EINPROGRESS))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int connect_somehow(void)
{
	int fd = connect_from_source();

	while (fd < 0 && errno == EADDRNOTAVAIL &&
	       target.ss_family == AF_INET && source < 254) {
		source++;
		fd = connect_from_source();
	}
	return fd;
}

static void start_connecting(struct client *c)
{
	IV_FD_INIT(&c->fd);
	c->fd.cookie = c;
	c->fd.handler_out = connected;
	c->fd.fd = connect_somehow();
	if (c->fd.fd < 0) {
		fail(errno);
		return;
	}
	if (iv_fd_register_try(&c->fd) < 0) {
		fail(errno);
		close(c->fd.fd);
		return;
	}
	now_are.in_flight++;
	now_are.open++;
}

static void give_up_connecting(void)
{
	int i;

	for (i = 0; i < num_touched; i++) {
		if (iv_fd_registered(&clients[i].fd) &&
		    clients[i].fd.handler_out == connected) {
			now_are.in_flight--;
			fail(ETIMEDOUT);
			drop(&clients[i]);
		}
	}
}

/* ---- The server --------------------------------------------------------- */

static void got_server_output(void *unused);

static int make_pipe(int fds[2])
{
	if (pipe(fds) < 0)
		return -1;
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	return 0;
}

static char **server_arguments(void)
{
	static char idle[16];
	const char *fixed[] = { option.server, "--port", "0", "--until-eof",
				"--idle", idle, "--method", option.method };
	size_t num_fixed = option.method != NULL ? 8 : 6;
	size_t num_options = 0;
	char **argv;

	snprintf(idle, sizeof(idle), "%d", option.seconds + 120);
	while (option.server_options[num_options] != NULL)
		num_options++;
	argv = calloc(num_fixed + num_options + 1, sizeof(*argv));
	if (argv == NULL)
		die(EXIT_FAILURE, "out of memory");
	memcpy(argv, fixed, num_fixed * sizeof(*argv));
	memcpy(argv + num_fixed, option.server_options,
	       num_options * sizeof(*argv));
	return argv;
}

/*
 * In a process group of its own, as a terminal's Ctrl-C is for us: we tell
 * the server when we have finished.
 */
static void __attribute__((noreturn))
become_server(char **argv, int input, int output)
{
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGURG, SIG_DFL);
	dup2(input, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	execv(argv[0], argv);
	say("%s: %s", argv[0], strerror(errno));
	_exit(EXIT_USAGE);
}

static void start_server(void)
{
	char **argv = server_arguments();
	int in[2], out[2];

	if (make_pipe(in) < 0 || make_pipe(out) < 0)
		die(EXIT_FAILURE, "pipe: %s", strerror(errno));
	server.pid = fork();
	if (server.pid < 0)
		die(EXIT_FAILURE, "fork: %s", strerror(errno));
	if (server.pid == 0)
		become_server(argv, in[0], out[1]);
	free(argv);
	close(in[0]);
	close(out[1]);

	server.input = in[1];
	IV_FD_INIT(&server.output);
	server.output.fd = out[0];
	server.output.handler_in = got_server_output;
	iv_fd_register(&server.output);
}

static void kill_server(int signum)
{
	(void)signum;
	kill(server.pid, SIGKILL);
}

static int server_exit_status(void)
{
	return WIFEXITED(server.status) && WEXITSTATUS(server.status) != 0 ?
	       WEXITSTATUS(server.status) : EXIT_FAILURE;
}

/* Its stdout was closed, so this does not take long; or else SIGALRM helps. */
static void wait_for_server(void)
{
	signal(SIGALRM, kill_server);
	alarm(STOP_SECONDS);
	while (wait4(server.pid, &server.status, 0, &server.usage) < 0 &&
	       errno == EINTR)
		;
	alarm(0);
	close(server.input);
}

/* The word after "NAME=" in the server's line that begins with LINE, or "". */
static const char *server_word(const char *line, const char *name)
{
	static char word[64];
	const char *p = strstr(server.text, line);
	size_t length = strlen(name);

	word[0] = '\0';
	for (p = p ? strchr(p, ' ') : NULL; p != NULL; p = strchr(p, ' ')) {
		p++;
		if (strncmp(p, name, length) == 0 && p[length] == '=')
			sscanf(p + length + 1, "%63s", word);
		if (word[0] != '\0' || strcspn(p, " ") > strcspn(p, "\n"))
			break;
	}
	return word;
}

static double server_number(const char *name)
{
	return strtod(server_word("statistics:", name), NULL);
}

/* How often the server has entered the kernel is known to who may trace it. */
#ifdef HAVE_PERF_EVENTS
static void open_call_counter(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
	};
	FILE *file = fopen("/sys/kernel/tracing/events/raw_syscalls/"
			   "sys_enter/id", "r");
	unsigned int id;

	if (file == NULL)
		return;
	if (fscanf(file, "%u", &id) == 1) {
		attr.config = id;
		server.call_counter = syscall(SYS_perf_event_open, &attr,
					      server.pid, -1, -1,
					      PERF_FLAG_FD_CLOEXEC);
	}
	fclose(file);
}
#else
static void open_call_counter(void)
{
}
#endif

static void close_call_counter(void)
{
	if (server.call_counter < 0)
		return;
	if (read(server.call_counter, &server.calls, sizeof(server.calls)) !=
	    sizeof(server.calls))
		server.calls = 0;
	close(server.call_counter);
}

/* ---- Progress ----------------------------------------------------------- */

static bool is_live;

static void show_progress(void *unused)
{
	static uint64_t last_time, last_requests;
	uint64_t time = now();
	double rate;

	(void)unused;
	if (last_time < stats.started_at)
		last_time = stats.started_at;
	rate = (stats.requests - last_requests) * 1e9 / (time - last_time);
	last_time = time;
	last_requests = stats.requests;
	if (phase == CONNECTING)
		fprintf(stderr, "%s%d of %d connections open",
			is_live ? "\r\033[K" : "", stats.opened, num_clients);
	else
		fprintf(stderr, "%s%4.1f s  %d open  %" PRIu64 " requests  "
			"%.0f/s  p50 %.2f ms  %d lost",
			is_live ? "\r\033[K" : "",
			(time - stats.started_at) / 1e9, now_are.open,
			stats.requests, rate, latency_quantile(500) / 1e6,
			stats.lost);
	if (!is_live)
		fputc('\n', stderr);
	start_timer(&progress_timer, is_live ? 250 * MSEC : 5 * SEC);
}

static void end_progress(void)
{
	stop_timer(&progress_timer);
	if (is_live)
		fputs("\r\033[K", stderr);
}

/* ---- Phases ------------------------------------------------------------- */

static void connect_to_server(void);

static int descriptor_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur < 1 << 30 ? (int)limit.rlim_cur : 1 << 30;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

/* The usual number, if both processes may have so many descriptors. */
static int choose_connections(void)
{
	int limit = descriptor_limit() - SPARE_DESCRIPTORS;
	int limit_there = atoi(server_word("listening:", "descriptors"));

	if (option.connections > limit)
		die(EXIT_USAGE, "--connections %d: this process may have no "
		    "more than %d", option.connections, limit);
	if (option.connections != 0)
		return option.connections;
	if (limit_there != 0)
		limit = smaller(limit, limit_there - SPARE_DESCRIPTORS);
	if (limit < 1)
		die(EXIT_USAGE, "too few descriptors are allowed (ulimit -n)");
	return smaller(limit, USUAL_CONNECTIONS);
}

static void parse_target(const char *host, const char *port)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *result;
	int error = getaddrinfo(host, port, &hints, &result);

	if (error != 0)
		die(EXIT_USAGE, "%s, port %s: not an address and a port in "
		    "figures", host, port);
	memcpy(&target, result->ai_addr, result->ai_addrlen);
	target_length = result->ai_addrlen;
	freeaddrinfo(result);
}

static bool target_is_loopback(void)
{
	if (target.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(
			&((struct sockaddr_in6 *)&target)->sin6_addr);
	return ntohl(((struct sockaddr_in *)&target)->sin_addr.s_addr) >> 24 ==
	       IN_LOOPBACKNET;
}

/* HOST:PORT or [HOST]:PORT */
static void parse_connect(char *text)
{
	char *port = strrchr(text, ':');
	char *host = text;

	if (port == NULL)
		die(EXIT_USAGE, "--connect %s: HOST:PORT is needed", text);
	*port++ = '\0';
	if (host[0] == '[' && port[-2] == ']') {
		port[-2] = '\0';
		host++;
	}
	parse_target(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
		     port);
	if (!target_is_loopback())
		die(EXIT_USAGE, "--connect %s: only loopback addresses are "
		    "allowed, as this is a flood", host);
}

static void server_is_up(void)
{
	char host[64];

	snprintf(host, sizeof(host), "%s", server_word("listening:", "host"));
	parse_target(host, server_word("listening:", "port"));
	connect_to_server();
}

static void connect_to_server(void)
{
	num_clients = choose_connections();
	clients = calloc(num_clients, sizeof(*clients));
	if (clients == NULL)
		die(EXIT_FAILURE, "out of memory for %d connections",
		    num_clients);
	phase = CONNECTING;
	num_touched = 0;
	set_deadline(CONNECT_SECONDS);
	start_timer(&progress_timer, is_live ? 100 * MSEC : 5 * SEC);
	iv_task_register(&batch_task);
}

static void run(void)
{
	if (!is_live)
		say("%d connections open; running for %d s", stats.opened,
		    option.seconds);
	phase = RUNNING;
	num_touched = 0;
	stats.started_at = now();
	set_deadline(option.seconds);
	if (server.pid != 0)
		open_call_counter();
	want_task(&batch_task);
	want_task(&progress_task);
}

static void drain(void)
{
	phase = DRAINING;
	set_deadline(DRAIN_SECONDS);
	want_task(&progress_task);
}

/* No new requests are sent, so this ends. */
static bool is_still_draining(void)
{
	static uint64_t received;
	bool more = stats.received != received;

	received = stats.received;
	return more;
}

static void close_clients(void)
{
	int i;

	for (i = 0; i < num_clients; i++) {
		struct client *c = &clients[i];

		if (!iv_fd_registered(&c->fd))
			continue;
		if (c->busy && c->requests == 0)
			stats.unanswered++;
		else if (c->busy)
			stats.lost++;
		drop(c);
	}
}

/* With nothing left registered, iv_main() returns. */
static void end(void)
{
	stop_timer(&deadline);
	if (iv_task_registered(&progress_task))
		iv_task_unregister(&progress_task);
	iv_signal_unregister(&interrupt);
	iv_signal_unregister(&terminate);
}

static void stop(void)
{
	end_progress();
	close_call_counter();
	close_clients();
	if (iv_task_registered(&batch_task))
		iv_task_unregister(&batch_task);
	phase = STOPPING;
	if (server.pid == 0 || !iv_fd_registered(&server.output)) {
		end();
		return;
	}
	kill(server.pid, SIGTERM);
	set_deadline(STOP_SECONDS);
}

/* Batches, so that the work of starting does not delay what has started. */
static void do_batch(void *unused)
{
	int left = phase == CONNECTING ? CONNECT_BATCH : REQUEST_BATCH;

	(void)unused;
	for (; left > 0 && num_touched < num_clients; left--) {
		struct client *c = &clients[num_touched];

		if (phase == CONNECTING) {
			if (now_are.in_flight == MAX_IN_FLIGHT)
				return;
			start_connecting(c);
		} else if (phase == RUNNING && iv_fd_registered(&c->fd)) {
			start_request(c);
		}
		num_touched++;
	}
	if (num_touched < num_clients)
		want_task(&batch_task);
}

static void check_progress(void *unused)
{
	(void)unused;
	switch (phase) {
	case CONNECTING:
		if (num_touched == num_clients && now_are.in_flight == 0)
			run();
		break;
	case RUNNING:
		if (now_are.open == 0)
			drain();
		break;
	case DRAINING:
		if (now_are.busy == 0)
			stop();
		break;
	case STARTING:
	case STOPPING:
		break;
	}
}

static void deadline_passed(void *unused)
{
	(void)unused;
	switch (phase) {
	case STARTING:
		say("the server does not start to listen");
		stop();
		break;
	case CONNECTING:
		give_up_connecting();
		run();
		break;
	case RUNNING:
		drain();
		break;
	case DRAINING:
		if (is_still_draining())
			set_deadline(DRAIN_SECONDS);
		else
			stop();
		break;
	case STOPPING:
		say("the server does not end; killing it");
		kill(server.pid, SIGKILL);
		break;
	}
}

static void server_has_ended(void)
{
	iv_fd_unregister(&server.output);
	close(server.output.fd);
	wait_for_server();
	if (phase == STARTING)
		die(server_exit_status(), "the server has not started");
	if (phase != STOPPING)
		say("the server has ended early");
	if (phase == STOPPING)
		end();
	else if (phase == RUNNING)
		drain();
	else if (phase != DRAINING)
		stop();
}

static void got_server_output(void *unused)
{
	size_t space = sizeof(server.text) - 1 - server.length;
	ssize_t n = -1;

	(void)unused;
	if (space == 0)
		die(EXIT_FAILURE, "%s is not an echo_server", option.server);
	n = read(server.output.fd, server.text + server.length, space);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		server_has_ended();
		return;
	}
	if (n > 0)
		server.length += n;
	if (phase == STARTING && strchr(server.text, '\n') != NULL)
		server_is_up();
}

/* The first signal ends the run, the second one does not wait. */
static void got_signal(void *unused)
{
	(void)unused;
	if (phase == RUNNING)
		drain();
	else if (phase != STOPPING)
		stop();
	else
		kill_server(SIGKILL);
}

/* ---- The table ---------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
row(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("%-28s", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static double microseconds(struct timeval tv)
{
	return tv.tv_sec * 1e6 + tv.tv_usec;
}

static double per_request(double value)
{
	return stats.requests != 0 ? value / stats.requests : 0;
}

static void print_connections(void)
{
	row("connections opened", "%d", stats.opened);
	row("connections failed", "%d", stats.failed);
	row("connections lost", "%d", stats.lost);
	row("connections answered", "%d", stats.answered);
	row("connections never answered", "%d", stats.unanswered);
	row("connections server closed", "%d", stats.ended);
	if (stats.error != 0)
		row("last error", "%s", strerror(stats.error));
}

static void print_requests(void)
{
	double seconds = (stats.finished_at - stats.started_at) / 1e9;

	row("requests", "%" PRIu64 " of %d bytes, each echo compared",
	    stats.requests, option.size);
	row("wrong echoes", "%d", stats.wrong);
	if (stats.requests == 0)
		return;
	row("requests/s", "%.0f", stats.requests / seconds);
	row("latency p50", "%.3f ms", latency_quantile(500) / 1e6);
	row("latency p99", "%.3f ms", latency_quantile(990) / 1e6);
	row("latency p99.9", "%.3f ms", latency_quantile(999) / 1e6);
	row("latency max", "%.3f ms", latency.max / 1e6);
}

/*
 * A turn of the loop is one wait.  Without a tracepoint what the library
 * does besides waiting remains unknown.
 */
static void print_calls(void)
{
	double turns = server_number("turns");
	double own = per_request(server_number("calls"));

	if (turns > 0)
		row("server requests per wait", "%.1f",
		    server_number("requests") / turns);
	if (server.calls != 0)
		row("server calls per request", "%.3f in all",
		    per_request(server.calls));
	else if (turns > 0)
		row("server calls per request", "%.3f in its own code, %.3f "
		    "waits; others not known (no tracepoint)", own,
		    per_request(turns));
	else
		row("server calls per request", "not known");
}

static void print_server(void)
{
	double user = microseconds(server.usage.ru_utime);
	double sys = microseconds(server.usage.ru_stime);

	if (server.pid == 0) {
		row("server CPU per request", "not known (not started here)");
		print_calls();
		return;
	}
	row("server accepted", "%.0f", server_number("accepted"));
	row("server accept pauses", "%.0f", server_number("pauses"));
	row("server CPU per request", "%.3f us (user %.3f, system %.3f)",
	    per_request(user + sys), per_request(user), per_request(sys));
	print_calls();
	if (WIFSIGNALED(server.status))
		row("server ended", "by signal %d", WTERMSIG(server.status));
	else
		row("server ended", "with status %d",
		    WEXITSTATUS(server.status));
}

static void print_method(void)
{
	const char *there = server_word("statistics:", "method");

	row("poll method", "%s (of the server: %s)", iv_poll_method_name(),
	    there[0] != '\0' ? there : "not known");
}

static void print_table(void)
{
	print_method();
	print_connections();
	print_requests();
	print_server();
}

static bool all_is_well(void)
{
	return stats.requests > 0 && stats.failed == 0 && stats.lost == 0 &&
	       stats.unanswered == 0 && stats.ended == 0 &&
	       stats.wrong == 0 && server.status == 0;
}

/* ---- Words -------------------------------------------------------------- */

static const char usage_text[] =
"usage: echo_load --server PROGRAM [OPTION]... [-- SERVER-OPTION...]\n"
"       echo_load --connect HOST:PORT [OPTION]...\n"
"Sends messages over many connections to an echo server on this machine and\n"
"checks what comes back.\n"
"\n"
"  --server PROGRAM  an echo_server, to be started and stopped\n"
"  --connect H:P     a server that runs, on a loopback address\n"
"  --connections N   so many (10000, or what the descriptor limit allows)\n"
"  --seconds N       for so long (10)\n"
"  --requests N      closes each connection after so many (no limit)\n"
"  --size N          bytes of a message (64)\n"
"  --method NAME     poll method, of the server, too (the best there is)\n"
"  --help            prints this\n"
"\n"
"Exit status: 0 if every request on every connection was answered rightly,\n"
"1 if not, 2 if the arguments make no sense.\n";

static int number(const char *what, const char *text, int min, int max)
{
	char *rest;
	long n;

	errno = 0;
	n = strtol(text, &rest, 10);
	if (errno != 0 || rest == text || *rest != '\0' || n < min || n > max)
		die(EXIT_USAGE, "--%s %s: not a number from %d to %d",
		    what, text, min, max);
	return n;
}

static const struct option long_options[] = {
	{ "server", required_argument, NULL, 's' },
	{ "connect", required_argument, NULL, 'c' },
	{ "connections", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 't' },
	{ "requests", required_argument, NULL, 'r' },
	{ "size", required_argument, NULL, 'b' },
	{ "method", required_argument, NULL, 'm' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void parse_option(int c)
{
	switch (c) {
	case 's':
		option.server = optarg;
		break;
	case 'c':
		option.connect = optarg;
		break;
	case 'n':
		option.connections = number("connections", optarg, 1, 1000000);
		break;
	case 't':
		option.seconds = number("seconds", optarg, 1, 600);
		break;
	case 'r':
		option.requests = number("requests", optarg, 1, 1000000000);
		break;
	case 'b':
		option.size = number("size", optarg, 1, 1 << 20);
		break;
	case 'm':
		option.method = optarg;
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
	option.server_options = argv + optind;
	if ((option.server == NULL) == (option.connect == NULL))
		die(EXIT_USAGE, "either --server or --connect is needed; try "
		    "--help");
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		die(EXIT_USAGE, "%s: not an option; try --help",
		    argv[optind]);
	if (option.connect != NULL)
		parse_connect(option.connect);
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

static void start_signal(struct iv_signal *sig)
{
	IV_SIGNAL_INIT(sig);
	sig->handler = got_signal;
	if (iv_signal_register(sig) < 0)
		die(EXIT_FAILURE, "iv_signal_register: %s", strerror(errno));
}

static void make_objects(void)
{
	IV_TIMER_INIT(&deadline);
	deadline.handler = deadline_passed;
	IV_TIMER_INIT(&progress_timer);
	progress_timer.handler = show_progress;
	IV_TASK_INIT(&progress_task);
	progress_task.handler = check_progress;
	IV_TASK_INIT(&batch_task);
	batch_task.handler = do_batch;
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	is_live = isatty(STDERR_FILENO);
	make_messages();

	start_loop();
	start_signal(&interrupt);
	start_signal(&terminate);
	make_objects();
	if (option.server != NULL) {
		start_server();
		set_deadline(START_SECONDS);
	} else {
		connect_to_server();
	}

	iv_main();

	print_table();
	iv_deinit();
	free(clients);
	free(messages);
	return all_is_well() ? EXIT_SUCCESS : EXIT_FAILURE;
}
