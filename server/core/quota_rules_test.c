#include "core/quota_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MAX UINT64_MAX

static void a_file_fits_when_no_limit_is_passed(void **state)
{
    static const struct {
        struct quota_limits limits; /* product bytes, product files, device bytes, device files */
        struct quota_account account; /* product {bytes, files}, device {bytes, files} */
        uint64_t size;
        quota_verdict of_device, of_product;
    } rows[] = {
        {{0, 0, 0, 0}, {{MAX, MAX}, {MAX, MAX}}, MAX, QUOTA_FITS, QUOTA_FITS},
        {{100, 0, 0, 0}, {{0, 9}, {0, 9}}, 100, QUOTA_FITS, QUOTA_FITS},
        {{100, 0, 0, 0}, {{1, 9}, {0, 9}}, 100, QUOTA_PRODUCT_BYTES, QUOTA_PRODUCT_BYTES},
        {{100, 0, 0, 0}, {{0, 0}, {0, 0}}, 101, QUOTA_PRODUCT_BYTES, QUOTA_PRODUCT_BYTES},
        {{100, 0, 0, 0}, {{MAX, 0}, {0, 0}}, 1, QUOTA_PRODUCT_BYTES, QUOTA_PRODUCT_BYTES},
        {{100, 0, 0, 0}, {{1, 0}, {0, 0}}, MAX, QUOTA_PRODUCT_BYTES, QUOTA_PRODUCT_BYTES},
        {{100, 0, 0, 0}, {{200, 0}, {0, 0}}, 1, QUOTA_PRODUCT_BYTES, QUOTA_PRODUCT_BYTES}, /* it was lowered */
        {{0, 3, 0, 0}, {{0, 2}, {0, 0}}, 1, QUOTA_FITS, QUOTA_FITS},
        {{0, 3, 0, 0}, {{0, 3}, {0, 0}}, 1, QUOTA_PRODUCT_FILES, QUOTA_PRODUCT_FILES},
        {{0, 0, 100, 0}, {{500, 0}, {60, 0}}, 40, QUOTA_FITS, QUOTA_FITS},
        {{0, 0, 100, 0}, {{500, 0}, {60, 0}}, 41, QUOTA_DEVICE_BYTES, QUOTA_FITS},
        {{0, 0, 0, 2}, {{0, 9}, {0, 1}}, 1, QUOTA_FITS, QUOTA_FITS},
        {{0, 0, 0, 2}, {{0, 9}, {0, 2}}, 1, QUOTA_DEVICE_FILES, QUOTA_FITS},
        {{1, 1, 1, 1}, {{1, 1}, {1, 1}}, 1, QUOTA_DEVICE_FILES, QUOTA_PRODUCT_FILES},
        {{1, 9, 1, 9}, {{1, 1}, {1, 1}}, 1, QUOTA_DEVICE_BYTES, QUOTA_PRODUCT_BYTES},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (quota_judge(&rows[i].limits, &rows[i].account, rows[i].size, true) != rows[i].of_device ||
            quota_judge(&rows[i].limits, &rows[i].account, rows[i].size, false) != rows[i].of_product)
            fail_msg("row %zu", i);
}

static void what_gives_way_does_not_count(void **state)
{
    struct quota_account account = {{100, 3}, {60, 2}};
    (void)state;
    quota_take_back(&account, 60);
    assert_int_equal(account.product.bytes, 40);
    assert_int_equal(account.product.files, 2);
    assert_int_equal(account.device.bytes, 0);
    assert_int_equal(account.device.files, 1);
    account = (struct quota_account){{MAX, 1}, {5, 0}};
    quota_take_back(&account, 10);
    assert_int_equal(account.product.bytes, MAX);
    assert_int_equal(account.device.bytes, 0);
    assert_int_equal(account.device.files, 0);
}

static void one_limit_is_enough_to_be_limited(void **state)
{
    (void)state;
    assert_false(quota_is_limited(&(struct quota_limits){0}));
    assert_true(quota_is_limited(&(struct quota_limits){.product_bytes = 1}));
    assert_true(quota_is_limited(&(struct quota_limits){.product_files = 1}));
    assert_true(quota_is_limited(&(struct quota_limits){.device_bytes = 1}));
    assert_true(quota_is_limited(&(struct quota_limits){.device_files = 1}));
}

int main(void)
{
    const struct CMUnitTest rules[] = {
        cmocka_unit_test(a_file_fits_when_no_limit_is_passed),
        cmocka_unit_test(what_gives_way_does_not_count),
        cmocka_unit_test(one_limit_is_enough_to_be_limited),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
