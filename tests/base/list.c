/* SPDX-License-Identifier: MIT */
/*
 * list.c - tests of the functions and macros in iv_list.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <iv_list.h>
#include "harness/test.h"

struct item {
	char	before;
	struct iv_list_head	list;
	char	name;
};

static struct item items[26];
static struct iv_list_head list = IV_LIST_HEAD_INIT(list);
static struct iv_list_head other = IV_LIST_HEAD_INIT(other);

static struct iv_list_head *elem(char name)
{
	items[name - 'a'].name = name;
	return &items[name - 'a'].list;
}

/* Also walks backwards, in which it must find the same. */
static const char *names(const struct iv_list_head *head)
{
	static char s[2][64];
	static int which;
	char *text = s[which = !which];
	const struct iv_list_head *lh;
	int n = 0, i;

	iv_list_for_each (lh, head) {
		CHECK_PTR(lh->next->prev, ==, lh);
		CHECK_INT(n, <, 63);
		text[n++] = iv_list_entry(lh, struct item, list)->name;
	}
	text[n] = '\0';
	i = n;
	for (lh = head->prev; lh != head; lh = lh->prev)
		CHECK_INT(iv_list_entry(lh, struct item, list)->name, ==,
			  text[--i]);
	CHECK_INT(i, ==, 0);
	CHECK_INT(iv_list_empty(head), ==, n == 0);
	return text;
}

static void fill_list(struct iv_list_head *head, const char *text)
{
	while (*text != '\0')
		iv_list_add_tail(elem(*text++), head);
}

TEST_ONCE(a_new_list_is_empty)
{
	struct iv_list_head fresh;

	CHECK_PTR(list.next, ==, &list);
	CHECK_PTR(list.prev, ==, &list);
	CHECK_STR(names(&list), "");

	memset(&fresh, 0xa5, sizeof(fresh));
	INIT_IV_LIST_HEAD(&fresh);
	CHECK_STR(names(&fresh), "");
}

TEST_ONCE(add_puts_at_the_front)
{
	iv_list_add(elem('a'), &list);
	CHECK_STR(names(&list), "a");
	iv_list_add(elem('b'), &list);
	iv_list_add(elem('c'), &list);
	CHECK_STR(names(&list), "cba");
}

TEST_ONCE(add_tail_puts_at_the_end)
{
	iv_list_add_tail(elem('a'), &list);
	CHECK_STR(names(&list), "a");
	iv_list_add_tail(elem('b'), &list);
	iv_list_add_tail(elem('c'), &list);
	CHECK_STR(names(&list), "abc");
}

TEST_ONCE(del_leaves_null_pointers)
{
	fill_list(&list, "abc");
	iv_list_del(elem('b'));
	CHECK_STR(names(&list), "ac");
	CHECK_PTR(elem('b')->next, ==, NULL);
	CHECK_PTR(elem('b')->prev, ==, NULL);
	iv_list_del(elem('a'));
	CHECK_STR(names(&list), "c");
	iv_list_del(elem('c'));
	CHECK_STR(names(&list), "");
}

TEST_ONCE(del_init_leaves_an_empty_list)
{
	fill_list(&list, "abc");
	iv_list_del_init(elem('c'));
	CHECK_STR(names(&list), "ab");
	CHECK(iv_list_empty(elem('c')));
	CHECK_PTR(elem('c')->prev, ==, elem('c'));

	/* So it may be done again. */
	iv_list_del_init(elem('c'));
	CHECK_STR(names(&list), "ab");
}

TEST_ONCE(splice_goes_to_the_front)
{
	fill_list(&list, "abc");
	fill_list(&other, "xyz");
	iv_list_splice(&other, &list);
	CHECK_STR(names(&list), "xyzabc");
	INIT_IV_LIST_HEAD(&other);

	/* Nothing to move: nothing changes. */
	iv_list_splice(&other, &list);
	CHECK_STR(names(&list), "xyzabc");
}

TEST_ONCE(splice_init_empties_the_source)
{
	fill_list(&list, "abc");
	fill_list(&other, "xyz");
	iv_list_splice_init(&other, &list);
	CHECK_STR(names(&list), "xyzabc");
	CHECK_STR(names(&other), "");
	iv_list_splice_init(&other, &list);
	CHECK_STR(names(&list), "xyzabc");
	CHECK_STR(names(&other), "");
}

TEST_ONCE(splice_tail_goes_to_the_end)
{
	fill_list(&list, "abc");
	fill_list(&other, "xyz");
	iv_list_splice_tail(&other, &list);
	CHECK_STR(names(&list), "abcxyz");
	INIT_IV_LIST_HEAD(&other);
	iv_list_splice_tail(&other, &list);
	CHECK_STR(names(&list), "abcxyz");
}

TEST_ONCE(splice_tail_init_empties_the_source)
{
	fill_list(&list, "abc");
	fill_list(&other, "xyz");
	iv_list_splice_tail_init(&other, &list);
	CHECK_STR(names(&list), "abcxyz");
	CHECK_STR(names(&other), "");
	iv_list_splice_tail_init(&other, &list);
	CHECK_STR(names(&list), "abcxyz");
	CHECK_STR(names(&other), "");
}

TEST_ONCE(every_splice_into_an_empty_list)
{
	fill_list(&other, "ab");
	iv_list_splice(&other, &list);
	CHECK_STR(names(&list), "ab");
	INIT_IV_LIST_HEAD(&other);
	iv_list_splice_init(&list, &other);
	CHECK_STR(names(&other), "ab");
	iv_list_splice_tail(&other, &list);
	CHECK_STR(names(&list), "ab");
	INIT_IV_LIST_HEAD(&other);
	iv_list_splice_tail_init(&list, &other);
	CHECK_STR(names(&other), "ab");
	CHECK_STR(names(&list), "");
}

TEST_ONCE(the_bare_splice_goes_between_two_elements)
{
	fill_list(&list, "abc");
	fill_list(&other, "xyz");
	__iv_list_splice(&other, elem('a'), elem('b'));
	CHECK_STR(names(&list), "axyzbc");
}

TEST_ONCE(for_each_safe_survives_removal_and_free)
{
	struct iv_list_head *lh, *lh2;
	char seen[8] = "";
	int i, n = 0;

	for (i = 0; i < 5; i++) {
		struct item *item = malloc(sizeof(*item));

		CHECK(item != NULL);
		item->name = (char)('a' + i);
		iv_list_add_tail(&item->list, &list);
	}
	iv_list_for_each_safe (lh, lh2, &list) {
		struct item *item = iv_list_entry(lh, struct item, list);

		seen[n++] = item->name;
		iv_list_del(lh);
		free(item);
	}
	CHECK_STR(seen, "abcde");
	CHECK(iv_list_empty(&list));

	iv_list_for_each_safe (lh, lh2, &list)
		FAIL("an empty list has an element");
}

TEST_ONCE(container_of_finds_the_object)
{
	struct item item;
	const struct iv_list_head *constant = &item.list;
	struct item *found;

	CHECK_PTR(iv_container_of(&item.list, struct item, list), ==, &item);
	CHECK_PTR(iv_list_entry(&item.list, struct item, list), ==, &item);

	/* From a const pointer to an object that is not. */
	found = iv_container_of(constant, struct item, list);
	found->name = 'x';
	CHECK_INT(item.name, ==, 'x');
}

TEST_ONCE(macros_evaluate_their_pointer_once)
{
	struct item two[2];
	struct iv_list_head *heads[2] = { &two[0].list, &two[1].list };
	struct iv_list_head **next = heads;

	CHECK_PTR(iv_container_of(*next++, struct item, list), ==, &two[0]);
	CHECK_PTR(next, ==, heads + 1);
}
