/* SPDX-License-Identifier: MIT */
/*
 * test.c - runs the cases of a test program and prints TAP.
 *
 * The runner stays single-threaded and never enters the library: it forks a
 * process per case, reads what that prints (stdout and stderr are one pipe)
 * until it ends or its time is up, kills its process group, and judges.  All
 * that a case says goes out as diagnostics, so it cannot forge results.
 */
#include "config.h"
#ifdef HAVE_DLADDR
#include <dlfcn.h>
#endif
#include <fcntl.h>
#include <fnmatch.h>
#include <libgen.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include "harness.h"

#define MAX_METHODS	32
#define DEFAULT_LIMIT	10
#define SLOW		2	/* seconds; worth a remark */
#define MAX_OUTPUT	(256 << 10)

struct report *report;
unsigned fence_allowed;

static struct test_case *cases;
static const char *methods[MAX_METHODS];
static int num_methods;
static char *const *patterns;
static int num_patterns;
static int verbose;

/* NAME.emu.t is NAME.t again, on emulated kernels: what does not depend on
   the method has been tried already. */
static int second_time;

/* In a case: its method, and whether it may end on another. */
static const char *case_method;
static int case_any_method;

/* In the runner: the process group of the case that runs, or 0. */
static volatile sig_atomic_t case_group;

/* What the running case has printed. */
static char output[MAX_OUTPUT + 1];
static size_t output_len;

/* Sorted by line: the order of constructors is the compiler's business. */
void test_register(struct test_case *c)
{
	struct test_case **p = &cases;

	while (*p != NULL && strcmp((*p)->file, c->file) < 0)
		p = &(*p)->next;
	while (*p != NULL && strcmp((*p)->file, c->file) == 0 &&
	       (*p)->line < c->line)
		p = &(*p)->next;
	c->next = *p;
	*p = c;
}

/* ---- In a case --------------------------------------------------------- */

/* One write(2), so that lines of threads and processes do not mix. */
__attribute__((format(printf, 2, 0)))
static void vsay(const char *prefix, const char *fmt, va_list ap)
{
	char buf[2048];
	size_t len;

	snprintf(buf, sizeof(buf) - 1, "# %s", prefix);
	len = strlen(buf);
	vsnprintf(buf + len, sizeof(buf) - 1 - len, fmt, ap);
	len = strlen(buf);
	buf[len++] = '\n';
	while (write(STDOUT_FILENO, buf, len) < 0 && errno == EINTR)
		;
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay("", fmt, ap);
	va_end(ap);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	char where[512];
	va_list ap;

	snprintf(where, sizeof(where), "%s:%d: ", file, line);
	va_start(ap, fmt);
	vsay(where, fmt, ap);
	va_end(ap);
	__atomic_store_n(&report->failed, 1, __ATOMIC_SEQ_CST);
	_exit(1);
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(report->skip, sizeof(report->skip), fmt, ap);
	va_end(ap);
	__atomic_store_n(&report->state, SKIPPED, __ATOMIC_SEQ_CST);
	_exit(0);
}

void test_check_str(const char *file, int line, const char *what,
		    const char *a, const char *b)
{
	if (a == NULL && b == NULL)
		return;
	if (a == NULL || b == NULL || strcmp(a, b) != 0)
		test_fail(file, line, "%s is \"%s\", not \"%s\"", what,
			  a != NULL ? a : "(null)", b != NULL ? b : "(null)");
}

long long test_check_sys(const char *file, int line, const char *what,
			 long long ret)
{
	if (ret == -1)
		test_fail(file, line, "%s: %s", what, strerror(errno));
	return ret;
}

void test_check_errno(const char *file, int line, const char *what,
		      long long ret, int err)
{
	int got = errno;

	if (ret != -1)
		test_fail(file, line, "%s returned %lld, not -1", what, ret);
	if (got != err)
		test_fail(file, line, "%s: errno is %d (%s), not %d (%s)",
			  what, got, strerror(got), err, strerror(err));
}

const char *test_method(void)
{
	return case_method;
}

void any_method(const char *why)
{
	note("may end on another poll method: %s", why);
	case_any_method = 1;
}

void time_limit(unsigned seconds)
{
	__atomic_store_n(&report->limit, seconds, __ATOMIC_SEQ_CST);
}

double time_scale(void)
{
	const char *s = getenv("IV_TEST_TIME_SCALE");
	double scale = s != NULL ? strtod(s, NULL) : 1;

	return scale > 0 ? scale : 1;
}

void fence_allow(unsigned what, const char *why)
{
	note("fence: exempt: %s", why);
	fence_allowed |= what;
}

static void check_method(void)
{
	const char *name = iv_poll_method_name();

	if (case_method == NULL || case_any_method || name == NULL)
		return;
	if (strcmp(name, case_method) != 0)
		FAIL("ended on poll method %s, not %s", name, case_method);
}

static void mute_fatal(const char *msg)
{
	(void)msg;
}

/* Of "METHOD:PERSONALITY" the second is for an emulated kernel.  Returns
   METHOD, or NULL if there is none. */
static const char *choose_method(const char *method)
{
	static char name[64];
	size_t len;

	unsetenv("IV_EXCLUDE_POLL_METHOD");
	unsetenv("IV_SELECT_POLL_METHOD");
	unsetenv("EMU_PERSONALITY");
	if (method == NULL)
		return NULL;
	len = strcspn(method, ":");
	snprintf(name, sizeof(name), "%.*s", (int)len, method);
	setenv("IV_SELECT_POLL_METHOD", name, 1);
	if (method[len] == ':')
		setenv("EMU_PERSONALITY", method + len + 1, 1);
	return name;
}

/* The process of a case, from here to its end. */
__attribute__((noreturn))
static void run_case(const struct test_case *c, const char *method)
{
	struct fence_state *before;

	case_method = choose_method(method);
	/* Keeps expected deaths out of the machine's syslog. */
	if (c->fatal != NULL)
		iv_set_fatal_msg_handler(mute_fatal);

	before = fence_take();
	c->run();
	restore_fds();
	if (c->fatal != NULL)
		test_fail(c->file, c->line, "returned, should have died with "
			  "\"%s\"", c->fatal);
	check_method();
	if (fence_compare(before) != 0) {
		__atomic_store_n(&report->failed, 1, __ATOMIC_SEQ_CST);
		exit(1);
	}
	__atomic_store_n(&report->state, RETURNED, __ATOMIC_SEQ_CST);
	exit(0);
}

/* ---- Processes --------------------------------------------------------- */

static void wake_select(int sig)
{
	(void)sig;
}

static void die_with_group(int sig)
{
	if (case_group > 0)
		kill(-(pid_t)case_group, SIGKILL);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void take_signals(void)
{
	static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = wake_select };
	sigset_t chld;
	unsigned i;

	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (signal(deadly[i], die_with_group) == SIG_IGN)
			signal(deadly[i], SIG_IGN);
}

/* A case inherits nothing of that, nor an ignored signal or a mask from
   whoever runs us.  Other handlers stay: they are a sanitizer's. */
static void reset_signals(void)
{
	struct sigaction sa;
	sigset_t none;
	int sig;

	signal(SIGCHLD, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	for (sig = 1; sig < NSIG; sig++)
		if (sigaction(sig, NULL, &sa) == 0 &&
		    sa.sa_handler == SIG_IGN)
			signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void redirect(int from, int to)
{
	if (from != to) {
		dup2(from, to);
		close(from);
	}
}

/* fork(2), into a process group of its own that dies with the runner. */
static pid_t fork_group(int out)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid > 0)
		setpgid(pid, pid);
	if (pid != 0)
		return pid;

	setpgid(0, 0);
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	reset_signals();
	redirect(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	redirect(out, STDERR_FILENO);
	return 0;
}

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	exit(1);
}

/* ---- The library ------------------------------------------------------- */

/*
 * Ends the program if the shared library that it runs on is not the one that
 * was built with it: a wrong run path, LD_LIBRARY_PATH or LD_PRELOAD.
 */
#ifdef HAVE_DLADDR
static void check_library(void)
{
	char dir[PATH_MAX], path[PATH_MAX];
	void *fn = dlsym(RTLD_NEXT, "iv_main");
	Dl_info info;

	if (fn == NULL || dladdr(fn, &info) == 0)
		return;		/* it has the library inside */
	if (realpath(TEST_LIBRARIES, dir) != NULL &&
	    realpath(info.dli_fname, path) != NULL &&
	    strncmp(path, dir, strlen(dir)) == 0 && path[strlen(dir)] == '/')
		return;
	printf("Bail out! not the library that was built, in %s, but %s\n",
	       TEST_LIBRARIES, info.dli_fname);
	exit(1);
}
#else
static void check_library(void)
{
}
#endif

/* ---- The poll methods -------------------------------------------------- */

static void probe_failed(const char *msg)
{
	(void)msg;
	_exit(1);
}

__attribute__((noreturn))
static void probe_method(const char *name)
{
	name = choose_method(name);
	alarm((unsigned)(DEFAULT_LIMIT * time_scale()));
	iv_set_fatal_msg_handler(probe_failed);
	iv_init();
	if (strcmp(iv_poll_method_name(), name) != 0)
		_exit(1);
	iv_deinit();
	_exit(0);
}

static int method_works(const char *name)
{
	int status = -1;
	int null = open("/dev/null", O_WRONLY);
	pid_t pid = fork_group(null);

	if (pid < 0)
		die("fork");
	if (pid == 0)
		probe_method(name);
	close(null);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0;
}

static void add_method(const char *name)
{
	if (num_methods == MAX_METHODS) {
		fprintf(stderr, "too many poll methods\n");
		exit(2);
	}
	methods[num_methods++] = name;
}

static void find_methods(void)
{
	static const char *const native[] = {
		"epoll-timerfd", "epoll", "kqueue", "dev_poll", "port-timer",
		"port", "ppoll", "poll", NULL
	};
	const char *const *known = second_time ? emu_methods : native;
	const char *env = getenv("IV_TEST_METHODS");
	char *list, *name;

	if (num_methods > 0)
		return;
	if (env != NULL && env[0] != '\0') {
		list = strdup(env);
		for (name = strtok(list, " \t\n"); name != NULL;
		     name = strtok(NULL, " \t\n"))
			add_method(name);
		return;
	}
	for (; *known != NULL; known++)
		if (method_works(*known))
			add_method(*known);
}

/* ---- Running one case -------------------------------------------------- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Keeps what fits and drops the rest, so that the case never blocks.
   0 at the end of the output. */
static int read_output(int fd)
{
	char drop[4096];
	size_t room = MAX_OUTPUT - output_len;
	ssize_t n;

	if (room == 0)
		n = read(fd, drop, sizeof(drop));
	else
		n = read(fd, output + output_len, room);
	if (n > 0 && room > 0)
		output_len += (size_t)n;
	return n > 0;
}

/* SIGCHLD is blocked except while pselect() sleeps, so none is missed.  Does
   not sleep for long, since time_limit() does not wake us. */
static void wait_for_news(int fd)
{
	const struct timespec ts = { 0, 100000000 };
	sigset_t mask;
	fd_set set;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigdelset(&mask, SIGCHLD);
	FD_ZERO(&set);
	if (fd >= 0)
		FD_SET(fd, &set);
	pselect(fd + 1, &set, NULL, NULL, &ts, &mask);
}

/* The exit status of PID as of waitpid(2), or -1 if its time was up. */
static int watch(pid_t pid, int fd)
{
	double start = now();
	double limit;
	int more = 1;
	int status;

	for (;;) {
		while (more && read_output(fd))
			;
		more = more && errno == EAGAIN;
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		limit = __atomic_load_n(&report->limit, __ATOMIC_SEQ_CST) *
			time_scale();
		if (now() - start > limit) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			status = -1;
			break;
		}
		wait_for_news(more ? fd : -1);
	}
	kill(-pid, SIGKILL);	/* what it left behind */
	while (read_output(fd))
		;
	return status;
}

static int run_process(const struct test_case *c, const char *method)
{
	int fds[2];
	pid_t pid;
	int status;

	output_len = 0;
	memset(report, 0, sizeof(*report));
	report->limit = DEFAULT_LIMIT;
	if (pipe(fds) < 0)
		die("pipe");
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	pid = fork_group(fds[1]);
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(fds[0]);
		run_case(c, method);
	}
	case_group = pid;
	close(fds[1]);
	status = watch(pid, fds[0]);
	close(fds[0]);
	case_group = 0;
	return status;
}

/* ---- Judging ----------------------------------------------------------- */

static int line_has(const char *start, const char *text)
{
	const char *p = output;
	const char *end;

	while (*p != '\0') {
		end = p + strcspn(p, "\n");
		if (strncmp(p, start, strlen(start)) == 0) {
			const char *hit = strstr(p, text);

			if (hit != NULL && hit < end)
				return 1;
		}
		p = *end == '\n' ? end + 1 : end;
	}
	return 0;
}

/* Passing cases: only what they print as diagnostics themselves. */
static void print_output(int all)
{
	char *p = output;
	char *end;

	while (*p != '\0') {
		end = p + strcspn(p, "\n");
		if (strncmp(p, "# ", 2) == 0)
			printf("%.*s\n", (int)(end - p), p);
		else if (all && end > p)
			printf("# | %.*s\n", (int)(end - p), p);
		p = *end == '\n' ? end + 1 : end;
	}
	if (all && output_len == MAX_OUTPUT)
		printf("# (output cut off)\n");
}

/* What is wrong with a case that ended so; NULL if nothing is. */
static const char *judge(const struct test_case *c, int status)
{
	static char buf[512];
	int aborted;

	if (status == -1)
		return "time limit exceeded";
	if (strstr(output, "Sanitizer:") != NULL ||
	    strstr(output, ": runtime error: ") != NULL)
		return "a sanitizer complains";
	aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	if (report->failed)
		return "a check failed";
	if (c->fatal != NULL && report->state != SKIPPED) {
		if (!aborted)
			return "did not die of SIGABRT";
		if (line_has("ivykis: ", c->fatal))
			return NULL;
		snprintf(buf, sizeof(buf), "no line \"ivykis: ...%s...\"",
			 c->fatal);
		return buf;
	}
	if (WIFSIGNALED(status)) {
		snprintf(buf, sizeof(buf), "died of signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
		return buf;
	}
	if (status != 0) {
		snprintf(buf, sizeof(buf), "exited with status %d",
			 WEXITSTATUS(status));
		return buf;
	}
	if (report->state != RETURNED && report->state != SKIPPED)
		return "ended the process instead of returning";
	return NULL;
}

static const char *full_name(const struct test_case *c, const char *method)
{
	static char buf[512];
	char file[PATH_MAX];
	char *base;

	snprintf(file, sizeof(file), "%s", c->file);
	base = basename(file);
	snprintf(buf, sizeof(buf), "%.*s/%s%s%s%s",
		 (int)strcspn(base, "."), base, c->name,
		 method != NULL ? " [" : "", method != NULL ? method : "",
		 method != NULL ? "]" : "");
	return buf;
}

/* 1 if the case has failed. */
static int run_one(const struct test_case *c, const char *method, int number)
{
	double start = now();
	int status = run_process(c, method);
	double took = now() - start;
	const char *wrong;
	size_t i;

	for (i = 0; i < output_len; i++)
		if (output[i] == '\0')
			output[i] = '?';
	output[output_len] = '\0';
	wrong = judge(c, status);
	print_output(wrong != NULL || verbose);
	if (wrong != NULL)
		printf("# %s:%d: %s\n", c->file, c->line, wrong);
	if (took > SLOW * time_scale())
		printf("# took %.1f s\n", took);
	printf("%s %d - %s", wrong != NULL ? "not ok" : "ok", number,
	       full_name(c, method));
	if (wrong == NULL && report->state == SKIPPED)
		printf(" # SKIP %s", report->skip);
	printf("\n");
	fflush(stdout);
	if (report->tmpdir[0] != '\0')
		tmpdir_remove(report->tmpdir);
	return wrong != NULL;
}

/* ---- All cases --------------------------------------------------------- */

static int matches(const struct test_case *c)
{
	int i;

	for (i = 0; i < num_patterns; i++)
		if (fnmatch(patterns[i], c->name, 0) == 0 ||
		    fnmatch(patterns[i], full_name(c, NULL), 0) == 0)
			return 1;
	return num_patterns == 0;
}

/* Calls FN for each case and method that is asked for, with a number from 1
   on; the sum of what it returns. */
static int for_each(int (*fn)(const struct test_case *, const char *, int),
		    int *count)
{
	const struct test_case *c;
	int sum = 0;
	int i;

	*count = 0;
	for (c = cases; c != NULL; c = c->next) {
		if (!matches(c))
			continue;
		if (!c->per_method && second_time)
			continue;
		if (!c->per_method)
			sum += fn(c, NULL, ++*count);
		else
			for (i = 0; i < num_methods; i++)
				sum += fn(c, methods[i], ++*count);
	}
	return sum;
}

static int per_method(const struct test_case *c, const char *m, int number)
{
	(void)m;
	(void)number;
	return c->per_method;
}

static int count_one(const struct test_case *c, const char *m, int number)
{
	(void)c;
	(void)m;
	(void)number;
	return 0;
}

static int list_one(const struct test_case *c, const char *m, int number)
{
	(void)number;
	printf("%s\n", full_name(c, m));
	return 0;
}

/* Does not come back. */
static int debug_one(const struct test_case *c, const char *m, int number)
{
	(void)number;
	fflush(stdout);
	fprintf(stderr, "%s\n", full_name(c, m));
	reset_signals();
	run_case(c, m);
}

static int some_need_methods(void)
{
	int count;
	int sum;

	num_methods = 1;
	sum = for_each(per_method, &count);
	num_methods = 0;
	return sum > 0;
}

/* The standard descriptors must not be given to something else. */
static void open_std_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void prepare(void)
{
	struct rlimit core;

	open_std_fds();
	setvbuf(stdout, NULL, _IOLBF, 0);	/* cases may _exit(2) */
	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
	}
	take_signals();
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		die("mmap");
}

__attribute__((noreturn))
static void usage(const char *prog, FILE *to, int status)
{
	fprintf(to, "usage: %s [-hlnv] [-m METHOD]... [PATTERN]...\n"
		"  -h  show this\n"
		"  -l  list the cases\n"
		"  -m  only with this poll method (more than once: with these)\n"
		"  -n  run the first case that matches in this process, without"
		" a time limit\n"
		"  -v  show the output of cases that pass, too\n"
		"  PATTERN  of names: \"file/case\" or \"case\"\n", prog);
	exit(status);
}

int main(int argc, char **argv)
{
	int (*only)(const struct test_case *, const char *, int) = NULL;
	int count, failed, opt;
	const char *chosen[MAX_METHODS];
	int num_chosen = 0;

	while ((opt = getopt(argc, argv, "hlnvm:")) != -1) {
		if (opt == 'h')
			usage(argv[0], stdout, 0);
		else if (opt == 'l')
			only = list_one;
		else if (opt == 'n')
			only = debug_one;
		else if (opt == 'v')
			verbose = 1;
		else if (opt == 'm' && num_chosen < MAX_METHODS)
			chosen[num_chosen++] = optarg;
		else
			usage(argv[0], stderr, 2);
	}
	patterns = argv + optind;
	num_patterns = argc - optind;

	prepare();
	check_library();
	second_time = strstr(argv[0], ".emu.t") != NULL;
	if (some_need_methods()) {
		memcpy(methods, chosen, sizeof(chosen));
		num_methods = num_chosen;
		find_methods();
		if (num_methods == 0) {
			printf("Bail out! no poll method works here\n");
			return 1;
		}
	}

	for_each(only != NULL ? only : count_one, &count);
	if (count == 0) {
		fprintf(stderr, "%s: no case matches\n", argv[0]);
		return 2;
	}
	if (only != NULL)
		return 0;
	printf("1..%d\n", count);
	failed = for_each(run_one, &count);
	if (failed > 0)
		printf("# %d of %d failed\n", failed, count);
	return failed > 0;
}
