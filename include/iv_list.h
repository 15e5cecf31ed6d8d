/* SPDX-License-Identifier: MIT */
/*
 * iv_list.h - intrusive, circular, doubly linked lists.
 *
 * A list is a head plus the struct iv_list_head members embedded in its
 * elements.  An empty head points to itself.  Nothing here allocates, fails
 * or locks; any thread may call it if the caller serialises access to the
 * list.  Since 0.29.
 */
#ifndef __IV_LIST_H
#define __IV_LIST_H

#include <inttypes.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iv_list_head {
	struct iv_list_head *next;
	struct iv_list_head *prev;
};

/*
 * The object of type TYPE whose member MEMBER is at PTR.  PTR must point to
 * the member's type, const or not; anything else does not compile cleanly.
 */
#define iv_container_of(ptr, type, member)				\
	((type *)((uintptr_t)(1 ? (ptr) :				\
		(const __typeof__(((type *)0)->member) *)0) -		\
		offsetof(type, member)))

#define iv_list_entry(ptr, type, member)				\
	iv_container_of(ptr, type, member)

/* Static initialiser of a head called NAME. */
#define IV_LIST_HEAD_INIT(name)	{ &(name), &(name) }

/* Makes PTR an empty head, or an element that is on no list. */
#define INIT_IV_LIST_HEAD(ptr)						\
	do {								\
		(ptr)->next = (ptr);					\
		(ptr)->prev = (ptr);					\
	} while (0)

/* Puts ELEM at the front. */
static __inline__ void
iv_list_add(struct iv_list_head *elem, struct iv_list_head *head)
{
	struct iv_list_head *next = head->next;

	elem->prev = head;
	next->prev = elem;
	elem->next = next;
	head->next = elem;
}

/* Puts ELEM at the end. */
static __inline__ void
iv_list_add_tail(struct iv_list_head *elem, struct iv_list_head *head)
{
	struct iv_list_head *prev = head->prev;

	elem->next = head;
	prev->next = elem;
	elem->prev = prev;
	head->prev = elem;
}

/* Takes ELEM off its list; both its pointers become NULL. */
static __inline__ void iv_list_del(struct iv_list_head *elem)
{
	elem->prev->next = elem->next;
	elem->next->prev = elem->prev;
	elem->prev = NULL;
	elem->next = NULL;
}

/* Takes ELEM off its list and makes it an empty list of its own. */
static __inline__ void iv_list_del_init(struct iv_list_head *elem)
{
	elem->prev->next = elem->next;
	elem->next->prev = elem->prev;
	INIT_IV_LIST_HEAD(elem);
}

/* 1 if nothing is on the list, else 0. */
static __inline__ int iv_list_empty(const struct iv_list_head *head)
{
	return head->next == head;
}

/* Moves the (non-empty) contents of LIST between PREV and NEXT. */
static __inline__ void
__iv_list_splice(struct iv_list_head *list, struct iv_list_head *prev,
		 struct iv_list_head *next)
{
	list->next->prev = prev;
	prev->next = list->next;
	list->prev->next = next;
	next->prev = list->prev;
}

/*
 * Move all of LIST to the front (splice) or the end (splice_tail) of HEAD.
 * An empty LIST changes nothing.  Only the _init forms leave LIST usable.
 */
static __inline__ void
iv_list_splice(struct iv_list_head *list, struct iv_list_head *head)
{
	if (!iv_list_empty(list))
		__iv_list_splice(list, head, head->next);
}

static __inline__ void
iv_list_splice_init(struct iv_list_head *list, struct iv_list_head *head)
{
	if (!iv_list_empty(list)) {
		__iv_list_splice(list, head, head->next);
		INIT_IV_LIST_HEAD(list);
	}
}

static __inline__ void
iv_list_splice_tail(struct iv_list_head *list, struct iv_list_head *head)
{
	if (!iv_list_empty(list))
		__iv_list_splice(list, head->prev, head);
}

static __inline__ void
iv_list_splice_tail_init(struct iv_list_head *list, struct iv_list_head *head)
{
	if (!iv_list_empty(list)) {
		__iv_list_splice(list, head->prev, head);
		INIT_IV_LIST_HEAD(list);
	}
}

/* Visits each element; the list must not change meanwhile. */
#define iv_list_for_each(lh, head)					\
	for (lh = (head)->next; lh != (head); lh = lh->next)

/* The same, but the element visited may be taken off or freed. */
#define iv_list_for_each_safe(lh, lh2, head)				\
	for (lh = (head)->next, lh2 = lh->next; lh != (head);		\
	     lh = lh2, lh2 = lh->next)

#ifdef __cplusplus
}
#endif

#endif
