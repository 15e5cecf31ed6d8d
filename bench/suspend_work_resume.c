/* SPDX-License-Identifier: MIT */
/*
 * suspend_work_resume.c - the hot path of a server that reads in a pool.
 *
 * A source becomes readable; all its handlers are taken off; a work item
 * reads from it; its completion sets the handlers again.  The sources never
 * run dry: eventfd(2) semaphores with a count larger than CYCLES.
 *
 *	suspend_work_resume CYCLES [SOURCES [WORKERS]]
 *
 * runs CYCLES of these in all, and prints how many it has run and how many
 * calls of read(2) it has made itself.  What the library needs is what two
 * runs of different length differ by under strace -fc:
 *
 *	strace -fc ./suspend_work_resume 1000 1 1
 *	strace -fc ./suspend_work_resume 3000 1 1
 *
 *	(calls in the second - calls in the first) / 2000 - 1
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <iv.h>
#include <iv_work.h>

struct source {
	struct iv_fd	fd;
	struct iv_work_item	item;
};

static struct iv_work_pool pool;
static struct source *sources;
static long cycles, started, finished;
static int n_sources = 1;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void job(void *_s)
{
	struct source *s = _s;
	uint64_t one;

	if (read(s->fd.fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd");
}

static void set_handlers(struct source *s, void (*in)(void *))
{
	iv_fd_set_handler_in(&s->fd, in);
	iv_fd_set_handler_out(&s->fd, NULL);
	iv_fd_set_handler_err(&s->fd, in);
}

static void readable(void *_s)
{
	struct source *s = _s;

	set_handlers(s, NULL);
	if (started == cycles)
		return;
	started++;
	iv_work_pool_submit_work(&pool, &s->item);
}

static void end(void)
{
	int i;

	for (i = 0; i < n_sources; i++)
		iv_fd_unregister(&sources[i].fd);
	iv_work_pool_put(&pool);
}

static void job_done(void *_s)
{
	struct source *s = _s;

	if (++finished == cycles)
		end();
	else
		set_handlers(s, readable);
}

static void open_source(struct source *s)
{
	IV_FD_INIT(&s->fd);
	s->fd.fd = eventfd(1U << 31, EFD_SEMAPHORE);
	if (s->fd.fd < 0)
		die("eventfd");
	s->fd.cookie = s;
	s->fd.handler_in = readable;
	s->fd.handler_err = readable;
	iv_fd_register(&s->fd);
	IV_WORK_ITEM_INIT(&s->item);
	s->item.cookie = s;
	s->item.work = job;
	s->item.completion = job_done;
}

static double cpu_seconds(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	int i, n_workers = 1;

	cycles = argc > 1 ? atol(argv[1]) : 0;
	if (argc > 2)
		n_sources = atoi(argv[2]);
	if (argc > 3)
		n_workers = atoi(argv[3]);
	if (cycles < 1 || n_sources < 1 || n_workers < 1) {
		fprintf(stderr,
			"usage: %s CYCLES [SOURCES [WORKERS]]\n", argv[0]);
		return 2;
	}

	iv_init();
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = n_workers;
	sources = calloc((size_t)n_sources, sizeof(*sources));
	if (sources == NULL || iv_work_pool_create(&pool) < 0)
		die("iv_work_pool_create");
	for (i = 0; i < n_sources; i++)
		open_source(&sources[i]);
	iv_main();
	iv_deinit();

	printf("%s: %ld cycles, %d sources, %d workers: %.2f us CPU each; "
	       "own calls: %ld\n", iv_poll_method_name(), finished, n_sources,
	       n_workers, cpu_seconds() * 1e6 / (double)finished, finished);
	return 0;
}
