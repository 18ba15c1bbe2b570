/* Lines of a list of devices: what is taken, and what is said of the others. */
#include "api_import_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool header(const char *text, struct api_import_columns *columns)
{
    struct api_fault fault;
    char line[256];

    (void)snprintf(line, sizeof line, "%s", text);
    return api_import_header(line, columns, &fault);
}

static bool row(const struct api_import_columns *columns, const char *text, struct api_import_row *ret, struct api_fault *fault)
{
    char line[256];

    (void)snprintf(line, sizeof line, "%s", text);
    return api_import_csv(line, columns, ret, fault);
}

static void columns_come_in_any_order(void **state)
{
    static const struct {
        const char *line;
        size_t count; /* 0: refused */
    } cases[] = {
        {"name", 1},          {"name,secret", 2},   {"tags,name,secret", 3}, {"\"secret\",\"name\"", 2}, {"secret", 0},
        {"", 0},              {"name,name", 0},     {"name,other", 0},       {"name,secret,tags,", 0},   {"name, secret", 0},
        {"name,", 0},         {"\"name", 0},
    };
    struct api_import_columns columns;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(header(cases[i].line, &columns), cases[i].count != 0);
        if (cases[i].count != 0)
            assert_int_equal(columns.count, cases[i].count);
    }
}

static void a_line_of_csv_is_a_device(void **state)
{
    struct api_import_columns columns;
    struct api_import_row got;
    struct api_fault fault;

    (void)state;
    assert_true(header("tags,name,secret", &columns));
    assert_true(row(&columns, "a  b,d:1,c2VjcmV0", &got, &fault));
    assert_string_equal(got.name, "d:1");
    assert_int_equal(got.secret.len, 6);
    assert_memory_equal(got.secret.bytes, "secret", 6);
    assert_int_equal(got.tags.count, 2);
    assert_string_equal(got.tags.names[1], "b");
    assert_true(row(&columns, ",\"d\",\"c2VjcmV0\"", &got, &fault));
    assert_int_equal(got.tags.count, 0);
}

static void a_wrong_line_says_what(void **state)
{
    static const struct {
        const char *line, *field;
    } cases[] = {
        {",d,", "secret"}, {",,c2VjcmV0", "name"}, {"a,b c,c2VjcmV0", "name"}, {"a,d,!", "secret"}, {"d,c2VjcmV0", ""},
        {"a,d,c2VjcmV0,x", ""}, {"\"a,d,c2VjcmV0", ""}, {"\"a\"b,d,c2VjcmV0", ""}, {"\"\"\"\",d,c2VjcmV0", "tags"}, {"\xff,d,c2VjcmV0", ""},
    };
    struct api_import_columns columns;
    struct api_import_row got;
    struct api_fault fault;

    (void)state;
    assert_true(header("tags,name,secret", &columns));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(row(&columns, cases[i].line, &got, &fault));
        if (cases[i].line[0] != '\xff')
            assert_string_equal(fault.field, cases[i].field);
    }
}

static void a_line_of_json_is_a_device(void **state)
{
    struct api_import_row got;
    struct api_fault fault;

    (void)state;
    assert_true(api_import_json("{\"name\":\"d\",\"secret\":\"c2VjcmV0\",\"tags\":[\"a\"]}", &got, &fault));
    assert_string_equal(got.name, "d");
    assert_string_equal(got.tags.names[0], "a");
    assert_false(api_import_json("{\"name\":\"d\"}", &got, &fault));
    assert_string_equal(fault.field, "secret");
    assert_false(api_import_json("[]", &got, &fault));
    assert_int_equal(fault.problem, API_INVALID_JSON);
    assert_false(api_import_json("{\"name\":\"d\",\"secret\":\"c2VjcmV0\"} x", &got, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_come_in_any_order),
        cmocka_unit_test(a_line_of_csv_is_a_device),
        cmocka_unit_test(a_wrong_line_says_what),
        cmocka_unit_test(a_line_of_json_is_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
