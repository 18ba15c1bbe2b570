#include "api/operators.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void roles_have_names_and_any_other_is_none(void **state)
{
    static const char *const others[] = {"", "owner", "Admin", "viewer ", "view", "adminn"};

    (void)state;
    for (operator_role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++)
        assert_int_equal(operator_role_parse(operator_role_name(role)), role);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(operator_role_parse(others[i]), ROLE_NONE);
}

static void scope_has_whole_names_only(void **state)
{
    static const struct {
        const char *scope, *product;
        bool has;
    } rows[] = {
        {"", "a", true},       {"a", "a", true},    {"a,b", "b", true},  {"a,b", "a", true},   {"a", "b", false},
        {"ab", "a", false},    {"a", "ab", false},  {"a,b", "a,b", false}, {"a,b", "", false}, {"xa,bx", "a", false},
        {"a,bc,d", "bc", true}, {"A", "a", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(scope_has(rows[i].scope, rows[i].product), rows[i].has);
}

static void scope_lies_within_one_that_has_all_of_it(void **state)
{
    static const struct {
        const char *inner, *outer;
        bool within;
    } rows[] = {
        {"", "", true},        {"a", "", true},       {"", "a", false},     {"a", "a", true},     {"a,b", "b,a", true},
        {"a", "a,b", true},    {"a,b", "a", false},   {"ab", "a,b", false}, {"c", "a,b", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(scope_within(rows[i].inner, rows[i].outer), rows[i].within);
}

static void scope_takes_each_name_once_until_it_is_full(void **state)
{
    char scope[SCOPE_SIZE] = "", name[FERRY_IDENT_MAX + 1];
    int count = 0;

    (void)state;
    assert_true(scope_add(scope, "a") && scope_add(scope, "b") && scope_add(scope, "a"));
    assert_string_equal(scope, "a,b");
    do {
        (void)snprintf(name, sizeof name, "%064d", count);
    } while (scope_add(scope, name) && count++ < 100);
    assert_int_equal(count, 15);
    assert_true(strlen(scope) < SCOPE_SIZE);
    assert_false(scope_has(scope, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_have_names_and_any_other_is_none),
        cmocka_unit_test(scope_has_whole_names_only),
        cmocka_unit_test(scope_lies_within_one_that_has_all_of_it),
        cmocka_unit_test(scope_takes_each_name_once_until_it_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
