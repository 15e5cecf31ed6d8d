/* SPDX-License-Identifier: MIT */
/*
 * cron_lite - commands at times of day, from a small table.
 *
 * Of interest to a reader:
 *
 *   - an alarm for each line, on the clock on the wall; what the lines say is
 *     computed when the alarm asks for it (next_match), so neither a clock
 *     that is set nor summer time needs a thought here,
 *   - alarms at intervals, and one that rings once (read_line),
 *   - children, one per line at most, that are waited for by the loop (run),
 *   - an orderly end: alarms go, children end, so iv_main() returns.
 */
#define _DEFAULT_SOURCE	/* for -std=c11 and the like */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <iv.h>
#include <iv_alarm.h>
#include <iv_signal.h>
#include <iv_wait.h>

/* ---- The table ------------------------------------------------------------- */

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct range {
	int	first, last;
} ranges[FIELDS] = { { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12 }, { 0, 7 } };

#define LINE_SIZE	300

struct job {
	struct iv_alarm	alarm;
	struct iv_wait_interest	child;
	unsigned long long	field[FIELDS];	/* a bit for each value */
	int	either;		/* day or weekday, as both are restricted */
	int	running;
	char	command[LINE_SIZE];
};

#define MOST	100

static struct job jobs[MOST];
static int num_jobs;

/* Part of a list: "*", "5" or "1-5", and each of them with "/2". */
static int read_part(const char *part, const struct range *r,
		     unsigned long long *bits)
{
	int first = r->first, last = r->last, each = 1, n = 0;

	if (*part == '*')
		part++;
	else if (sscanf(part, "%d-%d%n", &first, &last, &n) == 2)
		part += n;
	else if (n = 0, sscanf(part, "%d%n", &first, &n) == 1)
		last = first, part += n;
	if (*part == '/') {
		if (sscanf(part, "/%d%n", &each, &n) != 1)
			return -1;
		part += n;
	}
	if (*part != '\0' || first < r->first || last > r->last ||
	    first > last || each < 1)
		return -1;
	for (; first <= last; first += each)
		*bits |= 1ULL << first;
	return 0;
}

static int read_fields(char *line, struct job *job)
{
	char *word, *part, *rest, *parts;
	int i, any = 0;

	for (i = 0; i < FIELDS; i++) {
		word = strtok_r(i == 0 ? line : NULL, " \t", &rest);
		if (word == NULL)
			return -1;
		if ((i == DAY || i == WEEKDAY) && word[0] == '*')
			any = 1;
		for (part = strtok_r(word, ",", &parts); part != NULL;
		     part = strtok_r(NULL, ",", &parts))
			if (read_part(part, &ranges[i], &job->field[i]) < 0)
				return -1;
	}
	job->either = !any;
	snprintf(job->command, sizeof(job->command), "%s", rest);
	return 0;
}

/* ---- Times ------------------------------------------------------------------ */

static int matches(const struct job *job, int field, int value)
{
	return job->field[field] >> value & 1;
}

static int day_matches(const struct job *job, const struct tm *tm)
{
	int day = matches(job, DAY, tm->tm_mday);
	int weekday = matches(job, WEEKDAY, tm->tm_wday) ||
		      (tm->tm_wday == 0 && matches(job, WEEKDAY, 7));

	return matches(job, MONTH, tm->tm_mon + 1) &&
	       (job->either ? day || weekday : day && weekday);
}

/* Of the next day: there are places that have left one out. */
static time_t next_midnight(time_t now, const struct tm *today)
{
	time_t t;
	int days = 0;

	do {
		struct tm tm = *today;

		tm.tm_mday += ++days;
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		tm.tm_isdst = -1;
		t = mktime(&tm);
	} while (t <= now && days < 3);
	return t;
}

/*
 * Asked by the alarm for the time after NOW.  Days, then hours, then minutes
 * that do not match are left out, until all do; the 30th of February after
 * nine years of days.
 */
static void next_match(void *cookie, const struct timespec *now,
		       struct timespec *next)
{
	const struct job *job = cookie;
	time_t t = now->tv_sec - now->tv_sec % 60 + 60;
	int steps;

	next->tv_nsec = 0;
	for (steps = 0; steps < 9 * 366; steps++) {
		struct tm tm;

		localtime_r(&t, &tm);
		if (!day_matches(job, &tm))
			t = next_midnight(t, &tm);
		else if (!matches(job, HOUR, tm.tm_hour))
			t += (60 - tm.tm_min) * 60;
		else if (!matches(job, MINUTE, tm.tm_min))
			t += 60;
		else
			break;
	}
	next->tv_sec = t;
}

/* ---- Commands --------------------------------------------------------------- */

static void execute(void *cookie)
{
	const struct job *job = cookie;

	execl("/bin/sh", "sh", "-c", job->command, (char *)NULL);
	_exit(127);
}

static void ended(void *cookie, int status, const struct rusage *usage)
{
	struct job *job = cookie;

	(void)usage;
	if (status >= 0 && !WIFEXITED(status) && !WIFSIGNALED(status))
		return;
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) != 0)
		printf("exit %d: %s\n", WEXITSTATUS(status), job->command);
	if (status >= 0 && WIFSIGNALED(status))
		printf("signal %d: %s\n", WTERMSIG(status), job->command);
	iv_wait_interest_unregister(&job->child);
	job->running = 0;
}

static void run(void *cookie)
{
	struct job *job = cookie;

	if (job->running) {
		printf("still running: %s\n", job->command);
		return;
	}
	IV_WAIT_INTEREST_INIT(&job->child);
	job->child.cookie = job;
	job->child.handler = ended;
	if (iv_wait_interest_register_spawn(&job->child, execute, job) < 0)
		printf("%s: %s\n", strerror(errno), job->command);
	else
		job->running = 1;
}

/* ---- Reading the table ------------------------------------------------------ */

/* "every SECONDS COMMAND", "at SECONDS-SINCE-1970 COMMAND", or cron's five
   fields and a command. */
static int read_line(char *line, struct job *job)
{
	long long seconds;
	int n = 0;

	IV_ALARM_INIT(&job->alarm);
	job->alarm.cookie = job;
	job->alarm.handler = run;
	if (sscanf(line, "every %lld %n", &seconds, &n) == 1 && n > 0) {
		job->alarm.interval.tv_sec = (time_t)seconds;
		if (seconds <= 0)
			return -1;
	} else if (sscanf(line, "at %lld %n", &seconds, &n) == 1 && n > 0) {
		job->alarm.at.tv_sec = (time_t)seconds;
	} else {
		job->alarm.reschedule = next_match;
		return read_fields(line, job);
	}
	snprintf(job->command, sizeof(job->command), "%s", line + n);
	return 0;
}

static int read_table(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[LINE_SIZE];
	int number = 0, ret = 0;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	while (ret == 0 && fgets(line, sizeof(line), f) != NULL) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		ret = num_jobs < MOST ? read_line(line, &jobs[num_jobs]) : -1;
		if (ret == 0 && jobs[num_jobs++].command[0] == '\0')
			ret = -1;
	}
	if (ret < 0)
		fprintf(stderr, "%s:%d: cannot read that\n", path, number);
	fclose(f);
	return ret;
}

/* ---- The program ------------------------------------------------------------ */

static void report(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < num_jobs; i++) {
		const struct job *job = &jobs[i];
		char when[30] = "never";
		struct tm tm;

		if (iv_alarm_registered(&job->alarm)) {
			localtime_r(&job->alarm.next.tv_sec, &tm);
			strftime(when, sizeof(when), "%a %F %T", &tm);
		}
		printf("%s: %s\n", when, job->command);
	}
}

static void stop(void *unused);

static struct iv_signal signals[] = {
	{ .signum = SIGUSR1,	.handler = report },
	{ .signum = SIGINT,	.handler = stop },
	{ .signum = SIGTERM,	.handler = stop },
};

#define SIGNALS	(int)(sizeof(signals) / sizeof(signals[0]))

/* Commands that run still are waited for. */
static void stop(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < num_jobs; i++)
		if (iv_alarm_registered(&jobs[i].alarm))
			iv_alarm_unregister(&jobs[i].alarm);
	for (i = 0; i < SIGNALS; i++)
		iv_signal_unregister(&signals[i]);
}

static int start(void)
{
	int i;

	for (i = 0; i < SIGNALS; i++) {
		IV_SIGNAL_INIT(&signals[i]);
		if (iv_signal_register(&signals[i]) < 0)
			return -1;
	}
	for (i = 0; i < num_jobs; i++)
		if (iv_alarm_register(&jobs[i].alarm) < 0)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2 || argv[1][0] == '-') {
		fputs("usage: cron_lite FILE\n"
		      "FILE has lines \"MINUTE HOUR DAY MONTH WEEKDAY COMMAND\","
		      " as of crontab(5),\n"
		      "\"every SECONDS COMMAND\", and "
		      "\"at SECONDS-SINCE-1970 COMMAND\".\n"
		      "SIGUSR1 shows the table, SIGINT and SIGTERM end the "
		      "program.\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (read_table(argv[1]) < 0)
		return EXIT_FAILURE;
	iv_init();
	if (start() < 0) {
		perror("cron_lite");
		return EXIT_FAILURE;
	}
	report(NULL);
	iv_main();
	iv_deinit();
	return EXIT_SUCCESS;
}
