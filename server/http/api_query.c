#include "api_query.h"

#include "api_time.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

struct parameter {
    api_query_set flag;
    const char *name;
    const char *allowed; /* completes "It must be ..." */
    bool (*read)(const char *value, struct api_query *query);
};

static bool read_limit(const char *value, struct api_query *query)
{
    char *end;

    if (value[0] < '0' || value[0] > '9')
        return false;
    unsigned long limit = strtoul(value, &end, 10);
    if (*end != '\0' || limit < 1 || limit > FERRY_PAGE_MAX)
        return false;
    query->limit = (uint32_t)limit;
    return true;
}

static bool read_ident(const char *value, char *out)
{
    return ferry_ident_valid(ferry_text_of(value)) && ferry_text_copy(ferry_text_of(value), out, FERRY_IDENT_MAX + 1);
}

static bool read_name_text(const char *value, char *out)
{
    return ferry_name_valid(ferry_text_of(value)) && ferry_text_copy(ferry_text_of(value), out, FERRY_NAME_MAX + 1);
}

static bool read_cursor(const char *value, struct api_query *query)
{
    return api_cursor_read(value, &query->cursor_of, query->position);
}

enum { KEYS_MAX = 3 };
struct sort_key {
    const char *name;
    store_sort sort;
};

/* One of the keys that the list has an index for, with or without a minus. */
static bool read_sort(const char *value, const struct sort_key keys[KEYS_MAX], struct api_query *query)
{
    query->descending = value[0] == '-';
    for (int i = 0; i < KEYS_MAX; i++) {
        if (keys[i].name != NULL && strcmp(value + (query->descending ? 1 : 0), keys[i].name) == 0) {
            query->sort = keys[i].sort;
            return true;
        }
    }
    return false;
}

#define SORT(name, ...)                                                \
    static bool name(const char *value, struct api_query *query)       \
    {                                                                  \
        static const struct sort_key keys[KEYS_MAX] = {__VA_ARGS__};   \
                                                                       \
        return read_sort(value, keys, query);                          \
    }

SORT(read_sort_time, {"created_at", STORE_BY_KEY})
SORT(read_sort_name, {"name", STORE_BY_KEY})
SORT(read_sort_product, {"product", STORE_BY_KEY})
SORT(read_sort_seq, {"seq", STORE_BY_KEY})
SORT(read_sort_number, {"number", STORE_BY_KEY})
SORT(read_sort_resources, {"created_at", STORE_BY_KEY}, {"name", STORE_BY_NAME}, {"size", STORE_BY_SIZE})
SORT(read_sort_devices, {"name", STORE_BY_KEY}, {"last_seen_at", STORE_BY_SEEN})
SORT(read_sort_deployments, {"created_at", STORE_BY_KEY}, {"resource", STORE_BY_NAME})
SORT(read_sort_tasks, {"created_at", STORE_BY_KEY}, {"ended_at", STORE_BY_ENDED})

static bool read_product(const char *value, struct api_query *query)
{
    return read_ident(value, query->product);
}

static bool read_device(const char *value, struct api_query *query)
{
    return read_ident(value, query->device);
}

static bool read_name(const char *value, struct api_query *query)
{
    return read_name_text(value, query->name);
}

static bool read_name_prefix(const char *value, struct api_query *query)
{
    return read_name_text(value, query->name_prefix);
}

static bool read_device_prefix(const char *value, struct api_query *query)
{
    return read_ident(value, query->name_prefix);
}

static bool read_tag(const char *value, struct api_query *query)
{
    return device_tag_valid(value) && ferry_text_copy(ferry_text_of(value), query->tag, sizeof query->tag);
}

static bool read_description(const char *value, struct api_query *query)
{
    return resource_description_valid(value) &&
           ferry_text_copy(ferry_text_of(value), query->description, sizeof query->description);
}

static bool read_upload_state(const char *value, struct api_query *query)
{
    upload_state state;
    bool known = upload_state_parse(value, &state);

    if (known)
        query->state = (int)state;
    return known;
}

static bool read_download_state(const char *value, struct api_query *query)
{
    download_state state;
    bool known = download_state_parse(value, &state);

    if (known)
        query->state = (int)state;
    return known;
}

static bool read_deployment_state(const char *value, struct api_query *query)
{
    deployment_state state;
    bool known = deployment_state_parse(value, &state);

    if (known)
        query->state = (int)state;
    return known;
}

bool api_query_seq(const char *text)
{
    size_t len = strlen(text);

    return len >= 1 && len <= 18 && strspn(text, "0123456789") == len;
}

static bool read_after(const char *value, struct api_query *query)
{
    if (!api_query_seq(value))
        return false;
    memcpy(query->position, value, strlen(value) + 1);
    return true;
}

/* One or more, with commas between them. */
static bool read_event_type(const char *value, struct api_query *query)
{
    char name[EVENT_KIND_NAME_SIZE];
    event_kind kind;

    for (;; value++) {
        size_t len = strcspn(value, ",");
        if (!ferry_text_copy((ferry_text){.ptr = value, .len = len}, name, sizeof name) ||
            !event_kind_parse(name, &kind))
            return false;
        query->event_kinds |= 1u << kind;
        value += len;
        if (*value == '\0')
            return true;
    }
}

static bool read_follow(const char *value, struct api_query *query)
{
    query->ends = strcmp(value, "false") == 0;
    return query->ends || strcmp(value, "true") == 0;
}

static bool read_online(const char *value, struct api_query *query)
{
    query->which = strcmp(value, "true") == 0 ? DEVICES_ONLINE : DEVICES_OFFLINE;
    return query->which == DEVICES_ONLINE || strcmp(value, "false") == 0;
}

static bool read_result_code(const char *value, struct api_query *query)
{
    size_t digits = strspn(value + (value[0] == '-' ? 1 : 0), "0123456789");
    long code = strtol(value, NULL, 10);

    query->has_result_code = true;
    query->result_code = (int32_t)code;
    return digits >= 1 && digits <= 10 && value[(value[0] == '-' ? 1 : 0) + digits] == '\0' && code >= INT32_MIN &&
           code <= INT32_MAX;
}

static bool read_result_msg(const char *value, struct api_query *query)
{
    query->has_result_msg = true;
    return ferry_text_copy(ferry_text_of(value), query->result_msg, sizeof query->result_msg);
}

static bool read_audit_text(const char *value, char *out, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:-./";
    size_t len = strlen(value);

    if (len < 1 || len >= size || strspn(value, allowed) != len)
        return false;
    memcpy(out, value, len + 1);
    return true;
}

static bool read_actor(const char *value, struct api_query *query)
{
    return read_audit_text(value, query->actor, sizeof query->actor);
}

static bool read_object(const char *value, struct api_query *query)
{
    return read_audit_text(value, query->object, sizeof query->object);
}

static bool read_action(const char *value, struct api_query *query)
{
    return read_audit_text(value, query->action, sizeof query->action);
}

static bool read_since(const char *value, struct api_query *query)
{
    return api_time_read(value, &query->made.since_ms);
}

static bool read_until(const char *value, struct api_query *query)
{
    return api_time_read(value, &query->made.until_ms);
}

static bool read_step(const char *value, struct api_query *query)
{
    query->days = strcmp(value, "day") == 0;
    return query->days || strcmp(value, "hour") == 0;
}

static bool read_counts(const char *value, struct api_query *query)
{
    query->counts = strcmp(value, "true") == 0;
    return query->counts || strcmp(value, "false") == 0;
}

#define IDENT_RULE "1 to 64 of A-Z a-z 0-9 _ : -"
#define CURSOR_RULE "the \"next\" of the page before: begin without a cursor"
#define NAME_RULE "1 to 255 bytes of UTF-8 without control characters"

static const struct parameter parameters[] = {
    {API_Q_LIMIT, "limit", "a whole number from 1 to 250", read_limit},
    {API_Q_CURSOR_ID, "cursor", CURSOR_RULE, read_cursor},
    {API_Q_CURSOR_NAME, "cursor", CURSOR_RULE, read_cursor},
    {API_Q_SORT_TIME, "sort", "created_at or -created_at", read_sort_time},
    {API_Q_SORT_NAME, "sort", "name or -name", read_sort_name},
    {API_Q_SORT_PRODUCT, "sort", "product or -product", read_sort_product},
    {API_Q_SORT_SEQ, "sort", "seq or -seq", read_sort_seq},
    {API_Q_SORT_NUMBER, "sort", "number or -number", read_sort_number},
    {API_Q_SORT_RESOURCES, "sort", "created_at, -created_at, name, -name, size or -size", read_sort_resources},
    {API_Q_SORT_DEVICES, "sort", "name, -name, last_seen_at or -last_seen_at", read_sort_devices},
    {API_Q_SORT_DEPLOYMENTS, "sort", "created_at, -created_at, resource or -resource", read_sort_deployments},
    {API_Q_SORT_TASKS, "sort", "created_at, -created_at, ended_at or -ended_at", read_sort_tasks},
    {API_Q_PRODUCT, "product", IDENT_RULE, read_product},
    {API_Q_DEVICE, "device", IDENT_RULE, read_device},
    {API_Q_NAME, "name", NAME_RULE, read_name},
    {API_Q_NAME_PREFIX, "name_prefix", NAME_RULE, read_name_prefix},
    {API_Q_DEVICE_PREFIX, "name_prefix", IDENT_RULE, read_device_prefix},
    {API_Q_UPLOAD_STATE, "state", "created, uploading, stored, done, failed, expired or cancelled", read_upload_state},
    {API_Q_DOWNLOAD_STATE, "state", "queued, offered, downloading, done, failed, timed_out, cancelled or rejected",
     read_download_state},
    {API_Q_DEPLOYMENT_STATE, "state", "active, finished or cancelled", read_deployment_state},
    {API_Q_COUNTS, "counts", "true or false", read_counts},
    {API_Q_CURSOR_SEQ, "cursor", CURSOR_RULE, read_cursor},
    {API_Q_ACTOR, "actor", "as the log has it: token/NAME, user/NAME, device/P/D, system or nobody", read_actor},
    {API_Q_OBJECT, "object", "as the log has it, for example device/P/D", read_object},
    {API_Q_ACTION, "action", "what an action begins with, for example device.", read_action},
    {API_Q_SINCE, "since", API_TIME_RULE, read_since},
    {API_Q_TAG, "tag", "1 to 64 of A-Z a-z 0-9 . _ : -", read_tag},
    {API_Q_DESCRIPTION, "description", "at most 1000 bytes of UTF-8 without control characters but the newline",
     read_description},
    {API_Q_UNTIL, "until", API_TIME_RULE, read_until},
    {API_Q_EVENT_TYPE, "type",
     "one or more, with commas, of download.changed, upload.changed, deployment.changed, device.changed, "
     "device.online, device.offline and resource.changed",
     read_event_type},
    {API_Q_AFTER, "after", "the id of an event, or 0", read_after},
    {API_Q_FOLLOW, "follow", "true or false", read_follow},
    {API_Q_ONLINE, "online", "true or false", read_online},
    {API_Q_STEP, "step", "hour or day", read_step},
    {API_Q_RESULT_CODE, "result_code", "a whole number of 32 bits", read_result_code},
    {API_Q_RESULT_MSG, "result_msg", "at most 127 bytes", read_result_msg},
};
enum { PARAMETER_COUNT = sizeof parameters / sizeof parameters[0] };

static const struct parameter *find(const char *name, api_query_set known)
{
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if ((known & parameters[i].flag) != 0 && strcmp(parameters[i].name, name) == 0)
            return &parameters[i];
    }
    return NULL;
}

static bool check_required(api_query_set required, api_query_set given, struct api_fault *reterr_fault)
{
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        api_query_set flag = parameters[i].flag;
        if ((required & flag) != 0 && (given & flag) == 0)
            return api_fault_set(reterr_fault, API_MISSING_PARAMETER, parameters[i].name,
                                 "The parameter \"%s\" is required here.", parameters[i].name);
    }
    return true;
}

#define CURSORS (API_Q_CURSOR_ID | API_Q_CURSOR_NAME | API_Q_CURSOR_SEQ)
#define SORTS                                                                                                     \
    (API_Q_SORT_TIME | API_Q_SORT_NAME | API_Q_SORT_PRODUCT | API_Q_SORT_SEQ | API_Q_SORT_NUMBER | API_Q_SORT_RESOURCES | \
     API_Q_SORT_DEVICES | API_Q_SORT_DEPLOYMENTS | API_Q_SORT_TASKS)
/* Not part of what makes a list another one: its pages, how a row is shown, and its order, which is added by itself. */
#define SAME_LIST (API_Q_LIMIT | CURSORS | API_Q_COUNTS | SORTS)

static bool key_fits(const char *key, api_query_set given)
{
    ferry_id id;

    if ((given & API_Q_CURSOR_ID) != 0)
        return ferry_id_parse(key, strlen(key), &id);
    return (given & API_Q_CURSOR_NAME) != 0 ? ferry_ident_valid(ferry_text_of(key)) : api_query_seq(key);
}

static bool position_fits(const struct api_query *query, api_query_set given)
{
    struct store_position at;
    uint64_t number;

    if (query->sort == STORE_BY_KEY)
        return key_fits(query->position, given);
    if (!store_position_read(query->position, &at) || !key_fits(at.key, given))
        return false;
    return query->sort == STORE_BY_NAME ? ferry_name_valid(ferry_text_of(at.value)) : store_position_number(&at, &number);
}

/* A cursor says where a page begins in the list that it was made for, and nothing about any other. */
static bool check_cursor(struct api_query *query, api_query_set given, struct api_fault *reterr_fault)
{
    const char order[] = {(char)('0' + query->sort), query->descending ? '-' : '+', '\0'};

    api_list_mark_add(&query->list, "sort", order);
    if ((given & CURSORS) == 0 || (query->cursor_of.sum == query->list.sum && position_fits(query, given)))
        return true;
    return api_fault_set(reterr_fault, API_INVALID_PARAMETER, "cursor",
                         "This \"cursor\" is of a list with another path, filter or sort: begin without a cursor.");
}

bool api_query_read(const struct api_url *url, api_query_set known, api_query_set required, struct api_query *query,
                    struct api_fault *reterr_fault)
{
    api_query_set given = 0;

    *query = (struct api_query){.limit = FERRY_PAGE_DEFAULT,
                                .list = api_list_mark(url),
                                .descending = (known & (API_Q_CURSOR_ID | API_Q_CURSOR_SEQ)) != 0};
    for (size_t i = 0; i < url->param_count; i++) {
        const struct api_url_param *param = &url->params[i];
        const struct parameter *row = find(param->name, known);
        if (row == NULL)
            return api_fault_set(reterr_fault, API_UNKNOWN_PARAMETER, param->name,
                                 "This route does not know the parameter %s", param->name);
        if ((given & row->flag) != 0)
            return api_fault_set(reterr_fault, API_INVALID_PARAMETER, row->name,
                                 "The parameter \"%s\" is given more than once.", row->name);
        given |= row->flag;
        if (!row->read(param->value, query))
            return api_fault_set(reterr_fault, API_INVALID_PARAMETER, row->name, "\"%s\" must be %s.", row->name,
                                 row->allowed);
        if ((row->flag & SAME_LIST) == 0)
            api_list_mark_add(&query->list, row->name, param->value);
    }
    return check_required(required, given, reterr_fault) && check_cursor(query, given, reterr_fault);
}

struct store_page api_query_page(const struct api_query *query)
{
    return (struct store_page){.after = query->position, .limit = query->limit, .descending = query->descending, .sort = query->sort};
}
