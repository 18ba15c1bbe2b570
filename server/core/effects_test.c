#include "effects.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void what_is_published_is_kept_whole(void **state)
{
    (void)state;
    struct effects fx;
    effects_init(&fx);
    for (int i = 0; i < 200; i++)
        assert_int_equal(effects_publish(&fx, "topic", "payload", 7, EFFECTS_COUNT_NOTHING), FERRY_OK);
    assert_int_equal(fx.count, 200);
    for (int i = 0; i < 200; i++) {
        assert_string_equal(fx.bytes.data + fx.list[i].topic_at, "topic");
        assert_memory_equal(fx.bytes.data + fx.list[i].payload_at, "payload", 7);
        assert_int_equal(fx.list[i].payload_len, 7);
    }
    effects_reset(&fx);
    assert_int_equal(fx.count, 0);
    effects_done(&fx);
}

static void a_command_takes_its_effects_back(void **state)
{
    (void)state;
    struct effects fx;
    ferry_id id = {"01hf0000000000000000000000"};
    effects_init(&fx);
    assert_int_equal(effects_publish(&fx, "a", "1", 1, EFFECTS_COUNT_NOTHING), FERRY_OK);
    struct effects_mark mark = effects_mark(&fx);
    assert_int_equal(effects_publish(&fx, "b", "2", 1, EFFECTS_COUNT_NOTHING), FERRY_OK);
    assert_int_equal(effects_remove_object(&fx, &id), FERRY_OK);
    assert_true(effects_removes_object(&fx, &id));
    assert_int_equal(effects_count_one(&fx, 3), FERRY_OK);
    effects_rewind(&fx, mark);
    assert_false(effects_removes_object(&fx, &id));
    assert_int_equal(fx.count, 1);
    assert_int_equal(effects_publish(&fx, "c", "3", 1, EFFECTS_COUNT_NOTHING), FERRY_OK);
    assert_string_equal(fx.bytes.data + fx.list[1].topic_at, "c");
    effects_done(&fx);
}

static void there_is_a_limit(void **state)
{
    (void)state;
    struct effects fx;
    effects_init(&fx);
    for (size_t i = 0; i < EFFECTS_MAX; i++)
        assert_int_equal(effects_count_one(&fx, 0), FERRY_OK);
    assert_int_equal(effects_count_one(&fx, 0), FERRY_E_LIMIT);
    effects_done(&fx);
}

static void failing_memory_adds_nothing(void **state)
{
    (void)state;
    for (unsigned long n = 1; n <= 2; n++) {
        struct effects fx;
        effects_init(&fx);
        ferry_alloc_fail_at(n);
        assert_int_equal(effects_publish(&fx, "a", "1", 1, EFFECTS_COUNT_NOTHING), FERRY_E_NOMEM);
        assert_int_equal(fx.count, 0);
        assert_int_equal(fx.bytes.len, 0);
        ferry_alloc_fail_at(0);
        assert_int_equal(effects_publish(&fx, "a", "1", 1, EFFECTS_COUNT_NOTHING), FERRY_OK);
        effects_done(&fx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_is_kept_whole),
        cmocka_unit_test(a_command_takes_its_effects_back),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(failing_memory_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
