/* SPDX-License-Identifier: MIT */
/*
 * exec.c - programs, executed in a child.
 *
 * In a child of vfork(2) all memory is the parent's, whose other threads run:
 * nothing here allocates, takes a lock or leaves a trace but in struct
 * ivi_exec.  Handlers of the parent's must not run there: all signals are
 * blocked until none is caught any more.
 */
#include "config.h"
#include "sys/exec.h"
#include "sys/sys.h"
#include "base/timespec.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include "sys/sig.h"

#define PATIENCE	IVI_SEC
#define SHELL		"/bin/sh"

/* ---- In the child: signals ------------------------------------------------------ */

#if defined(SYS_rt_sigaction) && (defined(__LP64__) || !defined(__x86_64__)) && \
    !defined(__mips__) && !defined(__sparc__) && !defined(__alpha__) && \
    !defined(__hppa__)
/*
 * By no function of the C library: programs replace sigaction(), and what
 * theirs takes down would stay with the parent.  In the kernel's struct the
 * handler comes first, and all that follows may be 0 (struct sigaction in
 * Linux' include/linux/signal_types.h); sets of signals have 64 bits.
 */
#define SET_SIZE	8

static bool is_caught(int signum)
{
	uintptr_t now[16] = { 0 };

	return syscall(SYS_rt_sigaction, signum, NULL, now, SET_SIZE) == 0 &&
	       now[0] != (uintptr_t)SIG_DFL && now[0] != (uintptr_t)SIG_IGN;
}

static void dispose(int signum, void (*handler)(int))
{
	uintptr_t to[16] = { (uintptr_t)handler };

	syscall(SYS_rt_sigaction, signum, to, NULL, SET_SIZE);
}
#else
static bool is_caught(int signum)
{
	struct sigaction now;

	return sigaction(signum, NULL, &now) == 0 &&
	       ((now.sa_flags & SA_SIGINFO) ||
		(now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN));
}

static void dispose(int signum, void (*handler)(int))
{
	struct sigaction to;

	memset(&to, 0, sizeof(to));
	to.sa_handler = handler;
	sigemptyset(&to.sa_mask);
	sigaction(signum, &to, NULL);
}
#endif

static void reset_signals(const struct ivi_exec *x)
{
	sigset_t none;
	int signum;

	for (signum = 1; signum < IVI_NSIG; signum++)
		if (is_caught(signum))
			dispose(signum, sigismember(&x->ignored, signum) == 1 ?
						SIG_IGN : SIG_DFL);
	ivi_unignore_default_signals();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- In the child: descriptors ------------------------------------------------------ */

/* POSIX lets a signal interrupt dup2(2); EBUSY is a race in Linux. */
static bool move(int from, int to)
{
	while (dup2(from, to) < 0)
		if (errno != EINTR && errno != EBUSY)
			return false;
	return true;
}

/* Moves *FD, if it is not where it is to be, out of the way. */
static bool lift(int *fd, int place)
{
	if (*fd < 0 || *fd > 2 || *fd == place)
		return true;
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	return *fd >= 0;
}

static bool take_null(int place)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0)
		return false;
	if (fd == place)
		return true;
	if (!move(fd, place))
		return false;
	close(fd);
	return true;
}

/* What is not open, the program will not have either. */
static bool keep(int fd)
{
	return fcntl(fd, F_SETFD, 0) == 0 || errno == EBADF;
}

static bool take(int fd, int place)
{
	switch (fd) {
	case IVI_EXEC_KEEP:
		return keep(place);
	case IVI_EXEC_NULL:
		return take_null(place);
	case IVI_EXEC_OUT:
		return move(1, place);
	default:
		return fd == place ? fcntl(fd, F_SETFD, 0) == 0 :
				     move(fd, place);
	}
}

static bool take_stdio(struct ivi_exec *x)
{
	int fd[3], i;

	for (i = 0; i < 3; i++) {
		fd[i] = x->fd[i];
		if (!lift(&fd[i], i))
			return false;
	}
	for (i = 0; i < 3; i++)
		if (!take(fd[i], i))
			return false;
	return true;
}

#if defined(SYS_getdents64)
struct entry {				/* getdents(2) */
	uint64_t	inode;
	int64_t		next;
	uint16_t	size;
	uint8_t		type;
	char		name[];
};

static void hide_entry(const struct entry *e)
{
	int fd = 0;
	const char *c;

	for (c = e->name; *c >= '0' && *c <= '9'; c++)
		fd = fd * 10 + (*c - '0');
	if (*c == '\0' && fd > 2)
		ivi_fd_cloexec(fd);
}

static bool hide_listed(void)
{
	char buf[2048] __attribute__((aligned(8)));
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct entry *e;
	long n, at;

	if (dir < 0)
		return false;
	while ((n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (at = 0; at < n; at += e->size) {
			e = (const void *)(buf + at);
			hide_entry(e);
		}
	close(dir);
	return n == 0;
}
#else
static bool hide_listed(void)
{
	return false;
}
#endif

/*
 * The program gets none of the others.  close_range(2) is Linux 5.9, its flag
 * 5.11.  /proc may not be there, and there may be no descriptor to read it.
 */
static void hide_others(void)
{
	int fd, limit;

#if defined(SYS_close_range)
	if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0)
		return;
#endif
	if (hide_listed())
		return;
	limit = ivi_fd_limit();
	for (fd = 3; fd < limit; fd++)
		ivi_fd_cloexec(fd);
}

/* ---- In the child: the program -------------------------------------------------------- */

static void execute_in(const struct ivi_exec *x, const char *file,
		       char *const *argv)
{
	if (x->envp != NULL)
		execve(file, argv, x->envp);
	else
		execv(file, argv);
}

static void execute(const struct ivi_exec *x, const char *file)
{
	execute_in(x, file, x->argv);
	if (errno != ENOEXEC || x->script == NULL)
		return;
	x->script[1] = (char *)(uintptr_t)file;
	execute_in(x, SHELL, x->script);
}

/* False if the next directory may have it. */
static bool is_final(int err)
{
	return err != ENOENT && err != ENOTDIR && err != EACCES &&
	       err != ESTALE && err != ENODEV && err != ETIMEDOUT;
}

/* As execvp(3), which is EACCES if that was found and nothing better. */
static void search(const struct ivi_exec *x)
{
	const char *dir = x->search, *end;
	int err = ENOENT;
	size_t n;

	do {
		end = dir + strcspn(dir, ":");
		n = (size_t)(end - dir);
		memcpy(x->path, dir, n);
		if (n > 0)
			x->path[n++] = '/';
		strcpy(x->path + n, x->file);
		execute(x, x->path);
		if (is_final(errno))
			return;
		if (errno == EACCES)
			err = EACCES;
		dir = end + 1;
	} while (*end != '\0');
	errno = err;
}

static void become(struct ivi_exec *x)
{
	if (x->flags & IVI_EXEC_SESSION)
		setsid();
	else if (x->flags & IVI_EXEC_GROUP)
		setpgid(0, 0);
	if (!take_stdio(x) || (x->cwd != NULL && chdir(x->cwd) < 0))
		return;
	if (x->flags & IVI_EXEC_CLEAN) {
		hide_others();
		reset_signals(x);
	}
	if (x->path != NULL)
		search(x);
	else
		execute(x, x->file);
}

void ivi_exec(void *_x)
{
	struct ivi_exec *x = _x;
	int err;

	x->is_shared = true;
	become(x);
	err = x->error = errno;
	ivi_write(x->report[1], &err, sizeof(err));
	_exit(127);
}

/* ---- In the parent --------------------------------------------------------------------- */

static size_t words(char *const *argv)
{
	size_t n = 0;

	while (argv[n] != NULL)
		n++;
	return n;
}

/* For what is left of ARGV a shell is told the name of the script. */
static void prepare_script(struct ivi_exec *x, size_t n)
{
	x->script[0] = (char *)(uintptr_t)SHELL;
	x->script[2] = NULL;
	if (n > 1)
		memcpy(x->script + 2, x->argv + 1, n * sizeof(*x->argv));
}

/* Memory for the search, and for a shell that runs a script. */
static int prepare_search(struct ivi_exec *x)
{
	const char *search = getenv("PATH");
	size_t n = words(x->argv), size, length;

	if (search == NULL)
		search = "/bin:/usr/bin";
	length = strlen(search);
	size = (n + 3) * sizeof(*x->script) + length + 1;
	x->script = ivi_alloc(size + length + strlen(x->file) + 2);
	if (x->script == NULL)
		return -ENOMEM;
	prepare_script(x, n);
	x->search = strcpy((char *)(x->script + n + 3), search);
	if (x->file[0] != '\0' && strchr(x->file, '/') == NULL)
		x->path = (char *)x->script + size;
	return 0;
}

/* What is below 3 might be taken for one that the program is to keep. */
static int raise_fd(int *fd)
{
	int high;

	if (*fd > 2)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	if (high < 0)
		return -errno;
	ivi_close(*fd);
	*fd = high;
	return 0;
}

int ivi_exec_pipe(int fds[2])
{
	int ret = ivi_pipe(fds, false);

	if (ret < 0)
		return ret;
	ret = raise_fd(&fds[0]);
	if (ret == 0)
		ret = raise_fd(&fds[1]);
	if (ret < 0) {
		ivi_close(fds[0]);
		ivi_close(fds[1]);
	}
	return ret;
}

static void prepare_signals(struct ivi_exec *x)
{
	int signum;

	sigemptyset(&x->ignored);
	for (signum = 1; signum < IVI_NSIG; signum++)
		if (x->ignored_before(signum))
			sigaddset(&x->ignored, signum);
}

int ivi_exec_open(struct ivi_exec *x)
{
	int ret = 0;

	x->script = NULL;
	x->search = x->path = NULL;
	x->error = 0;
	x->is_shared = false;
	if (x->flags & IVI_EXEC_CLEAN)
		prepare_signals(x);
	if (x->flags & IVI_EXEC_SEARCH)
		ret = prepare_search(x);
	if (ret == 0)
		ret = ivi_exec_pipe(x->report);
	if (ret < 0) {
		ivi_free(x->script);
		x->script = NULL;
	}
	return ret;
}

void ivi_exec_close(struct ivi_exec *x)
{
	ivi_free(x->script);
	ivi_close(x->report[0]);
	ivi_close(x->report[1]);
}

static int poll_once(struct pollfd *pfd, int ms)
{
	int cancel = ivi_cancel_off();
	int ret = poll(pfd, 1, ms);

	if (ret < 0)
		ret = -errno;
	ivi_cancel_restore(cancel);
	return ret;
}

/*
 * The pipe ends when exec closes its last writing end.  A child that another
 * thread has forked meanwhile may keep it open, and exec may hang; so there
 * is a limit.
 */
static bool wait_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t until = ivi_clock_ns() + PATIENCE;
	int64_t left;
	int ret;

	for (;;) {
		left = ivi_ns_left(until, ivi_clock_ns());
		ret = poll_once(&pfd, ivi_ns_to_ms(left));
		if (ret >= 0 || left == 0)
			return ret > 0;
		if (ret != -EINTR)
			ivi_nap(1000000);
	}
}

/* What the child has reported, or 0. */
static int read_report(int fd)
{
	int err;

	return ivi_read(fd, &err, sizeof(err)) == (ssize_t)sizeof(err) ?
		       err : 0;
}

int ivi_exec_outcome(struct ivi_exec *x)
{
	int err = x->error;

	ivi_free(x->script);
	ivi_close(x->report[1]);
	if (!x->is_shared && wait_readable(x->report[0]))
		err = read_report(x->report[0]);
	ivi_close(x->report[0]);
	return -err;
}
