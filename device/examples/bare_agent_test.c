/* The example of the porting guide, in a world where everything goes wrong that can. */
#include "fake_board.h"
#include "fake_plan.h"
#include "fake_world.h"
#include "keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

int bare_agent_main(void); /* its main() */

static struct fake_outcome run(struct fake_plan plan)
{
    return fake_run(&plan, bare_agent_main);
}

static void both_files_arrive(void **state)
{
    struct fake_outcome o = run((struct fake_plan){.talks = true});

    (void)state;
    assert_true(fake_all_is_well(&o));
    assert_int_equal(o.boots, 1);
    assert_true(fake_resumed(&o));
}

/* Every call into the world is a moment; those that change the flash are torn in the middle, either half. */
static void the_power_may_fail_at_any_moment_and_both_transfers_resume(void **state)
{
    unsigned calls = run((struct fake_plan){0}).calls;

    (void)state;
    for (unsigned cut = 2; cut <= 2 * calls + 1; cut++) {
        struct fake_outcome o = run((struct fake_plan){.power_cut = {cut / 2}, .torn_from_the_end = cut % 2 != 0});
        if (!fake_all_is_well(&o) || !fake_resumed(&o) || o.boots != 2)
            fail_msg("the power failed in call %u", cut / 2);
    }
}

static void the_power_may_fail_again_while_it_resumes(void **state)
{
    unsigned calls = run((struct fake_plan){0}).calls;

    (void)state;
    for (unsigned cut = 5; cut <= calls; cut += 11)
        for (unsigned again = 1 + cut % 3; again <= 40; again += 3) {
            struct fake_outcome o = run((struct fake_plan){.power_cut = {cut, again}});
            if (!fake_all_is_well(&o))
                fail_msg("the power failed in call %u, then in call %u", cut, again);
        }
}

static void a_result_that_was_not_confirmed_is_told_again_after_a_reset(void **state)
{
    struct fake_outcome o = run((struct fake_plan){.power_cut_at_done = true});

    (void)state;
    assert_true(fake_all_is_well(&o));
    assert_int_equal(o.boots, 3);
    /* The download ends first: after that reset the upload asks for its URL again. After the second nothing is moved. */
    assert_int_equal(o.asked_up, 2);
    assert_true(fake_resumed(&o));
}

static void a_connection_may_break_after_any_byte(void **state)
{
    (void)state;
    for (unsigned connection = 1; connection <= 3; connection++)
        for (size_t bytes = 1; bytes < LOG_BYTES + 400; bytes += 173) {
            struct fake_outcome o = run((struct fake_plan){.connection = connection, .connection_bytes = bytes});
            if (!fake_all_is_well(&o) || !fake_resumed(&o))
                fail_msg("connection %u broke after %zu bytes", connection, bytes);
        }
}

static void a_connection_may_fall_silent(void **state)
{
    (void)state;
    for (unsigned connection = 1; connection <= 3; connection++)
        for (size_t bytes = 1; bytes < LOG_BYTES; bytes += 1171) {
            struct fake_outcome o = run(
                (struct fake_plan){.connection = connection, .connection_bytes = bytes, .trouble = FAKE_FALLS_SILENT});
            if (!fake_all_is_well(&o) || !fake_resumed(&o))
                fail_msg("connection %u fell silent after %zu bytes", connection, bytes);
        }
}

static void a_refusal_is_heard_while_the_file_is_sent(void **state)
{
    unsigned asked = run((struct fake_plan){0}).asked_up;
    unsigned refused = 0;

    (void)state;
    for (unsigned connection = 1; connection <= 3; connection++) {
        struct fake_outcome o =
            run((struct fake_plan){.connection = connection, .connection_bytes = 9000, .trouble = FAKE_REFUSES});
        assert_true(fake_all_is_well(&o));
        refused += o.asked_up > asked; /* a new URL was asked for: 403 was seen, not a broken connection */
    }
    assert_true(refused >= 1);
}

static void the_broker_may_close_at_any_moment(void **state)
{
    unsigned calls = run((struct fake_plan){0}).calls;

    (void)state;
    for (unsigned at = 1; at <= calls; at++) {
        struct fake_outcome o = run((struct fake_plan){.broker_lost = at});
        if (!fake_all_is_well(&o))
            fail_msg("the broker closed in call %u", at);
    }
}

static void a_message_that_is_too_long_is_asked_for_again(void **state)
{
    struct fake_outcome o = run((struct fake_plan){.oversized_first = true});

    (void)state;
    assert_true(fake_all_is_well(&o));
}

static void a_file_that_changes_meanwhile_is_never_mixed(void **state)
{
    (void)state;
    for (size_t bytes = 400; bytes < FAKE_FILE_BYTES; bytes += 977) {
        struct fake_outcome o = run((struct fake_plan){.connection = 2, .connection_bytes = bytes, .changed_from = 3});
        if (!fake_all_is_well(&o))
            fail_msg("the file changed after %zu bytes", bytes);
    }
}

static void a_busy_platform_costs_no_byte(void **state)
{
    unsigned progress = run((struct fake_plan){0}).progress;

    (void)state;
    assert_true(progress > 5);
    for (unsigned at = 1; at <= progress; at++) {
        struct fake_outcome o = run((struct fake_plan){.busy_at = at});
        if (!fake_all_is_well(&o) || !fake_resumed(&o))
            fail_msg("the platform was busy at progress report %u", at);
    }
}

static void bytes_that_were_not_wanted_are_not_kept(void **state)
{
    struct fake_outcome usual = run((struct fake_plan){0});

    (void)state;
    for (unsigned cut = 1; cut <= usual.calls; cut += 2) {
        struct fake_outcome o = run((struct fake_plan){.busy_at = usual.progress - 1, .power_cut = {cut}});
        if (!fake_all_is_well(&o) || !fake_resumed(&o))
            fail_msg("the platform was busy, and the power failed in call %u", cut);
    }
}

static void an_upload_that_was_refused_is_tried_again_later(void **state)
{
    struct fake_outcome o = run((struct fake_plan){.quota_first = true});

    (void)state;
    assert_false(o.upload_done);
    o = run((struct fake_plan){.quota_first = true, .watch_ms = 4000000});
    assert_true(fake_all_is_well(&o));
    assert_int_equal(o.asked_up, 2);
}

static void a_bad_sector_is_reported_and_the_upload_goes_on(void **state)
{
    uint32_t first = (AT_AREAS + AREA_BYTES) / WORLD_SECTOR + 1;

    (void)state;
    for (uint32_t sector = first; sector <= first + FAKE_FILE_BYTES / WORLD_SECTOR; sector++) {
        struct fake_outcome o = run((struct fake_plan){.bad_sector = sector});
        assert_true(o.idle && o.upload_done && !o.upload_wrong);
        assert_true(o.download_failed && !o.download_done && !fake_file_is_there());
    }
}

static void records_that_cannot_be_kept_stop_nothing(void **state)
{
    (void)state;
    for (uint32_t slot = 0; slot < 4; slot++) {
        struct fake_outcome o = run((struct fake_plan){.bad_sector = slot * KEEP_SLOT_BYTES / WORLD_SECTOR + 1});
        assert_true(o.idle && o.upload_done && !o.upload_wrong);
        assert_true((o.download_done && fake_file_is_there()) || o.download_failed);
    }
}

/* One bit of a record, counted from its head. */
static void flip_bit(const void *kept, unsigned bit)
{
    uint8_t sector[WORLD_SECTOR];
    uint32_t at = (uint32_t)((const uint8_t *)kept - (const uint8_t *)fake_flash(0)) - 12;

    memcpy(sector, fake_flash(at), sizeof sector);
    sector[bit / 8] ^= (uint8_t)(1 << bit % 8);
    fake_flash_erase(at, sizeof sector);
    fake_flash_write(at, sector, sizeof sector);
}

static void a_record_with_a_wrong_bit_counts_for_nothing(void **state)
{
    const void *kept, *other;

    (void)state;
    (void)run((struct fake_plan){0});
    assert_true(keep_save(KEEP_UPLOAD, "older", 6));
    assert_int_equal(keep_load(KEEP_UPLOAD, &kept), 6);
    for (unsigned bit = 0; bit < 8 * (12 + 6); bit++) {
        flip_bit(kept, bit);
        assert_true(keep_load(KEEP_UPLOAD, &other) != 6 || memcmp(other, "older", 6) != 0);
        flip_bit(kept, bit);
    }
    assert_true(keep_save(KEEP_UPLOAD, "newer", 6));
    assert_int_equal(keep_load(KEEP_UPLOAD, &kept), 6);
    assert_string_equal(kept, "newer");
    flip_bit(kept, 8 * 12);
    assert_int_equal(keep_load(KEEP_UPLOAD, &kept), 6);
    assert_string_equal(kept, "older");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_files_arrive),
        cmocka_unit_test(the_power_may_fail_at_any_moment_and_both_transfers_resume),
        cmocka_unit_test(the_power_may_fail_again_while_it_resumes),
        cmocka_unit_test(a_result_that_was_not_confirmed_is_told_again_after_a_reset),
        cmocka_unit_test(a_connection_may_break_after_any_byte),
        cmocka_unit_test(a_connection_may_fall_silent),
        cmocka_unit_test(a_refusal_is_heard_while_the_file_is_sent),
        cmocka_unit_test(the_broker_may_close_at_any_moment),
        cmocka_unit_test(a_message_that_is_too_long_is_asked_for_again),
        cmocka_unit_test(a_file_that_changes_meanwhile_is_never_mixed),
        cmocka_unit_test(a_busy_platform_costs_no_byte),
        cmocka_unit_test(bytes_that_were_not_wanted_are_not_kept),
        cmocka_unit_test(an_upload_that_was_refused_is_tried_again_later),
        cmocka_unit_test(a_bad_sector_is_reported_and_the_upload_goes_on),
        cmocka_unit_test(a_record_with_a_wrong_bit_counts_for_nothing),
        cmocka_unit_test(records_that_cannot_be_kept_stop_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
