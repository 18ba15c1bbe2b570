#include "object_cache.h"

#include "objects/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char md5[] = "5d41402abc4b2a76b9719d911017c592";
enum { OBJECT_BYTES = 5000, SMALL = 100 };

/* A store that counts what is opened and closed. */
static struct {
    struct objects wrapped;
    struct objects_ops ops;
    struct objects *real;
    unsigned opened, closed;
} counting;

static ferry_err count_open(struct objects *o, const ferry_id *key, struct object_reader **ret_reader,
                            uint64_t *ret_size)
{
    (void)o;
    ferry_err err = counting.real->ops->read_open(counting.real, key, ret_reader, ret_size);
    counting.opened += err == FERRY_OK;
    return err;
}

static void count_close(struct object_reader *reader)
{
    counting.closed += reader != NULL;
    counting.real->ops->read_close(reader);
}

static ferry_id key_of(unsigned number)
{
    uint8_t random[FERRY_ID_RANDOM_BYTES] = {[9] = (uint8_t)number};
    return ferry_id_make(1, random);
}

static void put(unsigned number, size_t len)
{
    static uint8_t bytes[OBJECT_BYTES];
    ferry_id key = key_of(number);
    struct object_writer *writer = NULL;
    struct object_expect expect = {.size = len};
    assert_int_equal(counting.real->ops->write_begin(counting.real, &key, len, false, &writer), FERRY_OK);
    assert_int_equal(counting.real->ops->write(writer, bytes, len), FERRY_OK);
    assert_int_equal(counting.real->ops->write_finish(writer, &expect, NULL), FERRY_OK);
}

static struct MHD_Response *whole_of(struct object_entry *entry)
{
    bool shared = false;
    struct MHD_Response *response = object_entry_whole(entry, &shared);
    assert_true(shared);
    return response;
}

static struct MHD_Response *whole_range_of(struct object_entry *entry)
{
    bool shared = false;
    struct MHD_Response *response = object_entry_whole_range(entry, &shared);
    assert_true(shared);
    return response;
}

static int set_up(void **state)
{
    struct objects_mem_config cfg = {.public_url = "http://h", .capacity_bytes = 1 << 20};
    assert_int_equal(objects_mem_open(&cfg, &counting.real), FERRY_OK);
    counting.ops = *counting.real->ops;
    counting.ops.read_open = count_open;
    counting.ops.read_close = count_close;
    counting.wrapped.ops = &counting.ops;
    counting.opened = counting.closed = 0;
    struct object_cache_config cache = {&counting.wrapped, .objects_max = 4, .small_bytes = SMALL, .idle_ms = 50,
                                        .sendfile = true};
    struct object_cache *made = NULL;
    assert_int_equal(object_cache_new(&cache, &made), FERRY_OK);
    *state = made;
    for (unsigned i = 0; i < 10; i++)
        put(i, i < 8 ? OBJECT_BYTES : SMALL);
    return 0;
}

static int tear_down(void **state)
{
    object_cache_free(*state);
    assert_int_equal(counting.opened, counting.closed);
    counting.real->ops->close(counting.real);
    return 0;
}

static struct object_entry *get(struct object_cache *cache, unsigned number)
{
    struct object_entry *entry = NULL;
    ferry_id key = key_of(number);
    assert_int_equal(object_cache_get(cache, &key, number < 8 ? OBJECT_BYTES : SMALL, md5, &entry), FERRY_OK);
    return entry;
}

static void object_asked_for_again_is_not_opened_again(void **state)
{
    struct object_entry *first = get(*state, 1);
    unsigned opened = counting.opened;
    struct object_entry *second = get(*state, 1);
    assert_ptr_equal(first, second);
    object_entry_release(first);
    object_entry_release(second);
    struct object_entry *third = get(*state, 1);
    assert_ptr_equal(first, third);
    assert_ptr_equal(whole_of(third), whole_of(first));
    assert_int_equal(counting.opened, opened);
    object_entry_release(third);
}

static void small_object_is_held_in_memory_and_its_reader_closed(void **state)
{
    struct object_entry *entry = get(*state, 9);
    assert_int_equal(counting.opened, 1);
    assert_int_equal(counting.closed, 1);
    assert_non_null(whole_of(entry));
    assert_non_null(whole_range_of(entry));
    object_entry_release(entry);
}

static void number_of_open_objects_is_bounded_also_while_all_are_in_use(void **state)
{
    struct object_entry *held[8];
    for (unsigned i = 0; i < 8; i++)
        held[i] = get(*state, i);
    for (unsigned i = 0; i < 8; i++)
        object_entry_release(held[i]);
    unsigned per_object = counting.opened / 8;
    assert_int_equal(counting.opened - counting.closed, 4 * per_object);
    for (unsigned i = 0; i < 8; i++)
        object_entry_release(get(*state, i));
    assert_int_equal(counting.opened - counting.closed, 4 * per_object);
}

static void object_that_nobody_asks_for_is_let_go(void **state)
{
    struct object_entry *held = get(*state, 1);
    object_entry_release(get(*state, 2));
    unsigned open_by_held = (counting.opened - counting.closed) / 2;
    object_cache_tick(*state);
    assert_int_equal(counting.opened - counting.closed, 2 * open_by_held);
    usleep(80 * 1000);
    object_cache_tick(*state);
    assert_int_equal(counting.opened - counting.closed, open_by_held);
    object_entry_release(held);
    object_cache_tick(*state);
    assert_int_equal(counting.opened, counting.closed);
}

static void object_of_another_size_is_damaged(void **state)
{
    struct object_entry *entry = NULL;
    ferry_id key = key_of(1), none = key_of(77);
    assert_int_equal(object_cache_get(*state, &key, OBJECT_BYTES + 1, md5, &entry), FERRY_E_CORRUPT);
    assert_int_equal(object_cache_get(*state, &none, 1, md5, &entry), FERRY_E_NOT_FOUND);
    assert_null(entry);
}

static void entry_with_another_md5_is_opened_anew(void **state)
{
    struct object_entry *entry = NULL;
    ferry_id key = key_of(1);
    object_entry_release(get(*state, 1));
    unsigned opened = counting.opened;
    assert_int_equal(object_cache_get(*state, &key, OBJECT_BYTES, "00000000000000000000000000000000", &entry),
                     FERRY_OK);
    assert_true(counting.opened > opened);
    assert_string_equal(MHD_get_response_header(whole_of(entry), "ETag"),
                        "\"00000000000000000000000000000000\"");
    object_entry_release(entry);
}

static void part_says_which_part_it_is(void **state)
{
    struct object_entry *entry = get(*state, 1);
    struct MHD_Response *part = object_entry_part(entry, 10, 20);
    assert_non_null(part);
    assert_string_equal(MHD_get_response_header(part, "Content-Range"), "bytes 10-29/5000");
    assert_string_equal(MHD_get_response_header(part, "ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_string_equal(MHD_get_response_header(whole_range_of(entry), "Content-Range"), "bytes 0-4999/5000");
    assert_null(MHD_get_response_header(whole_of(entry), "Content-Range"));
    MHD_destroy_response(part);
    object_entry_release(entry);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(object_asked_for_again_is_not_opened_again),
        RULE(small_object_is_held_in_memory_and_its_reader_closed),
        RULE(number_of_open_objects_is_bounded_also_while_all_are_in_use),
        RULE(object_that_nobody_asks_for_is_let_go),
        RULE(object_of_another_size_is_damaged),
        RULE(entry_with_another_md5_is_opened_anew),
        RULE(part_says_which_part_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
