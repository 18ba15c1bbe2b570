/* Tags of devices as the operator gives them, and deployments to those that have one. */
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct command change_of(const char *device, const char *tag)
{
    struct command cmd = {.kind = CMD_DEVICE_CHANGE, .tags_given = true};
    assert_true(device_key_make("P", device, &cmd.device.key));
    if (tag != NULL)
        assert_true(device_tags_add(&cmd.tags, tag));
    return cmd;
}

static struct device_tags tags_of(struct fixture *f, const struct device_key *key)
{
    struct device_tags tags;
    assert_int_equal(f->real_store_ops->device_tags_get(f->reader, key, &tags), FERRY_OK);
    return tags;
}

static void what_a_change_does_not_name_stays(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct command cmd = change_of("D1", "lab");
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    struct command disable = {.kind = CMD_DEVICE_CHANGE, .device = cmd.device, .disabled_given = true};
    disable.device.disabled = true;
    assert_int_equal(fixture_command(f, &disable), FERRY_OK);
    assert_string_equal(tags_of(f, &cmd.device.key).names[0], "lab");
    cmd = change_of("D1", NULL);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(tags_of(f, &cmd.device.key).count, 0);
    assert_int_equal(f->real_store_ops->device_get(f->reader, &cmd.device.key, &device), FERRY_OK);
    assert_true(device.disabled);
}

static void a_change_of_no_device_says_so(void **state)
{
    struct fixture *f = *state;
    struct command cmd = change_of("stranger", "lab");
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_NOT_FOUND);
    assert_string_equal(cmd.detail, "there is no device P/stranger");
}

static void a_device_comes_with_its_tags(void **state)
{
    struct fixture *f = *state;
    struct command cmd = change_of("D2", "lab");
    cmd.kind = CMD_DEVICE_ADD;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(tags_of(f, &cmd.device.key).count, 1);
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_EXISTS);
}

static void the_record_has_the_tags_of_before_and_after(void **state)
{
    struct fixture *f = *state;
    struct audit_record r;
    size_t count = 0;
    const struct store_page last = {.after = "", .limit = 1, .descending = true};
    struct command cmd = change_of("D1", "lab");
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(f->real_store_ops->audit_list(f->reader, &(struct audit_filter){0}, &last, &r, &count), FERRY_OK);
    assert_string_equal(r.action, "device.change");
    assert_non_null(strstr(r.before, "\"tags\":[],\"tag_count\":0"));
    assert_non_null(strstr(r.after, "\"tags\":[\"lab\"],\"tag_count\":1"));
}

static void the_longest_tags_fit_into_a_record(void **state)
{
    struct fixture *f = *state;
    char tag[DEVICE_TAG_MAX + 1];
    struct audit_record r;
    size_t count = 0;
    const struct store_page last = {.after = "", .limit = 1, .descending = true};
    struct command cmd = change_of("D1", NULL);
    for (unsigned i = 0; i < DEVICE_TAGS_MAX; i++) {
        (void)snprintf(tag, sizeof tag, "%064u", i);
        assert_true(device_tags_add(&cmd.tags, tag));
    }
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(f->real_store_ops->audit_list(f->reader, &(struct audit_filter){0}, &last, &r, &count), FERRY_OK);
    assert_non_null(strstr(r.after, "\"tag_count\":32}"));
}

/* --- deployments ------------------------------------------------------------------------------------------- */

static void tag_device(struct fixture *f, const char *name, const char *tag)
{
    struct command cmd = change_of(name, tag);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
}

static ferry_err deploy(struct fixture *f, const char *tag, struct command *cmd)
{
    *cmd = (struct command){.kind = CMD_DEPLOY, .deploy = {.product = "P", .resource_name = "fw"}};
    (void)snprintf(cmd->deploy.tag, sizeof cmd->deploy.tag, "%s", tag);
    return fixture_command(f, cmd);
}

static uint64_t tasks_of(struct fixture *f, const ferry_id *id)
{
    struct download_counts counts;
    uint64_t total = 0;
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, id, &counts), FERRY_OK);
    for (size_t i = 0; i < sizeof counts.by_state / sizeof counts.by_state[0]; i++)
        total += counts.by_state[i];
    return total;
}

static void a_deployment_to_a_tag_goes_to_those_that_have_it(void **state)
{
    struct fixture *f = *state;
    struct command cmd;
    struct answer a;
    fixture_add_resource(f, "fw");
    fixture_add_device(f, "D2");
    tag_device(f, "D2", "lab");
    assert_int_equal(deploy(f, "lab", &cmd), FERRY_OK);
    assert_string_equal(cmd.deployment.target_tag, "lab");
    fixture_turn(f);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    fixture_expect_silence(f);
    assert_int_equal(tasks_of(f, &cmd.deployment.id), 1);
    assert_string_equal(fixture_latest_download(f, "D2", "fw").deployment.text, cmd.deployment.id.text);
    tag_device(f, "D1", "lab"); /* too late */
    fixture_turn(f);
    assert_int_equal(tasks_of(f, &cmd.deployment.id), 1);
}

static void a_tag_that_no_device_has_is_refused(void **state)
{
    struct fixture *f = *state;
    struct command cmd;
    fixture_add_resource(f, "fw");
    assert_int_equal(deploy(f, "nobody", &cmd), FERRY_E_NOT_FOUND);
    assert_string_equal(cmd.detail, "no device of product P has the tag nobody: nothing was deployed");
    assert_int_equal(deploy(f, "", &cmd), FERRY_E_ARG);
}

/* More devices than one turn makes tasks for, and an end in the middle. */
static void a_large_deployment_to_a_tag_goes_on_after_a_crash(void **state)
{
    enum { DEVICES = 1200 };
    struct fixture *f = *state;
    struct command cmd;
    struct deployment now;
    char name[16];
    fixture_add_resource(f, "fw");
    for (unsigned i = 2; i <= DEVICES; i++) {
        (void)snprintf(name, sizeof name, "D%u", i);
        fixture_add_device(f, name);
        tag_device(f, name, i % 2 == 0 ? "even" : "odd");
    }
    assert_int_equal(deploy(f, "even", &cmd), FERRY_OK);
    assert_in_range(tasks_of(f, &cmd.deployment.id), 0, DEVICES / 2 - 1);
    fixture_crash(f);
    for (unsigned i = 0; i < 30; i++)
        fixture_turn(f);
    assert_int_equal(tasks_of(f, &cmd.deployment.id), DEVICES / 2);
    assert_int_equal(f->real_store_ops->deployment_get(f->reader, &cmd.deployment.id, &now), FERRY_OK);
    assert_true(now.expand_done);
    assert_int_equal(now.expanded, DEVICES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_change_does_not_name_stays, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_change_of_no_device_says_so, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_device_comes_with_its_tags, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_record_has_the_tags_of_before_and_after, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_longest_tags_fit_into_a_record, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_deployment_to_a_tag_goes_to_those_that_have_it, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_tag_that_no_device_has_is_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_large_deployment_to_a_tag_goes_on_after_a_crash, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
