/* SPDX-License-Identifier: MIT */
/*
 * tail_follow - prints what is added to files, across rotation.
 *
 * Of interest to a reader:
 *
 *   - a follower per open file, which reads a bounded amount per call and is
 *     called again for the rest (read_some), so that none keeps the others
 *     from their turn,
 *   - what to do when another file has the name (replaced): who writes the
 *     old one has to be told, and goes on for a while.  It is followed along
 *     with the new one until it has been quiet for some seconds (retire),
 *   - a file that cannot be opened now, for want of descriptors for example,
 *     is tried again by a timer (open_file), and one that cannot be read, or has
 *     less than it says, is left alone meanwhile (rest),
 *   - thousands of files: nothing is done while nothing happens.
 *
 * Files are followed from their ends, those that appear later from their
 * beginnings.  They need not exist.
 */
#define _DEFAULT_SOURCE	/* for -std=c11 and the like */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <iv.h>
#include <iv_follow.h>
#include <iv_list.h>
#include <iv_signal.h>

#define LINE_SIZE	4096
#define BUDGET		65536		/* bytes per call */
#define LINGER_SEC	3
#define RETRY_SEC	1

struct source {
	struct iv_list_head	list;
	struct iv_follow	follow;
	struct iv_timer		timer;	/* for opening, or until it is over */
	int			retired;
	int			busy;	/* since the timer was set */
	size_t			length;	/* of the line that is not complete */
	char			line[LINE_SIZE];
};

static struct iv_list_head sources = IV_LIST_HEAD_INIT(sources);
static struct iv_signal signals[2] = {
	{ .signum = SIGINT }, { .signum = SIGTERM },
};

static void complain(const struct source *s, const char *what)
{
	fprintf(stderr, "tail_follow: %s: %s\n", s->follow.pathname, what);
}

/* ---- Lines -------------------------------------------------------------- */

static void print_line(struct source *s)
{
	if (s->length == 0)
		return;
	printf("%s: %.*s\n", s->follow.pathname, (int)s->length, s->line);
	s->length = 0;
}

static void take(struct source *s, const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (text[i] != '\n')
			s->line[s->length++] = text[i];
		if (text[i] == '\n' || s->length == sizeof(s->line))
			print_line(s);
	}
}

static void rest(struct source *s)
{
	iv_follow_set_handler(&s->follow, NULL);
	iv_timer_set_after(&s->timer, RETRY_SEC, 0);
}

static void read_some(struct source *s)
{
	static char buf[BUDGET];
	ssize_t n = pread(s->follow.fd, buf, sizeof(buf),
			  (off_t)s->follow.offset);

	if (n > 0) {
		take(s, buf, (size_t)n);
		s->follow.offset += n;
		s->busy = 1;
	} else if (n == 0) {
		rest(s);
	} else if (errno != EINTR) {
		complain(s, strerror(errno));
		rest(s);
	}
}

/* ---- Files -------------------------------------------------------------- */

static void forget(struct source *s)
{
	int fd = s->follow.fd;

	print_line(s);
	if (iv_timer_registered(&s->timer))
		iv_timer_unregister(&s->timer);
	iv_follow_unregister(&s->follow);
	if (fd >= 0)
		close(fd);
	iv_list_del(&s->list);
	free(s);
}

/* A descriptor, or -1: there will be another call when the file appears, or
   when it is time to try again. */
static int open_file(struct source *s)
{
	int fd = open(s->follow.pathname, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno != ENOENT) {
		complain(s, strerror(errno));
		iv_timer_set_after(&s->timer, RETRY_SEC, 0);
	}
	return fd;
}

static void happened(void *_s, unsigned what);

static void timed_out(void *_s)
{
	struct source *s = _s;

	if (s->follow.handler == NULL && !s->retired)
		iv_follow_set_handler(&s->follow, happened);
	else if (s->follow.fd < 0)
		iv_follow_set_fd(&s->follow, open_file(s), 0);
	else if (s->busy)
		iv_timer_set_after(&s->timer, LINGER_SEC, 0);
	else
		forget(s);
	s->busy = 0;
}

static struct source *add(const char *path, int at_end);

static void retire(struct source *s)
{
	s->retired = 1;
	s->busy = 0;
	iv_timer_set_after(&s->timer, LINGER_SEC, 0);
	add(s->follow.pathname, 0);
}

static void replaced(struct source *s)
{
	if (s->follow.fd >= 0)
		retire(s);
	else
		iv_follow_set_fd(&s->follow, open_file(s), 0);
}

static void happened(void *_s, unsigned what)
{
	struct source *s = _s;

	if (what & IV_FOLLOW_TRUNCATED) {
		complain(s, "was truncated");
		s->length = 0;
		s->follow.offset = 0;
	}
	if (what & IV_FOLLOW_DATA)
		read_some(s);
	if (what & IV_FOLLOW_FAILED)
		complain(s, strerror(s->follow.error));
	if ((what & IV_FOLLOW_REPLACED) && !s->retired)
		replaced(s);
}

static struct source *add(const char *path, int at_end)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		perror("tail_follow");
		exit(EXIT_FAILURE);
	}
	IV_TIMER_INIT(&s->timer);
	s->timer.cookie = s;
	s->timer.handler = timed_out;
	IV_FOLLOW_INIT(&s->follow);
	s->follow.pathname = path;
	s->follow.cookie = s;
	s->follow.handler = happened;
	s->follow.fd = open_file(s);
	if (at_end && s->follow.fd >= 0)
		s->follow.offset = lseek(s->follow.fd, 0, SEEK_END);
	if (iv_follow_register(&s->follow) < 0) {
		complain(s, strerror(errno));
		exit(EXIT_FAILURE);
	}
	iv_list_add_tail(&s->list, &sources);
	return s;
}

/* ---- Start and end ------------------------------------------------------ */

static void got_signal(void *unused)
{
	struct iv_list_head *lh, *lh2;
	int i;

	(void)unused;
	iv_list_for_each_safe (lh, lh2, &sources)
		forget(iv_list_entry(lh, struct source, list));
	for (i = 0; i < 2; i++)
		iv_signal_unregister(&signals[i]);
}

static void handle_signals(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		IV_SIGNAL_INIT(&signals[i]);
		signals[i].handler = got_signal;
		if (iv_signal_register(&signals[i]) < 0) {
			perror("tail_follow: iv_signal_register");
			exit(EXIT_FAILURE);
		}
	}
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2 || argv[1][0] == '-') {
		fputs("usage: tail_follow FILE...\n"
		      "Ends on SIGINT or SIGTERM.\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	iv_init();
	handle_signals();
	for (i = 1; i < argc; i++)
		add(argv[i], 1);
	puts("following");
	iv_main();
	iv_deinit();
	return 0;
}
