#include "base/alloc.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void content_is_always_a_c_string(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(100);

    (void)state;
    assert_null(buf.data);
    assert_int_equal(ferry_buf_append_str(&buf, ""), FERRY_OK);
    assert_string_equal(buf.data, "");
    assert_int_equal(ferry_buf_printf(&buf, "%s", ""), FERRY_OK);
    assert_int_equal(ferry_buf_append(&buf, "abX", 2), FERRY_OK);
    assert_int_equal(ferry_buf_append_str(&buf, "cd"), FERRY_OK);
    assert_int_equal(ferry_buf_printf(&buf, "-%03d", 7), FERRY_OK);
    assert_string_equal(buf.data, "abcd-007");
    assert_int_equal(buf.len, 8);
}

static void bytes_with_nul_are_kept(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(100);

    (void)state;
    assert_int_equal(ferry_buf_append(&buf, "a\0b", 3), FERRY_OK);
    assert_int_equal(ferry_buf_append(&buf, NULL, 0), FERRY_OK);
    assert_int_equal(buf.len, 3);
    assert_memory_equal(buf.data, "a\0b", 4);
}

static void buffer_grows_to_its_maximum_and_not_beyond(void **state)
{
    enum { MAX = 1000 };
    ferry_autobuf buf = FERRY_BUF_INIT(MAX);

    (void)state;
    for (int i = 0; i < MAX; i++)
        assert_int_equal(ferry_buf_append(&buf, "x", 1), FERRY_OK);
    assert_int_equal(ferry_buf_append(&buf, "x", 1), FERRY_E_LIMIT);
    assert_int_equal(ferry_buf_append_str(&buf, "x"), FERRY_E_LIMIT);
    assert_int_equal(ferry_buf_printf(&buf, "%d", 1), FERRY_E_LIMIT);
    assert_int_equal(buf.len, MAX);
    assert_int_equal(strlen(buf.data), MAX);
    assert_true(buf.cap <= MAX + 1);
}

static void append_that_does_not_fit_changes_nothing(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(5);

    (void)state;
    assert_int_equal(ferry_buf_append_str(&buf, "123"), FERRY_OK);
    assert_int_equal(ferry_buf_append_str(&buf, "456"), FERRY_E_LIMIT);
    assert_int_equal(ferry_buf_printf(&buf, "%s", "456"), FERRY_E_LIMIT);
    assert_int_equal(ferry_buf_append(&buf, "4", SIZE_MAX), FERRY_E_LIMIT);
    assert_string_equal(buf.data, "123");
    assert_int_equal(ferry_buf_append_str(&buf, "45"), FERRY_OK);
    assert_string_equal(buf.data, "12345");
}

static void buffer_without_room_takes_only_nothing(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(0);

    (void)state;
    assert_int_equal(ferry_buf_append_str(&buf, "x"), FERRY_E_LIMIT);
    assert_int_equal(ferry_buf_append_str(&buf, ""), FERRY_OK);
    assert_string_equal(buf.data, "");
}

static void largest_maximum_does_not_overflow(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(SIZE_MAX);

    (void)state;
    assert_int_equal(ferry_buf_append_str(&buf, "abc"), FERRY_OK);
    assert_int_equal(ferry_buf_append(&buf, "x", SIZE_MAX - 3), FERRY_E_LIMIT);
    assert_string_equal(buf.data, "abc");
}

static void failed_allocation_leaves_the_content(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(1000);
    char more[200];

    (void)state;
    memset(more, 'm', sizeof(more));
    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_buf_append_str(&buf, "abc"), FERRY_E_NOMEM);
    assert_null(buf.data);
    assert_int_equal(ferry_buf_append_str(&buf, "abc"), FERRY_OK);
    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_buf_append(&buf, more, sizeof(more)), FERRY_E_NOMEM);
    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_buf_printf(&buf, "%0200d", 1), FERRY_E_NOMEM);
    ferry_alloc_fail_at(0);
    assert_string_equal(buf.data, "abc");
    assert_int_equal(buf.len, 3);
}

static void reset_keeps_the_memory_and_done_gives_it_back(void **state)
{
    struct ferry_buf buf = FERRY_BUF_INIT(100);
    const char *memory;

    (void)state;
    ferry_buf_reset(&buf);
    assert_int_equal(ferry_buf_append_str(&buf, "abc"), FERRY_OK);
    memory = buf.data;
    ferry_buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    assert_int_equal(ferry_buf_append_str(&buf, "de"), FERRY_OK);
    assert_ptr_equal(buf.data, memory);
    ferry_buf_done(&buf);
    assert_null(buf.data);
    assert_int_equal(ferry_buf_append_str(&buf, "again"), FERRY_OK);
    assert_string_equal(buf.data, "again");
    ferry_buf_done(&buf);
    ferry_buf_done(&buf);
}

static void done_accepts_an_all_zero_buffer(void **state)
{
    struct ferry_buf buf;

    (void)state;
    memset(&buf, 0, sizeof(buf));
    ferry_buf_done(&buf);
    assert_null(buf.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_is_always_a_c_string),
        cmocka_unit_test(bytes_with_nul_are_kept),
        cmocka_unit_test(buffer_grows_to_its_maximum_and_not_beyond),
        cmocka_unit_test(append_that_does_not_fit_changes_nothing),
        cmocka_unit_test(buffer_without_room_takes_only_nothing),
        cmocka_unit_test(largest_maximum_does_not_overflow),
        cmocka_unit_test(failed_allocation_leaves_the_content),
        cmocka_unit_test(reset_keeps_the_memory_and_done_gives_it_back),
        cmocka_unit_test(done_accepts_an_all_zero_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
