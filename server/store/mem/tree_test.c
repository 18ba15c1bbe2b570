#include "tree.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 20000, DEPTH_MAX = 60 }; /* a treap of so many rows is about 35 deep, a list 20000 */

struct row {
    struct smem_link link;
    struct {
        uint64_t key;
        bool in;
    } data;
};

static bool is_in(const void *data)
{
    const struct row *row = (const struct row *)(const void *)((const char *)data - offsetof(struct row, data));

    return row->data.in;
}

static const struct smem_index by_key = {.fields = {{.offset = 0, .kind = SMEM_U64}}, .field_count = 1};
static const struct smem_index by_key_if_in = {
    .fields = {{.offset = 0, .kind = SMEM_U64}}, .field_count = 1, .member = is_in};

static struct smem_tree tree_of(const struct smem_index *index)
{
    return (struct smem_tree){
        .index = index, .link_at = offsetof(struct row, link), .data_at = offsetof(struct row, data)};
}

static unsigned depth(const struct smem_link *link)
{
    unsigned left, right;

    if (link == NULL)
        return 0;
    left = depth(link->left);
    right = depth(link->right);
    return 1 + (left > right ? left : right);
}

static struct row *new_rows(void)
{
    struct row *rows = ferry_calloc(ROWS, sizeof(*rows));

    assert_non_null(rows);
    for (unsigned i = 0; i < ROWS; i++)
        rows[i].data.key = i;
    return rows;
}

static void rows_put_in_order_make_no_list(void **state)
{
    struct smem_tree tree = tree_of(&by_key);
    struct row *rows = new_rows();

    (void)state;
    for (unsigned i = 0; i < ROWS; i++)
        smem_tree_insert(&tree, &rows[i]);
    assert_true(depth(tree.root) < DEPTH_MAX);
    for (unsigned i = 0; i < ROWS; i++)
        if (i % 4 != 0)
            smem_tree_remove(&tree, &rows[i]);
    assert_true(depth(tree.root) < DEPTH_MAX);
    free(rows);
}

/* Every fourth row of 0, 4, 8 ... is there: what a seek and its neighbours must give. */
static void seek_and_next_go_both_ways(void **state)
{
    struct smem_tree tree = tree_of(&by_key);
    struct row *rows = new_rows();

    (void)state;
    for (uint64_t i = 0; i < ROWS; i++)
        smem_tree_insert(&tree, &rows[i * 7919 % ROWS]);
    for (unsigned i = 0; i < ROWS; i++)
        if (i % 4 != 0)
            smem_tree_remove(&tree, &rows[i]);
    for (uint64_t key = 0; key <= ROWS; key++) {
        uint64_t up = (key + 3) / 4 * 4;
        struct row *from = smem_tree_seek(&tree, &key, false), *before = smem_tree_seek(&tree, &key, true);

        assert_ptr_equal(from, up < ROWS ? &rows[up] : NULL);
        assert_ptr_equal(before, up >= 4 ? &rows[up - 4] : NULL);
        if (from != NULL) {
            assert_ptr_equal(smem_tree_next(&tree, from, false), up + 4 < ROWS ? &rows[up + 4] : NULL);
            assert_ptr_equal(smem_tree_next(&tree, from, true), before);
        }
    }
    free(rows);
}

static void only_members_are_taken_in(void **state)
{
    struct smem_tree tree = tree_of(&by_key_if_in);
    struct row *rows = new_rows();
    uint64_t probe = 0;

    (void)state;
    rows[5].data.in = rows[9].data.in = true;
    for (unsigned i = 0; i < 10; i++)
        smem_tree_insert(&tree, &rows[i]);
    assert_ptr_equal(smem_tree_seek(&tree, &probe, false), &rows[5]);
    assert_ptr_equal(smem_tree_next(&tree, &rows[5], false), &rows[9]);
    for (unsigned i = 0; i < 10; i++)
        smem_tree_remove(&tree, &rows[i]);
    assert_null(tree.root);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_put_in_order_make_no_list),
        cmocka_unit_test(seek_and_next_go_both_ways),
        cmocka_unit_test(only_members_are_taken_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
