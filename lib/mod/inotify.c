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
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <iv_inotify.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "sys/notify.h"
#include "sys/sys.h"

#define BUFFER_SIZE	16384

/* inotify(7), Linux 4.18.  C libraries were slow to tell. */
#define MASK_CREATE	0x10000000u

/* What the kernel reports without being asked. */
#define UNASKED		((uint32_t)(IN_UNMOUNT | IN_IGNORED))

/* What a watch can ask for. */
#define ASKED		((uint32_t)(IN_ALL_EVENTS | IN_Q_OVERFLOW))

/*
 * What has been read and not handed out yet; in fd.cookie of the instance.
 * All of the position is here, none of it on the stack, so a handler may run
 * the loop: that goes on with the next watch.  It may never return, but leave
 * by longjmp(3): then `rest' goes on.  And it may unregister the instance,
 * which frees this.
 */
struct reader {
	struct iv_inotify	*inotify;
	int	fd;			/* its */
	unsigned	generation;	/* of forks, in which it was opened */
	struct iv_list_head	node;	/* in readers */
	struct iv_task	rest;		/* registered during each call */
	size_t	at, end;		/* the next event; end of the data */
	struct inotify_event	*event;	/* the current one */
	struct iv_inotify_watch	*next;	/* which may get it next */
	int	last;			/* wd that may get it */
	char	buf[BUFFER_SIZE]
		__attribute__((aligned(8)));
};

/* An event of its own for each call: others may follow during the call.  No
   name is longer than a path. */
union event {
	struct inotify_event	event;
	char	bytes[sizeof(struct inotify_event) + PATH_MAX];
};

/* ---- The instances of a loop -------------------------------------------- */

static int readers_init(void *_readers)
{
	INIT_IV_LIST_HEAD((struct iv_list_head *)_readers);
	return 0;
}

static struct reader *reader_of(const struct iv_list_head *lh)
{
	return iv_container_of(lh, struct reader, node);
}

static void free_reader(struct reader *r)
{
	if (iv_task_registered(&r->rest))
		iv_task_unregister(&r->rest);
	ivi_free(r);
}

/* What is registered still is dangling: that is up to the user. */
static void readers_fini(void *_readers)
{
	struct iv_list_head *readers = _readers, *lh, *next;

	iv_list_for_each_safe (lh, next, readers)
		free_reader(reader_of(lh));
}

static void dump_watches(const struct iv_avl_tree *watches, int fd)
{
	struct iv_avl_node *an;

	iv_avl_tree_for_each (an, watches) {
		const struct iv_inotify_watch *w =
			iv_container_of(an, struct iv_inotify_watch, an);

		ivi_print(fd, "iv_inotify_watch %p: wd %d, mask 0x%lx, %s, "
			  "cookie %p\n", (const void *)w, w->wd,
			  (unsigned long)w->mask, IVI_CODE(w->handler),
			  w->cookie);
	}
}

static void readers_dump(void *_readers, int fd)
{
	const struct iv_list_head *readers = _readers, *lh;

	iv_list_for_each (lh, readers)
		dump_watches(&reader_of(lh)->inotify->watches, fd);
}

static void readers_abandon(void *_readers)
{
	struct iv_list_head *readers = _readers, *lh, *next;

	iv_list_for_each_safe (lh, next, readers) {
		ivi_close(reader_of(lh)->fd);
		ivi_free(reader_of(lh));
	}
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_INOTIFY,
	.size	= sizeof(struct iv_list_head),
	.init	= readers_init,
	.fini	= readers_fini,
	.dump	= readers_dump,
	.abandon = readers_abandon,
};

/* The calling thread's reader of this instance, or NULL. */
static struct reader *find_reader(const struct iv_inotify *in)
{
	const struct iv_list_head *readers = ivi_slot_peek(&slot), *lh;

	if (readers != NULL)
		iv_list_for_each (lh, readers)
			if (reader_of(lh)->inotify == in)
				return reader_of(lh);
	return NULL;
}

/* One that has been freed may have given its memory to another by now; that
   is as good. */
static bool is_alive(const struct reader *r)
{
	const struct iv_list_head *readers = ivi_slot_peek(&slot), *lh;

	iv_list_for_each (lh, readers)
		if (reader_of(lh) == r)
			return true;
	return false;
}

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

/* The instance that W is registered with, whatever it says, or NULL. */
static struct iv_inotify *instance_of(const struct iv_inotify_watch *w)
{
	const struct iv_list_head *readers = ivi_slot_peek(&slot), *lh;

	if (readers != NULL && w->wd > 0)
		iv_list_for_each (lh, readers)
			if (watches(reader_of(lh)->inotify, w, w->wd))
				return reader_of(lh)->inotify;
	return NULL;
}

/* In a forked child the kernel's watches are the parent's as well. */
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
	if ((other == NULL || other->wd != wd) &&
	    r->generation == ivi_fork_generation())
		ivi_inotify_remove(in->fd.fd, wd);
}

/* ---- Events ------------------------------------------------------------- */

/* False if there is nothing to read. */
static bool refill(struct reader *r)
{
	int fd = r->inotify->fd.fd;
	ssize_t n = ivi_read(fd, r->buf, sizeof(r->buf));

	if (n == -EAGAIN)
		return false;
	if (n <= 0)
		iv_fatal("iv_inotify: fd %d: read: %s", fd,
			 n == 0 ? "end of file" : ivi_errname((int)-n));
	r->at = 0;
	r->end = (size_t)n;
	return true;
}

/*
 * Makes the next event the current one, if there is one.  That of an overflow
 * has the wd -1 and is for all; watches that come meanwhile have a higher one
 * than all others.
 */
static bool next_event(struct reader *r)
{
	const struct iv_avl_node *last;

	if (r->at == r->end)
		return false;
	r->event = (void *)(r->buf + r->at);
	if (r->end - r->at < sizeof(*r->event) ||
	    r->end - r->at - sizeof(*r->event) < r->event->len)
		iv_fatal("iv_inotify: fd %d: what was read is no event; was it "
			 "closed?", r->inotify->fd.fd);
	r->at += sizeof(*r->event) + r->event->len;
	r->next = lookup(r->inotify, r->event->wd);
	r->last = r->event->wd;
	if (r->event->mask & IN_Q_OVERFLOW) {
		last = iv_avl_tree_max(&r->inotify->watches);
		r->last = last != NULL ? watch_of(last)->wd : -1;
	}
	return true;
}

/* The next watch that wants the current event. */
static struct iv_inotify_watch *next_taker(struct reader *r)
{
	struct iv_inotify_watch *w;

	while ((w = r->next) != NULL && w->wd <= r->last) {
		r->next = successor(w);
		if (r->event->mask & ((w->mask & ASKED) | UNASKED))
			return w;
	}
	r->next = NULL;
	return NULL;
}

static void hand_out(struct reader *r, struct iv_inotify_watch *w)
{
	size_t size = sizeof(*r->event) + r->event->len;
	union event copy;

	if (size > sizeof(copy))
		size = sizeof(copy);
	copy.event.name[0] = '\0';
	memcpy(&copy, r->event, size);
	if ((r->event->mask & IN_IGNORED) || (w->mask & IN_ONESHOT))
		drop(r->inotify, w);
	if (!iv_task_registered(&r->rest))
		iv_task_register(&r->rest);
	w->handler(w->cookie, &copy.event);
}

/* False if R is gone. */
static bool hand_out_all(struct reader *r)
{
	struct iv_inotify_watch *w;

	do {
		while ((w = next_taker(r)) != NULL) {
			hand_out(r, w);
			if (!is_alive(r))
				return false;
		}
	} while (next_event(r));
	return true;
}

static void read_events(void *_r)
{
	struct reader *r = _r;

	if (r->next == NULL && r->at == r->end && !refill(r))
		return;
	if (hand_out_all(r) && iv_task_registered(&r->rest))
		iv_task_unregister(&r->rest);
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
	int fd = ivi_inotify_open();

	if (fd < 0)
		return fd;
	IV_FD_INIT(&in->fd);
	in->fd.fd = fd;
	in->fd.cookie = r;
	in->fd.handler_in = read_events;
	if (iv_fd_register_try(&in->fd) < 0) {
		int err = errno;

		ivi_close(fd);
		return -err;
	}
	return 0;
}

static void init_reader(struct reader *r, struct iv_inotify *in)
{
	r->inotify = in;
	r->generation = ivi_fork_generation();
	IV_TASK_INIT(&r->rest);
	r->rest.cookie = r;
	r->rest.handler = read_events;
	r->at = r->end = 0;
	r->next = NULL;
}

IVI_PUBLIC int iv_inotify_register(struct iv_inotify *in)
{
	static const char fn[] = "iv_inotify_register";
	struct iv_list_head *readers;
	struct reader *r;
	int ret;

	check(fn, "iv_inotify", in);
	if (find_reader(in) != NULL)
		iv_fatal("%s: iv_inotify %p is already registered", fn,
			 (void *)in);
	readers = ivi_slot_get(&slot);
	r = readers != NULL ? ivi_alloc(sizeof(*r)) : NULL;
	if (r == NULL)
		return -1;
	init_reader(r, in);
	ret = open_fd(in, r);
	if (ret < 0) {
		ivi_free(r);
		errno = -ret;
		return -1;
	}
	r->fd = in->fd.fd;
	iv_list_add_tail(&r->node, readers);
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
	ivi_close(in->fd.fd);
	in->fd.fd = -1;
	INIT_IV_AVL_TREE(&in->watches, compare);
	r = in->fd.cookie;
	iv_list_del(&r->node);
	free_reader(r);
}

/* ---- Watches ------------------------------------------------------------ */

static int add(const struct iv_inotify_watch *w)
{
	uint32_t mask = w->mask & ~(uint32_t)IN_ONESHOT;

	if (mask == 0)
		return -EINVAL;
	/* EINVAL for both. */
	if (!(mask & MASK_CREATE))
		mask |= IN_MASK_ADD;
	return ivi_inotify_add(w->inotify->fd.fd, w->pathname, mask);
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
	if (instance_of(w) != NULL)
		iv_fatal("%s: already registered [iv_inotify_watch %p]", fn,
			 (void *)w);
	wd = add(w);
	if (wd < 0) {
		w->wd = -1;
		errno = -wd;
		return -1;
	}
	w->wd = wd;
	iv_avl_tree_insert(&w->inotify->watches, &w->an);
	return 0;
}

/* After the end of its instance a watch still has its old wd; 0 is none. */
IVI_PUBLIC void iv_inotify_watch_unregister(struct iv_inotify_watch *w)
{
	static const char fn[] = "iv_inotify_watch_unregister";
	struct iv_inotify *in;

	check(fn, "iv_inotify_watch", w);
	if (w->wd == 0)
		iv_fatal("%s: never registered [iv_inotify_watch %p]", fn,
			 (void *)w);
	in = instance_of(w);
	if (in != NULL)
		drop(in, w);
}
