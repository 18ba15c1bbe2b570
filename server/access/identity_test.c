#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/identity.h"

#include <string.h>

#define SECRET ((const uint8_t *)"0123456789abcdef") /* MDEyMzQ1Njc4OWFiY2RlZg== */
#define USER "PRODTEST01base1;21010406;2GkPl;92233720368547758"
#define HMAC1 "68e0a67c41d8a476951369100e5c664c614b84c1"
#define HMAC256 "847a90bc758a34d5339d316459b774a07a6ffb6c43e011483d35f3122007bb15"
#define N16 "0123456789abcdef"
#define N64 N16 N16 N16 N16

static struct user_name parse(const char *text)
{
    return identity_parse_user(ferry_text_of(text));
}

static void the_three_kinds_of_user_names_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        user_kind kind;
    } cases[] = {
        {USER, USER_VENDOR},
        {"pd;;;", USER_VENDOR},
        {"pd;any application;any text;99", USER_VENDOR},
        {N64 N64 ";a;b;1", USER_VENDOR},
        {"p/d", USER_PLAIN},
        {N64 "/" N64, USER_PLAIN},
        {"a_b:c-D9/1", USER_PLAIN},
        {"ferryd", USER_SERVICE},
        {"", USER_UNKNOWN},
        {"p", USER_UNKNOWN},
        {"Ferryd", USER_UNKNOWN},
        {"ferryd ", USER_UNKNOWN},
        {"p;a;b;1", USER_UNKNOWN}, /* a product and a device have two characters at least */
        {"pd;a;b", USER_UNKNOWN},
        {"pd;a;b;1;2", USER_UNKNOWN},
        {";a;b;1", USER_UNKNOWN},
        {"p d;a;b;1", USER_UNKNOWN},
        {"p/d;a;b;1", USER_UNKNOWN},
        {"p+;a;b;1", USER_UNKNOWN},
        {"p#;a;b;1", USER_UNKNOWN},
        {N64 N64 "x;a;b;1", USER_UNKNOWN},
        {"/d", USER_UNKNOWN},
        {"p/", USER_UNKNOWN},
        {"/", USER_UNKNOWN},
        {"p/d/e", USER_UNKNOWN},
        {"p/+", USER_UNKNOWN},
        {"p/../q", USER_UNKNOWN},
        {N64 "x/d", USER_UNKNOWN},
        {"p/" N64 "x", USER_UNKNOWN},
        {"p\xc3\xa9/d", USER_UNKNOWN},
    };
    char huge[IDENTITY_TEXT_MAX + 2] = "pd;a;b;";

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].text);
        assert_int_equal(parse(cases[i].text).kind, cases[i].kind);
    }
    assert_int_equal(identity_parse_user((ferry_text){NULL, 0}).kind, USER_UNKNOWN);
    memset(huge + strlen(huge), '1', IDENTITY_TEXT_MAX - strlen(huge));
    assert_int_equal(parse(huge).kind, USER_VENDOR);
    huge[strlen(huge)] = '1';
    assert_int_equal(parse(huge).kind, USER_UNKNOWN);
}

static void the_parts_of_a_user_name_are_found(void **state)
{
    struct user_name user = parse(USER);

    (void)state;
    assert_true(ferry_text_equal(user.joined, ferry_text_of("PRODTEST01base1")));
    assert_int_equal(user.expires_s, 92233720368547758u);
    user = parse("pump/7");
    assert_true(ferry_text_equal(user.product, ferry_text_of("pump")));
    assert_true(ferry_text_equal(user.device, ferry_text_of("7")));
}

static void an_expiry_is_seconds_or_never(void **state)
{
    static const struct {
        const char *text;
        uint64_t expires_s;
    } cases[] = {
        {"pd;a;b;0", 0},
        {"pd;a;b;1700000000", 1700000000},
        {"pd;a;b;001", 1},
        {"pd;a;b;9223372036854775807", 9223372036854775807u},
        {"pd;a;b;99999999999999999999999999", UINT64_MAX},
        {"pd;a;b;", UINT64_MAX},
        {"pd;a;b;never", UINT64_MAX},
        {"pd;a;b;-1", UINT64_MAX},
        {"pd;a;b;1e9", UINT64_MAX},
        {"pd;a;b; 1", UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].text);
        assert_int_equal(parse(cases[i].text).kind, USER_VENDOR);
        assert_true(parse(cases[i].text).expires_s == cases[i].expires_s);
    }
}

static bool vendor_ok(const char *user, const char *password)
{
    return identity_vendor_password_ok(ferry_text_of(user), ferry_text_of(password), SECRET, 16);
}

static void the_vendors_password_is_an_hmac_of_the_user_name_as_sent(void **state)
{
    static const char *const wrong[] = {
        "", ";", ";hmacsha1", HMAC1, HMAC1 ";", HMAC1 ";hmacsha256", HMAC256 ";hmacsha1", HMAC1 ";hmacmd5",
        HMAC1 ";HMACSHA1", HMAC1 ";hmacsha1;", HMAC1 ";hmacsha1 ", HMAC1 "0;hmacsha1", ";" HMAC1 ";hmacsha1",
        "68e0a67c41d8a476951369100e5c664c614b84c;hmacsha1", "68e0a67c41d8a476951369100e5c664c614b84c2;hmacsha1",
        "68e0a67c41d8a476951369100e5c664c614b84cg;hmacsha1", "MDEyMzQ1Njc4OWFiY2RlZg==",
    };

    (void)state;
    assert_true(vendor_ok(USER, HMAC1 ";hmacsha1"));
    assert_true(vendor_ok(USER, HMAC256 ";hmacsha256"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        print_message("%s\n", wrong[i]);
        assert_false(vendor_ok(USER, wrong[i]));
    }
    assert_false(vendor_ok(USER "0", HMAC1 ";hmacsha1"));
    assert_false(identity_vendor_password_ok(ferry_text_of(USER), (ferry_text){NULL, 0}, SECRET, 16));
    assert_false(identity_vendor_password_ok(ferry_text_of(USER), ferry_text_of(HMAC1 ";hmacsha1"), SECRET, 15));
    assert_false(identity_vendor_password_ok(ferry_text_of(USER), ferry_text_of(HMAC1 ";hmacsha1"), SECRET, 0));
}

static bool plain_ok(const char *password)
{
    return identity_plain_password_ok(ferry_text_of(password), SECRET, 16);
}

static void the_plain_password_is_the_secret_in_base64(void **state)
{
    (void)state;
    assert_true(plain_ok("MDEyMzQ1Njc4OWFiY2RlZg=="));
    assert_true(plain_ok("MDEyMzQ1Njc4OWFiY2RlZg"));
    assert_false(plain_ok(""));
    assert_false(plain_ok("0123456789abcdef"));
    assert_false(plain_ok("MDEyMzQ1Njc4OWFiY2RlZQ=="));
    assert_false(plain_ok("MDEyMzQ1Njc4OWFiY2Rl"));
    assert_false(plain_ok("MDEyMzQ1Njc4OWFiY2RlZg==MDEyMzQ1Njc4OWFiY2RlZg=="));
    assert_false(identity_plain_password_ok((ferry_text){NULL, 0}, SECRET, 16));
    assert_false(identity_plain_password_ok(ferry_text_of(""), SECRET, 0));
}

static void a_device_connects_under_its_own_client_ids_only(void **state)
{
    static const struct device_key key = {"pump", "7"};
    static const char *const right[] = {"pump7", "pump/7", "pump7.", "pump7.shell", "pump/7.2"};
    static const char *const wrong[] = {
        "", "pump", "7", "pump8", "pump77", "pump7x", "pump7-2", "pump7/2", "pump//7", "pump/", "pump/8", "pump.7",
        "Pump7", " pump7", "ferryd@1", "auto-1", "pump7@",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_true(identity_device_client_id_ok(&key, ferry_text_of(right[i])));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        print_message("%s\n", wrong[i]);
        assert_false(identity_device_client_id_ok(&key, ferry_text_of(wrong[i])));
    }
    assert_false(identity_device_client_id_ok(&key, (ferry_text){NULL, 0}));
}

static void no_device_can_take_the_platforms_client_id(void **state)
{
    static const struct device_key key = {"ferry", "d"};

    (void)state;
    assert_true(identity_service_client_id_ok(ferry_text_of("ferryd@01ab")));
    assert_false(identity_service_client_id_ok(ferry_text_of("ferryd")));
    assert_false(identity_service_client_id_ok((ferry_text){NULL, 0}));
    assert_true(identity_device_client_id_ok(&key, ferry_text_of("ferryd")));
    assert_false(identity_device_client_id_ok(&key, ferry_text_of("ferryd@01ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_kinds_of_user_names_are_told_apart),
        cmocka_unit_test(the_parts_of_a_user_name_are_found),
        cmocka_unit_test(an_expiry_is_seconds_or_never),
        cmocka_unit_test(the_vendors_password_is_an_hmac_of_the_user_name_as_sent),
        cmocka_unit_test(the_plain_password_is_the_secret_in_base64),
        cmocka_unit_test(a_device_connects_under_its_own_client_ids_only),
        cmocka_unit_test(no_device_can_take_the_platforms_client_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
