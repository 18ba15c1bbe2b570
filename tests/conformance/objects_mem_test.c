#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "objects_suite.h"

#include "objects/mem.h"

static void *set_up(void)
{
    return NULL;
}

static struct objects *open_store(void *where)
{
    struct objects_mem_config cfg = {.public_url = "http://127.0.0.1:1", .capacity_bytes = 64u << 20};
    struct objects *o = NULL;
    (void)where;
    assert_int_equal(objects_mem_open(&cfg, &o), FERRY_OK);
    return o;
}

static void tear_down(void *where)
{
    (void)where;
}

/* --- rules of this implementation ------------------------------------------------------------- */

static void room_comes_back_when_the_last_holder_goes(void **state)
{
    struct objects_mem_config cfg = {.public_url = "http://127.0.0.1:1", .capacity_bytes = 1000};
    struct objects *o = NULL;
    struct object_reader *reader = NULL;
    struct object_writer *writer = NULL;
    ferry_id key = objects_suite_key(1), other = objects_suite_key(2);
    uint8_t bytes[1000] = {1};
    uint64_t size;
    (void)state;
    assert_int_equal(objects_mem_open(&cfg, &o), FERRY_OK);
    objects_suite_put(o, &key, bytes, 1000);
    assert_int_equal(o->ops->probe(o), FERRY_E_FULL);
    assert_int_equal(o->ops->read_open(o, &key, &reader, &size), FERRY_OK);
    assert_int_equal(o->ops->remove(o, &key), FERRY_OK);
    assert_int_equal(o->ops->write_begin(o, &other, 1, false, &writer), FERRY_E_FULL);
    assert_int_equal(o->ops->write_begin(o, &other, 0, false, &writer), FERRY_OK);
    assert_int_equal(o->ops->write(writer, bytes, 1), FERRY_E_FULL);
    o->ops->write_abort(writer);
    o->ops->read_close(reader);
    assert_int_equal(o->ops->probe(o), FERRY_OK);
    objects_suite_put(o, &other, bytes, 1000);
    o->ops->close(o);
}

int main(void)
{
    static const struct objects_factory factory = {"mem", set_up, open_store, tear_down, .durable = false};
    const struct CMUnitTest own[] = {cmocka_unit_test(room_comes_back_when_the_last_holder_goes)};
    return objects_suite_run(&factory) + cmocka_run_group_tests_name("mem only", own, NULL, NULL);
}
