/* SPDX-License-Identifier: MIT */
/*
 * main.c - makes programs, runs them on each poll method, shrinks those that
 * fail.
 *
 * Programs run in a child process, one after the other; it leaves the one it
 * is at in shared memory, so nothing is lost when it dies or hangs.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <iv.h>
#include "model/main.h"
#include "model/model.h"

#define HANG_SECONDS	5	/* a program hangs, when it runs again alone */
#define STUCK_SECONDS	60	/* without progress; a busy machine is slow */

static struct {
	uint64_t	steps, calls, programs;
	size_t		size;
	uint8_t		program[PROGRAM_MAX];
} *shared;

/* What the command line says. */
static uint64_t steps = 20000, seed = 1;
static const char *replay;
static bool list, no_shrink;
static unsigned depth;		/* of the sequences, or 0 */
static bool orders, with_faults;
static uint64_t every = 1;	/* of the orders or sequences */

static uint64_t random_state;

static uint64_t random64(void)
{
	uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static unsigned pick(unsigned n)
{
	return (unsigned)(random64() >> 33) % n;
}

/* ---- Generating ------------------------------------------------------------------- */

#define MAX_COMMANDS	256	/* a byte says which */

/* How often a command is made: at most of the programs, if the swarm has it. */
static unsigned base_weight(unsigned op)
{
	static const struct {
		const char	*name;
		unsigned	weight;
	} weights[] = {
		{ "fill", 1 }, { "peer_drain", 2 }, { "restart", 1 },
		{ "init_again", 1 }, { "check", 1 }, { "quit", 1 },
		{ "event_post_elsewhere", 1 }, { "open_registered", 8 },
		{ "peer_write", 8 }, { "event_post", 8 }, { "raise", 6 },
		{ "task_register", 8 }, { "timer_soon", 8 },
		{ "child_spawn", 16 }, { "spawn_start", 16 },
		{ "spawn_stop", 12 }, { "child_stop", 8 },
		{ "any_register", 16 }, { "any_zombie", 12 },
		{ "watch_begin", 40 }, { "watch_register", 16 },
		{ "watch_free", 8 }, { "file_create", 12 },
		{ "file_write", 12 }, { "file_unlink", 12 },
		{ "path_register", 16 }, { "follow_register", 24 },
		{ "follow_resume", 8 }, { "file_again", 8 }, { "follow_unregister", 2 },
		{ "follow_free", 2 },
		{ "call_elsewhere", 1 }, { "loop_quit", 1 },
		{ "alarm_register", 16 }, { "listen_register", 8 },
		{ "listen_client", 6 }, { "listen_free", 6 },
		{ "visit", 6 }, { "hook_register", 16 },
	};
	const char *name = world_command_name(op);

	for (size_t i = 0; i < sizeof(weights) / sizeof(*weights); i++)
		if (strcmp(weights[i].name, name) == 0)
			return weights[i].weight;
	return 4;
}

static bool begins_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Which take as long as many other things do, and nothing in a simulation. */
static bool is_of_children(const char *name)
{
	return begins_with(name, "child_");
}

static bool is_of_programs(const char *name)
{
	return begins_with(name, "spawn_");
}

static bool is_of_any(const char *name)
{
	return begins_with(name, "any_");
}

static bool is_of_files(const char *name)
{
	return begins_with(name, "inotify_") || begins_with(name, "watch_") ||
	       begins_with(name, "file_");
}

static bool is_watched(const char *name)
{
	return begins_with(name, "path_") || begins_with(name, "follow_");
}

/* ThreadSanitizer makes a fork(2) of vfork(2), of which the model knows nothing. */
#ifdef __SANITIZE_THREAD__
#define VFORKS	false
#else
#define VFORKS	true
#endif

/* Each program has some of the commands only, in proportions of its own. */
static unsigned make_swarm(unsigned weight[MAX_COMMANDS])
{
	unsigned total = 0, rate = 1 + pick(4);
	bool children = pick(4) == 0 && ground_is_real;
	bool any = children && pick(4) == 0;	/* and much of them */
	bool programs = pick(16) == 0 && ground_is_real && VFORKS;
	bool files = pick(3) == 0 && ground_is_real;
	bool watched = files && pick(2) == 0;

	for (unsigned op = 0; op < world_commands; op++) {
		const char *name = world_command_name(op);
		bool wanted = any && (is_of_any(name) || is_of_children(name));
		bool has = (pick(4) < rate || wanted) &&
			   (children || !is_of_children(name)) &&
			   (any || !is_of_any(name)) &&
			   (programs || !is_of_programs(name)) &&
			   (files || !is_of_files(name)) &&
			   (watched || !is_watched(name));

		weight[op] = op == 0 || has ?
			     base_weight(op) * (1 + pick(4)) *
			     (wanted ? 4 : 1) : 0;
		if (op > 0)
			total += weight[op];
	}
	weight[0] = 1 + total / (3 + pick(20));
	return total + weight[0];
}

static unsigned pick_command(const unsigned *weight, unsigned total)
{
	unsigned n = pick(total), op = 0;

	while (n >= weight[op])
		n -= weight[op++];
	return op;
}

size_t generate(uint64_t number, uint8_t *program)
{
	unsigned weight[MAX_COMMANDS], total, records, in_handlers;
	uint8_t *p = program;

	random_state = number * UINT64_C(0xd1342543de82ef95);
	total = make_swarm(weight);
	records = 10 + pick(pick(4) ? 60 : PROGRAM_MAX / RECORD - 10);
	in_handlers = pick(5);
	for (; records > 0; records--, p += RECORD) {
		p[0] = (uint8_t)pick_command(weight, total);
		p[1] = (uint8_t)pick(pick(2) ? 256 : 4);
		p[2] = (uint8_t)pick(256);
		p[3] = (uint8_t)((pick(4) < in_handlers) | pick(2) << 1);
	}
	return (size_t)(p - program);
}

/* ---- Running ------------------------------------------------------------------------- */

static void use_method(const char *name)
{
	char method[64];
	const char *colon = strchr(name, ':');

	snprintf(method, sizeof(method), "%s", name);
	if (colon != NULL) {
		method[colon - name] = '\0';
		setenv("EMU_PERSONALITY", colon + 1, 1);
	}
	setenv("IV_SELECT_POLL_METHOD", method, 1);
}

static void child_silent(void)
{
	int fd = open("/dev/null", O_WRONLY);

	dup2(fd, 2);
	close(fd);
}

/* Runs what is in shared memory.  True if all is well. */
static bool survives(const char *method, bool silent)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		use_method(method);
		if (silent)
			child_silent();
		alarm(HANG_SECONDS);
		world_run(shared->program, shared->size);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static void say_program(const char *prefix)
{
	printf("%s", prefix);
	for (size_t i = 0; i < shared->size; i++)
		printf("%02x", shared->program[i]);
	printf("\n");
	fflush(stdout);
}

/* Leaves out N records from the one FROM on, if it still fails then. */
static bool leave_out(const char *method, size_t from, size_t n)
{
	uint8_t whole[PROGRAM_MAX];
	size_t size = shared->size, end = (from + n) * RECORD;

	memcpy(whole, shared->program, size);
	if (end > size)
		end = size;
	memmove(shared->program + from * RECORD, shared->program + end,
		size - end);
	shared->size = size - (end - from * RECORD);
	if (!survives(method, true))
		return true;
	memcpy(shared->program, whole, size);
	shared->size = size;
	return false;
}

/* Takes out what is not needed: halves, quarters, ... single records. */
static void shrink(const char *method)
{
	size_t n, from;

	for (n = shared->size / RECORD; n > 0; n /= 2)
		for (from = 0; from * RECORD < shared->size; )
			if (!leave_out(method, from, n))
				from += n;
}

static void run_next(void)
{
	world_run(shared->program, shared->size);
	shared->programs++;
	shared->steps = world_steps;
	shared->calls = world_calls;
}

static void random_programs(void)
{
	while (world_steps < steps) {
		shared->size = generate(seed + shared->programs,
					shared->program);
		run_next();
	}
}

/* Those that MAKE makes, without a fault and with each one. */
static void all_programs(size_t (*make)(uint64_t, unsigned, uint8_t *))
{
	unsigned fault;

	for (uint64_t n = 0; ; n += every) {
		shared->size = make(n, depth, shared->program);
		if (shared->size == 0)
			return;
		run_next();
		for (fault = 1; with_faults && fault <= ground_thoughts();
		     fault++) {
			small_fault(shared->program, fault);
			run_next();
		}
	}
}

static void child_programs(const char *method)
{
	use_method(method);
	if (orders)
		all_programs(small_order);
	if (depth > 0)
		all_programs(small_sequence);
	if (!orders && depth == 0)
		random_programs();
	/* Not by exit(): what is of the parent is not ours to clean up. */
	check_leaks();
	_exit(0);
}

/* The status of PID, which is killed if it makes no progress. */
static int watch(pid_t pid)
{
	uint64_t seen = 0;
	int status, idle = 0;

	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(10000);
		idle = shared->steps == seen ? idle + 1 : 0;
		seen = shared->steps;
		if (idle <= STUCK_SECONDS * 100)
			continue;
		fprintf(stderr, "no progress for %d s\n", STUCK_SECONDS);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return status;
	}
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* One line; true if the programs agree with the model. */
static bool run_method(const char *method)
{
	double begun = seconds(), took;
	int status;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child_programs(method);
	status = watch(pid);
	took = seconds() - begun;
	printf("%-18s %9llu steps %9llu calls %6llu programs, %s %llu: "
	       "%s (%.0f steps/s)\n", method,
	       (unsigned long long)shared->steps,
	       (unsigned long long)shared->calls,
	       (unsigned long long)shared->programs,
	       depth > 0 ? "all of depth" : orders ? "all orders of" : "seed",
	       depth > 0 ? depth : orders ? 6ULL : (unsigned long long)seed,
	       status == 0 ? "ok" : "FAILED",
	       (double)shared->steps / (took > 0 ? took : 1));
	fflush(stdout);
	if (status == 0)
		return true;
	if (!no_shrink)
		shrink(method);
	survives(method, false);
	say_program("  --replay ");
	return false;
}

/* 0: it works here. */
static int works(const char *method)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		use_method(method);
		child_silent();
		iv_init();
		iv_deinit();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

/* ---- Replaying -------------------------------------------------------------------------- */

static bool read_hex(const char *s)
{
	unsigned byte;

	shared->size = 0;
	for (; shared->size < PROGRAM_MAX && sscanf(s, "%2x", &byte) == 1;
	     s += 2) {
		shared->program[shared->size++] = (uint8_t)byte;
		if (s[1] == '\0')
			return false;
	}
	return *s == '\0';
}

static bool read_file(const char *name)
{
	FILE *f = fopen(name, "rb");

	if (f == NULL)
		return read_hex(name);
	shared->size = fread(shared->program, 1, PROGRAM_MAX, f);
	fclose(f);
	return true;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: model [--steps N] [--seed S] [--no-shrink] [METHOD]...\n"
		"       model --orders | --depth N [--every N] [--faults] [METHOD]...\n"
		"       model --replay FILE-OR-HEX [METHOD]...\n"
		"       model --list\n");
	return 2;
}

/* ---- main ---------------------------------------------------------------------------------- */

/* False unless all of TEXT is a number. */
static bool number(const char *text, unsigned long long *n)
{
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 0);
	return text[0] != '-' && end != text && *end == '\0' && errno == 0;
}

static bool options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "steps", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "replay", required_argument, NULL, 'r' },
		{ "depth", required_argument, NULL, 'd' },
		{ "orders", no_argument, NULL, 'o' },
		{ "faults", no_argument, NULL, 'f' },
		{ "every", required_argument, NULL, 'e' },
		{ "no-shrink", no_argument, NULL, 'w' },
		{ "list", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 }
	};
	unsigned long long n = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (strchr("nsde", c) != NULL && !number(optarg, &n))
			return false;
		if (c == 'n')
			steps = n;
		else if (c == 's')
			seed = n;
		else if (c == 'r')
			replay = optarg;
		else if (c == 'd')
			depth = (unsigned)n;
		else if (c == 'o')
			orders = true;
		else if (c == 'f')
			with_faults = true;
		else if (c == 'e')
			every = n;
		else if (c == 'w')
			no_shrink = true;
		else if (c == 'l')
			list = true;
		else
			return false;
	}
	return every > 0;
}

static bool one_method(const char *method)
{
	if (list) {
		printf("%s\n", method);
		return true;
	}
	if (replay == NULL)
		return run_method(method);
	world_verbose = true;
	return survives(method, false);
}

/* METHOD is named, perhaps without its personality, or none is. */
static bool selected(const char *method, char **names)
{
	size_t n;

	if (*names == NULL)
		return true;
	for (; *names != NULL; names++) {
		n = strlen(*names);
		if (strncmp(method, *names, n) == 0 &&
		    (method[n] == '\0' || method[n] == ':'))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	const char *const *m;
	unsigned passed = 0, failed = 0, skipped = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !options(argc, argv))
		return usage();
	if (replay != NULL && !read_file(replay))
		return usage();
	unsetenv("IV_EXCLUDE_POLL_METHOD");
	if (ground_is_real)
		inotify_make_directory();
	for (m = model_methods; *m != NULL; m++) {
		if (!selected(*m, argv + optind))
			continue;
		if (works(*m) != 0)
			skipped++;
		else if (one_method(*m))
			passed++;
		else
			failed++;
	}
	if (ground_is_real)
		inotify_remove_directory();
	if (!list)
		printf("%u passed, %u failed, %u skipped\n", passed, failed,
		       skipped);
	return failed > 0;
}
