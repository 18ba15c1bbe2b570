#include "id_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static ferry_id some_id(uint32_t n)
{
    uint8_t random[FERRY_ID_RANDOM_BYTES];

    for (int i = 0; i < FERRY_ID_RANDOM_BYTES; i++)
        random[i] = (uint8_t)((n = n * 1664525u + 1013904223u) >> 24);
    return ferry_id_make(n % 5 == 0 ? 0xffffffffffffu : (uint64_t)n << (n % 17), random);
}

static void every_id_comes_back_from_its_bytes(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 20000; n++) {
        const ferry_id id = some_id(n);
        uint8_t bytes[ID_BYTES];
        ferry_id back;

        assert_true(sql_id_to_bytes(&id, bytes));
        back = sql_id_from_bytes(bytes);
        assert_memory_equal(&back, &id, sizeof(id));
    }
}

static void bytes_have_the_order_of_the_texts(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 20000; n++) {
        const ferry_id a = some_id(n), b = some_id(n + 1);
        uint8_t x[ID_BYTES], y[ID_BYTES];

        assert_true(sql_id_to_bytes(&a, x) && sql_id_to_bytes(&b, y));
        assert_int_equal(strcmp(a.text, b.text) < 0, memcmp(x, y, sizeof(x)) < 0);
    }
}

static void what_is_no_id_is_refused(void **state)
{
    static const char *const wrong[] = {
        "", "0", "0000000000000000000000000", "80000000000000000000000000", "0000000000000000000000000u",
        "0000000000000000000000000A", "0000000000000 000000000000", "000000000000000000000000\xff\xff",
    };
    const ferry_id zero = {"00000000000000000000000000"};
    uint8_t bytes[ID_BYTES] = {42};
    ferry_id id;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memset(&id, 0, sizeof(id));
        memcpy(id.text, wrong[i], strlen(wrong[i]));
        assert_false(sql_id_to_bytes(&id, bytes));
    }
    id = zero;
    assert_true(sql_id_to_bytes(&id, bytes));
    bytes[0] = 42;
    id.text[FERRY_ID_LEN] = '0';
    assert_false(sql_id_to_bytes(&id, bytes));
    assert_int_equal(bytes[0], 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_comes_back_from_its_bytes),
        cmocka_unit_test(bytes_have_the_order_of_the_texts),
        cmocka_unit_test(what_is_no_id_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
