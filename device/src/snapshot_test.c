#include "machine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct machine m;
static uint8_t good[FERRY_SNAPSHOT_MAX(FERRY_NAME_MAX)];
static size_t good_len;

static void take(ferry_lane lane)
{
    good_len = ferry__snapshot_write(ferry__lane_at(&m.device, lane), good);
    assert_true(good_len <= FERRY_SNAPSHOT_MAX(m.cfg.name_max));
}

/* A snapshot of a download at 70,001 bytes. */
static int fresh(void **state)
{
    ferry_http_head head = {.status = 200, .etag = "\"abc\""};

    (void)state;
    machine_init(&m);
    machine_fetch_opened(&m, 0);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_head(&m, FERRY_LANE_DOWN, &head), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 0, 70001), FERRY_DEVICE_OK);
    take(FERRY_LANE_DOWN);
    return 0;
}

static ferry_device_err restore(const void *bytes, size_t len)
{
    ferry_device fresh_device;

    assert_int_equal(ferry_device_init(&fresh_device, &m.cfg, m.mem, sizeof m.mem, 1, NULL), FERRY_DEVICE_OK);
    ferry_device before = fresh_device;
    ferry_device_err err = ferry_device_restore(&fresh_device, 0, bytes, len);
    if (err != FERRY_DEVICE_OK)
        assert_memory_equal(&fresh_device, &before, sizeof before); /* nothing has changed */
    return err;
}

static void a_good_snapshot_is_taken(void **state)
{
    (void)state;
    assert_int_equal(restore(good, good_len), FERRY_DEVICE_OK);
}

static void a_snapshot_damaged_at_any_bit_is_refused(void **state)
{
    uint8_t bad[sizeof good];

    (void)state;
    for (size_t i = 0; i < 8 * good_len; i++) {
        memcpy(bad, good, good_len);
        bad[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_equal(restore(bad, good_len), FERRY_DEVICE_E_SNAPSHOT);
    }
}

static void a_snapshot_of_any_other_length_is_refused(void **state)
{
    uint8_t longer[sizeof good + 50] = {0};

    (void)state;
    memcpy(longer, good, good_len);
    for (size_t len = 0; len < good_len + 40; len++)
        if (len != good_len)
            assert_int_equal(restore(longer, len), FERRY_DEVICE_E_SNAPSHOT);
}

static void a_snapshot_of_another_device_is_refused(void **state)
{
    (void)state;
    m.cfg.device = "d2";
    assert_int_equal(restore(good, good_len), FERRY_DEVICE_E_SNAPSHOT);
    m.cfg.device = "d";
    m.cfg.product = "p2";
    assert_int_equal(restore(good, good_len), FERRY_DEVICE_E_SNAPSHOT);
    m.cfg.product = "p";
    m.cfg.device = "d";
    assert_int_equal(restore(good, good_len), FERRY_DEVICE_OK);
}

static void a_snapshot_whose_name_no_longer_fits_is_refused(void **state)
{
    (void)state;
    m.cfg.name_max = 1;
    assert_int_equal(restore(good, good_len), FERRY_DEVICE_OK); /* "f" */
    machine_init(&m);
    ferry_upload_request request = {.name = "long", .size = 5, .md5 = file_bytes};
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    take(FERRY_LANE_UP);
    m.cfg.name_max = 3;
    assert_int_equal(restore(good, good_len), FERRY_DEVICE_E_SNAPSHOT);
}

/* Its text would be sent to the platform, from behind the last one. */
static void a_snapshot_with_a_result_that_nobody_knows_is_refused(void **state)
{
    (void)state;
    for (unsigned result = FERRY_DEVICE_OK; result <= UINT8_MAX; result++) {
        m.device.lane[FERRY_LANE_DOWN].result = (uint8_t)result;
        take(FERRY_LANE_DOWN);
        assert_int_equal(restore(good, good_len),
                         result <= FERRY_DEVICE_E_BUSY ? FERRY_DEVICE_OK : FERRY_DEVICE_E_SNAPSHOT);
    }
}

static void a_snapshot_is_taken_by_an_idle_lane_only(void **state)
{
    (void)state;
    assert_int_equal(ferry_device_restore(&m.device, m.now, good, good_len), FERRY_DEVICE_E_STATE);
}

static void the_longest_name_and_etag_fit(void **state)
{
    char name[FERRY_NAME_MAX + 1];
    ferry_upload_request request = {.name = name, .size = 5, .md5 = file_bytes};

    (void)state;
    machine_init(&m);
    memset(name, 'n', FERRY_NAME_MAX);
    name[FERRY_NAME_MAX] = '\0';
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    memset(m.device.lane[FERRY_LANE_UP].kept.etag, 'e', sizeof m.device.lane[0].kept.etag - 1);
    take(FERRY_LANE_UP);
    assert_true(good_len <= sizeof good);
    assert_int_equal(restore(good, good_len), FERRY_DEVICE_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        T(a_good_snapshot_is_taken),
        T(a_snapshot_damaged_at_any_bit_is_refused),
        T(a_snapshot_of_any_other_length_is_refused),
        T(a_snapshot_of_another_device_is_refused),
        T(a_snapshot_whose_name_no_longer_fits_is_refused),
        T(a_snapshot_with_a_result_that_nobody_knows_is_refused),
        T(a_snapshot_is_taken_by_an_idle_lane_only),
        T(the_longest_name_and_etag_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
