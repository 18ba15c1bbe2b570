#include "deployment_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int deployment_platform_open(void **state)
{
    int done = fixture_setup(state);
    fixture_add_resource(*state, "fw");
    return done;
}

ferry_err deployment_make(struct fixture *f, struct deploy_order order, struct deployment *ret_deployment)
{
    static const char *const devices[] = {"D1"};
    struct command cmd = {.kind = CMD_DEPLOY, .deploy = order};
    memcpy(cmd.deploy.product, "P", 2);
    memcpy(cmd.deploy.resource_name, "fw", 3);
    cmd.deploy.devices = devices;
    cmd.deploy.device_count = order.all ? 0 : 1;
    ferry_err err = fixture_command(f, &cmd);
    fixture_turn(f);
    *ret_deployment = cmd.deployment;
    return err;
}

deployment_state deployment_state_of(struct fixture *f, const struct deployment *d)
{
    struct deployment now;
    assert_int_equal(f->real_store_ops->deployment_get(f->reader, &d->id, &now), FERRY_OK);
    return now.state;
}

ferry_err deployment_order(struct fixture *f, command_kind kind, const struct deployment *d)
{
    struct command cmd = {.kind = kind, .id = d->id};
    ferry_err err = fixture_command(f, &cmd);
    fixture_turn(f);
    return err;
}

uint64_t deployment_count_of(struct fixture *f, const struct deployment *d, download_state state)
{
    struct download_counts counts;
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, &d->id, &counts), FERRY_OK);
    return counts.by_state[state];
}
