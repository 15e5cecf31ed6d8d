/* SPDX-License-Identifier: MIT */
/*
 * avl.c - tests of iv_avl: after every step the whole tree is looked at.
 */
#include <stdint.h>
#include <stdlib.h>
#include <iv_avl.h>
#include <iv_list.h>
#include "harness/test.h"

struct item {
	int	key;
	int	present;
	struct iv_avl_node	an;
};

static struct item *item_of(const struct iv_avl_node *an)
{
	return iv_container_of(an, struct item, an);
}

static int by_key(const struct iv_avl_node *a, const struct iv_avl_node *b)
{
	int x = item_of(a)->key;
	int y = item_of(b)->key;

	return x < y ? -1 : x > y;
}

static struct iv_avl_tree tree = IV_AVL_TREE_INIT(by_key);

/* Garbage, as in memory that has been used before. */
static struct item *make_items(int n)
{
	struct item *items = malloc((size_t)n * sizeof(*items));
	int i;

	CHECK(items != NULL);
	memset(items, 0xa5, (size_t)n * sizeof(*items));
	for (i = 0; i < n; i++) {
		items[i].key = i;
		items[i].present = 0;
	}
	return items;
}

/* ---- The invariant ------------------------------------------------------ */

static int height(const struct iv_avl_node *an)
{
	return an != NULL ? an->height : 0;
}

/* The number of nodes from AN downwards. */
static int check_subtree(const struct iv_avl_node *an,
			 const struct iv_avl_node *parent)
{
	int l, r, n;

	if (an == NULL)
		return 0;
	CHECK_PTR(an->parent, ==, parent);
	n = 1 + check_subtree(an->left, an) + check_subtree(an->right, an);
	l = height(an->left);
	r = height(an->right);
	CHECK_INT(an->height, ==, 1 + (l > r ? l : r));
	CHECK_INT(abs(l - r), <=, 1);
	return n;
}

/* Order, and that next and prev agree. */
static int check_order(void)
{
	struct iv_avl_node *an, *last = NULL;
	int n = 0;

	for (an = iv_avl_tree_min(&tree); an != NULL;
	     an = iv_avl_tree_next(an)) {
		CHECK_PTR(iv_avl_tree_prev(an), ==, last);
		if (last != NULL)
			CHECK_INT(item_of(last)->key, <, item_of(an)->key);
		last = an;
		n++;
	}
	CHECK_PTR(iv_avl_tree_max(&tree), ==, last);
	return n;
}

static void check_tree(int count)
{
	CHECK_INT(check_subtree(tree.root, NULL), ==, count);
	CHECK_INT(check_order(), ==, count);
	CHECK_INT(iv_avl_tree_empty(&tree), ==, count == 0);
}

static void insert(struct item *item)
{
	CHECK_INT(iv_avl_tree_insert(&tree, &item->an), ==, 0);
	item->present = 1;
}

/* Afterwards nothing may look at the node. */
static void delete(struct item *item)
{
	iv_avl_tree_delete(&tree, &item->an);
	memset(&item->an, 0xa5, sizeof(item->an));
	item->present = 0;
}

/* ---- The ends ----------------------------------------------------------- */

TEST_ONCE(an_empty_tree)
{
	struct iv_avl_node *an, *an2;

	check_tree(0);
	CHECK_PTR(iv_avl_tree_min(&tree), ==, NULL);
	CHECK_PTR(iv_avl_tree_max(&tree), ==, NULL);
	CHECK_PTR(iv_avl_tree_next_safe(NULL), ==, NULL);
	iv_avl_tree_for_each (an, &tree)
		FAIL("an empty tree has a node");
	iv_avl_tree_for_each_safe (an, an2, &tree)
		FAIL("an empty tree has a node");
}

TEST_ONCE(a_leaf_has_height_1)
{
	struct item *items = make_items(1);

	insert(items);
	CHECK_PTR(tree.root, ==, &items->an);
	CHECK_PTR(items->an.left, ==, NULL);
	CHECK_PTR(items->an.right, ==, NULL);
	CHECK_PTR(items->an.parent, ==, NULL);
	CHECK_INT(items->an.height, ==, 1);
	CHECK_PTR(iv_avl_tree_next(&items->an), ==, NULL);
	CHECK_PTR(iv_avl_tree_prev(&items->an), ==, NULL);

	delete(items);
	check_tree(0);
	free(items);
}

TEST_ONCE(init_macro_empties_a_tree)
{
	struct iv_avl_tree other;
	struct item *items = make_items(1);

	memset(&other, 0xa5, sizeof(other));
	INIT_IV_AVL_TREE(&other, by_key);
	CHECK(iv_avl_tree_empty(&other));
	CHECK_INT(iv_avl_tree_insert(&other, &items->an), ==, 0);
	CHECK(!iv_avl_tree_empty(&other));
	free(items);
}

/* ---- Inserting ---------------------------------------------------------- */

TEST_ONCE(an_equal_node_is_refused)
{
	struct item *items = make_items(10);
	struct item twin;
	struct iv_avl_node before[10];
	int i, j;

	for (i = 0; i < 10; i++)
		insert(&items[i]);
	for (i = 0; i < 10; i++) {
		for (j = 0; j < 10; j++)
			before[j] = items[j].an;
		memset(&twin, 0xa5, sizeof(twin));
		twin.key = i;
		CHECK_INT(iv_avl_tree_insert(&tree, &twin.an), ==, -1);
		check_tree(10);
		for (j = 0; j < 10; j++)
			CHECK(memcmp(&before[j], &items[j].an,
				     sizeof(before[j])) == 0);
	}
	free(items);
}

static const struct iv_avl_node *expect_new;

static int new_comes_first(const struct iv_avl_node *a,
			   const struct iv_avl_node *b)
{
	CHECK_PTR(a, ==, expect_new);
	CHECK_PTR(b, !=, expect_new);
	return by_key(a, b);
}

TEST_ONCE(compare_gets_the_new_node_first)
{
	struct item *items = make_items(20);
	int i;

	INIT_IV_AVL_TREE(&tree, new_comes_first);
	for (i = 0; i < 20; i++) {
		expect_new = &items[i * 7 % 20].an;
		insert(&items[i * 7 % 20]);
	}
	check_tree(20);
	free(items);
}

static void check_sequence(int n, int first, int step)
{
	struct item *items = make_items(n);
	int i;

	for (i = 0; i < n; i++) {
		insert(&items[first + i * step]);
		check_tree(i + 1);
	}
	for (i = 0; i < n; i++) {
		delete(&items[first + i * step]);
		check_tree(n - i - 1);
	}
	free(items);
}

TEST_ONCE(ascending_keys)
{
	check_sequence(600, 0, 1);
}

TEST_ONCE(descending_keys)
{
	check_sequence(600, 599, -1);
}

/* ---- Walking ------------------------------------------------------------ */

TEST_ONCE(for_each_visits_all_in_order)
{
	struct item *items = make_items(100);
	struct iv_avl_node *an;
	int i;

	for (i = 0; i < 100; i++)
		insert(&items[i * 37 % 100]);
	i = 0;
	iv_avl_tree_for_each (an, &tree)
		CHECK_INT(item_of(an)->key, ==, i++);
	CHECK_INT(i, ==, 100);
	free(items);
}

TEST_ONCE(for_each_safe_survives_deletion_and_free)
{
	struct iv_avl_node *an, *an2;
	int i;

	for (i = 0; i < 100; i++) {
		struct item *item = make_items(1);

		item->key = i * 37 % 100;
		insert(item);
	}
	i = 0;
	iv_avl_tree_for_each_safe (an, an2, &tree) {
		CHECK_INT(item_of(an)->key, ==, i++);
		delete(item_of(an));
		free(item_of(an));
		check_tree(100 - i);
	}
	CHECK_INT(i, ==, 100);
}

/* ---- Every small tree, and many large ones ------------------------------ */

#define SMALL	7

/* Inserts in this ORDER, then deletes each node in turn, and one more. */
static void try_order(const int order[SMALL])
{
	struct item items[SMALL];
	int i, first, second;

	for (first = 0; first < SMALL; first++) {
		second = (first + order[0] + 1) % SMALL;
		memset(items, 0xa5, sizeof(items));
		for (i = 0; i < SMALL; i++) {
			items[order[i]].key = order[i];
			insert(&items[order[i]]);
			check_tree(i + 1);
		}
		delete(&items[first]);
		check_tree(SMALL - 1);
		if (second != first) {
			delete(&items[second]);
			check_tree(SMALL - 2);
		}
		INIT_IV_AVL_TREE(&tree, by_key);
	}
}

/* Heap's algorithm. */
static int permute(int order[SMALL], int n)
{
	int i, t, count = 0;

	if (n == 1) {
		try_order(order);
		return 1;
	}
	for (i = 0; i < n; i++) {
		int with = n % 2 == 0 ? i : 0;

		count += permute(order, n - 1);
		t = order[with];
		order[with] = order[n - 1];
		order[n - 1] = t;
	}
	return count;
}

TEST_ONCE(every_small_tree)
{
	int order[SMALL], i;

	for (i = 0; i < SMALL; i++)
		order[i] = i;
	CHECK_INT(permute(order, SMALL), ==, 5040);
}

static uint32_t seed = 1;

static int below(int n)
{
	seed = seed * 1664525u + 1013904223u;
	return (int)((seed >> 8) % (uint32_t)n);
}

static void random_steps(int keys, int steps)
{
	struct item *items = make_items(keys);
	int i, count = 0;

	for (i = 0; i < steps; i++) {
		struct item *item = &items[below(keys)];

		if (item->present) {
			delete(item);
			count--;
		} else {
			insert(item);
			count++;
		}
		check_tree(count);
	}
	free(items);
}

TEST_ONCE(random_steps_in_a_small_tree)
{
	random_steps(24, 30000);
}

TEST_ONCE(random_steps_in_a_large_tree)
{
	random_steps(1024, 4000);
}

TEST_ONCE(random_growth_and_decay)
{
	struct item *items = make_items(1024);
	int order[1024], i, j, t;

	for (i = 0; i < 1024; i++)
		order[i] = i;
	for (i = 1023; i > 0; i--) {
		j = below(i + 1);
		t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	for (i = 0; i < 1024; i++) {
		insert(&items[order[i]]);
		check_tree(i + 1);
	}
	for (i = 0; i < 1024; i++) {
		delete(&items[order[(i * 5 + 3) % 1024]]);
		check_tree(1023 - i);
	}
	free(items);
}

TEST_ONCE(a_hundred_thousand_nodes_are_24_levels_at_most)
{
	struct item *items = make_items(100000);
	int i;

	for (i = 0; i < 100000; i++)
		insert(&items[i]);
	check_tree(100000);
	CHECK_INT(tree.root->height, <=, 24);
	for (i = 0; i < 100000; i += 2)
		delete(&items[i]);
	check_tree(50000);
	CHECK_INT(tree.root->height, <=, 22);
	free(items);
}
