/* A JSON body of the operator API: the bound on its values holds, and what is taken obeys the table. */
#include "fuzz.h"

#include "api_fields.h"
#include "proto/text.h"

#include <string.h>

struct body {
    char ident[FERRY_IDENT_MAX + 1];
    char name[FERRY_NAME_MAX + 1];
    bool flag;
    uint32_t number;
    struct api_secret secret;
    json_t *list;
};

static const struct api_field fields[] = {
    {"product", API_FIELD_IDENT, offsetof(struct body, ident), true, 0, 0},
    {"resource", API_FIELD_NAME, offsetof(struct body, name), false, 0, 0},
    {"all", API_FIELD_BOOL, offsetof(struct body, flag), false, 0, 0},
    {"timeout_s", API_FIELD_UINT, offsetof(struct body, number), false, 60, 600},
    {"secret", API_FIELD_SECRET, offsetof(struct body, secret), false, 0, 0},
    {"devices", API_FIELD_IDENT_LIST, offsetof(struct body, list), false, 0, 3},
};

static size_t count_values(json_t *value)
{
    size_t count = 1;
    const char *key;
    json_t *member;

    json_object_foreach(value, key, member)
        count += count_values(member);
    for (size_t i = 0; i < json_array_size(value); i++)
        count += count_values(json_array_get(value, i));
    return count;
}

static void check_body(const struct body *body)
{
    FUZZ_CHECK(ferry_ident_valid(ferry_text_of(body->ident)));
    FUZZ_CHECK(body->name[0] == '\0' || ferry_name_valid(ferry_text_of(body->name)));
    FUZZ_CHECK(body->number == 0 || (body->number >= 60 && body->number <= 600));
    FUZZ_CHECK(body->secret.len <= DEVICE_SECRET_MAX);
    FUZZ_CHECK(body->list == NULL || (json_array_size(body->list) >= 1 && json_array_size(body->list) <= 3));
    for (size_t i = 0; i < json_array_size(body->list); i++)
        FUZZ_CHECK(ferry_ident_valid(ferry_text_of(json_string_value(json_array_get(body->list, i)))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body body = {.number = 0};
    struct api_fault fault;
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

    if (json == NULL)
        return 0;
    FUZZ_CHECK(count_values(json) <= api_json_values_bound((const char *)data, size));
    if (json_is_object(json)) {
        if (api_fields_read(json, fields, sizeof fields / sizeof fields[0], &body, &fault))
            check_body(&body);
        else
            FUZZ_CHECK(fault.detail[0] != '\0' && ferry_utf8_valid(ferry_text_of(fault.detail)) &&
                       ferry_utf8_valid(ferry_text_of(fault.field)));
    }
    json_decref(json);
    return 0;
}
