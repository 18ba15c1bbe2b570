#include "api/model.h"

#include "proto/text.h"

#include <stdio.h>
#include <string.h>

#define CASE_NAME(name, number, text)                                                             \
    case name:                                                                                    \
        return text;

#define TRY_PARSE(number_name, number, text)                                                      \
    if (strcmp(name, text) == 0) {                                                                \
        *ret_state = number_name;                                                                 \
        return true;                                                                              \
    }

const char *upload_state_name(upload_state state)
{
    switch (state) {
        UPLOAD_STATE_LIST(CASE_NAME)
    }
    return NULL;
}

const char *deployment_state_name(deployment_state state)
{
    switch (state) {
        DEPLOYMENT_STATE_LIST(CASE_NAME)
    }
    return NULL;
}

const char *download_state_name(download_state state)
{
    switch (state) {
        DOWNLOAD_STATE_LIST(CASE_NAME)
    }
    return NULL;
}

const char *report_state_name(report_state state)
{
    switch (state) {
        REPORT_STATE_LIST(CASE_NAME)
    }
    return NULL;
}

bool upload_state_parse(const char *name, upload_state *ret_state)
{
    UPLOAD_STATE_LIST(TRY_PARSE)
    return false;
}

bool deployment_state_parse(const char *name, deployment_state *ret_state)
{
    DEPLOYMENT_STATE_LIST(TRY_PARSE)
    return false;
}

bool download_state_parse(const char *name, download_state *ret_state)
{
    DOWNLOAD_STATE_LIST(TRY_PARSE)
    return false;
}

bool upload_state_open(upload_state state)
{
    return state == UPLOAD_CREATED || state == UPLOAD_UPLOADING;
}

bool download_state_open(download_state state)
{
    return state == DOWNLOAD_QUEUED || state == DOWNLOAD_OFFERED || state == DOWNLOAD_DOWNLOADING;
}

bool download_state_fetchable(download_state state)
{
    return download_state_open(state) || state == DOWNLOAD_DONE;
}

bool download_state_failed(download_state state)
{
    return state == DOWNLOAD_FAILED || state == DOWNLOAD_TIMED_OUT || state == DOWNLOAD_REJECTED;
}

bool retry_cause_fits(const struct retry_cause *cause, const struct download_task *task)
{
    return download_state_failed(task->state) && (cause->state == 0 || task->state == cause->state) &&
           (!cause->has_code || task->result_code == cause->code) &&
           (!cause->has_msg || strcmp(task->result_msg, cause->msg) == 0);
}

bool device_key_make(const char *product, const char *device, struct device_key *ret_key)
{
    ferry_text p = ferry_text_of(product);
    ferry_text d = ferry_text_of(device);
    if (!ferry_ident_valid(p) || !ferry_ident_valid(d))
        return false;
    memset(ret_key, 0, sizeof *ret_key);
    memcpy(ret_key->product, p.ptr, p.len);
    memcpy(ret_key->device, d.ptr, d.len);
    return true;
}

bool device_key_equal(const struct device_key *a, const struct device_key *b)
{
    return strcmp(a->product, b->product) == 0 && strcmp(a->device, b->device) == 0;
}

int device_key_compare(const struct device_key *a, const struct device_key *b)
{
    int order = strcmp(a->product, b->product);
    return order != 0 ? order : strcmp(a->device, b->device);
}

/* text is valid UTF-8 */
static bool has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if ((*p < 0x20 && *p != '\n') || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
            return true;
    }
    return false;
}

bool resource_description_valid(const char *text)
{
    return strlen(text) <= RESOURCE_DESCRIPTION_MAX && ferry_utf8_valid(ferry_text_of(text)) && !has_control(text);
}

bool device_tag_valid(const char *tag)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
    size_t len = strlen(tag);

    return len >= 1 && len <= DEVICE_TAG_MAX && strspn(tag, allowed) == len;
}

bool device_tags_valid(const struct device_tags *tags)
{
    bool valid = tags->count <= DEVICE_TAGS_MAX;

    for (uint32_t i = 0; valid && i < tags->count; i++)
        valid = device_tag_valid(tags->names[i]);
    return valid;
}

bool device_tags_add(struct device_tags *tags, const char *tag)
{
    uint32_t at = 0;

    if (!device_tag_valid(tag))
        return false;
    while (at < tags->count && strcmp(tags->names[at], tag) < 0)
        at++;
    if (at < tags->count && strcmp(tags->names[at], tag) == 0)
        return true;
    if (tags->count == DEVICE_TAGS_MAX)
        return false;
    memmove(tags->names[at + 1], tags->names[at], (tags->count - at) * sizeof tags->names[0]);
    (void)snprintf(tags->names[at], sizeof tags->names[at], "%s", tag);
    tags->count++;
    return true;
}
