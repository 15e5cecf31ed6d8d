/* SPDX-License-Identifier: MIT */
/*
 * files.c - many files that are followed: while nothing happens, and while a
 * line is added to each of them in turn.
 */
#include "bench.h"

#ifdef HAVE_FILES

#include <fcntl.h>
#include <sys/stat.h>

struct log {
	struct file_watch	w;
	int	reader, writer;
	char	name[64];
};

static struct log *logs;
static char dir[] = "/tmp/bench-files-XXXXXX";
static long files, waiting, left;

/* One line in each file. */
static void write_lines(void)
{
	long i;

	waiting = left < files ? left : files;
	left -= waiting;
	for (i = 0; i < waiting; i++)
		if (write(logs[i].writer, "a line\n", 7) != 7)
			die("write: %s", strerror(errno));
}

FILE_HANDLER(happened)
{
	struct log *l = FILE_COOKIE;
	char buf[512];
	ssize_t n = pread(l->reader, buf, sizeof(buf),
			  (off_t)*file_offset(&l->w));

	if (n != 7)
		die("pread: %ld bytes", (long)n);
	*file_offset(&l->w) += n;
	if (--waiting > 0)
		return;
	if (left > 0)
		write_lines();
	else
		loop_stop();
}

static void make(struct log *l, long i, bool written)
{
	snprintf(l->name, sizeof(l->name), "%s/%ld", dir, i);
	l->writer = open(l->name, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (l->writer < 0)
		die("%s: %s", l->name, strerror(errno));
	if (!written) {
		close(l->writer);
		l->writer = -1;
	}
}

static void start(struct log *l)
{
	l->reader = open(l->name, O_RDONLY | O_CLOEXEC);
	if (l->reader < 0)
		die("%s: %s", l->name, strerror(errno));
	file_start(&l->w, l->name, l->reader, happened, l);
}

static void stop(struct log *l)
{
	file_stop(&l->w);
	close(l->reader);
	if (l->writer >= 0)
		close(l->writer);
	unlink(l->name);
}

static void open_all(long n, bool written)
{
	long i;

	if (n < 1)
		die("follow: 1 <= FILES");
	files = n;
	need_fds(written ? 2 * n : n);
	logs = need_memory((size_t)n, sizeof(*logs));
	if (mkdtemp(dir) == NULL)
		die("mkdtemp: %s", strerror(errno));
	loop_open(false);
	for (i = 0; i < n; i++)
		make(&logs[i], i, written);
	for (i = 0; i < n; i++)
		start(&logs[i]);
}

static void close_all(void)
{
	long i;

	for (i = 0; i < files; i++)
		stop(&logs[i]);
	rmdir(dir);
	loop_close();
	free(logs);
}

static void run_follow(const long *arg)
{
	open_all(arg[0], true);
	left = arg[1];
	write_lines();
	meter_start();
	loop_run();
	meter_stop(arg[1]);
	close_all();
}

static void run_idle(const long *arg)
{
	open_all(arg[0], false);
	idle(arg[1]);
	close_all();
}

#endif

const struct workload file_workloads[] = {
#ifdef HAVE_FILES
	{ "follow", "FILES LINES", run_follow },
	{ "follow-idle", "FILES MS", run_idle },
#endif
	{ NULL, NULL, NULL },
};
