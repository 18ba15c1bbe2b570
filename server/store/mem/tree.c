#include "tree.h"

#include <stdint.h>
#include <string.h>

static struct smem_link *link_of(const struct smem_tree *tree, void *row)
{
    return (struct smem_link *)(void *)((char *)row + tree->link_at);
}

static void *row_of(const struct smem_tree *tree, struct smem_link *link)
{
    return link == NULL ? NULL : (char *)link - tree->link_at;
}

static const void *data_of(const struct smem_tree *tree, struct smem_link *link)
{
    return (char *)link - tree->link_at + tree->data_at;
}

/* A treap's random priority, without room for it: where the link lies, mixed. The shape of the tree differs from
 * run to run, the order never. */
static uint64_t priority(const struct smem_link *link)
{
    uint64_t x = (uint64_t)(uintptr_t)link;

    x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

static int compare_field(const struct smem_field *field, const char *a, const char *b)
{
    uint64_t x, y;
    int i, j;

    switch (field->kind) {
    case SMEM_TEXT:
        return strcmp(a + field->offset, b + field->offset);
    case SMEM_U64:
        memcpy(&x, a + field->offset, sizeof(x));
        memcpy(&y, b + field->offset, sizeof(y));
        return (x > y) - (x < y);
    case SMEM_INT:
        memcpy(&i, a + field->offset, sizeof(i));
        memcpy(&j, b + field->offset, sizeof(j));
        return (i > j) - (i < j);
    }
    return 0;
}

int smem_compare(const struct smem_index *index, const void *a, const void *b, unsigned fields)
{
    int order = 0;

    for (unsigned i = 0; order == 0 && i < fields; i++)
        order = compare_field(&index->fields[i], a, b);
    return order;
}

/* Puts link, which may be null, where old was below parent. */
static void replace_child(struct smem_tree *tree, struct smem_link *parent, struct smem_link *old,
                          struct smem_link *link)
{
    if (parent == NULL)
        tree->root = link;
    else if (parent->left == old)
        parent->left = link;
    else
        parent->right = link;
    if (link != NULL)
        link->parent = parent;
}

/* Moves link up, above its parent; the order stays. */
static void rotate_up(struct smem_tree *tree, struct smem_link *link)
{
    struct smem_link *parent = link->parent;
    struct smem_link *moved;

    replace_child(tree, parent->parent, parent, link);
    if (parent->left == link) {
        moved = link->right;
        link->right = parent;
        parent->left = moved;
    } else {
        moved = link->left;
        link->left = parent;
        parent->right = moved;
    }
    parent->parent = link;
    if (moved != NULL)
        moved->parent = parent;
}

void smem_tree_insert(struct smem_tree *tree, void *row)
{
    struct smem_link *link = link_of(tree, row), *parent = NULL, **at = &tree->root;
    const void *data = data_of(tree, link);

    if (tree->index->member != NULL && !tree->index->member(data))
        return;
    while (*at != NULL) {
        parent = *at;
        at = smem_compare(tree->index, data, data_of(tree, parent), tree->index->field_count) < 0 ? &parent->left
                                                                                                 : &parent->right;
    }
    *link = (struct smem_link){.parent = parent};
    *at = link;
    while (link->parent != NULL && priority(link) > priority(link->parent))
        rotate_up(tree, link);
}

void smem_tree_remove(struct smem_tree *tree, void *row)
{
    struct smem_link *link = link_of(tree, row);

    if (tree->index->member != NULL && !tree->index->member(data_of(tree, link)))
        return;
    while (link->left != NULL && link->right != NULL)
        rotate_up(tree, priority(link->left) > priority(link->right) ? link->left : link->right);
    replace_child(tree, link->parent, link, link->left != NULL ? link->left : link->right);
}

void *smem_tree_seek(const struct smem_tree *tree, const void *probe, bool descending)
{
    struct smem_link *best = NULL, *at = tree->root;

    while (at != NULL) {
        bool before = smem_compare(tree->index, data_of(tree, at), probe, tree->index->field_count) < 0;

        if (before == descending)
            best = at;
        at = before ? at->right : at->left;
    }
    return row_of(tree, best);
}

void *smem_tree_next(const struct smem_tree *tree, void *row, bool descending)
{
    struct smem_link *link = link_of(tree, row);
    struct smem_link *down = descending ? link->left : link->right;

    if (down != NULL) {
        while ((descending ? down->right : down->left) != NULL)
            down = descending ? down->right : down->left;
        return row_of(tree, down);
    }
    while (link->parent != NULL && link == (descending ? link->parent->left : link->parent->right))
        link = link->parent;
    return row_of(tree, link->parent);
}
