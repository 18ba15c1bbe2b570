/* Our cmocka for boards: each assertion holds when it should, and fails its test, and no other, when it should not. */
#include <cmocka.h>
#include <stdio.h>

static int teardowns;

static void true_is_asserted(void **state)
{
    static const char text[] = "abc";
    char copy[] = "abc";

    (void)state;
    assert_true(-1);
    assert_true(1ull << 40);
    assert_false(0);
    assert_null(NULL);
    assert_non_null(text);
    assert_ptr_equal(text, &text[0]);
    assert_ptr_not_equal(text, copy);
    assert_int_equal(1ull << 40, 1ull << 40);
    assert_int_equal(-1, -1L);
    assert_int_not_equal(1ull << 40, 0);
    assert_in_range(5, 5, 5);
    assert_string_equal(text, copy);
    assert_string_not_equal(text, "ab");
    assert_memory_equal(text, copy, sizeof text);
    assert_memory_not_equal(text, "abd", 3);
}

#define FAILING(name, assertion)             \
    static void name(void **state)           \
    {                                        \
        (void)state;                         \
        assertion;                           \
        teardowns += 1000; /* not reached */ \
    }
FAILING(wrong_true, assert_true(0))
FAILING(wrong_false, assert_false(1ull << 40))
FAILING(wrong_null, assert_null("x"))
FAILING(wrong_non_null, assert_non_null(NULL))
FAILING(wrong_ptr, assert_ptr_equal(&teardowns, NULL))
FAILING(wrong_ptr_not, assert_ptr_not_equal(&teardowns, &teardowns))
FAILING(wrong_int, assert_int_equal(1ull << 40, 0))
FAILING(wrong_int_not, assert_int_not_equal(7, 7))
FAILING(wrong_low, assert_in_range(4, 5, 6))
FAILING(wrong_high, assert_in_range(7, 5, 6))
FAILING(wrong_string, assert_string_equal("ab", "abc"))
FAILING(wrong_string_not, assert_string_not_equal("ab", "ab"))
FAILING(wrong_memory, assert_memory_equal("abc", "abd", 3))
FAILING(wrong_memory_not, assert_memory_not_equal("abc", "abd", 2))
FAILING(wrong_fail, fail())
FAILING(wrong_fail_msg, fail_msg("%d %s", 3, "words"))
#undef FAILING

static int good(void **state)
{
    *state = &teardowns;
    return 0;
}

static int bad(void **state)
{
    (void)state;
    return 1;
}

static int counts(void **state)
{
    teardowns += *state == &teardowns;
    return 0;
}

static void sees_the_state_of_its_setup(void **state)
{
    assert_ptr_equal(*state, &teardowns);
}

static void is_never_run(void **state)
{
    (void)state;
    teardowns += 1000;
}

int main(void)
{
    const struct CMUnitTest passing[] = {
        cmocka_unit_test(true_is_asserted),
        cmocka_unit_test_setup(sees_the_state_of_its_setup, good),
        cmocka_unit_test_setup_teardown(sees_the_state_of_its_setup, good, counts),
    };
    const struct CMUnitTest failing[] = {
        cmocka_unit_test(wrong_true),
        cmocka_unit_test(wrong_false),
        cmocka_unit_test(wrong_null),
        cmocka_unit_test(wrong_non_null),
        cmocka_unit_test(wrong_ptr),
        cmocka_unit_test(wrong_ptr_not),
        cmocka_unit_test(wrong_int),
        cmocka_unit_test(wrong_int_not),
        cmocka_unit_test(wrong_low),
        cmocka_unit_test(wrong_high),
        cmocka_unit_test(wrong_string),
        cmocka_unit_test(wrong_string_not),
        cmocka_unit_test(wrong_memory),
        cmocka_unit_test(wrong_memory_not),
        cmocka_unit_test(wrong_fail),
        cmocka_unit_test_setup_teardown(wrong_fail_msg, good, counts),
        cmocka_unit_test_setup(is_never_run, bad),
        cmocka_unit_test_teardown(true_is_asserted, bad),
    };
    const struct CMUnitTest never[] = {cmocka_unit_test(is_never_run)};

    int wrong = cmocka_run_group_tests(passing, NULL, NULL) != 0;
    wrong |= cmocka_run_group_tests(failing, NULL, NULL) != (int)(sizeof failing / sizeof failing[0]);
    wrong |= cmocka_run_group_tests(never, bad, NULL) == 0;
    wrong |= cmocka_run_group_tests(passing, NULL, bad) != 1;
    wrong |= teardowns != 3;
    printf(wrong ? "wrong: see above\n" : "all of the above is as it should be\n");
    return wrong;
}
