/* SPDX-License-Identifier: MIT */
/*
 * exec.c - programs, executed in a child.
 */
#include "config.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/test.h"
#include "sys/child.h"
#include "sys/exec.h"
#include "sys/sig.h"

#ifndef SYS_close_range
#define SYS_close_range	(-1)
#endif

/* ---- Helpers ---------------------------------------------------------------------- */

struct program {
	struct ivi_exec exec;
	int parent;
	pid_t pid;
};

static int ignored;

static bool was_ignored(int signum)
{
	return signum == ignored;
}

/* STD is at the other end of p->parent, the others are /dev/null. */
static void set(struct program *p, int std, char *const *argv, unsigned flags)
{
	int fds[2], i;

	memset(&p->exec, 0xa5, sizeof(p->exec));
	CHECK_INT(ivi_exec_pipe(fds), ==, 0);
	for (i = 0; i < 3; i++)
		p->exec.fd[i] = IVI_EXEC_NULL;
	p->exec.fd[std] = fds[std != 0];
	p->parent = fds[std == 0];
	p->exec.file = argv[0];
	p->exec.argv = argv;
	p->exec.envp = NULL;
	p->exec.cwd = NULL;
	p->exec.flags = flags;
	p->exec.ignored_before = was_ignored;
}

static int start(struct program *p)
{
	int ret = ivi_exec_open(&p->exec), i;

	if (ret < 0)
		return ret;
	p->pid = p->exec.flags & IVI_EXEC_VFORK ?
		 ivi_vfork(ivi_exec, &p->exec) : fork_child(ivi_exec, &p->exec);
	CHECK_INT(p->pid, >, 0);
	ret = ivi_exec_outcome(&p->exec);
	for (i = 0; i < 3; i++)
		if (p->exec.fd[i] > 2)
			close(p->exec.fd[i]);
	return ret;
}

static const char *slurp(int fd)
{
	static char text[20000];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return text;
}

static const char *output(char *const *argv, unsigned flags)
{
	struct program p;
	const char *text;

	set(&p, 1, argv, flags);
	CHECK_INT(start(&p), ==, 0);
	text = slurp(p.parent);
	reap_child(p.pid);
	return text;
}

static const char *shell(const char *script, unsigned flags)
{
	static char sh[] = "/bin/sh", c[] = "-c";

	return output((char *[]) { sh, c, (char *)(uintptr_t)script, NULL },
		      flags);
}

static void check_missing(const char *file, unsigned flags, int err)
{
	char name[] = "x";
	struct program p;
	int status;

	set(&p, 1, (char *[]) { name, NULL }, flags);
	p.exec.file = file;
	CHECK_INT(start(&p), ==, -err);
	close(p.parent);
	CHECK_INT(waitpid(p.pid, &status, 0), ==, p.pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 127);
}

/* By fork(2) and by vfork(2). */
#define EXEC_TEST(name)							\
static void run_##name(unsigned flags);					\
TEST_ONCE(name)								\
{									\
	run_##name(0);							\
}									\
TEST_ONCE(name##_by_vfork)						\
{									\
	run_##name(IVI_EXEC_VFORK);					\
}									\
static void run_##name(unsigned flags)

/* ---- Programs ------------------------------------------------------------------------ */

EXEC_TEST(a_program_reads_and_writes)
{
	char echo[] = "echo", cat[] = "cat", word[] = "word";
	struct program p;

	flags |= IVI_EXEC_SEARCH;
	CHECK_STR(output((char *[]) { echo, word, NULL }, flags), "word\n");
	set(&p, 0, (char *[]) { cat, NULL }, flags);
	CHECK_INT(start(&p), ==, 0);
	poke(p.parent);
	close(p.parent);
	reap_child(p.pid);
}

EXEC_TEST(a_program_that_is_missing)
{
	check_missing("/nonexistent", flags, ENOENT);
	check_missing("/dev/null", flags, EACCES);
	check_missing("", flags, ENOENT);
	check_missing("", flags | IVI_EXEC_SEARCH, ENOENT);
	check_missing("/nonexistent", flags | IVI_EXEC_SEARCH, ENOENT);
	/* Not searched for. */
	check_missing("true", flags, ENOENT);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = (int)CHECK_SYS(open(path, O_CREAT | O_WRONLY | O_CLOEXEC,
				     0700));

	CHECK_INT(write(fd, text, strlen(text)), ==, strlen(text));
	CHECK_SYS(close(fd));
	CHECK_SYS(chmod(path, mode));
}

static void make_path(char *to, size_t size, const char *name)
{
	snprintf(to, size, "%s/%s", tmpdir(), name);
}

/* What cannot be executed does not hide what can, further on. */
EXEC_TEST(a_search_in_path)
{
	char dir[4300], path[4300], search[9000];
	char name[] = "prog", arg[] = "arg";
	char *argv[] = { name, arg, NULL };

	flags |= IVI_EXEC_SEARCH;
	make_path(dir, sizeof(dir), "one");
	CHECK_SYS(mkdir(dir, 0700));
	make_path(path, sizeof(path), "one/prog");
	write_file(path, "", 0600);
	snprintf(search, sizeof(search), "/nonexistent:%s", dir);
	CHECK_SYS(setenv("PATH", search, 1));
	check_missing("prog", flags, EACCES);
	check_missing("other", flags, ENOENT);
	make_path(path, sizeof(path), "prog");
	write_file(path, "#!/bin/sh\necho $0 $1\n", 0700);
	snprintf(search, sizeof(search), "/dev/null:%s:%s:/bin", dir,
		 tmpdir());
	CHECK_SYS(setenv("PATH", search, 1));
	snprintf(search, sizeof(search), "%s arg\n", path);
	CHECK_STR(output(argv, flags), search);
	/* An empty element is the directory where we are. */
	CHECK_SYS(chdir(tmpdir()));
	CHECK_SYS(setenv("PATH", "", 1));
	CHECK_STR(output(argv, flags), "prog arg\n");
	CHECK_SYS(setenv("PATH", "/nonexistent:", 1));
	CHECK_STR(output(argv, flags), "prog arg\n");
	CHECK_SYS(chdir("/"));
	/* Nor does what is wrong with a name make another be taken. */
	make_path(path, sizeof(path), "one/echo");
	CHECK_SYS(symlink("echo", path));
	snprintf(search, sizeof(search), "%s:/bin", dir);
	CHECK_SYS(setenv("PATH", search, 1));
	check_missing("echo", flags, ELOOP);
	CHECK_SYS(unsetenv("PATH"));
	CHECK_STR(output((char *[]) { strcpy(name, "echo"), arg, NULL },
			 flags), "arg\n");
}

EXEC_TEST(a_script_without_interpreter)
{
	char path[4300], one[] = "one", two[] = "two";

	make_path(path, sizeof(path), "script");
	write_file(path, "echo $# $1 $2\n", 0700);
	check_missing(path, flags, ENOEXEC);
	flags |= IVI_EXEC_SEARCH;
	CHECK_STR(output((char *[]) { path, one, two, NULL }, flags),
		  "2 one two\n");
	CHECK_STR(output((char *[]) { path, NULL }, flags), "0\n");
}

EXEC_TEST(environment_and_directory)
{
	char sh[] = "sh", c[] = "-c", script[] = "echo $HERE $PWD";
	char here[] = "HERE=word";
	struct program p;

	set(&p, 1, (char *[]) { sh, c, script, NULL }, flags);
	p.exec.file = "/bin/sh";
	p.exec.envp = (char *[]) { here, NULL };
	p.exec.cwd = "/usr";
	CHECK_INT(start(&p), ==, 0);
	CHECK_STR(slurp(p.parent), "word /usr\n");
	reap_child(p.pid);
	set(&p, 1, (char *[]) { sh, NULL }, flags);
	p.exec.file = "/bin/sh";
	p.exec.cwd = "/nonexistent";
	CHECK_INT(start(&p), ==, -ENOENT);
	close(p.parent);
	CHECK_INT(waitpid(p.pid, NULL, 0), ==, p.pid);
}

EXEC_TEST(groups_and_sessions)
{
	static const char ids[] = "x=$(ps -o pgid=,sid= -p $$); set -- $x; "
				  "echo $(($1 == $$)) $(($2 == $$))";

	CHECK_STR(shell(ids, flags), "0 0\n");
	CHECK_STR(shell(ids, flags | IVI_EXEC_GROUP), "1 0\n");
	CHECK_STR(shell(ids, flags | IVI_EXEC_SESSION), "1 1\n");
	CHECK_STR(shell(ids, flags | IVI_EXEC_SESSION | IVI_EXEC_GROUP),
		  "1 1\n");
}

static void hold_open(void *fd)
{
	char c;

	while (read((int)(intptr_t)fd, &c, 1) > 0)
		;
}

/* Somebody holds the report's pipe open: then it is given up. */
TEST_ONCE(no_report_is_no_error)
{
	char true_[] = "true";
	struct program p;
	pid_t holder;
	int fds[2];

	make_pipe(fds);
	set(&p, 1, (char *[]) { true_, NULL }, IVI_EXEC_SEARCH);
	CHECK_INT(ivi_exec_open(&p.exec), ==, 0);
	holder = fork();
	CHECK_SYS(holder);
	if (holder == 0) {
		close(fds[1]);
		hold_open((void *)(intptr_t)fds[0]);
		_exit(0);
	}
	p.pid = fork_child(ivi_exec, &p.exec);
	CHECK_INT(ivi_exec_outcome(&p.exec), ==, 0);
	close_pair(fds);
	close(p.parent);
	close(p.exec.fd[1]);
	reap_child(holder);
	reap_child(p.pid);
}

/* ---- Signals ---------------------------------------------------------------------------- */

#ifdef __linux__
static unsigned long long status_mask(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	CHECK(at != NULL);
	/* Without those that the C library has for itself. */
	return strtoull(at + strlen(name) + 1, NULL, 16) & 0x7fffffff;
}

#define BIT(signum)	(1ULL << ((signum) - 1))

static unsigned caught;

static void catch(int signum)
{
	(void)signum;
	caught++;
}

/* The parent is as it was. */
EXEC_TEST(signals_of_a_clean_program)
{
	struct sigaction sa, before;
	struct program p;
	sigset_t set_, old;
	const char *text;
	char cat[] = "cat", file[] = "/proc/self/status";

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = catch;
	sa.sa_flags = SA_RESTART;
	sigaddset(&sa.sa_mask, SIGHUP);
	CHECK_SYS(sigaction(SIGUSR1, &sa, &before));
	CHECK_SYS(sigaction(SIGUSR2, &sa, NULL));
	signal(SIGQUIT, SIG_IGN);
	sigfillset(&set_);
	pthread_sigmask(SIG_SETMASK, &set_, &old);
	set(&p, 1, (char *[]) { cat, file, NULL },
	    flags | IVI_EXEC_CLEAN | IVI_EXEC_SEARCH);
	ignored = SIGUSR2;
	CHECK_INT(start(&p), ==, 0);
	text = slurp(p.parent);
	reap_child(p.pid);
	CHECK_INT(status_mask(text, "SigBlk:"), ==, 0);
	CHECK_INT(status_mask(text, "SigCgt:"), ==, 0);
	CHECK_INT(status_mask(text, "SigIgn:"), ==,
		  BIT(SIGUSR2) | BIT(SIGQUIT));
	pthread_sigmask(SIG_SETMASK, &old, &set_);
	CHECK_INT(sigismember(&set_, SIGTERM), ==, 1);
	CHECK_SYS(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == catch);
	CHECK(sigismember(&sa.sa_mask, SIGHUP));
	raise(SIGUSR2);
	CHECK_INT(caught, ==, 1);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
}

/* ---- Descriptors ------------------------------------------------------------------------- */

/* By name: where getdents64() is refused there is no other way. */
static unsigned count_descriptors(unsigned flags)
{
	const char *text = shell("i=3; while [ $i -lt 950 ]; do "
				 "[ ! -e /proc/$$/fd/$i ] || echo; "
				 "i=$((i + 1)); done", flags);

	return (unsigned)strlen(text);
}

static void check_clean_descriptors(unsigned flags)
{
	int fds[50], i;

	need_fds(950);
	/* High ones, too. */
	for (i = 0; i < 50; i++)
		fds[i] = (int)CHECK_SYS(fcntl(2, F_DUPFD, i < 25 ? 3 : 900));
	CHECK_INT(count_descriptors(flags | IVI_EXEC_CLEAN), ==, 0);
	for (i = 0; i < 50; i++)
		CHECK_INT(fcntl(fds[i], F_GETFD), ==, 0);
	CHECK_INT(count_descriptors(flags), >=, 50);
	for (i = 0; i < 50; i++)
		CHECK_SYS(close(fds[i]));
}

EXEC_TEST(a_clean_program_has_no_descriptors)
{
	check_clean_descriptors(flags);
}

TEST_ONCE(the_same_without_close_range)
{
	deny_syscall(SYS_close_range, EPERM);
	check_clean_descriptors(IVI_EXEC_VFORK);
}

/* In a child: what it denies the harness needs. */
static void look_without_proc(void *unused)
{
	(void)unused;
	deny_syscall(SYS_close_range, ENOSYS);
	deny_syscall(SYS_getdents64, ENOSYS);
	check_clean_descriptors(IVI_EXEC_VFORK);
}

TEST_ONCE(the_same_without_proc)
{
	limit_fds(2000);
	reap_child(fork_child(look_without_proc, NULL));
}

/* Nor is there one for the directory that lists them. */
static void look_without_descriptors(void *unused)
{
	char sh[] = "/bin/sh", c[] = "-c", script[80];
	struct program p;

	(void)unused;
	deny_syscall(SYS_close_range, ENOSYS);
	snprintf(script, sizeof(script),
		 "[ ! -e /proc/$$/fd/%d ] && echo hidden",
		 (int)CHECK_SYS(dup(2)));
	set(&p, 1, (char *[]) { sh, c, script, NULL },
	    IVI_EXEC_VFORK | IVI_EXEC_CLEAN);
	p.exec.fd[0] = p.exec.fd[2] = IVI_EXEC_KEEP;
	leave_fds(2);
	CHECK_INT(start(&p), ==, 0);
	restore_fds();
	CHECK_STR(slurp(p.parent), "hidden\n");
	reap_child(p.pid);
}

TEST_ONCE(the_same_without_descriptors)
{
	reap_child(fork_child(look_without_descriptors, NULL));
}
#endif

/* Which is which: a pipe for each. */
static void check_order(unsigned flags, const int order[3], const char *seen)
{
	char sh[] = "/bin/sh", c[] = "-c";
	char script[] = "read a; echo $a; echo err >&2";
	struct program p;
	int in[2], fds[2], i;

	CHECK_INT(ivi_exec_pipe(in), ==, 0);
	CHECK_INT(write(in[1], "in\n", 3), ==, 3);
	CHECK_INT(ivi_exec_pipe(fds), ==, 0);
	set(&p, 1, (char *[]) { sh, c, script, NULL }, flags);
	close(p.parent);
	close(p.exec.fd[1]);
	p.exec.fd[0] = in[0];
	p.exec.fd[1] = fds[1];
	p.exec.fd[2] = fds[1];
	for (i = 0; i < 3; i++)
		if (order[i] < 0)
			p.exec.fd[i] = order[i];
	CHECK_INT(start(&p), ==, 0);
	close(in[0]);
	close_pair((int[2]) { in[1], fcntl(0, F_DUPFD, 3) });
	close(fds[1]);
	CHECK_STR(slurp(fds[0]), seen);
	CHECK_SYS(waitpid(p.pid, NULL, 0));
}

EXEC_TEST(what_its_descriptors_are)
{
	static const int plain[3], out[3] = { 0, 0, IVI_EXEC_OUT };
	static const int null[3] = { IVI_EXEC_NULL, 0, IVI_EXEC_NULL };

	check_order(flags, plain, "in\nerr\n");
	check_order(flags, out, "in\nerr\n");
	check_order(flags, null, "\n");
}

/* Ours, exchanged; with some of them closed nothing else slips in. */
static void exchange(void *_flags)
{
	unsigned flags = (unsigned)(uintptr_t)_flags;
	char sh[] = "/bin/sh", c[] = "-c", script[] = "echo out; echo err >&2";
	struct program p;
	int out[2], err[2];

	make_pipe(out);
	make_pipe(err);
	dup2(out[1], 1);
	dup2(err[1], 2);
	set(&p, 0, (char *[]) { sh, c, script, NULL }, flags);
	close(p.parent);
	close(p.exec.fd[0]);
	p.exec.fd[0] = IVI_EXEC_KEEP;
	p.exec.fd[1] = 2;
	p.exec.fd[2] = 1;
	CHECK_INT(start(&p), ==, 0);
	close_pair((int[2]) { out[1], err[1] });
	close(1);
	close(2);
	CHECK_STR(slurp(out[0]), "err\n");
	CHECK_STR(slurp(err[0]), "out\n");
	CHECK_SYS(waitpid(p.pid, NULL, 0));
}

EXEC_TEST(exchanged_descriptors)
{
	reap_child(fork_child(exchange, (void *)(uintptr_t)flags));
}

#ifdef __linux__
static unsigned closed_flags;

static void close_and_start(void *_mask)
{
	unsigned mask = (unsigned)(uintptr_t)_mask, i;
	char ls[] = "ls", arg[] = "/proc/self/fd";
	struct program p;
	char text[20] = "";
	int fd;

	for (fd = 0; fd < 3; fd++)
		if (mask & (1u << fd))
			close(fd);
	set(&p, 1, (char *[]) { ls, arg, NULL },
	    closed_flags | IVI_EXEC_SEARCH | IVI_EXEC_CLEAN);
	CHECK_INT(p.parent, >, 2);
	CHECK_INT(p.exec.fd[1], >, 2);
	p.exec.fd[0] = p.exec.fd[2] = IVI_EXEC_KEEP;
	CHECK_INT(start(&p), ==, 0);
	for (i = 0; i < 3; i++)
		if (i == 1 || !(mask & (1u << i)))
			snprintf(text + strlen(text), 4, "%u\n", i);
	/* The directory gets the first that is free. */
	i = !(mask & 1) ? !(mask & 4) ? 3 : 2 : 0;
	CHECK_INT(strlen(slurp(p.parent)), ==, strlen(text) + 2);
	CHECK(i < 4);
	CHECK_SYS(waitpid(p.pid, NULL, 0));
}

EXEC_TEST(with_standard_descriptors_closed)
{
	uintptr_t mask;

	closed_flags = flags;
	for (mask = 0; mask < 8; mask++)
		reap_child(fork_child(close_and_start, (void *)mask));
}
#endif

EXEC_TEST(a_descriptor_that_is_not_open)
{
	char sh[] = "/bin/sh";
	struct program p;
	int i;

	for (i = 0; i < 3; i++) {
		set(&p, (i + 1) % 3, (char *[]) { sh, NULL }, flags);
		p.exec.fd[i] = 9999;
		CHECK_INT(start(&p), ==, -EBADF);
		close(p.parent);
		CHECK_INT(waitpid(p.pid, NULL, 0), ==, p.pid);
	}
}

static void start_on_what_is_closed(void *flags)
{
	char sh[] = "/bin/sh";
	struct program p;

	close(0);
	set(&p, 1, (char *[]) { sh, NULL }, (unsigned)(uintptr_t)flags);
	p.exec.fd[0] = 0;
	CHECK_INT(start(&p), ==, -EBADF);
	close(p.parent);
	CHECK_INT(waitpid(p.pid, NULL, 0), ==, p.pid);
}

EXEC_TEST(a_descriptor_in_its_place_that_is_not_open)
{
	reap_child(fork_child(start_on_what_is_closed,
			      (void *)(uintptr_t)flags));
}

/* None is left for /dev/null, or to keep one while another takes its place. */
EXEC_TEST(the_child_has_no_descriptors)
{
	char sh[] = "/bin/sh";
	struct program p;
	int i;

	for (i = 0; i < 2; i++) {
		set(&p, 1, (char *[]) { sh, NULL }, flags);
		if (i == 1) {
			p.exec.fd[0] = 2;
			p.exec.fd[2] = 0;
		}
		leave_fds(2);
		CHECK_INT(start(&p), ==, -EMFILE);
		restore_fds();
		close(p.parent);
		CHECK_INT(waitpid(p.pid, NULL, 0), ==, p.pid);
	}
}

#ifdef SYS_dup2
EXEC_TEST(the_child_may_not_move_descriptors)
{
	char sh[] = "/bin/sh";
	struct program p;
	int i;

	deny_syscall(SYS_dup2, EPERM);
	for (i = 0; i < 2; i++) {
		set(&p, 1, (char *[]) { sh, NULL }, flags);
		if (i == 1)
			p.exec.fd[0] = IVI_EXEC_KEEP;
		CHECK_INT(start(&p), ==, -EPERM);
		close(p.parent);
		CHECK_INT(waitpid(p.pid, NULL, 0), ==, p.pid);
	}
}
#endif

/* What is below 3 has to be moved, for which there is no descriptor. */
static void open_below(void *unused)
{
	int fds[2];

	(void)unused;
	CHECK_SYS(dup(2));
	close(0);
	close(2);
	leave_fds(2);
	CHECK_INT(ivi_exec_pipe(fds), ==, -EMFILE);
	restore_fds();
	CHECK_ERRNO(fcntl(0, F_GETFD), EBADF);
	CHECK_ERRNO(fcntl(2, F_GETFD), EBADF);
}

TEST_ONCE(a_pipe_that_cannot_be_moved)
{
	reap_child(fork_child(open_below, NULL));
}

/* The fence sees what an attempt leaves open. */
TEST_ONCE(opening_without_descriptors)
{
	char sh[] = "sh", *argv[] = { sh, NULL };
	struct ivi_exec x = { .file = "sh", .argv = argv,
			      .flags = IVI_EXEC_SEARCH };
	unsigned spare;
	int fds[2], ret;

	for (spare = 0; spare < 4; spare++) {
		leave_fds(spare);
		ret = ivi_exec_pipe(fds);
		if (ret < 0)
			CHECK_INT(ret, ==, -EMFILE);
		CHECK_INT(ret == 0, ==, spare >= 2);
		if (ret == 0)
			close_pair(fds);
		ret = ivi_exec_open(&x);
		if (ret < 0)
			CHECK_INT(ret, ==, -EMFILE);
		CHECK_INT(ret == 0, ==, spare >= 2);
		if (ret == 0)
			ivi_exec_close(&x);
		restore_fds();
	}
}
