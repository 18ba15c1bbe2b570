/* How large the parts of an object are: S3 takes 10,000, and none over 5 GiB. */
#include "s3_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define GIB (1ull << 30)

struct sum {
    uint64_t bytes;
    unsigned parts;
    size_t largest;
};

/* Sends parts until nothing is left, the first ones as short as a broken line leaves them. */
static struct sum send_parts(uint64_t size, bool known, unsigned breaks)
{
    struct sum sum = {.bytes = 0};
    while (sum.bytes < size && sum.parts < S3_PARTS_MAX) {
        size_t most = s3_part_bytes(known ? size - sum.bytes : 0, sum.parts);
        assert_true(most >= S3_PART_BYTES && most <= S3_PUT_MAX);
        uint64_t len = sum.parts < breaks ? S3_PART_LEAST_BYTES : most;
        sum.bytes += len < size - sum.bytes ? len : size - sum.bytes;
        sum.largest = most > sum.largest ? most : sum.largest;
        sum.parts++;
    }
    return sum;
}

static void the_largest_object_fits_into_the_parts(void **state)
{
    (void)state;
    const struct sum known = send_parts(S3_OBJECT_MAX, true, 0), unknown = send_parts(S3_OBJECT_MAX, false, 0);
    assert_int_equal(known.bytes, S3_OBJECT_MAX);
    assert_true(known.largest < GIB);
    assert_int_equal(unknown.bytes, S3_OBJECT_MAX);
    assert_true(unknown.largest <= S3_PUT_MAX);
}

static void parts_stay_small_as_long_as_the_object_fits(void **state)
{
    (void)state;
    const struct sum sum = send_parts(70 * GIB, true, 0);
    assert_int_equal(sum.bytes, 70 * GIB);
    assert_int_equal(sum.largest, S3_PART_BYTES);
}

static void a_line_that_breaks_thousands_of_times_leaves_room(void **state)
{
    (void)state;
    const struct sum sum = send_parts(S3_OBJECT_MAX, true, 8000);
    assert_int_equal(sum.bytes, S3_OBJECT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_object_fits_into_the_parts),
        cmocka_unit_test(parts_stay_small_as_long_as_the_object_fits),
        cmocka_unit_test(a_line_that_breaks_thousands_of_times_leaves_room),
    };
    return cmocka_run_group_tests_name("s3_parts", tests, NULL, NULL);
}
