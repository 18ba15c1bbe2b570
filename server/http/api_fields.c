#include "api_fields.h"

#include "api_time.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "core/webhook_rules.h"
#include "proto/limits.h"
#include "proto/text.h"

#include <string.h>

#define IDENT_RULE "1 to 64 of A-Z a-z 0-9 _ : -"
#define TAG_RULE "1 to 64 of A-Z a-z 0-9 . _ : -"

static bool wrong(struct api_fault *fault, const struct api_field *field, const char *allowed)
{
    return api_fault_set(fault, API_INVALID_FIELD, field->name, "\"%s\" must be %s.", field->name, allowed);
}

static ferry_text text_of(json_t *value)
{
    return json_is_string(value) ? (ferry_text){.ptr = json_string_value(value), .len = json_string_length(value)}
                                 : (ferry_text){.ptr = NULL, .len = 0};
}

static bool read_ident(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    if (!ferry_ident_valid(text_of(value)) || !ferry_text_copy(text_of(value), out, FERRY_IDENT_MAX + 1))
        return wrong(fault, field, "a text of " IDENT_RULE);
    return true;
}

static bool read_name(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    if (!ferry_name_valid(text_of(value)) || !ferry_text_copy(text_of(value), out, FERRY_NAME_MAX + 1))
        return wrong(fault, field, "a text of 1 to 255 bytes of UTF-8 without control characters");
    return true;
}

static bool read_bool(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    if (!json_is_boolean(value))
        return wrong(fault, field, "true or false");
    *(bool *)out = json_is_true(value);
    return true;
}

static bool read_uint(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < (json_int_t)field->min || number > (json_int_t)field->max)
        return api_fault_set(fault, API_INVALID_FIELD, field->name, "\"%s\" must be a whole number from %u to %u.",
                             field->name, field->min, field->max);
    *(uint32_t *)out = (uint32_t)number;
    return true;
}

static bool read_uint64(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return wrong(fault, field, "a whole number from 0 to 9223372036854775807");
    *(uint64_t *)out = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_ident_list(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count < 1 || count > field->max)
        return api_fault_set(fault, API_INVALID_FIELD, field->name, "\"%s\" must be a list of 1 to %u names.",
                             field->name, field->max);
    for (size_t i = 0; i < count; i++) {
        if (!ferry_ident_valid(text_of(json_array_get(value, i))))
            return api_fault_set(fault, API_INVALID_FIELD, field->name,
                                 "Entry %zu of \"%s\" must be a text of " IDENT_RULE ".", i + 1, field->name);
    }
    *(json_t **)out = value;
    return true;
}

static bool read_tag(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    char tag[DEVICE_TAG_MAX + 1];

    if (!ferry_text_copy(text_of(value), tag, sizeof tag) || !device_tag_valid(tag))
        return wrong(fault, field, "a text of " TAG_RULE);
    memcpy(out, tag, sizeof tag);
    return true;
}

static bool read_tags(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    struct device_tags tags = {.count = 0};
    char tag[DEVICE_TAG_MAX + 1];
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count > DEVICE_TAGS_MAX)
        return api_fault_set(fault, API_INVALID_FIELD, field->name, "\"%s\" must be a list of at most %u tags.",
                             field->name, DEVICE_TAGS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!ferry_text_copy(text_of(json_array_get(value, i)), tag, sizeof tag) || !device_tags_add(&tags, tag))
            return api_fault_set(fault, API_INVALID_FIELD, field->name, "Entry %zu of \"%s\" must be a text of " TAG_RULE ".",
                                 i + 1, field->name);
    }
    memcpy(out, &tags, sizeof tags);
    return true;
}

static bool read_description(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    char text[RESOURCE_DESCRIPTION_MAX + 1];

    if (!ferry_text_copy(text_of(value), text, sizeof text) || !resource_description_valid(text))
        return wrong(fault, field, "a text of at most 1000 bytes of UTF-8 without control characters but the newline");
    memcpy(out, text, sizeof text);
    return true;
}

static bool read_hex(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    ferry_text text = text_of(value);
    char *digits = out;

    for (size_t i = 0; i < text.len && i < field->max; i++) {
        char c = text.ptr[i];
        digits[i] = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    }
    if (text.len == field->max)
        digits[field->max] = '\0';
    if (text.len != field->max || strspn(digits, "0123456789abcdef") != field->max) {
        digits[0] = '\0';
        return api_fault_set(fault, API_INVALID_FIELD, field->name, "\"%s\" must be %u hexadecimal digits.", field->name,
                             field->max);
    }
    return true;
}

static bool read_role(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    char name[ROLE_NAME_SIZE];

    if (!ferry_text_copy(text_of(value), name, sizeof name) || operator_role_parse(name) == ROLE_NONE)
        return wrong(fault, field, "viewer, operator or admin");
    memcpy(out, name, sizeof name);
    return true;
}

static bool read_password(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    ferry_text text = text_of(value);

    if (text.len < field->min || !ferry_utf8_valid(text) || !ferry_text_copy(text, out, field->max + 1))
        return api_fault_set(fault, API_INVALID_FIELD, field->name, "\"%s\" must be a text of %u to %u bytes.",
                             field->name, field->min, field->max);
    return true;
}

static bool read_id(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    ferry_text text = text_of(value);

    return (text.ptr != NULL && ferry_id_parse(text.ptr, text.len, out)) || wrong(fault, field, "an id of 26 characters");
}

static bool read_time(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    const char *text = json_string_value(value);

    return (text != NULL && api_time_read(text, out)) || wrong(fault, field, API_TIME_RULE);
}

static bool read_secret(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    struct api_secret *secret = out;
    ferry_text text = text_of(value);
    size_t len = 0;

    if (text.ptr == NULL ||
        ferry_base64_decode(text.ptr, text.len, secret->bytes, sizeof secret->bytes, &len) != FERRY_OK || len == 0)
        return wrong(fault, field, "base64 of 1 to 64 bytes");
    secret->len = len;
    return true;
}

static bool read_ident_or_null(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    if (json_is_null(value)) {
        *(char *)out = '\0';
        return true;
    }
    return (ferry_ident_valid(text_of(value)) && ferry_text_copy(text_of(value), out, FERRY_IDENT_MAX + 1)) ||
           wrong(fault, field, "a text of " IDENT_RULE ", or null");
}

static bool read_event_types(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    uint32_t kinds = 0;
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count > EVENT_KIND_LAST)
        return api_fault_set(fault, API_INVALID_FIELD, field->name, "\"%s\" must be a list of at most %d types of events.",
                             field->name, EVENT_KIND_LAST);
    for (size_t i = 0; i < count; i++) {
        event_kind kind;
        const char *name = json_string_value(json_array_get(value, i));
        if (name == NULL || !event_kind_parse(name, &kind))
            return api_fault_set(fault, API_INVALID_FIELD, field->name,
                                 "Entry %zu of \"%s\" must be download.changed, upload.changed, deployment.changed, "
                                 "device.changed, device.online, device.offline or resource.changed.", i + 1, field->name);
        kinds |= WEBHOOK_KIND(kind);
    }
    *(uint32_t *)out = kinds;
    return true;
}

static bool read_webhook_url(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    char url[WEBHOOK_URL_MAX + 1];

    if (!ferry_text_copy(text_of(value), url, sizeof url) || !webhook_url_valid(url))
        return wrong(fault, field, "http://host[:port][/path][?query] or https, of at most 1000 printable ASCII characters, "
                                   "without a user and a fragment");
    memcpy(out, url, sizeof url);
    return true;
}

static bool read_webhook_secret(json_t *value, const struct api_field *field, void *out, struct api_fault *fault)
{
    char secret[DEVICE_SECRET_MAX + 1] = "";
    bool valid = ferry_text_copy(text_of(value), secret, sizeof secret) && webhook_secret_valid(secret);

    if (valid)
        memcpy(out, secret, sizeof secret);
    explicit_bzero(secret, sizeof secret);
    return valid || wrong(fault, field, "a text of 16 to 64 printable ASCII characters without a space");
}

static bool (*const readers[])(json_t *, const struct api_field *, void *, struct api_fault *) = {
    [API_FIELD_IDENT] = read_ident,
    [API_FIELD_NAME] = read_name,
    [API_FIELD_BOOL] = read_bool,
    [API_FIELD_UINT] = read_uint,
    [API_FIELD_UINT64] = read_uint64,
    [API_FIELD_ID] = read_id,
    [API_FIELD_TIME] = read_time,
    [API_FIELD_SECRET] = read_secret,
    [API_FIELD_ROLE] = read_role,
    [API_FIELD_PASSWORD] = read_password,
    [API_FIELD_TAG] = read_tag,
    [API_FIELD_TAGS] = read_tags,
    [API_FIELD_DESCRIPTION] = read_description,
    [API_FIELD_HEX] = read_hex,
    [API_FIELD_IDENT_LIST] = read_ident_list,
    [API_FIELD_IDENT_OR_NULL] = read_ident_or_null,
    [API_FIELD_EVENT_TYPES] = read_event_types,
    [API_FIELD_WEBHOOK_URL] = read_webhook_url,
    [API_FIELD_WEBHOOK_SECRET] = read_webhook_secret,
};

static const struct api_field *find(const struct api_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

static bool refuse_unknown(json_t *body, const struct api_field *fields, size_t count, struct api_fault *fault)
{
    const char *name;
    json_t *value;

    json_object_foreach(body, name, value)
    {
        if (find(fields, count, name) == NULL)
            return api_fault_set(fault, API_UNKNOWN_FIELD, name, "This route does not know the field %s", name);
    }
    return true;
}

bool api_fields_read(json_t *body, const struct api_field *fields, size_t count, void *target,
                     struct api_fault *reterr_fault)
{
    if (!refuse_unknown(body, fields, count, reterr_fault))
        return false;
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(body, fields[i].name);
        if (value == NULL && fields[i].required)
            return api_fault_set(reterr_fault, API_MISSING_FIELD, fields[i].name, "The field \"%s\" is required.",
                                 fields[i].name);
        if (value != NULL &&
            !readers[fields[i].type](value, &fields[i], (char *)target + fields[i].offset, reterr_fault))
            return false;
    }
    return true;
}

size_t api_json_values_bound(const char *text, size_t len)
{
    size_t bound = 1;

    for (size_t i = 0; i < len; i++)
        bound += text[i] == ',' || text[i] == '[' || text[i] == '{' || text[i] == ':';
    return bound;
}
