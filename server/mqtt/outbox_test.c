#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mqtt/outbox.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void messages_come_out_in_order_and_unchanged(void **state)
{
    struct outbox box;
    struct bus_message *message;

    (void)state;
    outbox_init(&box, 1000);
    assert_null(outbox_take(&box));
    assert_int_equal(outbox_put(&box, "a", "1\0002", 3), FERRY_OK);
    assert_int_equal(outbox_put(&box, "b", NULL, 0), FERRY_OK);

    message = outbox_take(&box);
    assert_string_equal(message->topic, "a");
    assert_int_equal(message->len, 3);
    assert_memory_equal(message->payload, "1\0002", 3);
    free(message);
    message = outbox_take(&box);
    assert_string_equal(message->topic, "b");
    assert_int_equal(message->len, 0);
    free(message);
    assert_null(outbox_take(&box));
    assert_int_equal(box.bytes, 0);
}

static void memory_is_bounded_and_comes_back(void **state)
{
    const size_t one = sizeof(struct bus_message) + sizeof("t") + 4;
    struct outbox box;

    (void)state;
    outbox_init(&box, 2 * one);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(outbox_put(&box, "t", "1234", 4), FERRY_OK);
        assert_int_equal(outbox_put(&box, "t", "12345", 5), FERRY_E_BUSY);
        assert_int_equal(outbox_put(&box, "t", "1234", 4), FERRY_OK);
        assert_int_equal(outbox_put(&box, "", "", 0), FERRY_E_BUSY);
        assert_int_equal(outbox_put(&box, "t", "", SIZE_MAX), FERRY_E_BUSY);
        free(outbox_take(&box));
        assert_int_equal(outbox_put(&box, "t", "1234", 4), FERRY_OK);
        outbox_clear(&box);
        assert_int_equal(box.bytes, 0);
    }
}

static void a_lack_of_memory_leaves_the_queue_as_it_was(void **state)
{
    struct outbox box;

    (void)state;
    outbox_init(&box, 1000);
    ferry_alloc_fail_at(1);
    assert_int_equal(outbox_put(&box, "t", "1234", 4), FERRY_E_NOMEM);
    assert_null(outbox_take(&box));
    assert_int_equal(box.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_order_and_unchanged),
        cmocka_unit_test(memory_is_bounded_and_comes_back),
        cmocka_unit_test(a_lack_of_memory_leaves_the_queue_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
