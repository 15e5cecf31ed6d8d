/* SPDX-License-Identifier: MIT */
/*
 * iv_avl.h - intrusive AVL trees.
 *
 * Nodes live in the caller's objects (iv_container_of() leads back), so
 * nothing is allocated and deletion cannot fail.  Any thread may call these
 * if the caller serialises access to the tree.  Since 0.29.
 */
#ifndef __IV_AVL_H
#define __IV_AVL_H

#include <inttypes.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iv_avl_node {
	struct iv_avl_node	*left;
	struct iv_avl_node	*right;
	struct iv_avl_node	*parent;	/* NULL in the root */
	uint8_t			height;		/* 1 in a leaf */
};

struct iv_avl_tree {
	/* < 0, 0, > 0: A sorts before, with, after B. */
	int (*compare)(const struct iv_avl_node *a,
		       const struct iv_avl_node *b);
	struct iv_avl_node *root;
};

/* Static initialiser. */
#define IV_AVL_TREE_INIT(comp)	{ comp, NULL }

/* Makes TREE empty and ordered by COMP. */
#define INIT_IV_AVL_TREE(tree, comp)					\
	do {								\
		(tree)->compare = comp;					\
		(tree)->root = NULL;					\
	} while (0)

/*
 * Adds NODE; all its members are overwritten.  0, or -1 if compare() finds
 * an equal node in the tree, which is left as it was.  O(log n).
 */
int iv_avl_tree_insert(struct iv_avl_tree *tree, struct iv_avl_node *node);

/* Removes NODE, which must be in TREE.  Its members are left stale. */
void iv_avl_tree_delete(struct iv_avl_tree *tree, struct iv_avl_node *node);

/* The neighbour in sort order, or NULL at the end. */
struct iv_avl_node *iv_avl_tree_next(struct iv_avl_node *node);
struct iv_avl_node *iv_avl_tree_prev(struct iv_avl_node *node);

static __inline__ int iv_avl_tree_empty(const struct iv_avl_tree *tree)
{
	return tree->root == NULL;
}

/* The first and the last node, or NULL in an empty tree. */
static __inline__ struct iv_avl_node *
iv_avl_tree_min(const struct iv_avl_tree *tree)
{
	struct iv_avl_node *an = tree->root;

	while (an != NULL && an->left != NULL)
		an = an->left;
	return an;
}

static __inline__ struct iv_avl_node *
iv_avl_tree_max(const struct iv_avl_tree *tree)
{
	struct iv_avl_node *an = tree->root;

	while (an != NULL && an->right != NULL)
		an = an->right;
	return an;
}

/* iv_avl_tree_next() that maps NULL to NULL. */
static __inline__ struct iv_avl_node *iv_avl_tree_next_safe(struct iv_avl_node *an)
{
	return an != NULL ? iv_avl_tree_next(an) : NULL;
}

/* Visits the nodes in order; the tree must not change meanwhile. */
#define iv_avl_tree_for_each(an, tree)					\
	for (an = iv_avl_tree_min(tree); an != NULL;			\
	     an = iv_avl_tree_next(an))

/* The same, but the node visited may be deleted and freed. */
#define iv_avl_tree_for_each_safe(an, an2, tree)			\
	for (an = iv_avl_tree_min(tree),				\
	     an2 = iv_avl_tree_next_safe(an); an != NULL;		\
	     an = an2, an2 = iv_avl_tree_next_safe(an))

#ifdef __cplusplus
}
#endif

#endif
