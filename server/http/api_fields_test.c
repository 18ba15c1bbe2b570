#include "api_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct target {
    char ident[FERRY_IDENT_MAX + 1];
    char name[FERRY_NAME_MAX + 1];
    bool flag;
    uint32_t number;
    json_t *list;
    char description[RESOURCE_DESCRIPTION_MAX + 1];
    char tag[DEVICE_TAG_MAX + 1];
    struct device_tags tags;
};

static const struct api_field fields[] = {
    {"ident", API_FIELD_IDENT, offsetof(struct target, ident), true, 0, 0},
    {"name", API_FIELD_NAME, offsetof(struct target, name), false, 0, 0},
    {"flag", API_FIELD_BOOL, offsetof(struct target, flag), false, 0, 0},
    {"number", API_FIELD_UINT, offsetof(struct target, number), false, 10, 20},
    {"list", API_FIELD_IDENT_LIST, offsetof(struct target, list), false, 0, 3},
    {"description", API_FIELD_DESCRIPTION, offsetof(struct target, description), false, 0, 0},
    {"tag", API_FIELD_TAG, offsetof(struct target, tag), false, 0, 0},
    {"tags", API_FIELD_TAGS, offsetof(struct target, tags), false, 0, 0},
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

static bool read(const char *text, struct target *target, struct api_fault *fault)
{
    json_t *body = json_loads(text, 0, NULL);

    assert_non_null(body);
    bool good = api_fields_read(body, fields, FIELD_COUNT, target, fault);
    target->list = NULL; /* borrowed from the body, which ends here */
    json_decref(body);
    return good;
}

static void every_kind_is_read(void **state)
{
    json_t *body = json_loads("{\"ident\":\"a:b\",\"name\":\"\xc3\xa9 x\",\"flag\":true,\"number\":20,"
                              "\"list\":[\"x\",\"y\"],\"description\":\"a\\nb\",\"tag\":\"v1.2\",\"tags\":[\"b\",\"a.1\",\"b\"]}",
                              0, NULL);
    struct target target = {.number = 0};
    struct api_fault fault;

    (void)state;
    assert_true(api_fields_read(body, fields, FIELD_COUNT, &target, &fault));
    assert_string_equal(target.ident, "a:b");
    assert_string_equal(target.name, "\xc3\xa9 x");
    assert_true(target.flag);
    assert_int_equal(target.number, 20);
    assert_int_equal(json_array_size(target.list), 2);
    assert_string_equal(target.description, "a\nb");
    assert_string_equal(target.tag, "v1.2");
    assert_int_equal(target.tags.count, 2);
    assert_string_equal(target.tags.names[0], "a.1");
    assert_string_equal(target.tags.names[1], "b");
    json_decref(body);
}

static void what_is_absent_keeps_its_default(void **state)
{
    struct target target = {.number = 7, .flag = true};
    struct api_fault fault;

    (void)state;
    assert_true(read("{\"ident\":\"a\"}", &target, &fault));
    assert_int_equal(target.number, 7);
    assert_true(target.flag);
    assert_string_equal(target.name, "");
}

static void faults_name_problem_and_field(void **state)
{
    static const struct {
        const char *text;
        api_problem problem;
        const char *field;
    } bad[] = {
        {"{}", API_MISSING_FIELD, "ident"},
        {"{\"ident\":\"a\",\"Ident\":\"a\"}", API_UNKNOWN_FIELD, "Ident"},
        {"{\"ident\":null}", API_INVALID_FIELD, "ident"},
        {"{\"ident\":1}", API_INVALID_FIELD, "ident"},
        {"{\"ident\":\"\"}", API_INVALID_FIELD, "ident"},
        {"{\"ident\":\"a b\"}", API_INVALID_FIELD, "ident"},
        {"{\"ident\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", API_INVALID_FIELD,
         "ident"},
        {"{\"ident\":\"a\",\"name\":\"\\n\"}", API_INVALID_FIELD, "name"},
        {"{\"ident\":\"a\",\"name\":[]}", API_INVALID_FIELD, "name"},
        {"{\"ident\":\"a\",\"flag\":\"true\"}", API_INVALID_FIELD, "flag"},
        {"{\"ident\":\"a\",\"flag\":1}", API_INVALID_FIELD, "flag"},
        {"{\"ident\":\"a\",\"number\":9}", API_INVALID_FIELD, "number"},
        {"{\"ident\":\"a\",\"number\":21}", API_INVALID_FIELD, "number"},
        {"{\"ident\":\"a\",\"number\":10.0}", API_INVALID_FIELD, "number"},
        {"{\"ident\":\"a\",\"number\":\"10\"}", API_INVALID_FIELD, "number"},
        {"{\"ident\":\"a\",\"number\":-4294967286}", API_INVALID_FIELD, "number"},
        {"{\"ident\":\"a\",\"list\":{}}", API_INVALID_FIELD, "list"},
        {"{\"ident\":\"a\",\"list\":[]}", API_INVALID_FIELD, "list"},
        {"{\"ident\":\"a\",\"list\":[\"1\",\"2\",\"3\",\"4\"]}", API_INVALID_FIELD, "list"},
        {"{\"ident\":\"a\",\"list\":[\"1\",2]}", API_INVALID_FIELD, "list"},
        {"{\"ident\":\"a\",\"description\":\"\\t\"}", API_INVALID_FIELD, "description"},
        {"{\"ident\":\"a\",\"description\":7}", API_INVALID_FIELD, "description"},
        {"{\"ident\":\"a\",\"tag\":\"\"}", API_INVALID_FIELD, "tag"},
        {"{\"ident\":\"a\",\"tag\":null}", API_INVALID_FIELD, "tag"},
        {"{\"ident\":\"a\",\"tags\":\"a\"}", API_INVALID_FIELD, "tags"},
        {"{\"ident\":\"a\",\"tags\":[1]}", API_INVALID_FIELD, "tags"},
        {"{\"ident\":\"a\",\"tags\":[\"a b\"]}", API_INVALID_FIELD, "tags"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct target target = {.number = 0};
        struct api_fault fault;
        assert_false(read(bad[i].text, &target, &fault));
        assert_int_equal(fault.problem, bad[i].problem);
        assert_string_equal(fault.field, bad[i].field);
        assert_true(fault.detail[0] != '\0');
    }
}

struct hook_target {
    char url[WEBHOOK_URL_MAX + 1], product[FERRY_IDENT_MAX + 1], secret[DEVICE_SECRET_MAX + 1];
    uint32_t kinds;
};

static bool read_hook(const char *text, struct hook_target *target, struct api_fault *fault)
{
    static const struct api_field hook_fields[] = {
        {"url", API_FIELD_WEBHOOK_URL, offsetof(struct hook_target, url), false, 0, 0},
        {"product", API_FIELD_IDENT_OR_NULL, offsetof(struct hook_target, product), false, 0, 0},
        {"types", API_FIELD_EVENT_TYPES, offsetof(struct hook_target, kinds), false, 0, 0},
        {"secret", API_FIELD_WEBHOOK_SECRET, offsetof(struct hook_target, secret), false, 0, 0},
    };
    json_t *body = json_loads(text, 0, NULL);

    assert_non_null(body);
    bool good = api_fields_read(body, hook_fields, 4, target, fault);
    json_decref(body);
    return good;
}

static void fields_of_webhooks_are_read_or_refused(void **state)
{
    static const struct {
        const char *text, *field;
    } bad[] = {
        {"{\"url\":null}", "url"},          {"{\"url\":\"ftp://a\"}", "url"},
        {"{\"product\":\"\"}", "product"}, {"{\"product\":1}", "product"},
        {"{\"types\":null}", "types"},      {"{\"types\":[\"device\"]}", "types"},
        {"{\"types\":[7]}", "types"},       {"{\"secret\":\"short\"}", "secret"},
        {"{\"secret\":null}", "secret"},
    };
    struct hook_target target = {.product = "p", .kinds = 7};
    struct api_fault fault;

    (void)state;
    assert_true(read_hook("{\"url\":\"https://a/b\",\"product\":null,\"secret\":\"0123456789abcdef\","
                          "\"types\":[\"device.changed\",\"upload.changed\",\"device.changed\"]}", &target, &fault));
    assert_string_equal(target.url, "https://a/b");
    assert_string_equal(target.product, "");
    assert_string_equal(target.secret, "0123456789abcdef");
    assert_int_equal(target.kinds, WEBHOOK_KIND(EVENT_DEVICE) | WEBHOOK_KIND(EVENT_UPLOAD));
    assert_true(read_hook("{\"types\":[],\"product\":\"q\"}", &target, &fault));
    assert_int_equal(target.kinds, 0);
    assert_string_equal(target.product, "q");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(read_hook(bad[i].text, &target, &fault));
        assert_string_equal(fault.field, bad[i].field);
    }
}

static void the_bound_is_never_below_the_number_of_values(void **state)
{
    static const struct {
        const char *text;
        size_t values;
    } cases[] = {
        {"1", 1}, {"[]", 1}, {"[1,2,3]", 4}, {"{\"a\":{\"b\":[]}}", 3}, {"[[[]]]", 3}, {"{\"a\":1,\"b\":2}", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(api_json_values_bound(cases[i].text, strlen(cases[i].text)) >= cases[i].values);
    assert_int_equal(api_json_values_bound("", 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(what_is_absent_keeps_its_default),
        cmocka_unit_test(faults_name_problem_and_field),
        cmocka_unit_test(fields_of_webhooks_are_read_or_refused),
        cmocka_unit_test(the_bound_is_never_below_the_number_of_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
