/* SPDX-License-Identifier: MIT */
/*
 * reload - a service that reads its configuration again on SIGHUP.
 *
 * Of interest to a reader:
 *
 *   - signals as ordinary callbacks, which may allocate, print, and register
 *     (signals_start): the loop calls them, not the kernel,
 *   - a new configuration that is read as a whole before it replaces the old
 *     one, which stays if there is a mistake in the new (reload),
 *   - what depends on it is set up anew (apply),
 *   - an exclusive interest in SIGINT that hides the ordinary one while it
 *     lasts (hold),
 *   - an orderly end: everything is unregistered, so iv_main() returns.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <iv.h>
#include <iv_signal.h>

/* The file has lines "interval MILLISECONDS" and "text WORDS". */
struct config {
	long	interval;
	char	text[200];
};

static const char *path;
static struct config config;
static unsigned long beats, reloads, refusals;
static struct iv_timer beat;

/* ---- Configuration ------------------------------------------------------ */

static int parse_line(struct config *c, char *line)
{
	char *value = strchr(line, ' ');
	char *end;

	line[strcspn(line, "\n")] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	if (value == NULL)
		return -1;
	*value++ = '\0';
	if (strcmp(line, "interval") == 0) {
		c->interval = strtol(value, &end, 10);
		return *end == '\0' && c->interval > 0 ? 0 : -1;
	}
	if (strcmp(line, "text") == 0 && strlen(value) < sizeof(c->text)) {
		strcpy(c->text, value);
		return 0;
	}
	return -1;
}

/* 0, or -1 after a message; *C is complete only if 0. */
static int read_config(struct config *c)
{
	FILE *f = fopen(path, "re");
	char line[256];
	int number = 0, ret = 0;

	if (f == NULL) {
		printf("refused: %s: %s\n", path, strerror(errno));
		return -1;
	}
	*c = (struct config) { .interval = 1000, .text = "beat" };
	while (ret == 0 && fgets(line, sizeof(line), f) != NULL) {
		number++;
		ret = parse_line(c, line);
	}
	if (ret < 0)
		printf("refused: %s: line %d\n", path, number);
	fclose(f);
	return ret;
}

/* ---- The service -------------------------------------------------------- */

static void add_msec(struct timespec *ts, long msec)
{
	ts->tv_sec += msec / 1000;
	ts->tv_nsec += msec % 1000 * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

/* The next one is counted from when this one was due: no drift. */
static void on_beat(void *unused)
{
	(void)unused;
	printf("%s %lu\n", config.text, ++beats);
	add_msec(&beat.expires, config.interval);
	iv_timer_register(&beat);
}

static void apply(const struct config *c)
{
	config = *c;
	if (iv_timer_registered(&beat))
		iv_timer_unregister(&beat);
	beat.expires = iv_now;
	add_msec(&beat.expires, config.interval);
	iv_timer_register(&beat);
}

/* ---- Signals ------------------------------------------------------------ */

/* Many SIGHUPs in a row are one call; one that comes meanwhile is another. */
static void reload(void *unused)
{
	struct config c;

	(void)unused;
	if (read_config(&c) < 0) {
		refusals++;
		return;
	}
	apply(&c);
	printf("reloaded %lu\n", ++reloads);
}

static void report(void *unused)
{
	(void)unused;
	printf("beats %lu, reloads %lu, refusals %lu\n", beats, reloads,
	       refusals);
}

static void not_now(void *unused)
{
	(void)unused;
	puts("not now");
}

static struct iv_signal held = {
	.signum		= SIGINT,
	.flags		= IV_SIGNAL_FLAG_EXCLUSIVE,
	.handler	= not_now,
};
static int holding;

static void hold(void *unused)
{
	(void)unused;
	if (holding)
		iv_signal_unregister(&held);
	else if (iv_signal_register(&held) < 0)
		return;
	holding = !holding;
	puts(holding ? "held" : "released");
}

static void stop(void *unused);

static struct iv_signal signals[] = {
	{ .signum = SIGHUP,	.handler = reload },
	{ .signum = SIGUSR1,	.handler = report },
	{ .signum = SIGUSR2,	.handler = hold },
	{ .signum = SIGINT,	.handler = stop },
	{ .signum = SIGTERM,	.handler = stop },
};

#define SIGNALS	(sizeof(signals) / sizeof(signals[0]))

static void stop(void *unused)
{
	size_t i;

	for (i = 0; i < SIGNALS; i++)
		iv_signal_unregister(&signals[i]);
	if (holding)
		hold(unused);
	iv_timer_unregister(&beat);
	report(unused);
}

static void signals_start(void)
{
	size_t i;

	for (i = 0; i < SIGNALS; i++) {
		IV_SIGNAL_INIT(&signals[i]);
		if (iv_signal_register(&signals[i]) == 0)
			continue;
		perror("reload: iv_signal_register");
		exit(EXIT_FAILURE);
	}
}

int main(int argc, char **argv)
{
	struct config c;

	if (argc != 2 || argv[1][0] == '-') {
		fputs("usage: reload FILE\n"
		      "FILE has lines \"interval MILLISECONDS\" and "
		      "\"text WORDS\".\n"
		      "SIGHUP reads it again, SIGUSR1 reports, SIGINT and "
		      "SIGTERM end the program,\n"
		      "SIGUSR2 makes SIGINT harmless, or a danger again.\n",
		      stderr);
		return 2;
	}
	path = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	iv_init();
	IV_TIMER_INIT(&beat);
	beat.handler = on_beat;
	if (read_config(&c) < 0)
		return EXIT_FAILURE;
	apply(&c);
	signals_start();
	printf("running as %ld\n", (long)getpid());
	iv_main();
	iv_deinit();
	return EXIT_SUCCESS;
}
