/* Who may connect how often and how many times at once: by device after its proof, by address before it. */
#include "admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct admission *admission_of(struct admission_limits limits)
{
    struct admission *a = NULL;

    assert_int_equal(admission_new(&limits, &a), FERRY_OK);
    return a;
}

static void a_device_may_come_so_often_in_a_minute(void **state)
{
    struct admission *a = admission_of((struct admission_limits){.device_connects_per_min = 3});
    struct device_key one, two;

    (void)state;
    assert_true(device_key_make("p", "one", &one) && device_key_make("p", "two", &two));
    for (unsigned i = 0; i < 3; i++)
        assert_true(admission_device(a, &one, 1000));
    assert_false(admission_device(a, &one, 1000));
    assert_true(admission_device(a, &two, 1000));
    assert_true(admission_device(a, &one, 1000 + 20000)); /* a third of the minute brings one back */
    assert_false(admission_device(a, &one, 1000 + 20000));
    admission_free(a);
}

static void an_address_may_come_so_often_whoever_it_says_it_is(void **state)
{
    static const struct {
        const char *address;
        bool may;
    } rows[] = {
        {"192.0.2.1", true},     {"192.0.2.1", false},    {"::ffff:192.0.2.1", false}, {"192.0.2.2", true},
        {"2001:db8::1", true},   {"2001:db8::2", false},  {"2001:db8:0:1::1", true},   {NULL, true},
        {NULL, true},            {"a bridge", true},      {"a bridge", true},
    };
    struct admission *a = admission_of((struct admission_limits){.address_connects_per_min = 1});

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (admission_address(a, rows[i].address, 1000) != rows[i].may)
            fail_msg("row %zu", i);
    admission_free(a);
}

static void connections_of_an_address_are_counted_until_they_end(void **state)
{
    struct admission *a = admission_of((struct admission_limits){.address_connections_max = 2});

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        assert_true(admission_enter(a, "192.0.2.1"));
        assert_true(admission_enter(a, "192.0.2.1"));
        assert_false(admission_enter(a, "192.0.2.1"));
        assert_true(admission_enter(a, "192.0.2.2"));
        assert_true(admission_enter(a, NULL));
        admission_leave(a, "192.0.2.1");
        assert_true(admission_enter(a, "192.0.2.1"));
        assert_false(admission_enter(a, "192.0.2.1"));
        admission_leave(a, NULL);
        admission_leave(a, "192.0.2.2");
        admission_leave(a, "192.0.2.1");
        admission_leave(a, "192.0.2.1");
    }
    admission_leave(a, "192.0.2.1"); /* nobody is there: nothing happens */
    assert_true(admission_enter(a, "192.0.2.1")); /* and who is there is freed at the end */
    admission_free(a);
}

static void a_limit_of_zero_is_none(void **state)
{
    struct admission *a = admission_of((struct admission_limits){0});
    struct device_key one;

    (void)state;
    assert_true(device_key_make("p", "one", &one));
    for (unsigned i = 0; i < 1000; i++)
        assert_true(admission_device(a, &one, 0) && admission_address(a, "192.0.2.1", 0) &&
                    admission_enter(a, "192.0.2.1"));
    admission_leave(a, "192.0.2.1");
    admission_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_may_come_so_often_in_a_minute),
        cmocka_unit_test(an_address_may_come_so_often_whoever_it_says_it_is),
        cmocka_unit_test(connections_of_an_address_are_counted_until_they_end),
        cmocka_unit_test(a_limit_of_zero_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
