/* SPDX-License-Identifier: MIT */
/*
 * hash_files.c - SHA-256 of many files, by a pool of threads.
 *
 *	hash_files [--threads N] [--progress] FILE...
 *
 * Prints lines as sha256sum(1) does, so "hash_files * | sha256sum -c" works,
 * in the order in which the files are finished.  With --progress, or if
 * stderr is a terminal, it shows there how far it is.  Exit status 1 if a
 * file could not be read.
 *
 * Of interest to a reader:
 *
 *   - work that touches nothing but its own item (hash_file), and completions
 *     that run in the loop, so they need no lock (finished),
 *   - only so many jobs at a time; each one finished takes up the next file
 *     (next_job),
 *   - a timer that shows how far it is (progress).
 */
#define _DEFAULT_SOURCE	/* for -std=c11 and the like */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <iv.h>
#include <iv_work.h>

/* ---- SHA-256 (FIPS 180-4) ----------------------------------------------- */

struct sha256 {
	uint32_t	h[8];
	uint64_t	bytes;
	unsigned char	block[64];
};

static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
	0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
	0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
	0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
	0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
	0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
	0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
	0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t ror(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static void sha256_block(struct sha256 *s)
{
	uint32_t w[64], v[8], t1, t2;
	const unsigned char *p = s->block;
	int i;

	for (i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		       (uint32_t)p[2] << 8 | p[3];
	for (; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^
			w[i - 15] >> 3) +
		       (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^
			w[i - 2] >> 10);
	memcpy(v, s->h, sizeof(v));
	for (i = 0; i < 64; i++) {
		t1 = v[7] + (ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25)) +
		     ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
		t2 = (ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22)) +
		     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		s->h[i] += v[i];
}

static void sha256_init(struct sha256 *s)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->h, start, sizeof(start));
	s->bytes = 0;
}

static void sha256_add(struct sha256 *s, const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n > 0) {
		size_t used = s->bytes % 64, part = 64 - used;

		if (part > n)
			part = n;
		memcpy(s->block + used, p, part);
		s->bytes += part;
		p += part;
		n -= part;
		if (s->bytes % 64 == 0)
			sha256_block(s);
	}
}

static void sha256_end(struct sha256 *s)
{
	static const unsigned char zeros[64];
	unsigned char length[8];
	uint64_t bits = s->bytes * 8;
	int i;

	for (i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	sha256_add(s, "\x80", 1);
	sha256_add(s, zeros, (120 - s->bytes % 64) % 64);
	sha256_add(s, length, sizeof(length));
}

/* ---- Jobs ------------------------------------------------------------------ */

struct job {
	struct iv_work_item	item;
	const char	*path;
	struct sha256	hash;
	int		error;		/* errno value, or 0 */
};

static struct iv_work_pool pool;
static struct iv_timer ticker;
static int show;			/* progress */

static char **next_file;
static long files, files_done, files_bad;
static uint64_t bytes_done;		/* atomic: written by all workers */

/* ---- In the workers -------------------------------------------------------- */

static int hash_fd(struct sha256 *s, int fd)
{
	char buf[65536];
	ssize_t n;

	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		sha256_add(s, buf, (size_t)n);
		__atomic_add_fetch(&bytes_done, (uint64_t)n,
				   __ATOMIC_RELAXED);
	}
}

static void hash_file(void *_job)
{
	struct job *job = _job;
	int fd = open(job->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		job->error = errno;
		return;
	}
	sha256_init(&job->hash);
	job->error = hash_fd(&job->hash, fd);
	sha256_end(&job->hash);
	close(fd);
}

/* ---- In the loop ----------------------------------------------------------- */

static void progress(void *unused)
{
	(void)unused;
	fprintf(stderr, "\r%ld of %ld files, %llu MiB ", files_done, files,
		(unsigned long long)(__atomic_load_n(&bytes_done,
						     __ATOMIC_RELAXED) >> 20));
	ticker.expires = iv_now;
	ticker.expires.tv_nsec += 200000000;
	if (ticker.expires.tv_nsec >= 1000000000) {
		ticker.expires.tv_nsec -= 1000000000;
		ticker.expires.tv_sec++;
	}
	iv_timer_register(&ticker);
}

static void report(const struct job *job)
{
	int i;

	if (job->error) {
		files_bad++;
		fprintf(stderr, "%s%s: %s\n", show ? "\r" : "", job->path,
			strerror(job->error));
		return;
	}
	for (i = 0; i < 8; i++)
		printf("%08x", (unsigned)job->hash.h[i]);
	printf("  %s\n", job->path);
}

/* Nothing is left to keep the loop running once the pool has been drained. */
static void next_job(struct job *job)
{
	if (*next_file == NULL) {
		free(job);
		if (files_done == files) {
			iv_work_pool_put(&pool);
			if (iv_timer_registered(&ticker))
				iv_timer_unregister(&ticker);
		}
		return;
	}
	job->path = *next_file++;
	iv_work_pool_submit_work(&pool, &job->item);
}

static void finished(void *_job)
{
	files_done++;
	report(_job);
	next_job(_job);
}

static void first_jobs(int n)
{
	while (n-- > 0 && *next_file != NULL) {
		struct job *job = calloc(1, sizeof(*job));

		if (job == NULL) {
			perror("calloc");
			exit(1);
		}
		IV_WORK_ITEM_INIT(&job->item);
		job->item.cookie = job;
		job->item.work = hash_file;
		job->item.completion = finished;
		next_job(job);
	}
}

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s [--threads N] [--progress] FILE...\n",
		name);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "threads", required_argument, NULL, 't' },
		{ "progress", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int c, threads = 0;

	show = isatty(2);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't')
			threads = atoi(optarg);
		else if (c == 'p')
			show = 1;
		else
			return usage(argv[0]);
	}
	if (optind == argc)
		return usage(argv[0]);
	next_file = argv + optind;
	files = argc - optind;
	if (threads < 1)
		threads = (int)sysconf(_SC_NPROCESSORS_ONLN);

	iv_init();
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = threads;
	if (iv_work_pool_create(&pool) < 0) {
		perror("iv_work_pool_create");
		return 1;
	}
	IV_TIMER_INIT(&ticker);
	ticker.handler = progress;
	if (show)
		progress(NULL);
	first_jobs(2 * threads);
	iv_main();
	iv_deinit();
	if (show)
		fprintf(stderr, "\r%ld of %ld files, %llu MiB\n", files_done,
			files, (unsigned long long)(bytes_done >> 20));
	return files_bad > 0 || fflush(stdout) != 0;
}
