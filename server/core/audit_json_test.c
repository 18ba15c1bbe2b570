#include "audit_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void members_come_in_order_and_compact(void **state)
{
    static const char *const names[] = {"d1", "d2"};
    char out[256];
    struct audit_json j;

    (void)state;
    audit_json_begin(&j, out, sizeof out);
    audit_json_text(&j, "name", "a\"b\\c\xc3\xa9\n");
    audit_json_number(&j, "size", UINT64_MAX);
    audit_json_bool(&j, "all", false);
    audit_json_scope(&j, "products", "p,q");
    audit_json_scope(&j, "none", "");
    audit_json_list(&j, "devices", names, 2);
    assert_true(audit_json_end(&j));
    assert_string_equal(out, "{\"name\":\"a\\\"b\\\\c\xc3\xa9?\",\"size\":18446744073709551615,\"all\":false,"
                             "\"products\":[\"p\",\"q\"],\"none\":null,\"devices\":[\"d1\",\"d2\"]}");
}

static void what_does_not_fit_is_nothing(void **state)
{
    char out[16];
    struct audit_json j;

    (void)state;
    for (size_t cap = 2; cap < 10; cap++) {
        audit_json_begin(&j, out, cap);
        audit_json_text(&j, "a", "b");
        assert_int_equal(audit_json_end(&j), cap >= 10);
        assert_string_equal(out, "");
    }
    audit_json_begin(&j, out, 10);
    audit_json_text(&j, "a", "b");
    assert_true(audit_json_end(&j));
}

static void long_list_leaves_room_for_the_rest(void **state)
{
    const char *names[100];
    char out[512];
    struct audit_json j;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        names[i] = "0123456789";
    audit_json_begin(&j, out, sizeof out);
    audit_json_list(&j, "devices", names, 100);
    audit_json_number(&j, "count", 100);
    assert_true(audit_json_end(&j));
    assert_non_null(strstr(out, "],\"count\":100}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_order_and_compact),
        cmocka_unit_test(what_does_not_fit_is_nothing),
        cmocka_unit_test(long_list_leaves_room_for_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
