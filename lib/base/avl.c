/* SPDX-License-Identifier: MIT */
/*
 * avl.c - intrusive AVL trees.
 *
 * In every node, height == 1 + the height of its higher child, and the
 * heights of its two children differ by at most one.  Callers walk left,
 * right and height themselves, so this holds whenever a function returns.
 */
#include <iv_avl.h>
#include "base/compiler.h"

static int height(const struct iv_avl_node *an)
{
	return an != NULL ? an->height : 0;
}

static void measure(struct iv_avl_node *an)
{
	int l = height(an->left);
	int r = height(an->right);

	an->height = (uint8_t)(1 + (l > r ? l : r));
}

static void set_left(struct iv_avl_node *an, struct iv_avl_node *child)
{
	an->left = child;
	if (child != NULL)
		child->parent = an;
}

static void set_right(struct iv_avl_node *an, struct iv_avl_node *child)
{
	an->right = child;
	if (child != NULL)
		child->parent = an;
}

/* Hangs BY (may be NULL) where AN hangs; AN's own members stay. */
static void replace(struct iv_avl_tree *tree, const struct iv_avl_node *an,
		    struct iv_avl_node *by)
{
	struct iv_avl_node *parent = an->parent;

	if (parent == NULL) {
		tree->root = by;
		if (by != NULL)
			by->parent = NULL;
	} else if (parent->left == an) {
		set_left(parent, by);
	} else {
		set_right(parent, by);
	}
}

static void rotate_left(struct iv_avl_tree *tree, struct iv_avl_node *an)
{
	struct iv_avl_node *top = an->right;

	replace(tree, an, top);
	set_right(an, top->left);
	set_left(top, an);
	measure(an);
	measure(top);
}

static void rotate_right(struct iv_avl_tree *tree, struct iv_avl_node *an)
{
	struct iv_avl_node *top = an->left;

	replace(tree, an, top);
	set_left(an, top->right);
	set_right(top, an);
	measure(an);
	measure(top);
}

static int excess_right(const struct iv_avl_node *an)
{
	return height(an->right) - height(an->left);
}

/*
 * Makes the subtree at AN an AVL tree, given that its children are and that
 * their heights differ by at most two.  Its root may be another node then.
 */
static struct iv_avl_node *
balance(struct iv_avl_tree *tree, struct iv_avl_node *an)
{
	int excess = excess_right(an);

	if (excess > 1) {
		if (excess_right(an->right) < 0)
			rotate_right(tree, an->right);
		rotate_left(tree, an);
		return an->parent;
	}
	if (excess < -1) {
		if (excess_right(an->left) > 0)
			rotate_left(tree, an->left);
		rotate_right(tree, an);
		return an->parent;
	}
	measure(an);
	return an;
}

/*
 * A child of AN has become one higher or lower.  Beyond a subtree that is as
 * high as it was nothing has changed.
 */
static void balance_upwards(struct iv_avl_tree *tree, struct iv_avl_node *an)
{
	while (an != NULL) {
		int before = an->height;

		an = balance(tree, an);
		if (an->height == before)
			return;
		an = an->parent;
	}
}

IVI_PUBLIC int
iv_avl_tree_insert(struct iv_avl_tree *tree, struct iv_avl_node *node)
{
	struct iv_avl_node **link = &tree->root;
	struct iv_avl_node *parent = NULL;

	while (*link != NULL) {
		int order = tree->compare(node, *link);

		if (order == 0)
			return -1;
		parent = *link;
		link = order < 0 ? &parent->left : &parent->right;
	}

	*link = node;
	node->left = NULL;
	node->right = NULL;
	node->parent = parent;
	node->height = 1;
	balance_upwards(tree, parent);
	return 0;
}

static struct iv_avl_node *leftmost(struct iv_avl_node *an)
{
	while (an->left != NULL)
		an = an->left;
	return an;
}

static struct iv_avl_node *rightmost(struct iv_avl_node *an)
{
	while (an->right != NULL)
		an = an->right;
	return an;
}

/*
 * Puts NODE's successor in its place, at NODE's recorded height.  Returns the
 * lowest node whose child has changed.
 */
static struct iv_avl_node *
replace_by_successor(struct iv_avl_tree *tree, struct iv_avl_node *node)
{
	struct iv_avl_node *heir = leftmost(node->right);
	struct iv_avl_node *lowest = heir->parent;

	replace(tree, heir, heir->right);
	set_left(heir, node->left);
	set_right(heir, node->right);
	heir->height = node->height;
	replace(tree, node, heir);
	return lowest != node ? lowest : heir;
}

IVI_PUBLIC void
iv_avl_tree_delete(struct iv_avl_tree *tree, struct iv_avl_node *node)
{
	struct iv_avl_node *lowest = node->parent;

	if (node->left == NULL)
		replace(tree, node, node->right);
	else if (node->right == NULL)
		replace(tree, node, node->left);
	else
		lowest = replace_by_successor(tree, node);
	balance_upwards(tree, lowest);
}

IVI_PUBLIC struct iv_avl_node *iv_avl_tree_next(struct iv_avl_node *node)
{
	if (node->right != NULL)
		return leftmost(node->right);
	while (node->parent != NULL && node->parent->right == node)
		node = node->parent;
	return node->parent;
}

IVI_PUBLIC struct iv_avl_node *iv_avl_tree_prev(struct iv_avl_node *node)
{
	if (node->left != NULL)
		return rightmost(node->left);
	while (node->parent != NULL && node->parent->left == node)
		node = node->parent;
	return node->parent;
}
