#include "objects_suite_internal.h"

#include <string.h>

static bool keep_odd_object(void *arg, const ferry_id *key)
{
    for (unsigned i = 1; i < 20; i += 2) {
        ferry_id odd = objects_suite_key(i);
        if (ferry_id_equal(&odd, key))
            return true;
    }
    ++*(unsigned *)arg;
    return false;
}

static bool keep_partial_2(void *arg, const ferry_id *key)
{
    ferry_id two = objects_suite_key(2);
    (void)arg;
    return ferry_id_equal(&two, key);
}

static void sweep_removes_what_is_not_kept(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 6; i++) {
        ferry_id key = objects_suite_key(i);
        objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
        struct object_writer *writer = resume(w->o, &key, 0);
        assert_int_equal(w->o->ops->write(writer, "abc", 3), FERRY_OK);
        assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
    }
    uint64_t removed = 0;
    unsigned asked = 0;
    assert_int_equal(w->o->ops->sweep(w->o, keep_odd_object, keep_partial_2, &asked, &removed), FERRY_OK);
    assert_int_equal(removed, 3 + 5);
    assert_int_equal(asked, 3);
    for (unsigned i = 0; i < 6; i++) {
        ferry_id key = objects_suite_key(i);
        if (i % 2 == 1)
            objects_suite_expect(w->o, &key, (const uint8_t *)"hello", 5);
        else
            objects_suite_expect_none(w->o, &key);
        expect_partial(w->o, &key, i == 2 ? 3 : 0);
    }
}

static void what_is_set_aside_is_no_object_and_stays_until_it_is_written_anew(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    struct object_reader *reader = NULL;
    uint64_t size = 0;
    assert_int_equal(w->o->ops->set_aside(w->o, &key), FERRY_E_NOT_FOUND);
    objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
    assert_int_equal(w->o->ops->set_aside(w->o, &key), FERRY_OK);
    if (w->factory->durable)
        reopen(w);
    assert_int_equal(w->o->ops->stat(w->o, &key, &size), FERRY_E_NOT_FOUND);
    assert_int_equal(w->o->ops->read_open(w->o, &key, &reader, &size), FERRY_E_CORRUPT);
    objects_suite_put(w->o, &key, (const uint8_t *)"again", 5);
    objects_suite_expect(w->o, &key, (const uint8_t *)"again", 5);
    assert_int_equal(w->o->ops->remove(w->o, &key), FERRY_OK);
    assert_int_equal(w->o->ops->read_open(w->o, &key, &reader, &size), FERRY_E_NOT_FOUND);
}

static void remove_and_sweep_take_what_was_set_aside(void **state)
{
    struct world *w = *state;
    ferry_id removed = objects_suite_key(1), swept = objects_suite_key(2), kept = objects_suite_key(3);
    struct object_reader *reader = NULL;
    uint64_t size = 0, count = 0;
    unsigned asked = 0;
    for (unsigned i = 1; i <= 3; i++) {
        ferry_id key = objects_suite_key(i);
        objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
        assert_int_equal(w->o->ops->set_aside(w->o, &key), FERRY_OK);
    }
    assert_int_equal(w->o->ops->remove(w->o, &removed), FERRY_OK);
    assert_int_equal(w->o->ops->sweep(w->o, keep_odd_object, keep_partial_2, &asked, &count), FERRY_OK);
    assert_int_equal(count, 1);
    assert_int_equal(w->o->ops->read_open(w->o, &removed, &reader, &size), FERRY_E_NOT_FOUND);
    assert_int_equal(w->o->ops->read_open(w->o, &swept, &reader, &size), FERRY_E_NOT_FOUND);
    assert_int_equal(w->o->ops->read_open(w->o, &kept, &reader, &size), FERRY_E_CORRUPT);
}

struct listed {
    unsigned seen; /* a bit for each key */
    unsigned calls, calls_max;
};

static bool note_listed(void *arg, const ferry_id *key, uint64_t changed_s)
{
    struct listed *listed = arg;
    (void)changed_s;
    for (unsigned i = 0; i < 20; i++) {
        ferry_id one = objects_suite_key(i);
        listed->seen |= ferry_id_equal(&one, key) ? 1u << i : 0;
    }
    return ++listed->calls < listed->calls_max;
}

static void list_names_every_object_and_nothing_else(void **state)
{
    struct world *w = *state;
    struct listed all = {.calls_max = 99}, one = {.calls_max = 1};
    if (w->o->ops->list == NULL)
        skip();
    for (unsigned i = 0; i < 6; i++) {
        ferry_id key = objects_suite_key(i);
        objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
    }
    ferry_id aside = objects_suite_key(4), partial = objects_suite_key(9);
    assert_int_equal(w->o->ops->set_aside(w->o, &aside), FERRY_OK);
    struct object_writer *writer = resume(w->o, &partial, 0);
    assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
    assert_int_equal(w->o->ops->list(w->o, note_listed, &all), FERRY_OK);
    assert_int_equal(all.seen, 0x2f);
    assert_int_equal(all.calls, 5);
    assert_int_equal(w->o->ops->list(w->o, note_listed, &one), FERRY_OK);
    assert_int_equal(one.calls, 1);
}

static void finished_objects_are_there_after_a_restart(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    if (!w->factory->durable)
        skip();
    objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
    reopen(w);
    objects_suite_expect(w->o, &key, (const uint8_t *)"hello", 5);
}

static void probe_finds_a_healthy_store_writable(void **state)
{
    struct world *w = *state;
    assert_int_equal(w->o->ops->probe(w->o), FERRY_OK);
}

static void close_accepts_null(void **state)
{
    struct world *w = *state;
    w->o->ops->close(NULL);
}

static void signed_url_is_accepted_until_anything_of_it_changes(void **state)
{
    struct world *w = *state;
    struct object_url url = {.method = OBJECT_GET,
                             .task = objects_suite_key(1),
                             .key = objects_suite_key(2),
                             .expires_s = 1800000000,
                             .size = 12};
    char text[FERRY_URL_MAX + 1];
    memcpy(url.md5, "7cd96e091705fb4da41b3e11163cf663", 33);
    assert_int_equal(w->o->ops->url_sign(w->o, &url, text, sizeof text), FERRY_OK);
    assert_true(strlen(text) <= FERRY_URL_MAX);
    assert_null(strpbrk(text, "\"\\{}<> "));
    assert_int_equal(w->o->ops->url_sign(w->o, &url, text, 10), FERRY_E_LIMIT);
    assert_int_equal(w->o->ops->url_sign(w->o, &url, text, sizeof text), FERRY_OK);
    const char *signature = strstr(text, "&s=");
    if (signature == NULL) /* it leads to another server, whose word counts */
        return;
    signature += 3;
    size_t len = strlen(signature);
    assert_int_equal(w->o->ops->url_check(w->o, &url, signature, len), FERRY_OK);
    assert_int_equal(w->o->ops->url_check(w->o, &url, signature, len - 1), FERRY_E_DENIED);
    url.expires_s++;
    assert_int_equal(w->o->ops->url_check(w->o, &url, signature, len), FERRY_E_DENIED);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(sweep_removes_what_is_not_kept),
    cmocka_unit_test(what_is_set_aside_is_no_object_and_stays_until_it_is_written_anew),
    cmocka_unit_test(remove_and_sweep_take_what_was_set_aside),
    cmocka_unit_test(list_names_every_object_and_nothing_else),
    cmocka_unit_test(finished_objects_are_there_after_a_restart),
    cmocka_unit_test(probe_finds_a_healthy_store_writable),
    cmocka_unit_test(close_accepts_null),
    cmocka_unit_test(signed_url_is_accepted_until_anything_of_it_changes),
};
const struct objects_tests objects_house_tests = OBJECTS_TESTS(tests);
