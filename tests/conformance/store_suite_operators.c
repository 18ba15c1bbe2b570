/* Tokens, users, sessions, lockouts and the audit log. */
#include "store_suite_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- tokens and users -------------------------------------------------------------------------- */

static struct token token_of(unsigned n, const char *name)
{
    struct token t = {.role = "operator", .created_ms = n, .expires_ms = n + 1, .used_ms = n + 2, .products = "a,b"};

    (void)snprintf(t.name, sizeof t.name, "%s", name);
    t.hash[0] = (uint8_t)n;
    return t;
}

static void token_keeps_every_field_until_it_is_removed(void **state)
{
    struct fixture *f = *state;
    const struct token put = token_of(7, "ops");
    struct token got;

    expect(FERRY_E_NOT_FOUND, SEE(f, token_get, "ops", &got));
    expect(FERRY_E_NOT_FOUND, DO(f, token_remove, "ops"));
    expect(FERRY_E_NOT_FOUND, DO(f, token_touch, "ops", 5));
    ok(DO(f, token_put, &put));
    ok(SEE(f, token_get, "ops", &got));
    assert_memory_equal(&got, &put, sizeof put);
    ok(SEE(f, token_find, put.hash, &got));
    assert_memory_equal(&got, &put, sizeof put);
    ok(DO(f, token_touch, "ops", 99));
    ok(SEE(f, token_get, "ops", &got));
    assert_int_equal(got.used_ms, 99);
    assert_int_equal(got.expires_ms, 8);
    ok(DO(f, token_remove, "ops"));
    expect(FERRY_E_NOT_FOUND, SEE(f, token_find, put.hash, &got));
}

static void tokens_and_users_are_paged_by_name_both_ways(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    struct fixture *f = *state;
    struct token tokens[4];
    struct user users[4];
    size_t count = 0;

    for (unsigned i = 0; i < 3; i++) {
        struct token t = token_of(i, names[i]);
        struct user u = {.role = "viewer"};
        (void)snprintf(u.name, sizeof u.name, "%s", names[i]);
        ok(DO(f, token_put, &t));
        ok(DO(f, user_put, &u));
    }
    ok(SEE(f, token_list, PAGE_AT("a", 4, false), tokens, &count));
    assert_int_equal(count, 2);
    assert_string_equal(tokens[0].name, "b");
    ok(SEE(f, token_list, PAGE_AT("c", 1, true), tokens, &count));
    assert_int_equal(count, 1);
    assert_string_equal(tokens[0].name, "b");
    ok(SEE(f, user_list, PAGE(2), users, &count));
    assert_int_equal(count, 2);
    assert_string_equal(users[1].name, "b");
    ok(SEE(f, user_list, PAGE_AT("", 4, true), users, &count));
    assert_string_equal(users[0].name, "c");
    expect(FERRY_E_ARG, SEE(f, token_list, PAGE(0), tokens, &count));
    expect(FERRY_E_ARG, SEE(f, user_list, PAGE(FERRY_PAGE_MAX + 1), users, &count));
}

static void user_is_put_replaced_and_removed(void **state)
{
    struct fixture *f = *state;
    struct user put = {.name = "ann", .role = "admin", .products = "p,q", .password = "$argon2id$x", .created_ms = 1,
                       .changed_ms = 2}, got;

    expect(FERRY_E_NOT_FOUND, SEE(f, user_get, "ann", &got));
    ok(DO(f, user_put, &put));
    ok(SEE(f, user_get, "ann", &got));
    assert_memory_equal(&got, &put, sizeof put);
    put.products[0] = '\0';
    memset(put.password, 'x', sizeof put.password - 1);
    put.changed_ms = 9;
    ok(DO(f, user_put, &put));
    ok(SEE(f, user_get, "ann", &got));
    assert_string_equal(got.password, put.password);
    assert_string_equal(got.products, "");
    ok(DO(f, user_remove, "ann"));
    expect(FERRY_E_NOT_FOUND, DO(f, user_remove, "ann"));
}

static void longest_scope_fits(void **state)
{
    struct fixture *f = *state;
    struct token t = token_of(1, "t"), got;

    memset(t.products, 'p', SCOPE_SIZE - 1);
    t.products[SCOPE_SIZE - 1] = '\0';
    ok(DO(f, token_put, &t));
    ok(SEE(f, token_get, "t", &got));
    assert_string_equal(got.products, t.products);
}

/* --- sessions ---------------------------------------------------------------------------------- */

static struct session session_of(unsigned n, const char *user)
{
    struct session s = {.from = "127.0.0.1", .created_ms = n, .used_ms = n + 10, .expires_ms = n + 100};

    (void)snprintf(s.user, sizeof s.user, "%s", user);
    s.hash[0] = (uint8_t)n;
    s.hash[31] = 1;
    return s;
}

static bool has_session(struct fixture *f, unsigned n)
{
    struct session s = session_of(n, ""), got;
    ferry_err err = SEE(f, session_find, s.hash, &got);

    if (err != FERRY_E_NOT_FOUND)
        ok(err);
    return err == FERRY_OK;
}

static void session_is_found_by_its_hash(void **state)
{
    struct fixture *f = *state;
    const struct session put = session_of(5, "ann");
    struct session got;

    expect(FERRY_E_NOT_FOUND, DO(f, session_touch, put.hash, 1));
    ok(DO(f, session_put, &put));
    ok(SEE(f, session_find, put.hash, &got));
    assert_memory_equal(&got, &put, sizeof put);
    ok(DO(f, session_touch, put.hash, 77));
    ok(SEE(f, session_find, put.hash, &got));
    assert_int_equal(got.used_ms, 77);
    ok(DO(f, session_remove, put.hash));
    expect(FERRY_E_NOT_FOUND, DO(f, session_remove, put.hash));
    assert_false(has_session(f, 5));
}

static void sessions_of_a_user_are_trimmed_to_the_newest(void **state)
{
    struct fixture *f = *state;

    for (unsigned n = 1; n <= 5; n++) {
        struct session ann = session_of(n, "ann"), bob = session_of(100 + n, "bob");
        ok(DO(f, session_put, &ann));
        ok(DO(f, session_put, &bob));
    }
    ok(DO(f, session_trim, "ann", 2));
    for (unsigned n = 1; n <= 5; n++) {
        assert_int_equal(has_session(f, n), n >= 4);
        assert_true(has_session(f, 100 + n));
    }
    ok(DO(f, session_trim, "ann", 0));
    assert_false(has_session(f, 5));
    ok(DO(f, session_trim, "nobody", 0));
}

static void sessions_that_are_over_are_pruned(void **state)
{
    struct fixture *f = *state;
    struct session used = session_of(1, "ann"), idle = session_of(2, "ann"), old = session_of(3, "ann");

    used.used_ms = 50, used.expires_ms = 200;
    idle.used_ms = 49, idle.expires_ms = 200;
    old.used_ms = 60, old.expires_ms = 100;
    ok(DO(f, session_put, &used));
    ok(DO(f, session_put, &idle));
    ok(DO(f, session_put, &old));
    ok(DO(f, session_prune, 50, 100));
    assert_true(has_session(f, 1));
    assert_false(has_session(f, 2));
    assert_false(has_session(f, 3));
}

/* --- lockouts ---------------------------------------------------------------------------------- */

static void put_lockout(struct fixture *f, const char *name, uint64_t updated_ms, uint32_t cap)
{
    struct lockout l = {.failures = 3, .until_ms = 9, .updated_ms = updated_ms};

    (void)snprintf(l.name, sizeof l.name, "%s", name);
    ok(DO(f, lockout_put, &l, cap));
}

static void lockouts_of_strangers_give_way_those_of_users_stay(void **state)
{
    struct fixture *f = *state;
    struct user ann = {.name = "ann"};
    struct lockout got;

    ok(DO(f, user_put, &ann));
    put_lockout(f, "ann", 1, 3);
    put_lockout(f, "x1", 2, 3);
    put_lockout(f, "x2", 3, 3);
    put_lockout(f, "x3", 4, 3);
    expect(FERRY_E_NOT_FOUND, SEE(f, lockout_get, "x1", &got));
    ok(SEE(f, lockout_get, "ann", &got));
    assert_int_equal(got.failures, 3);
    assert_int_equal(got.until_ms, 9);
    assert_int_equal(got.updated_ms, 1);
    ok(SEE(f, lockout_get, "x3", &got));
    put_lockout(f, "x2", 9, 3); /* replaced, not added */
    ok(SEE(f, lockout_get, "x3", &got));
    ok(DO(f, lockout_remove, "ann"));
    expect(FERRY_E_NOT_FOUND, DO(f, lockout_remove, "ann"));
}

/* --- audit ------------------------------------------------------------------------------------- */

static struct audit_record record_of(uint64_t seq, const char *actor, const char *action, const char *product)
{
    struct audit_record r = {.seq = seq, .time_ms = 1000 * seq, .from = "::1", .object = "device/p/d",
                             .before = "{\"a\":1}", .after = "{\"a\":\"\xc3\xa9\"}"};

    (void)snprintf(r.actor, sizeof r.actor, "%s", actor);
    (void)snprintf(r.action, sizeof r.action, "%s", action);
    (void)snprintf(r.product, sizeof r.product, "%s", product);
    if (seq > 1)
        r.prev[0] = (uint8_t)(seq - 1), r.prev[31] = 1;
    r.hash[0] = (uint8_t)seq, r.hash[31] = 1;
    return r;
}

static void append(struct fixture *f, uint64_t seq, const char *actor, const char *action, const char *product)
{
    struct audit_record r = record_of(seq, actor, action, product);

    ok(DO(f, audit_append, &r));
}

static void audit_log_grows_only_at_its_end(void **state)
{
    struct fixture *f = *state;
    struct audit_record first = record_of(1, "system", "start", ""), second = record_of(2, "token/t", "x", ""), got;
    struct audit_head head;
    size_t count = 0;

    ok(SEE(f, audit_head, &head));
    assert_int_equal(head.seq, 0);
    expect(FERRY_E_STATE, DO(f, audit_append, &second));
    ok(DO(f, audit_append, &first));
    expect(FERRY_E_STATE, DO(f, audit_append, &first));
    second.prev[5] ^= 1;
    expect(FERRY_E_STATE, DO(f, audit_append, &second));
    second.prev[5] ^= 1;
    ok(DO(f, audit_append, &second));
    ok(SEE(f, audit_head, &head));
    assert_int_equal(head.seq, 2);
    assert_memory_equal(head.hash, second.hash, sizeof head.hash);
    ok(SEE(f, audit_list, &(struct audit_filter){0}, PAGE_AT("1", 1, false), &got, &count));
    assert_int_equal(count, 1);
    assert_memory_equal(&got, &second, sizeof second);
    expect(FERRY_E_READONLY, SEE(f, audit_append, &first));
}

static void undone_records_leave_the_head_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct audit_record first = record_of(1, "system", "start", "");
    struct audit_head head;

    ok(DO(f, begin));
    ok(DO(f, savepoint));
    ok(DO(f, audit_append, &first));
    ok(DO(f, rewind));
    ok(DO(f, audit_head, &head));
    assert_int_equal(head.seq, 0);
    ok(DO(f, audit_append, &first));
    ok(DO(f, commit));
    ok(SEE(f, audit_head, &head));
    assert_int_equal(head.seq, 1);
}

static void audit_log_is_filtered_and_paged_both_ways(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct audit_filter filter;
        size_t count;
    } rows[] = {
        {{.product = "p"}, 2},         {{.actor = "token/t"}, 2},        {{.action_prefix = "device."}, 3},
        {{.since_ms = 3000}, 2},       {{.until_ms = 3000}, 2},          {{.since_ms = 2000, .until_ms = 4000}, 2},
        {{.product = "none"}, 0},      {{.object = "device/p/d"}, 4},    {{.object = "device/p"}, 0},
        {{.actor = "user/u", .product = "q"}, 1},
    };
    struct audit_record got[5];
    size_t count = 0;

    append(f, 1, "token/t", "device.add", "p");
    append(f, 2, "token/t", "device.disable", "p");
    append(f, 3, "user/u", "device.add", "q");
    append(f, 4, "system", "start", "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ok(SEE(f, audit_list, &rows[i].filter, PAGE(5), got, &count));
        assert_int_equal(count, rows[i].count);
    }
    ok(SEE(f, audit_list, &(struct audit_filter){0}, PAGE_AT("", 2, true), got, &count));
    assert_int_equal(got[0].seq, 4);
    assert_int_equal(got[1].seq, 3);
    ok(SEE(f, audit_list, &(struct audit_filter){0}, PAGE_AT("3", 5, true), got, &count));
    assert_int_equal(count, 2);
    assert_int_equal(got[0].seq, 2);
    expect(FERRY_E_ARG, SEE(f, audit_list, &(struct audit_filter){0}, PAGE_AT("3x", 5, true), got, &count));
    expect(FERRY_E_ARG, SEE(f, audit_list, &(struct audit_filter){0}, PAGE_AT("-1", 5, true), got, &count));
    expect(FERRY_E_ARG, SEE(f, audit_list, &(struct audit_filter){0}, PAGE(0), got, &count));
}

static void cut_log_goes_on_where_it_ended(void **state)
{
    struct fixture *f = *state;
    struct audit_head head;
    struct audit_record got[5];
    size_t count = 0;

    append(f, 1, "system", "a", "");
    append(f, 2, "system", "b", "");
    append(f, 3, "system", "c", "");
    expect(FERRY_E_ARG, DO(f, audit_cut, 4));
    ok(DO(f, audit_cut, 2));
    ok(SEE(f, audit_list, &(struct audit_filter){0}, PAGE(5), got, &count));
    assert_int_equal(count, 1);
    assert_int_equal(got[0].seq, 3);
    ok(DO(f, audit_cut, 3));
    ok(SEE(f, audit_head, &head));
    assert_int_equal(head.seq, 3);
    assert_int_equal(head.cut, 3);
    append(f, 4, "system", "d", "");
    ok(SEE(f, audit_list, &(struct audit_filter){0}, PAGE(5), got, &count));
    assert_int_equal(count, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(token_keeps_every_field_until_it_is_removed),
    cmocka_unit_test(tokens_and_users_are_paged_by_name_both_ways),
    cmocka_unit_test(user_is_put_replaced_and_removed),
    cmocka_unit_test(longest_scope_fits),
    cmocka_unit_test(session_is_found_by_its_hash),
    cmocka_unit_test(sessions_of_a_user_are_trimmed_to_the_newest),
    cmocka_unit_test(sessions_that_are_over_are_pruned),
    cmocka_unit_test(lockouts_of_strangers_give_way_those_of_users_stay),
    cmocka_unit_test(audit_log_grows_only_at_its_end),
    cmocka_unit_test(undone_records_leave_the_head_where_it_was),
    cmocka_unit_test(audit_log_is_filtered_and_paged_both_ways),
    cmocka_unit_test(cut_log_goes_on_where_it_ended),
};
const struct store_tests store_operator_tests = STORE_TESTS(tests);
