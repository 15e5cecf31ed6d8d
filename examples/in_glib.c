/* SPDX-License-Identifier: MIT */
/*
 * in_glib.c - an ivykis loop inside GLib's.
 *
 * Usage: in_glib
 *
 * Copies lines from standard input by ivykis, in a program whose main loop is
 * GLib's, which has a timer of its own.  What is between the two is struct
 * bridge: a GSource that asks the loop how long to sleep, has its descriptor
 * watched, and lets it have a turn.
 *
 *	cc -o in_glib in_glib.c $(pkg-config --cflags --libs ivykis glib-2.0)
 */
#include <glib.h>
#include <stdio.h>
#include <unistd.h>

#include <iv.h>
#include <iv_loop.h>

/* ---- The bridge -------------------------------------------------------------- */

struct bridge {
	GSource	source;
	GPollFD	pfd;
};

/* In milliseconds; -1: for ever.  A loop that has no descriptor is looked after
   ten times a second. */
static gint time_to_sleep(const struct bridge *b)
{
	struct timespec left;
	gint64 ms = -1;

	if (iv_loop_timeout(&left))
		ms = left.tv_sec * G_GINT64_CONSTANT(1000) +
		     (left.tv_nsec + 999999) / 1000000;
	if (b->pfd.fd < 0 && (ms < 0 || ms > 100))
		ms = 100;
	return (gint)MIN(ms, 3600000);
}

static gboolean bridge_prepare(GSource *source, gint *timeout)
{
	*timeout = time_to_sleep((struct bridge *)source);
	return *timeout == 0;
}

static gboolean bridge_check(GSource *source)
{
	struct bridge *b = (struct bridge *)source;

	return b->pfd.revents != 0 || b->pfd.fd < 0 || time_to_sleep(b) == 0;
}

static gboolean bridge_dispatch(GSource *source, GSourceFunc fn, gpointer data)
{
	(void)source;
	(void)fn;
	(void)data;
	iv_run(IV_RUN_NOWAIT);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs bridge_funcs = {
	.prepare = bridge_prepare,
	.check = bridge_check,
	.dispatch = bridge_dispatch,
};

/* For the calling thread's loop. */
static GSource *bridge_new(void)
{
	GSource *source = g_source_new(&bridge_funcs, sizeof(struct bridge));
	struct bridge *b = (struct bridge *)source;

	b->pfd.fd = iv_loop_fd();
	b->pfd.events = G_IO_IN;
	if (b->pfd.fd >= 0)
		g_source_add_poll(source, &b->pfd);
	return source;
}

/* ---- The program --------------------------------------------------------------- */

static GMainLoop *main_loop;
static struct iv_fd input;
static int ticks;

static void copy(void *cookie)
{
	char buf[4096];
	ssize_t n = read(input.fd, buf, sizeof(buf));

	(void)cookie;
	if (n > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	if (n != 0)
		return;
	iv_fd_unregister(&input);
	g_main_loop_quit(main_loop);
}

static gboolean tick(gpointer data)
{
	(void)data;
	ticks++;
	return G_SOURCE_CONTINUE;
}

int main(void)
{
	GSource *bridge;
	guint timer;

	iv_init();
	IV_FD_INIT(&input);
	iv_fd_set_flags(&input, IV_FD_RAW | IV_FD_ANY);
	input.fd = STDIN_FILENO;
	input.handler_in = copy;
	iv_fd_register(&input);

	main_loop = g_main_loop_new(NULL, FALSE);
	bridge = bridge_new();
	g_source_attach(bridge, NULL);
	timer = g_timeout_add(10, tick, NULL);
	g_main_loop_run(main_loop);
	printf("%s\n", ticks > 0 ? "both ran" : "ended before the first tick");

	g_source_remove(timer);
	g_source_destroy(bridge);
	g_source_unref(bridge);
	g_main_loop_unref(main_loop);
	iv_deinit();
	return 0;
}
