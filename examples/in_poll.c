/* SPDX-License-Identifier: MIT */
/*
 * in_poll.c - an ivykis loop inside a program that calls poll(2) by itself.
 *
 * Usage: in_poll
 *
 * The program copies lines from standard input, which it watches, and a
 * library that uses ivykis, which it does not look into, counts seconds.  Both
 * wait in the one poll() of the program.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <iv.h>
#include <iv_loop.h>

/* ---- The library ----------------------------------------------------------- */

static struct iv_timer second;
static int seconds;

static void second_passed(void *cookie)
{
	(void)cookie;
	seconds++;
	second.expires.tv_sec++;
	iv_timer_register(&second);
}

static void library_begin(void)
{
	iv_init();
	IV_TIMER_INIT(&second);
	iv_validate_now();
	second.expires = iv_now;
	second.expires.tv_sec++;
	second.handler = second_passed;
	iv_timer_register(&second);
}

static void library_end(void)
{
	iv_timer_unregister(&second);
	iv_deinit();
}

/* ---- The program ------------------------------------------------------------ */

/* In milliseconds; -1: for ever.  A loop that has no descriptor is looked after
   ten times a second. */
static int time_to_sleep(int loop_fd)
{
	struct timespec left;
	long long ms = -1;

	if (iv_loop_timeout(&left))
		ms = left.tv_sec * 1000LL + (left.tv_nsec + 999999) / 1000000;
	if (loop_fd < 0 && (ms < 0 || ms > 100))
		ms = 100;
	return ms > 3600000 ? 3600000 : (int)ms;
}

/* False at the end of the file. */
static int copy(void)
{
	char buf[4096];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	return n > 0 || (n < 0 && errno == EINTR);
}

int main(void)
{
	struct pollfd pfd[2] = {
		{ STDIN_FILENO, POLLIN, 0 },
		{ -1, POLLIN, 0 },
	};
	int more = 1;

	library_begin();
	pfd[1].fd = iv_loop_fd();
	while (more) {
		if (poll(pfd, 2, time_to_sleep(pfd[1].fd)) < 0 &&
		    errno != EINTR) {
			perror("poll");
			return 1;
		}
		iv_run(IV_RUN_NOWAIT);
		if (pfd[0].revents)
			more = copy();
	}
	printf("%d seconds\n", seconds);
	library_end();
	return 0;
}
