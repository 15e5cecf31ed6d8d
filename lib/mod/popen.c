/* SPDX-License-Identifier: MIT */
/*
 * popen.c - iv_popen: programs at the other end of a pipe.
 *
 * The record of a program lives until the program has ended, longer than the
 * request if that is closed before: then its timer sends signals.
 */
#include <string.h>
#include <iv_popen.h>
#include "base/compiler.h"
#include "mod/program.h"
#include "sys/sys.h"

#define KILL_INTERVAL	5	/* seconds */
#define KILL_POLITELY	5	/* times */

struct program {
	struct ivi_program	base;
	uint32_t	magic;
	unsigned	generation;	/* of forks */
	struct iv_popen_request	*request;	/* NULL: given up */
	unsigned	signals;	/* sent so far */
};

#define MAGIC	UINT32_C(0x69767070)

/* `child' of a request is the address of its program, with this in its lowest
   bits, so that a request that was never initialised can be told. */
#define SEAL	((uintptr_t)0x3)
#define SEALED	((uintptr_t)7 |						\
		 (uintptr_t)((UINT64_C(0xff) << 48) & UINTPTR_MAX))

static struct program *program(struct ivi_program *base)
{
	return iv_container_of(base, struct program, base);
}

/* ---- Its end ------------------------------------------------------------------- */

static void forget(struct ivi_program *base)
{
	struct program *p = program(base);

	if (p->request != NULL)
		p->request->child = NULL;
	ivi_free(p);
}

static void ended(struct ivi_program *p, int status,
		  const struct rusage *usage)
{
	(void)status;
	(void)usage;
	forget(p);
}

/*
 * A failing kill(2), say of a program that has changed its user, changes
 * nothing: the program is still to be waited for.
 */
static void send_signal(void *_p)
{
	struct program *p = program(_p);

	iv_wait_interest_kill(&p->base.wait, p->signals++ < KILL_POLITELY ?
						     SIGTERM : SIGKILL);
	p->base.timer.expires.tv_sec += KILL_INTERVAL;
	iv_timer_register(&p->base.timer);
}

/* ---- Its beginning ---------------------------------------------------------------- */

static struct program *program_new(void)
{
	struct program *p = ivi_alloc_zeroed(sizeof(*p));

	if (p == NULL)
		return NULL;
	p->magic = MAGIC;
	p->generation = ivi_fork_generation();
	ivi_program_init(&p->base, send_signal);
	p->base.ended = ended;
	p->base.orphaned = forget;
	return p;
}

static int start(struct program *p, const struct iv_popen_request *req,
		 int child, int std)
{
	struct ivi_exec x = {
		.file = req->file,
		.argv = req->argv,
		.fd = { IVI_EXEC_NULL, IVI_EXEC_NULL, IVI_EXEC_NULL },
		.flags = IVI_EXEC_SEARCH,
	};
	int ret = ivi_exec_open(&x);

	if (ret < 0)
		return ret;
	x.fd[std] = child;
	return ivi_program_start(&p->base, &x, IVI_WAIT_END);
}

/* Our end of the pipe, or -errno. */
static int open_and_start(struct program *p,
			  const struct iv_popen_request *req)
{
	int std = *req->type == 'r' ? 1 : 0;
	int fds[2];
	int ret = ivi_exec_pipe(fds);

	if (ret < 0)
		return ret;
	ret = start(p, req, fds[std], std);
	ivi_close(fds[std]);
	if (ret == 0)
		return fds[1 - std];
	ivi_close(fds[1 - std]);
	return ret;
}

static void check(const char *fn, const struct iv_popen_request *req)
{
	ivi_require_loop(fn);
	if (req == NULL)
		iv_fatal("%s: the struct iv_popen_request pointer is NULL",
			 fn);
}

static void check_member(const struct iv_popen_request *req,
			 const char *name, const void *value)
{
	if (value == NULL)
		iv_fatal("iv_popen_request_submit: iv_popen_request %p: %s is "
			 "NULL", (const void *)req, name);
}

IVI_PUBLIC int iv_popen_request_submit(struct iv_popen_request *req)
{
	struct program *p;
	int fd;

	check("iv_popen_request_submit", req);
	req->child = NULL;
	check_member(req, "file", req->file);
	check_member(req, "argv", req->argv);
	check_member(req, "type", req->type);
	if (strcmp(req->type, "r") != 0 && strcmp(req->type, "w") != 0) {
		errno = EINVAL;
		return -1;
	}
	p = program_new();
	if (p == NULL)
		return -1;
	fd = open_and_start(p, req);
	if (fd < 0) {
		ivi_free(p);
		errno = -fd;
		return -1;
	}
	p->request = req;
	req->child = (void *)((uintptr_t)p | SEAL);
	return fd;
}

/* NULL if there is none any more. */
static struct program *program_of(const char *fn,
				  const struct iv_popen_request *req)
{
	uintptr_t child = (uintptr_t)req->child;
	struct program *p = (struct program *)(child & ~SEAL);

	if (child == 0)
		return NULL;
	if ((child & SEALED) != SEAL || p->magic != MAGIC)
		iv_fatal("%s: iv_popen_request %p is not initialised, or was "
			 "overwritten", fn, (const void *)req);
	return p;
}

/* Of the process that has forked this one, whose child it is. */
static void drop_inherited(struct program *p)
{
	iv_wait_interest_unregister(&p->base.wait);
	ivi_free(p);
}

IVI_PUBLIC void iv_popen_request_close(struct iv_popen_request *req)
{
	static const char fn[] = "iv_popen_request_close";
	struct program *p;

	check(fn, req);
	p = program_of(fn, req);
	if (p == NULL)
		return;
	req->child = NULL;
	if (p->generation != ivi_fork_generation()) {
		drop_inherited(p);
		return;
	}
	if (p->base.owner != ivi_self())
		iv_fatal("%s: iv_popen_request %p belongs to another thread",
			 fn, (void *)req);
	p->request = NULL;
	p->base.timer.expires = iv_now;
	iv_timer_register(&p->base.timer);
}
