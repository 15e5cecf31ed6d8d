/* SPDX-License-Identifier: MIT */
/*
 * listen.c - commands that have to do with listeners.
 *
 * A listener is the reading end of a pipe with a byte for each client that
 * waits; what accept(2) would say of them is said here, in the order in which
 * the commands have made it so.
 */
#include <errno.h>
#include <stdlib.h>
#include <iv_listen.h>
#include "model/world.h"

#define LISTENER(a)	((int)((a) % LISTENERS))
#define MSEC	INT64_C(1000000)
#define WAITING	12		/* clients, at most */
#define FIRST_FD	100000	/* of those that are accepted */

int __wrap_ivi_accept(int fd, void *from, socklen_t *len);
int __wrap_ivi_fd_listens(int fd);
void __real_iv_fd_set_handler_in(struct iv_fd *fd, void (*fn)(void *));
void __wrap_iv_fd_set_handler_in(struct iv_fd *fd, void (*fn)(void *));

static struct iv_listen *listeners[LISTENERS];
static unsigned lives[LISTENERS];

static struct listener {
	int	fd, peer;
	bool	gone[WAITING];		/* the client is */
	int	error;			/* instead of a client, or 0 */
	unsigned	came, got;	/* clients, all in all */
	unsigned	paused;
	int64_t	pause;			/* the next one */
	/* In the accepting in progress: */
	unsigned	tries, left;
	int	last;			/* what was said */
	bool	any;
	bool	broken;			/* said so, and not to be tried again */
	bool	departed;		/* some have been unregistered since */
} state[LISTENERS];

static int accepting = -1;	/* by which */
static void (*can_accept)(void *);

static int find(const struct iv_listen *l)
{
	int i = 0;

	while (i < LISTENERS && listeners[i] != l)
		i++;
	return i;
}

/* ---- Accepting ------------------------------------------------------------------------ */

/* The first client leaves the queue. */
static bool take_client(struct listener *s, int i)
{
	bool gone = s->gone[0];

	for (unsigned n = 1; n < M.listener[i].waiting; n++)
		s->gone[n - 1] = s->gone[n];
	M.listener[i].waiting--;
	ground_read(s->fd, 1);
	return gone;
}

static int answer(int i)
{
	struct listener *s = &state[i];

	if (s->error != 0)
		return -s->error;
	if (M.listener[i].waiting == 0)
		return -EAGAIN;
	if (take_client(s, i))
		return -ECONNABORTED;
	s->any = true;
	s->pause = 10 * MSEC;
	return FIRST_FD + (int)(s->got++ % 1000);
}

int __wrap_ivi_accept(int fd, void *from, socklen_t *len)
{
	int i = accepting;

	(void)from;
	expect(i >= 0 && state[i].fd == fd && M.listener[i].registered,
	       "accept() out of nowhere", i);
	expect(state[i].left > 0, "more is accepted than the budget says", i);
	expect(!state[i].broken, "a broken listener is tried again", i);
	state[i].tries++;
	*len = 0;
	state[i].last = answer(i);
	/* Those that have gone do not count. */
	state[i].left -= state[i].last >= 0;
	return state[i].last;
}

int __wrap_ivi_fd_listens(int fd)
{
	(void)fd;
	return 0;
}

/* It goes on, it pauses, or it has been told that it is broken. */
static void check_outcome(int i)
{
	struct listener *s = &state[i];
	bool pauses = s->last < 0 && s->last != -EAGAIN &&
		      s->last != -EINVAL && !(s->any && s->last == -ECONNABORTED);
	bool again = M.timer[TIMER_AGAIN + i].registered;

	expect(s->tries > 0, "nothing was accepted", i);
	expect(s->last == -EAGAIN || s->left == 0 || pauses ||
	       s->last == -EINVAL, "accepting has stopped early", i);
	if (s->last == -EAGAIN)
		s->pause = 10 * MSEC;
	if (!pauses) {
		expect(M.listener[i].on == (s->last != -EINVAL),
		       "does not go on", i);
		expect(s->last == -EINVAL || !again, "still pauses", i);
		return;
	}
	s->paused++;
	expect(!M.listener[i].on && again, "does not pause", i);
	expect(M.timer[TIMER_AGAIN + i].at == ground_clock() + s->pause,
	       "pauses for another time", i);
	expect(listeners[i]->paused == s->paused, "pauses counted", i);
	s->pause = s->pause < 500 * MSEC ? 2 * s->pause : 1000 * MSEC;
}

static void accept_clients(int i)
{
	struct listener *s = &state[i];

	s->left = listeners[i]->budget != 0 ? listeners[i]->budget :
		  listeners[i]->flags & IV_LISTEN_EXCLUSIVE ? 4 : 64;
	s->tries = 0;
	s->any = s->departed = false;
	accepting = i;
	can_accept(listeners[i]);
	accepting = -1;
	if (!s->departed)
		check_outcome(i);
	else if (M.listener[i].registered)
		expect(M.listener[i].on == s->any, "does not go on", i);
}

static void readable(void *l)
{
	int i = find(l);

	world_say("-> listener %d", i);
	model_called(CALL_ACCEPT, i, 0);
	accept_clients(i);
	model_done();
}

static void paused_enough(void *l)
{
	int i = find(l);

	world_say("-> listener %d, after a pause", i);
	model_called(CALL_TIMER, TIMER_AGAIN + i, 0);
	model_timer_unregister(TIMER_AGAIN + i);
	accept_clients(i);
	model_done();
}

static void client_came(void *c, int fd, const struct sockaddr *from,
			socklen_t len)
{
	int i = (int)((uintptr_t)c & 0xff), err = errno;
	struct listener *s = &state[i];

	world_say("-> client %d of listener %d", fd, i);
	expect(c == cookie(i, lives[i]) && accepting == i,
	       "a client out of nowhere", i);
	expect(fd == s->last || (fd == -1 && s->last == -EINVAL &&
	       err == EINVAL && from == NULL && len == 0 && !s->broken),
	       "another client", i);
	s->broken = fd < 0;
	world_calls++;
	finish_here();
}

/* ---- What the library registers ------------------------------------------------------- */

static void kept(void (*theirs)(void *))
{
	if (theirs != readable && theirs != paused_enough)
		can_accept = theirs;
}

bool listen_timer_registers(struct iv_timer *timer)
{
	FOR(i, LISTENERS) {
		if (timer != &listeners[i]->again)
			continue;
		kept(timer->handler);
		timer->handler = paused_enough;
		model_timer_register(TIMER_AGAIN + i,
				     timer->expires.tv_sec * 1000 * MSEC +
				     timer->expires.tv_nsec);
		return true;
	}
	return false;
}

bool listen_timer_unregisters(const struct iv_timer *timer)
{
	FOR(i, LISTENERS) {
		if (timer != &listeners[i]->again)
			continue;
		model_timer_unregister(TIMER_AGAIN + i);
		return true;
	}
	return false;
}

static int watch_of(const struct iv_fd *fd)
{
	int i = 0;

	while (i < LISTENERS && fd != &listeners[i]->watch)
		i++;
	return i;
}

void __wrap_iv_fd_set_handler_in(struct iv_fd *fd, void (*fn)(void *))
{
	int i = watch_of(fd);

	if (i < LISTENERS) {
		M.listener[i].on = fn != NULL;
		if (fn != NULL) {
			kept(fn);
			fn = readable;
		}
	}
	__real_iv_fd_set_handler_in(fd, fn);
}

void listen_divert(struct iv_fd *fd)
{
	int i = watch_of(fd);

	if (i == LISTENERS)
		return;
	kept(fd->handler_in);
	fd->handler_in = readable;
	M.listener[i].on = true;
}

/* ---- Commands --------------------------------------------------------------------------- */

static void new_listener(int i)
{
	free(listeners[i]);
	listeners[i] = garbage(sizeof(*listeners[i]));
	IV_LISTEN_INIT(listeners[i]);
	listeners[i]->cookie = cookie(i, ++lives[i]);
	listeners[i]->handler = client_came;
	state[i].paused = 0;
}

static void open_listener(int i)
{
	int pair[2];

	if (state[i].fd >= 0)
		return;
	ground_pair(READER, pair);
	state[i].fd = pair[0];
	state[i].peer = pair[1];
	state[i].error = 0;
	M.listener[i].fd = pair[0];
	M.listener[i].waiting = 0;
}

void c_listen_register(unsigned a, unsigned b)
{
	int i = LISTENER(a);

	if (M.listener[i].registered)
		return;
	open_listener(i);
	listeners[i]->fd = state[i].fd;
	listeners[i]->flags = b & 1 ? IV_LISTEN_EXCLUSIVE : 0;
	listeners[i]->budget = b / 2 % 6;
	state[i].pause = 10 * MSEC;
	state[i].broken = false;
	M.listener[i].registered = true;
	expect(iv_listen_register(listeners[i]) == 0, "listener refused", i);
	expect(iv_listen_registered(listeners[i]), "listener not registered",
	       i);
}

static void listener_unregister(int i)
{
	if (!M.listener[i].registered)
		return;
	M.listener[i].registered = M.listener[i].ready = false;
	iv_listen_unregister(listeners[i]);
	FOR(k, LISTENERS)
		state[k].departed = true;
	expect(!iv_listen_registered(listeners[i]),
	       "listener still registered", i);
}

void c_listen_unregister(unsigned a, unsigned b)
{
	(void)b;
	listener_unregister(LISTENER(a));
}

void c_listen_free(unsigned a, unsigned b)
{
	(void)b;
	listener_unregister(LISTENER(a));
	new_listener(LISTENER(a));
}

void c_listen_again(unsigned a, unsigned b)
{
	int i = LISTENER(a);

	(void)b;
	if (!M.listener[i].registered)
		return;
	if (!M.listener[i].on)
		state[i].broken = false;
	iv_listen_again(listeners[i]);
	expect(M.listener[i].on || (M.timer[TIMER_AGAIN + i].registered &&
	       M.timer[TIMER_AGAIN + i].at <= ground_clock()),
	       "iv_listen_again()", i);
}

/* Some, of whom one may go before it is accepted. */
void c_listen_client(unsigned a, unsigned b)
{
	int i = LISTENER(a);
	unsigned n = 1 + b % 3;

	open_listener(i);
	for (; n > 0 && M.listener[i].waiting < WAITING; n--) {
		state[i].gone[M.listener[i].waiting++] = b / 4 % 4 == n;
		ground_write(state[i].peer, 1);
		state[i].came++;
	}
}

/* Descriptors or memory are short, or are not any more. */
void c_listen_exhaust(unsigned a, unsigned b)
{
	static const int errors[] = { 0, EMFILE, ENOMEM, 0 };

	state[LISTENER(a)].error = errors[b % 4];
}

/* It is shut down, for once; a client shows that it is ready. */
void c_listen_shut(unsigned a, unsigned b)
{
	c_listen_client(a, b);
	state[LISTENER(a)].error = EINVAL;
}

/* ---- All of them -------------------------------------------------------------------------- */

void listen_begin(void)
{
	FOR(i, LISTENERS) {
		state[i].fd = M.listener[i].fd = -1;
		new_listener(i);
	}
}

bool listen_busy(void)
{
	FOR(i, LISTENERS)
		if (M.listener[i].waiting > 0)
			return true;
	return false;
}

void listen_unregister(void)
{
	FOR(i, LISTENERS) {
		listener_unregister(i);
		if (state[i].fd < 0)
			continue;
		ground_close(state[i].fd);
		ground_close(state[i].peer);
		state[i].fd = M.listener[i].fd = -1;
		M.listener[i].waiting = 0;
	}
}
