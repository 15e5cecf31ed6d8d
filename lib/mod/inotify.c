/* SPDX-License-Identifier: MIT */
/*
 * inotify.c - iv_inotify: inotify(7) events, handed to watches.
 *
 * The kernel has one watch descriptor (wd) per inode and instance, however
 * often the inode is added: IN_MASK_ADD makes its mask the union of what our
 * watches want, and each event goes to those that want it.  The kernel's mask
 * never shrinks while a watch is left, since that would take a path.
 * IN_ONESHOT would end the wd for all its watches, so the kernel never sees
 * it.
 *
 * The tree holds all watches, sorted by wd, the youngest first among equals;
 * wd is -1 in a watch that is not in it.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <iv_inotify.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "sys/sys.h"

#define BUFFER_SIZE	16384

/* inotify(7), Linux 4.18.  C libraries were slow to tell. */
#define MASK_CREATE	0x10000000u

/* What the kernel reports without being asked. */
#define UNASKED		((uint32_t)(IN_UNMOUNT | IN_IGNORED))

/*
 * What has been read and not handed out yet; in fd.cookie of the instance.
 * All of the position is here, none of it on the stack, so a handler may run
 * the loop: that goes on with the next watch.
 */
struct reader {
	struct iv_inotify	*inotify;	/* NULL: unregistered */
	unsigned	calls;		/* of read_events(), in progress */
	size_t	at, end;		/* the next event; end of the data */
	struct inotify_event	*event;	/* the current one */
	struct iv_inotify_watch	*next;	/* which may get it next */
	char	buf[BUFFER_SIZE + 1]	/* what follows an event is a string */
		__attribute__((aligned(8)));
};

/* ---- The tree ----------------------------------------------------------- */

static struct iv_inotify_watch *watch_of(const struct iv_avl_node *an)
{
	return iv_container_of(an, struct iv_inotify_watch, an);
}

static int compare(const struct iv_avl_node *a, const struct iv_avl_node *b)
{
	return watch_of(a)->wd <= watch_of(b)->wd ? -1 : 1;
}

/* The first watch with at least this wd. */
static struct iv_inotify_watch *lookup(const struct iv_inotify *in, int wd)
{
	struct iv_avl_node *an = in->watches.root;
	struct iv_inotify_watch *found = NULL;

	while (an != NULL) {
		if (watch_of(an)->wd >= wd) {
			found = watch_of(an);
			an = an->left;
		} else {
			an = an->right;
		}
	}
	return found;
}

static struct iv_inotify_watch *successor(struct iv_inotify_watch *w)
{
	const struct iv_avl_node *an = iv_avl_tree_next(&w->an);

	return an != NULL ? watch_of(an) : NULL;
}

/* True if W is in the tree with WD; looks at no member of W otherwise. */
static bool watches(const struct iv_inotify *in,
		    const struct iv_inotify_watch *w, int wd)
{
	struct iv_inotify_watch *x = lookup(in, wd);

	while (x != NULL && x->wd == wd && x != w)
		x = successor(x);
	return x == w;
}

/* The kernel refuses with EINVAL if the wd is gone already. */
static void drop(struct iv_inotify *in, struct iv_inotify_watch *w)
{
	struct reader *r = in->fd.cookie;
	struct iv_inotify_watch *other;
	int wd = w->wd;

	if (r->next == w)
		r->next = successor(w);
	iv_avl_tree_delete(&in->watches, &w->an);
	w->wd = -1;
	other = lookup(in, wd);
	if (other == NULL || other->wd != wd)
		inotify_rm_watch(in->fd.fd, wd);
}

/* ---- Events ------------------------------------------------------------- */

/* False if there is nothing to read. */
static bool refill(struct reader *r)
{
	int fd = r->inotify->fd.fd;
	ssize_t n = read(fd, r->buf, BUFFER_SIZE);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		iv_fatal("iv_inotify: fd %d: read: %s", fd,
			 n == 0 ? "end of file" : ivi_errname(errno));
	r->buf[n] = '\0';
	r->at = 0;
	r->end = (size_t)n;
	return true;
}

/* Makes the next event the current one, if there is one. */
static bool next_event(struct reader *r)
{
	if (r->at == r->end)
		return false;
	r->event = (void *)(r->buf + r->at);
	r->at += sizeof(*r->event) + r->event->len;
	r->next = lookup(r->inotify, r->event->wd);
	return true;
}

/* The next watch that wants the current event. */
static struct iv_inotify_watch *next_taker(struct reader *r)
{
	struct iv_inotify_watch *w;

	while ((w = r->next) != NULL && w->wd == r->event->wd) {
		r->next = successor(w);
		if (r->event->mask & ((w->mask & IN_ALL_EVENTS) | UNASKED))
			return w;
	}
	r->next = NULL;
	return NULL;
}

static void hand_out(struct reader *r, struct iv_inotify_watch *w)
{
	if ((r->event->mask & IN_IGNORED) || (w->mask & IN_ONESHOT))
		drop(r->inotify, w);
	w->handler(w->cookie, r->event);
}

static void read_events(void *_r)
{
	struct reader *r = _r;
	struct iv_inotify_watch *w;

	if (r->next == NULL && r->at == r->end && !refill(r))
		return;
	r->calls++;
	do {
		while (r->inotify != NULL && (w = next_taker(r)) != NULL)
			hand_out(r, w);
	} while (r->inotify != NULL && next_event(r));
	if (--r->calls == 0 && r->inotify == NULL)
		free(r);
}

/* ---- Instances ---------------------------------------------------------- */

static void check(const char *fn, const char *type, const void *object)
{
	ivi_require_loop(fn);
	if (object == NULL)
		iv_fatal("%s: the struct %s pointer is NULL", fn, type);
}

static int open_fd(struct iv_inotify *in, struct reader *r)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -errno;
	IV_FD_INIT(&in->fd);
	in->fd.fd = fd;
	in->fd.cookie = r;
	in->fd.handler_in = read_events;
	if (iv_fd_register_try(&in->fd) < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	return 0;
}

IVI_PUBLIC int iv_inotify_register(struct iv_inotify *in)
{
	struct reader *r;
	int ret;

	check("iv_inotify_register", "iv_inotify", in);
	r = malloc(sizeof(*r));
	if (r == NULL)
		return -1;
	r->inotify = in;
	r->calls = 0;
	r->at = r->end = 0;
	r->next = NULL;
	ret = open_fd(in, r);
	if (ret < 0) {
		free(r);
		errno = -ret;
		return -1;
	}
	INIT_IV_AVL_TREE(&in->watches, compare);
	in->term = NULL;
	return 0;
}

/* The watches may be gone, so they are not looked at. */
IVI_PUBLIC void iv_inotify_unregister(struct iv_inotify *in)
{
	static const char fn[] = "iv_inotify_unregister";
	struct reader *r;

	check(fn, "iv_inotify", in);
	if (!iv_fd_registered(&in->fd))
		iv_fatal("%s: not registered [iv_inotify %p]", fn,
			 (void *)in);
	iv_fd_unregister(&in->fd);
	close(in->fd.fd);
	in->fd.fd = -1;
	INIT_IV_AVL_TREE(&in->watches, compare);
	r = in->fd.cookie;
	if (r->calls > 0)
		r->inotify = NULL;
	else
		free(r);
}

/* ---- Watches ------------------------------------------------------------ */

/* The wd, or -1 and errno. */
static int add(const struct iv_inotify_watch *w)
{
	uint32_t mask = w->mask & ~(uint32_t)IN_ONESHOT;

	if (mask == 0) {
		errno = EINVAL;
		return -1;
	}
	/* EINVAL for both. */
	if (!(mask & MASK_CREATE))
		mask |= IN_MASK_ADD;
	return inotify_add_watch(w->inotify->fd.fd, w->pathname, mask);
}

IVI_PUBLIC int iv_inotify_watch_register(struct iv_inotify_watch *w)
{
	static const char fn[] = "iv_inotify_watch_register";
	int wd;

	check(fn, "iv_inotify_watch", w);
	check(fn, "iv_inotify", w->inotify);
	if (w->handler == NULL)
		iv_fatal("%s: no handler [iv_inotify_watch %p]", fn,
			 (void *)w);
	if (w->pathname == NULL)
		iv_fatal("%s: no pathname [iv_inotify_watch %p]", fn,
			 (void *)w);
	wd = add(w);
	if (wd >= 0 && watches(w->inotify, w, wd))
		iv_fatal("%s: already registered [iv_inotify_watch %p]", fn,
			 (void *)w);
	w->wd = wd;
	if (wd < 0)
		return -1;
	iv_avl_tree_insert(&w->inotify->watches, &w->an);
	return 0;
}

IVI_PUBLIC void iv_inotify_watch_unregister(struct iv_inotify_watch *w)
{
	check("iv_inotify_watch_unregister", "iv_inotify_watch", w);
	if (w->wd >= 0 && watches(w->inotify, w, w->wd))
		drop(w->inotify, w);
}
