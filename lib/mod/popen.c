/* SPDX-License-Identifier: MIT */
/*
 * popen.c - iv_popen: programs at the other end of a pipe.
 *
 * The record of a program lives until the program has ended, longer than the
 * request if that is closed before: then its timer sends signals.
 */
#include <stdlib.h>
#include <string.h>
#include <iv_popen.h>
#include "base/compiler.h"
#include "mod/wait.h"
#include "sys/child.h"
#include "sys/sig.h"
#include "sys/sys.h"

#define KILL_INTERVAL	5	/* seconds */
#define KILL_POLITELY	5	/* times */

struct program {
	struct iv_popen_request	*request;	/* NULL: given up */
	const struct ivi_loop	*owner;
	struct iv_wait_interest	wait;
	struct iv_timer	timer;		/* next signal */
	unsigned	signals;	/* sent so far */
};

/* ---- Its end ------------------------------------------------------------------- */

static void forget(struct program *p)
{
	if (iv_timer_registered(&p->timer))
		iv_timer_unregister(&p->timer);
	if (p->request != NULL)
		p->request->child = NULL;
	free(p);
}

static void state_changed(void *_p, int status, const struct rusage *usage)
{
	struct program *p = _p;

	(void)usage;
	if (status >= 0 && !ivi_child_ended(status))
		return;
	iv_wait_interest_unregister(&p->wait);
	forget(p);
}

static void orphaned(struct iv_wait_interest *wait)
{
	forget(iv_container_of(wait, struct program, wait));
}

/*
 * A failing kill(2), say of a program that has changed its user, changes
 * nothing: the program is still to be waited for.
 */
static void send_signal(void *_p)
{
	struct program *p = _p;

	iv_wait_interest_kill(&p->wait, p->signals++ < KILL_POLITELY ?
					SIGTERM : SIGKILL);
	p->timer.expires.tv_sec += KILL_INTERVAL;
	iv_timer_register(&p->timer);
}

/* ---- Its beginning ---------------------------------------------------------------- */

static struct program *program_new(void)
{
	struct program *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->owner = ivi_self();
	p->wait.cookie = p;
	p->wait.handler = state_changed;
	IV_TIMER_INIT(&p->timer);
	p->timer.cookie = p;
	p->timer.handler = send_signal;
	return p;
}

static void execute(void *x)
{
	ivi_exec(x);
}

static int start(struct program *p, struct ivi_exec *x)
{
	int ret;

	if (ivi_wait_spawn(&p->wait, execute, x, orphaned) < 0) {
		ret = -errno;
		ivi_exec_close(x);
		return ret;
	}
	ret = ivi_exec_outcome(x);
	if (ret < 0) {
		iv_wait_interest_unregister(&p->wait);
		ivi_child_reap(p->wait.pid);
	}
	return ret;
}

/* Puts the parent's end of the pipe into *FD. */
static int open_and_start(struct program *p,
			  const struct iv_popen_request *req, int *fd)
{
	struct ivi_exec x = { .file = req->file, .argv = req->argv };
	int ret;

	ret = ivi_exec_open(&x, *req->type == 'r' ? 1 : 0, fd);
	if (ret < 0)
		return ret;
	ret = start(p, &x);
	if (ret < 0)
		close(*fd);
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
	int fd, ret;

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
	ret = open_and_start(p, req, &fd);
	if (ret < 0) {
		free(p);
		errno = -ret;
		return -1;
	}
	p->request = req;
	req->child = p;
	return fd;
}

IVI_PUBLIC void iv_popen_request_close(struct iv_popen_request *req)
{
	static const char fn[] = "iv_popen_request_close";
	struct program *p;

	check(fn, req);
	p = req->child;
	if (p == NULL)
		return;
	if (p->owner != ivi_self())
		iv_fatal("%s: iv_popen_request %p belongs to another thread",
			 fn, (void *)req);
	req->child = NULL;
	p->request = NULL;
	p->timer.expires = iv_now;
	iv_timer_register(&p->timer);
}
