#include "report_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define MD5 "0123456789abcdef0123456789abcdef"
#define N31 "abcdefghijklmnopqrstuvwxyz01234"
#define N63 N31 "-" N31
#define N64 N63 "x"

static void names_are_recognised_as_devices_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *said, *name;
        report_name_fit fit;
    } rows[] = {
        {"a", "a", NAME_EXACT},
        {"", "a", NAME_OTHER},
        {N31, N31, NAME_EXACT},
        {N31, N31 "5", NAME_CUT},
        {N31 "5", N31 "56", NAME_OTHER}, /* 32 bytes: nobody cuts there */
        {N63 MD5, N63, NAME_OTHER},
        {N64 MD5, N64, NAME_LONG},
        {N64 MD5, N64 "yz", NAME_LONG},
        {N64 "ffffffffffffffffffffffffffffffff", N64, NAME_OTHER},
        {N63 "y" MD5, N64, NAME_OTHER},
        {N64, N64, NAME_EXACT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(report_name_fits(ferry_text_of(rows[i].said), rows[i].name, MD5), rows[i].fit);
    assert_int_equal(report_name_fits((ferry_text){0}, "a", MD5), NAME_OTHER);
}

static void the_best_fit_wins_and_a_guess_must_be_the_only_one(void **state)
{
    (void)state;
    int a = 0, b = 0;
    struct report_best best = {0};
    report_best_add(&best, NAME_OTHER, &a);
    assert_null(best.task);
    report_best_add(&best, NAME_CUT, &a);
    assert_ptr_equal(best.task, &a);
    report_best_add(&best, NAME_CUT, &b);
    assert_null(best.task);
    report_best_add(&best, NAME_LONG, &b);
    assert_ptr_equal(best.task, &b);
    report_best_add(&best, NAME_EXACT, &a);
    assert_ptr_equal(best.task, &a);
    report_best_add(&best, NAME_EXACT, &b); /* the first exact one, as the list is ordered */
    report_best_add(&best, NAME_CUT, &b);
    assert_ptr_equal(best.task, &a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_recognised_as_devices_write_them),
        cmocka_unit_test(the_best_fit_wins_and_a_guess_must_be_the_only_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
