#include "ferryctl_chain.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 5 };

/* A log of five records as the platform would show it. */
static json_t *make_log(void)
{
    json_t *log = json_array();
    uint8_t prev[FERRY_CHAIN_BYTES] = {0}, hash[FERRY_CHAIN_BYTES];
    char prev_text[65], hash_text[65], seq[16];

    for (int i = 1; i <= RECORDS; i++) {
        const char *const fields[] = {seq, "7", "token/t", "::1", "device.change", "device/p/d", "p", "", "{\"a\":[1,\"\xc3\xa9\"]}"};
        (void)snprintf(seq, sizeof seq, "%d", i);
        assert_int_equal(ferry_chain_next(prev, fields, sizeof fields / sizeof fields[0], hash), FERRY_OK);
        ferry_hex_encode(prev, sizeof prev, prev_text);
        ferry_hex_encode(hash, sizeof hash, hash_text);
        json_t *record = json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:n, s:{s:[i, s]}, s:s, s:s}", "seq", i, "time_ms",
                                   7, "actor", "token/t", "from", "::1", "action", "device.change", "object", "device/p/d",
                                   "product", "p", "before", "after", "a", 1, "\xc3\xa9", "prev", prev_text, "hash",
                                   hash_text);
        assert_int_equal(json_array_append_new(log, record), 0);
        memcpy(prev, hash, sizeof prev);
    }
    return log;
}

/* The first bad record; 0: none. */
static uint64_t verify(json_t *log, const struct ctl_anchor *wanted, const struct ctl_anchor *head)
{
    struct ctl_chain chain;
    bool good = true;

    ctl_chain_begin(&chain, wanted);
    for (size_t i = 0; good && i < json_array_size(log); i++)
        good = ctl_chain_add(&chain, json_array_get(log, i));
    good = good && ctl_chain_end(&chain, head);
    assert_int_equal(good, chain.bad_seq == 0);
    assert_int_equal(good, chain.problem[0] == '\0');
    json_decref(log);
    return chain.bad_seq;
}

static struct ctl_anchor anchor_of(const json_t *log, size_t at)
{
    struct ctl_anchor anchor = {.seq = at + 1};
    const char *hash = json_string_value(json_object_get(json_array_get(log, at), "hash"));

    assert_int_equal(ferry_hex_decode(hash, strlen(hash), anchor.hash, sizeof anchor.hash), FERRY_OK);
    return anchor;
}

static void untouched_log_is_intact(void **state)
{
    json_t *log = make_log();
    struct ctl_anchor third = anchor_of(log, 2), last = anchor_of(log, RECORDS - 1);

    (void)state;
    assert_int_equal(verify(log, &third, &last), 0);
    assert_int_equal(verify(json_array(), NULL, NULL), 0);
}

static void every_changed_field_is_found_at_its_record(void **state)
{
    static const char *const texts[] = {"actor", "from", "action", "object", "product", "after", "before", "hash", "prev"};

    (void)state;
    for (size_t at = 0; at < RECORDS; at++) {
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            json_t *log = make_log();
            assert_int_equal(json_object_set_new(json_array_get(log, at), texts[i], json_string("x")), 0);
            assert_int_equal(verify(log, NULL, NULL), at + 1);
        }
        json_t *log = make_log();
        assert_int_equal(json_object_set_new(json_array_get(log, at), "time_ms", json_integer(8)), 0);
        assert_int_equal(verify(log, NULL, NULL), at + 1);
    }
}

static void removed_inserted_and_moved_records_are_found(void **state)
{
    (void)state;
    for (size_t at = 0; at < RECORDS; at++) {
        json_t *log = make_log();
        struct ctl_anchor head = anchor_of(log, RECORDS - 1);
        assert_int_equal(json_array_remove(log, at), 0);
        assert_int_equal(verify(log, NULL, &head), at == 0 ? 1 : at + 1);
        log = make_log();
        assert_int_equal(json_array_insert(log, at, json_array_get(log, at)), 0);
        assert_int_equal(verify(log, NULL, NULL), at + 2);
    }
    for (size_t at = 0; at + 1 < RECORDS; at++) {
        json_t *log = make_log();
        json_t *record = json_incref(json_array_get(log, at));
        assert_int_equal(json_array_remove(log, at), 0);
        assert_int_equal(json_array_insert_new(log, at + 1, record), 0);
        assert_int_not_equal(verify(log, NULL, NULL), 0);
    }
}

static void log_that_was_written_anew_does_not_have_the_anchor(void **state)
{
    json_t *log = make_log();
    struct ctl_anchor other = anchor_of(log, 2), later = {.seq = RECORDS + 1};

    (void)state;
    other.hash[3] ^= 1;
    assert_int_equal(verify(log, &other, NULL), 3);
    assert_int_equal(verify(make_log(), &later, NULL), RECORDS + 1);
    log = make_log();
    struct ctl_anchor head = anchor_of(log, RECORDS - 1);
    head.hash[0] ^= 1;
    assert_int_equal(verify(log, NULL, &head), RECORDS);
}

static void anchor_is_a_number_and_a_hash(void **state)
{
    static const char *const bad[] = {"", "x", "1", "1 ", "1 abc", "-1 ", " 1",
                                      "1  0000000000000000000000000000000000000000000000000000000000000000",
                                      "1 0000000000000000000000000000000000000000000000000000000000000000 x"};
    struct ctl_anchor anchor;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ctl_anchor_parse(bad[i], &anchor));
    assert_true(ctl_anchor_parse("12 ff00000000000000000000000000000000000000000000000000000000000000\n", &anchor));
    assert_int_equal(anchor.seq, 12);
    assert_int_equal(anchor.hash[0], 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untouched_log_is_intact),
        cmocka_unit_test(every_changed_field_is_found_at_its_record),
        cmocka_unit_test(removed_inserted_and_moved_records_are_found),
        cmocka_unit_test(log_that_was_written_anew_does_not_have_the_anchor),
        cmocka_unit_test(anchor_is_a_number_and_a_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
