/**
 * @file tree.h
 * @brief An ordered set of rows: a treap whose links lie inside the rows, so that it never allocates.
 *
 * A row is a block of memory with one link for each tree that it can be in, and its data. The order is given by
 * fields of the data; it must be total among the rows of a tree. Insert, remove and seek take O(log n) steps.
 */
#ifndef STORE_MEM_TREE_H
#define STORE_MEM_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct smem_link {
    struct smem_link *left, *right, *parent;
};

typedef enum { SMEM_TEXT, SMEM_U64, SMEM_INT } smem_kind;

/** @brief One field of a key: terminated text, uint64_t, or an int (also an enum). */
struct smem_field {
    size_t offset;
    smem_kind kind;
};

enum { SMEM_FIELDS_MAX = 4 };

/** @brief By what rows are ordered, and which rows belong in. */
struct smem_index {
    struct smem_field fields[SMEM_FIELDS_MAX];
    unsigned field_count;
    bool (*member)(const void *data); /* null: all rows */
};

struct smem_tree {
    struct smem_link *root;
    const struct smem_index *index;
    size_t link_at, data_at; /* where in a row */
};

/** @brief Compares the first fields of two data; below 0: a comes first. */
int smem_compare(const struct smem_index *index, const void *a, const void *b, unsigned fields);

/** @brief Adds or removes a row; nothing happens when it is no member of the index. */
void smem_tree_insert(struct smem_tree *tree, void *row);
void smem_tree_remove(struct smem_tree *tree, void *row);

/** @brief The first row at or after the probe (descending: the last one before it); null when there is none. */
void *smem_tree_seek(const struct smem_tree *tree, const void *probe, bool descending);
/** @brief Its neighbour; null at the end. */
void *smem_tree_next(const struct smem_tree *tree, void *row, bool descending);

#endif
