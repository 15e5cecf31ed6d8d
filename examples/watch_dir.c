/* SPDX-License-Identifier: MIT */
/*
 * watch_dir - prints what happens in directories.
 *
 * Of interest to a reader:
 *
 *   - one instance for all watches,
 *   - a watch that ends with its directory (ended): the library has
 *     unregistered it by then, so its memory can go at once,
 *   - a timer that is put off by each event, to act once on many of them
 *     (changed, settled).
 *
 * It ends by itself with the last directory: iv_main() returns when nothing
 * is registered any more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iv.h>
#include <iv_inotify.h>
#include <iv_list.h>
#include <iv_signal.h>

#define SETTLE_MSEC	200

#define EVENTS	(IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_ATTRIB | \
		 IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)

struct directory {
	struct iv_list_head	list;
	struct iv_inotify_watch	watch;
	struct iv_timer		quiet;
	unsigned long		changes;	/* since it was quiet */
	const char		*path;
};

static struct iv_inotify instance;
static struct iv_list_head directories = IV_LIST_HEAD_INIT(directories);
static struct iv_signal signals[2] = {
	{ .signum = SIGINT }, { .signum = SIGTERM },
};

static const struct {
	uint32_t	mask;
	const char	*text;
} words[] = {
	{ IN_CREATE,		"created" },
	{ IN_DELETE,		"deleted" },
	{ IN_CLOSE_WRITE,	"written" },
	{ IN_ATTRIB,		"attributes" },
	{ IN_MOVED_FROM,	"moved away" },
	{ IN_MOVED_TO,		"moved here" },
	{ IN_DELETE_SELF,	"directory deleted" },
	{ IN_MOVE_SELF,		"directory moved" },
	{ IN_UNMOUNT,		"unmounted" },
	{ IN_IGNORED,		"no longer watched" },
};

static void print_event(const struct directory *d,
			const struct inotify_event *event)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(event->mask & words[i].mask))
			continue;
		printf("%s%s%s: %s\n", d->path, event->len > 0 ? "/" : "",
		       event->len > 0 ? event->name : "", words[i].text);
	}
}

/* ---- Directories -------------------------------------------------------- */

static void stop(void)
{
	int i;

	iv_inotify_unregister(&instance);
	for (i = 0; i < 2; i++)
		iv_signal_unregister(&signals[i]);
}

static void forget(struct directory *d)
{
	if (iv_timer_registered(&d->quiet))
		iv_timer_unregister(&d->quiet);
	iv_inotify_watch_unregister(&d->watch);
	iv_list_del(&d->list);
	free(d);
	if (iv_list_empty(&directories))
		stop();
}

static void settled(void *_d)
{
	struct directory *d = _d;

	printf("%s: %lu changes\n", d->path, d->changes);
	d->changes = 0;
}

/* Acting on each event would be too much when an archive is unpacked. */
static void put_off(struct directory *d)
{
	if (iv_timer_registered(&d->quiet))
		iv_timer_unregister(&d->quiet);
	d->quiet.expires = iv_now;
	d->quiet.expires.tv_nsec += SETTLE_MSEC * 1000000;
	if (d->quiet.expires.tv_nsec >= 1000000000) {
		d->quiet.expires.tv_sec++;
		d->quiet.expires.tv_nsec -= 1000000000;
	}
	iv_timer_register(&d->quiet);
}

static void changed(void *_d, struct inotify_event *event)
{
	struct directory *d = _d;

	print_event(d, event);
	if (event->mask & IN_IGNORED) {
		forget(d);
		return;
	}
	d->changes++;
	put_off(d);
}

static void watch(const char *path)
{
	struct directory *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		perror("watch_dir");
		exit(EXIT_FAILURE);
	}
	d->path = path;
	IV_TIMER_INIT(&d->quiet);
	d->quiet.cookie = d;
	d->quiet.handler = settled;
	IV_INOTIFY_WATCH_INIT(&d->watch);
	d->watch.inotify = &instance;
	d->watch.pathname = path;
	d->watch.mask = EVENTS | IN_ONLYDIR;
	d->watch.cookie = d;
	d->watch.handler = changed;
	if (iv_inotify_watch_register(&d->watch) < 0) {
		fprintf(stderr, "watch_dir: %s: %s\n", path, strerror(errno));
		free(d);
		return;
	}
	iv_list_add_tail(&d->list, &directories);
}

/* ---- Start and end ------------------------------------------------------ */

static void got_signal(void *unused)
{
	struct iv_list_head *lh, *lh2;

	(void)unused;
	iv_list_for_each_safe (lh, lh2, &directories)
		forget(iv_list_entry(lh, struct directory, list));
}

static void start(void)
{
	int i;

	IV_INOTIFY_INIT(&instance);
	if (iv_inotify_register(&instance) < 0) {
		perror("watch_dir: inotify");
		exit(EXIT_FAILURE);
	}
	for (i = 0; i < 2; i++) {
		IV_SIGNAL_INIT(&signals[i]);
		signals[i].handler = got_signal;
		if (iv_signal_register(&signals[i]) < 0) {
			perror("watch_dir: iv_signal_register");
			exit(EXIT_FAILURE);
		}
	}
}

int main(int argc, char **argv)
{
	int i, refused;

	if (argc < 2 || argv[1][0] == '-') {
		fputs("usage: watch_dir DIRECTORY...\n"
		      "Ends when all are gone, or on SIGINT or SIGTERM.\n",
		      stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	iv_init();
	start();
	for (i = 1; i < argc; i++)
		watch(argv[i]);
	refused = iv_list_empty(&directories);
	if (refused)
		stop();
	else
		puts("watching");
	iv_main();
	iv_deinit();
	return refused ? EXIT_FAILURE : EXIT_SUCCESS;
}
