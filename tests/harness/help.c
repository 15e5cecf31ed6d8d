/* SPDX-License-Identifier: MIT */
/*
 * help.c - helpers for tests: descriptors, processes, limits.
 */
#include "config.h"
#include <fcntl.h>
#include <sched.h>
#include <ftw.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#endif
#include "harness.h"

/* ---- Descriptors ------------------------------------------------------- */

static void set_cloexec(const int fds[2])
{
	CHECK_SYS(fcntl(fds[0], F_SETFD, FD_CLOEXEC));
	CHECK_SYS(fcntl(fds[1], F_SETFD, FD_CLOEXEC));
}

void make_pipe(int fds[2])
{
	CHECK_SYS(pipe(fds));
	set_cloexec(fds);
}

void make_socketpair(int fds[2])
{
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	set_cloexec(fds);
}

void close_pair(int fds[2])
{
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(close(fds[1]));
	fds[0] = -1;
	fds[1] = -1;
}

void poke(int fd)
{
	ssize_t n;

	do
		n = write(fd, "x", 1);
	while (n < 0 && errno == EINTR);
	CHECK_SYS(n);
}

static void set_nonblock(int fd)
{
	int flags = (int)CHECK_SYS(fcntl(fd, F_GETFL));

	if (!(flags & O_NONBLOCK))
		CHECK_SYS(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

size_t drain(int fd)
{
	char buf[4096];
	size_t sum = 0;
	ssize_t n;

	set_nonblock(fd);
	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n > 0)
			sum += (size_t)n;
		else if (errno == EAGAIN)
			break;
		else
			CHECK_INT(errno, ==, EINTR);
	}
	return sum;
}

/* Blocks first, then bytes: a pipe takes a block whole or not at all. */
size_t fill(int fd)
{
	static const char buf[4096];
	size_t size = sizeof(buf);
	size_t sum = 0;
	ssize_t n;

	set_nonblock(fd);
	for (;;) {
		n = write(fd, buf, size);
		if (n > 0)
			sum += (size_t)n;
		else if (errno == EAGAIN && size > 1)
			size = 1;
		else if (errno == EAGAIN)
			return sum;
		else
			CHECK_INT(errno, ==, EINTR);
	}
}

int fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* ---- Limits ------------------------------------------------------------ */

static int limited;
static rlim_t saved_limit;

void limit_fds(unsigned soft)
{
	struct rlimit rl;

	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &rl));
	if (!limited)
		saved_limit = rl.rlim_cur;
	limited = 1;
	rl.rlim_cur = soft;
	CHECK_SYS(setrlimit(RLIMIT_NOFILE, &rl));
}

void need_fds(unsigned n)
{
	struct rlimit rl;

	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &rl));
	if (rl.rlim_max < n)
		SKIP("only %lu descriptors permitted", (unsigned long)rl.rlim_max);
	if (rl.rlim_cur < n)
		limit_fds(n);
}

void leave_fds(unsigned spare)
{
	unsigned unused = 0;
	int fd = 0;

	for (;; fd++)
		if (!fd_is_open(fd) && unused++ == spare)
			break;
	limit_fds((unsigned)fd);
}

void restore_fds(void)
{
	struct rlimit rl;

	if (!limited)
		return;
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = saved_limit;
	CHECK_SYS(setrlimit(RLIMIT_NOFILE, &rl));
	limited = 0;
}

#ifdef PR_SET_NO_NEW_PRIVS
static void filter(struct sock_filter *insns, size_t n)
{
	struct sock_fprog prog = { (unsigned short)n, insns };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		SKIP("no seccomp filters here: %s", strerror(errno));
}

/* The architecture need not be looked at: no test enters the kernel by
   another one's door. */
void deny_syscall(long nr, int err)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	filter(insns, sizeof(insns) / sizeof(insns[0]));
}

void mute_write(int fd)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args) +
			 (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)fd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	filter(insns, sizeof(insns) / sizeof(insns[0]));
}
#else
void deny_syscall(long nr, int err)
{
	(void)nr;
	(void)err;
	SKIP("no seccomp filters on this system");
}

void mute_write(int fd)
{
	deny_syscall(-1, fd);
}
#endif

void need_kernel(const char *lack)
{
	const char *by = getenv("EMULATOR");

	if (by != NULL && strstr(by, "qemu") != NULL)
		SKIP("what runs this program %s", lack);
}

/* ---- Processes --------------------------------------------------------- */

pid_t fork_child(void (*fn)(void *), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

void reap_child(pid_t pid)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	CHECK_SYS(got);
	if (WIFSIGNALED(status))
		FAIL("child died of signal %d", WTERMSIG(status));
	CHECK_INT(WEXITSTATUS(status), ==, 0);
}

/* LeakSanitizer cannot stop threads in another user namespace. */
#if defined(__SANITIZE_ADDRESS__)
#define NAMESPACES	0
#elif defined(__has_feature)
#define NAMESPACES	!__has_feature(address_sanitizer)
#else
#define NAMESPACES	1
#endif

static int unshare_pids(void)
{
#ifdef CLONE_NEWPID
	return unshare(CLONE_NEWUSER | CLONE_NEWPID);
#else
	errno = ENOSYS;
	return -1;
#endif
}

void in_pid_namespace(void (*fn)(void))
{
	int status;
	pid_t pid;

	if (!NAMESPACES)
		SKIP("not with AddressSanitizer");
	if (unshare_pids() < 0)
		SKIP("no pid namespaces: %s", strerror(errno));
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		fn();
		_exit(0);
	}
	CHECK_SYS(waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == NAMESPACE_SKIP)
		SKIP("pids cannot be chosen here");
	CHECK_INT(status, ==, 0);
}

void set_last_pid(pid_t pid)
{
	char text[16];
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%d", (int)pid);

	if (fd < 0 || write(fd, text, (size_t)len) != len)
		_exit(NAMESPACE_SKIP);
	close(fd);
}

/* ---- Files ------------------------------------------------------------- */

const char *tmpdir(void)
{
	const char *base = getenv("TMPDIR");
	char *path = report->tmpdir;

	if (path[0] != '\0')
		return path;
	if (base == NULL || base[0] == '\0')
		base = "/tmp";
	snprintf(path, sizeof(report->tmpdir), "%s/ivtest.XXXXXX", base);
	if (mkdtemp(path) == NULL) {
		path[0] = '\0';
		FAIL("mkdtemp in %s: %s", base, strerror(errno));
	}
	return path;
}

const char *in_tmpdir(const char *name)
{
	static char names[8][PATH_MAX];
	static unsigned next;
	char *s = names[next++ % 8];

	snprintf(s, PATH_MAX, "%s/%s", tmpdir(), name);
	return s;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void tmpdir_remove(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		printf("# could not remove %s: %s\n", path, strerror(errno));
}
