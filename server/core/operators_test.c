/* Tokens, users, logins and the audit log, with the whole engine in memory. */
#include "core/audit.h"
#include "core/lockout.h"
#include "engine_fixture.h"
#include "engine_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LOG_MAX = FERRY_PAGE_MAX };

static int set_up(void **state)
{
    static struct fixture f;

    fixture_open(&f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

/* --- the log as a reader sees it ------------------------------------------------------------------------------ */

static struct audit_record records[LOG_MAX];

static size_t read_log(struct fixture *f)
{
    const struct store_page page = {.after = "", .limit = LOG_MAX};
    size_t count = 0;

    assert_int_equal(f->store_ops.audit_list(f->reader, &(struct audit_filter){0}, &page, records, &count), FERRY_OK);
    for (size_t i = 0; i < count; i++) {
        uint8_t hash[FERRY_CHAIN_BYTES];
        assert_int_equal(audit_hash(&records[i], hash), FERRY_OK);
        assert_memory_equal(hash, records[i].hash, sizeof hash);
        if (i > 0) {
            assert_int_equal(records[i].seq, records[i - 1].seq + 1);
            assert_memory_equal(records[i].prev, records[i - 1].hash, sizeof hash);
        }
    }
    return count;
}

static const struct audit_record *last_record(struct fixture *f)
{
    size_t count = read_log(f);

    assert_true(count > 0);
    return &records[count - 1];
}

static struct command command(command_kind kind)
{
    return (struct command){.kind = kind, .origin = {.actor = "token/t", .from = "192.0.2.1"}};
}

static void every_command_leaves_a_record_or_is_silent_on_purpose(void **state)
{
    (void)state;
    for (int kind = 1; kind < CMD_COUNT; kind++) {
        if (!audit_has_rule((command_kind)kind))
            fail_msg("command %d has no rule in audit.c", kind);
    }
    assert_false(audit_has_rule((command_kind)0));
    assert_false(audit_has_rule(CMD_COUNT));
}

static void record_says_who_what_when_where_and_both_states(void **state)
{
    struct fixture *f = *state;

    fixture_add_device(f, "d");
    struct command cmd = command(CMD_DEVICE_CHANGE);
    assert_true(device_key_make("P", "d", &cmd.device.key));
    cmd.device.disabled = true;
    cmd.disabled_given = true;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    const struct audit_record *r = last_record(f);
    assert_string_equal(r->actor, "token/t");
    assert_string_equal(r->from, "192.0.2.1");
    assert_string_equal(r->action, "device.change");
    assert_string_equal(r->object, "device/P/d");
    assert_string_equal(r->product, "P");
    assert_string_equal(r->before, "{\"product\":\"P\",\"name\":\"d\",\"disabled\":false,\"secret_no\":1}");
    assert_string_equal(r->after, "{\"product\":\"P\",\"name\":\"d\",\"disabled\":true,\"secret_no\":1}");
    assert_true(r->time_ms >= FIXTURE_START_MS);
    cmd = command(CMD_DEVICE_REMOVE);
    assert_true(device_key_make("P", "d", &cmd.device.key));
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    r = last_record(f);
    assert_string_equal(r->action, "device.remove");
    assert_string_equal(r->object, "device/P/d");
    assert_string_not_equal(r->before, "");
    assert_string_equal(r->after, "");
}

static void what_fails_leaves_no_record(void **state)
{
    struct fixture *f = *state;

    fixture_add_device(f, "d");
    size_t count = read_log(f);
    struct command cmd = command(CMD_PRODUCT_REMOVE);
    (void)snprintf(cmd.product.name, sizeof cmd.product.name, "P");
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_STATE);
    assert_int_equal(read_log(f), count);
    assert_string_equal(records[0].actor, "system");
}

static void deployments_and_resources_are_in_the_log(void **state)
{
    struct fixture *f = *state;

    fixture_add_device(f, "d");
    ferry_id resource = fixture_add_resource(f, "fw");
    assert_string_equal(last_record(f)->action, "resource.add");
    assert_string_equal(last_record(f)->before, "");
    assert_non_null(strstr(last_record(f)->object, resource.text));
    struct deployment d = fixture_deploy(f, "fw", "d", 0);
    assert_string_equal(last_record(f)->action, "deployment.add");
    assert_non_null(strstr(last_record(f)->after, "\"devices\":[\"d\"],\"device_count\":1}"));
    struct command cmd = command(CMD_DEPLOYMENT_CANCEL);
    cmd.id = d.id;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_non_null(strstr(last_record(f)->before, "\"state\":\"active\""));
    assert_non_null(strstr(last_record(f)->after, "\"state\":\"cancelled\""));
}

static ferry_err full(struct store_conn *c, const struct audit_record *r)
{
    (void)c;
    (void)r;
    return FERRY_E_FULL;
}

static void what_cannot_be_recorded_does_not_happen(void **state)
{
    struct fixture *f = *state;
    struct command cmd = command(CMD_PRODUCT_ADD);
    struct product p;

    (void)snprintf(cmd.product.name, sizeof cmd.product.name, "Q");
    f->store_ops.audit_append = full;
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_FULL);
    assert_int_equal(f->store_ops.product_get(f->reader, "Q", &p), FERRY_E_NOT_FOUND);
    f->store_ops.audit_append = f->real_store_ops->audit_append;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
}

/* --- retention ------------------------------------------------------------------------------------------------- */

static void old_records_go_and_an_anchor_says_so(void **state)
{
    struct fixture *f = *state;

    fixture_add_device(f, "d");
    f->settings.audit_retention_days = 10;
    fixture_crash(f);
    size_t count = read_log(f);
    assert_true(count >= 2);
    uint8_t last_hash[FERRY_CHAIN_BYTES];
    memcpy(last_hash, records[count - 1].hash, sizeof last_hash);
    fixture_advance_s(f, 9 * 86400);
    assert_int_equal(read_log(f), count);
    fixture_advance_s(f, 2 * 86400);
    assert_int_equal(read_log(f), 1);
    assert_string_equal(records[0].action, "audit.cut");
    assert_int_equal(records[0].seq, count + 1);
    assert_memory_equal(records[0].prev, last_hash, sizeof last_hash);
    char expected[32];
    (void)snprintf(expected, sizeof expected, "{\"seq\":%zu,\"hash\":\"", count);
    assert_memory_equal(records[0].after, expected, strlen(expected));
    fixture_advance_s(f, 86400);
    assert_int_equal(read_log(f), 1); /* nothing to cut: no further anchor */
}

/* --- tokens ----------------------------------------------------------------------------------------------------- */

static void revoked_token_is_gone_and_readers_are_told(void **state)
{
    struct fixture *f = *state;
    struct command cmd = command(CMD_TOKEN_ADD);
    struct token got;

    cmd.token = (struct token){.name = "ci", .role = "operator", .hash = {1}, .products = "P"};
    uint64_t before = engine_operators_generation(f->engine);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_true(engine_operators_generation(f->engine) > before);
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_EXISTS);
    assert_int_equal(f->store_ops.token_find(f->reader, cmd.token.hash, &got), FERRY_OK);
    assert_string_equal(last_record(f)->after, "{\"role\":\"operator\",\"products\":[\"P\"],\"expires_ms\":0}");

    struct command used = command(CMD_TOUCH);
    used.token = cmd.token;
    size_t count = read_log(f);
    before = engine_operators_generation(f->engine);
    uint64_t told = engine_topic_generation(f->engine, ENGINE_TOPIC_TOKENS);
    uint64_t users = engine_topic_generation(f->engine, ENGINE_TOPIC_USERS);
    assert_int_equal(fixture_command(f, &used), FERRY_OK);
    assert_true(engine_topic_generation(f->engine, ENGINE_TOPIC_TOKENS) > told);
    assert_int_equal(engine_topic_generation(f->engine, ENGINE_TOPIC_USERS), users);
    assert_int_equal(f->store_ops.token_find(f->reader, cmd.token.hash, &got), FERRY_OK);
    assert_true(got.used_ms >= FIXTURE_START_MS);
    assert_int_equal(engine_operators_generation(f->engine), before);
    assert_int_equal(read_log(f), count);

    cmd.kind = CMD_TOKEN_REMOVE;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_true(engine_operators_generation(f->engine) > before);
    assert_int_equal(f->store_ops.token_find(f->reader, cmd.token.hash, &got), FERRY_E_NOT_FOUND);
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_NOT_FOUND);
    assert_int_equal(fixture_command(f, &used), FERRY_OK); /* used and revoked at once */
}

/* --- users and logins ---------------------------------------------------------------------------------------------- */

static void add_user(struct fixture *f, const char *name)
{
    struct command cmd = command(CMD_USER_ADD);

    cmd.user = (struct user){.role = "operator", .password = "hash"};
    (void)snprintf(cmd.user.name, sizeof cmd.user.name, "%s", name);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_null(strstr(last_record(f)->after, "hash"));
}

static struct command try_login(struct fixture *f, const char *name, const char *hash, bool matched, uint8_t session)
{
    struct command cmd = command(CMD_LOGIN);

    cmd.login.matched = matched;
    cmd.session.hash[0] = session;
    (void)snprintf(cmd.user.name, sizeof cmd.user.name, "%s", name);
    (void)snprintf(cmd.user.password, sizeof cmd.user.password, "%s", hash);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_true(cmd.login.decided);
    return cmd;
}

static bool session_exists(struct fixture *f, uint8_t session)
{
    struct session s;
    const uint8_t hash[32] = {session};

    return f->store_ops.session_find(f->reader, hash, &s) == FERRY_OK;
}

static void login_makes_a_session_and_failures_a_lockout(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"ann", "nobody"};

    add_user(f, "ann");
    for (size_t n = 0; n < 2; n++) { /* a stranger's name is treated as a user's */
        struct command cmd = {.kind = CMD_LOGIN};
        for (unsigned i = 1; i <= LOCKOUT_FREE + 1; i++) {
            cmd = try_login(f, names[n], "hash", false, 9);
            assert_false(cmd.login.accepted);
            assert_int_equal(cmd.login.failures, i);
        }
        assert_true(cmd.login.until_ms >= FIXTURE_START_MS + 1000 * LOCKOUT_FIRST_S);
        assert_string_equal(last_record(f)->action, "login.failed");
        assert_string_equal(last_record(f)->after, "{\"accepted\":false,\"failures\":6}");
    }
    assert_false(session_exists(f, 9));
    fixture_crash(f);
    struct lockout l;
    assert_int_equal(f->store_ops.lockout_get(f->reader, "ann", &l), FERRY_OK);
    assert_int_equal(l.failures, LOCKOUT_FREE + 1);
    assert_true(try_login(f, "ann", "hash", true, 1).login.accepted);
    assert_true(session_exists(f, 1));
    assert_int_equal(f->store_ops.lockout_get(f->reader, "ann", &l), FERRY_E_NOT_FOUND);
    assert_string_equal(last_record(f)->action, "login");
}

static void password_that_changed_meanwhile_does_not_let_in(void **state)
{
    struct fixture *f = *state;

    add_user(f, "ann");
    assert_false(try_login(f, "ann", "older hash", true, 1).login.accepted);
    assert_false(try_login(f, "nobody", "", true, 1).login.accepted);
    assert_false(session_exists(f, 1));
}

static void changing_or_removing_a_user_ends_the_sessions(void **state)
{
    struct fixture *f = *state;
    struct command cmd = command(CMD_USER_CHANGE);
    struct user got;

    add_user(f, "ann");
    add_user(f, "bob");
    assert_true(try_login(f, "ann", "hash", true, 1).login.accepted);
    assert_true(try_login(f, "bob", "hash", true, 2).login.accepted);
    fixture_advance_s(f, 1);
    cmd.user = (struct user){.name = "ann", .password = "new"};
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_false(session_exists(f, 1));
    assert_true(session_exists(f, 2));
    assert_int_equal(f->store_ops.user_get(f->reader, "ann", &got), FERRY_OK);
    assert_string_equal(got.password, "new");
    assert_string_equal(got.role, "operator");
    assert_string_not_equal(last_record(f)->before, last_record(f)->after);
    cmd.kind = CMD_USER_REMOVE;
    (void)snprintf(cmd.user.name, sizeof cmd.user.name, "bob");
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_false(session_exists(f, 2));
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_NOT_FOUND);
}

static void logout_ends_one_session(void **state)
{
    struct fixture *f = *state;

    add_user(f, "ann");
    assert_true(try_login(f, "ann", "hash", true, 1).login.accepted);
    assert_true(try_login(f, "ann", "hash", true, 2).login.accepted);
    struct command cmd = command(CMD_LOGOUT);
    cmd.session.hash[0] = 1;
    (void)snprintf(cmd.session.user, sizeof cmd.session.user, "ann");
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_false(session_exists(f, 1));
    assert_true(session_exists(f, 2));
    assert_string_equal(last_record(f)->object, "user/ann");
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_NOT_FOUND);
}

static void sessions_end_by_age_and_by_number(void **state)
{
    struct fixture *f = *state;

    add_user(f, "ann");
    for (unsigned n = 1; n <= 40; n++) {
        assert_true(try_login(f, "ann", "hash", true, (uint8_t)n).login.accepted);
        fixture_advance_s(f, 1);
    }
    assert_false(session_exists(f, 8));
    assert_true(session_exists(f, 9));
    fixture_advance_s(f, FERRY_SESSION_IDLE_S);
    assert_true(try_login(f, "ann", "hash", true, 99).login.accepted);
    assert_false(session_exists(f, 40));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_command_leaves_a_record_or_is_silent_on_purpose),
        TEST(record_says_who_what_when_where_and_both_states),
        TEST(what_fails_leaves_no_record),
        TEST(deployments_and_resources_are_in_the_log),
        TEST(what_cannot_be_recorded_does_not_happen),
        TEST(old_records_go_and_an_anchor_says_so),
        TEST(revoked_token_is_gone_and_readers_are_told),
        TEST(login_makes_a_session_and_failures_a_lockout),
        TEST(password_that_changed_meanwhile_does_not_let_in),
        TEST(changing_or_removing_a_user_ends_the_sessions),
        TEST(logout_ends_one_session),
        TEST(sessions_end_by_age_and_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
