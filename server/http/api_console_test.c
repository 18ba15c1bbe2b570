#include "api_console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void a_file_is_found_by_its_whole_name(void **state)
{
    static const struct api_console_file files[] = {{.name = ""}, {.name = "index-abc.js"}};

    (void)state;
    assert_ptr_equal(api_console_find(files, 2, ""), &files[0]);
    assert_ptr_equal(api_console_find(files, 2, "index-abc.js"), &files[1]);
    assert_null(api_console_find(files, 2, "index-abc"));
    assert_null(api_console_find(NULL, 0, ""));
}

static void only_the_same_etag_is_known(void **state)
{
    (void)state;
    assert_true(api_console_is_known("\"ab\"", "\"ab\""));
    assert_true(api_console_is_known("\"x\", W/\"ab\", \"y\"", "\"ab\""));
    assert_true(api_console_is_known("*", "\"ab\""));
    assert_false(api_console_is_known(NULL, "\"ab\""));
    assert_false(api_console_is_known("", "\"ab\""));
    assert_false(api_console_is_known("\"abc\"", "\"ab\""));
    assert_false(api_console_is_known("\"ab\"c", "\"ab\""));
}

static void the_policy_lets_in_nothing_from_elsewhere(void **state)
{
    (void)state;
    assert_memory_equal(api_console_policy, "default-src 'none';", 19);
    assert_null(strstr(api_console_policy, "unsafe"));
    assert_null(strstr(api_console_policy, "http"));
    assert_null(strchr(api_console_policy, '*'));
}

static void the_files_that_were_built_in_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_console_files_count; i++) {
        const struct api_console_file *file = &api_console_files[i];
        assert_ptr_equal(api_console_find(api_console_files, api_console_files_count, file->name), file);
        assert_true(file->len > 0 && file->bytes != NULL);
        assert_int_equal(file->etag[0], '"');
        assert_int_equal(file->etag[strlen(file->etag) - 1], '"');
        assert_non_null(strchr(file->type, '/'));
        assert_null(strchr(file->name, '/'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_found_by_its_whole_name),
        cmocka_unit_test(only_the_same_etag_is_known),
        cmocka_unit_test(the_policy_lets_in_nothing_from_elsewhere),
        cmocka_unit_test(the_files_that_were_built_in_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
