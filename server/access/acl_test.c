#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/acl.h"

enum { R = ACL_RECEIVE, P = ACL_PUBLISH, S = ACL_SUBSCRIBE, U = ACL_UNSUBSCRIBE };

static const struct device_key self = {"pump", "7"};

/* For each topic the accesses that are allowed; all others are not. */
struct rule {
    const char *topic;
    bool allowed[4]; /* by access */
};

#define ALLOW_NONE {false, false, false, false}
#define UP "$resource/up/service/"
#define DOWN "$resource/down/service/"
#define SHARED "ferry/up/service/"

static void a_device_has_its_own_two_topics_and_nothing_else(void **state)
{
    static const struct rule rules[] = {
        {UP "pump/7", {[P] = true}},
        {DOWN "pump/7", {[R] = true, [S] = true, [U] = true}},
        {UP "pump/8", ALLOW_NONE},
        {DOWN "pump/8", ALLOW_NONE},
        {UP "pum/p7", ALLOW_NONE},
        {DOWN "pum/p7", ALLOW_NONE},
        {UP "other/7", ALLOW_NONE},
        {UP "pump/7/", ALLOW_NONE},
        {UP "pump/7/x", ALLOW_NONE},
        {"/" UP "pump/7", ALLOW_NONE},
        {"$resource/up/other/pump/7", ALLOW_NONE},
        {"$resource/up", ALLOW_NONE},
        {"$resource/service/pump/7", ALLOW_NONE},
        {DOWN "pump/+", ALLOW_NONE},
        {DOWN "+/7", ALLOW_NONE},
        {DOWN "+/+", ALLOW_NONE},
        {DOWN "pump/#", ALLOW_NONE},
        {DOWN "#", ALLOW_NONE},
        {UP "+/+", ALLOW_NONE},
        {"#", ALLOW_NONE},
        {"+/down/service/pump/7", ALLOW_NONE},
        {"$share/g/" DOWN "pump/7", ALLOW_NONE},
        {"$SYS/#", ALLOW_NONE},
        {"$SYS/broker/uptime", ALLOW_NONE},
        {"$CONTROL/dynamic-security/v1", ALLOW_NONE},
        {"$CONTROL/ferry/v1", ALLOW_NONE},
        {"$CONTROL/ferry/v1/presence", ALLOW_NONE},
        {"$CONTROL/ferry/v1/#", ALLOW_NONE},
        {SHARED "pump/7", ALLOW_NONE},
        {SHARED "+/+", ALLOW_NONE},
        {"$share/ferry/" SHARED "+/+", ALLOW_NONE},
        {"$CONTROL/ferry/v1/worker", ALLOW_NONE},
        {"anything", ALLOW_NONE},
        {"", ALLOW_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        for (acl_access access = ACL_RECEIVE; access <= ACL_UNSUBSCRIBE; access++) {
            print_message("%d %s\n", (int)access, rules[i].topic);
            assert_int_equal(acl_device_allows(&self, access, rules[i].topic, false), rules[i].allowed[access]);
        }
}

static void the_platform_hears_every_device_and_answers_every_device(void **state)
{
    static const struct rule rules[] = {
        {UP "+/+", {[S] = true, [U] = true}},
        {UP "pump/7", {[R] = true}},
        {DOWN "pump/7", {[P] = true}},
        {"$CONTROL/ferry/v1", {[P] = true}},
        {"$CONTROL/ferry/v1/presence", {[R] = true}},
        {"$CONTROL/ferry/v1/worker", {[R] = true}},
        {SHARED "pump/7", ALLOW_NONE},
        {"$share/ferry/" SHARED "+/+", ALLOW_NONE},
        {"$CONTROL/ferry/v1/#", ALLOW_NONE},
        {"$CONTROL/ferry/v2", ALLOW_NONE},
        {"$CONTROL/#", ALLOW_NONE},
        {UP "#", ALLOW_NONE},
        {UP "pump/+", ALLOW_NONE},
        {DOWN "+/+", ALLOW_NONE},
        {DOWN "pump", ALLOW_NONE},
        {DOWN "pump/7/8", ALLOW_NONE},
        {DOWN "pump/a b", ALLOW_NONE},
        {"$share/g/" UP "+/+", ALLOW_NONE},
        {"#", ALLOW_NONE},
        {"$SYS/#", ALLOW_NONE},
        {"anything", ALLOW_NONE},
        {"", ALLOW_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        for (acl_access access = ACL_RECEIVE; access <= ACL_UNSUBSCRIBE; access++) {
            print_message("%d %s\n", (int)access, rules[i].topic);
            assert_int_equal(acl_service_allows(access, rules[i].topic, false, false), rules[i].allowed[access]);
        }
}

static void workers_that_share_hear_every_device_by_the_name_that_can_be_shared(void **state)
{
    static const struct rule rules[] = {
        {"$share/ferry/" SHARED "+/+", {[S] = true, [U] = true}},
        {SHARED "pump/7", {[R] = true}},
        {DOWN "pump/7", {[P] = true}},
        {"$CONTROL/ferry/v1", {[P] = true}},
        {"$CONTROL/ferry/v1/presence", {[R] = true}},
        {"$CONTROL/ferry/v1/worker", {[R] = true}},
        {UP "+/+", ALLOW_NONE},
        {UP "pump/7", ALLOW_NONE},
        {"$share/ferry/" UP "+/+", ALLOW_NONE},
        {"$share/other/" SHARED "+/+", ALLOW_NONE},
        {SHARED "+/+", ALLOW_NONE},
        {SHARED "pump", ALLOW_NONE},
        {SHARED "pump/7/8", ALLOW_NONE},
        {SHARED "pump/a b", ALLOW_NONE},
        {SHARED, ALLOW_NONE},
        {"#", ALLOW_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        for (acl_access access = ACL_RECEIVE; access <= ACL_UNSUBSCRIBE; access++) {
            print_message("%d %s\n", (int)access, rules[i].topic);
            assert_int_equal(acl_service_allows(access, rules[i].topic, false, true), rules[i].allowed[access]);
        }
}

static void nothing_is_ever_retained(void **state)
{
    (void)state;
    assert_false(acl_device_allows(&self, ACL_PUBLISH, UP "pump/7", true));
    assert_false(acl_service_allows(ACL_PUBLISH, DOWN "pump/7", true, false));
    assert_false(acl_service_allows(ACL_PUBLISH, DOWN "pump/7", true, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_has_its_own_two_topics_and_nothing_else),
        cmocka_unit_test(the_platform_hears_every_device_and_answers_every_device),
        cmocka_unit_test(workers_that_share_hear_every_device_by_the_name_that_can_be_shared),
        cmocka_unit_test(nothing_is_ever_retained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
