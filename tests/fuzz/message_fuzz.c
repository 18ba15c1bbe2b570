/*
 * Any bytes may arrive as a payload. Nothing crashes; the texts lie in the payload; what is parsed and
 * written parses to the same message; more work space never finds less; no output buffer is overrun.
 */
#include "fuzz.h"
#include "proto/message.h"

#include <string.h>

enum { WRITTEN_MAX = 1 << 20, EVERY_SIZE_UP_TO = 80 };

static void check_text(ferry_text text, const char *payload, size_t size)
{
    if (text.ptr != NULL)
        FUZZ_CHECK(text.ptr >= payload && text.len <= size && text.ptr + text.len <= payload + size);
}

static void check_inside(const ferry_msg *msg, const char *payload, size_t size)
{
    const ferry_text texts[] = {msg->name, msg->md5sum, msg->url, msg->result_msg, msg->request_id, msg->sha256};

    FUZZ_CHECK(ferry_msg_type_name(msg->type) != NULL);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_text(texts[i], payload, size);
}

/* Parses a copy of the bytes; *ret_payload must be freed after the message. */
static ferry_proto_err parse(const void *data, size_t size, size_t token_cap, ferry_msg *ret_msg, char **ret_payload)
{
    char *payload = malloc(size > 0 ? size : 1);
    ferry_json_token *tokens = malloc((token_cap > 0 ? token_cap : 1) * sizeof(*tokens));
    ferry_msg canary;
    ferry_proto_err err;

    FUZZ_CHECK(payload != NULL && tokens != NULL);
    if (size > 0)
        memcpy(payload, data, size);
    memset(&canary, 0x5a, sizeof(canary));
    memcpy(ret_msg, &canary, sizeof(canary));
    err = ferry_msg_parse(payload, size, tokens, token_cap, ret_msg);
    free(tokens);
    if (err == FERRY_PROTO_OK)
        check_inside(ret_msg, payload, size);
    else
        FUZZ_CHECK(memcmp(ret_msg, &canary, sizeof(canary)) == 0);
    *ret_payload = payload;
    return err;
}

/* Each capacity ends at the end of its own block, where a sanitizer stands guard. */
static void check_every_capacity(const ferry_msg *msg, const char *whole, size_t len)
{
    size_t step = len <= EVERY_SIZE_UP_TO ? 1 : len / 8;

    for (size_t cap = 0; cap <= len; cap += step) {
        char *out = malloc(cap > 0 ? cap : 1);
        size_t got = 0;

        FUZZ_CHECK(out != NULL);
        FUZZ_CHECK(ferry_msg_write(msg, out, cap, &got) == FERRY_PROTO_E_SPACE && got == 0);
        free(out);
    }
    {
        char *out = malloc(len + 1);
        size_t got = 0;

        FUZZ_CHECK(out != NULL);
        FUZZ_CHECK(ferry_msg_write(msg, out, len + 1, &got) == FERRY_PROTO_OK && got == len);
        FUZZ_CHECK(memcmp(out, whole, len + 1) == 0);
        free(out);
    }
}

/* What was written parses without damage, and writes to the same bytes again. */
static void check_round_trip(const ferry_msg *msg)
{
    static char first[WRITTEN_MAX], second[WRITTEN_MAX];
    size_t first_len = 0, second_len = 0;
    ferry_proto_err err = ferry_msg_write(msg, first, sizeof(first), &first_len);
    ferry_msg again;
    char *payload;

    if (err == FERRY_PROTO_E_FIELD) {
        FUZZ_CHECK(msg->state == FERRY_PROGRESS_NONE);
        return;
    }
    FUZZ_CHECK(err == FERRY_PROTO_OK && strlen(first) == first_len);
    FUZZ_CHECK(ferry_utf8_valid((ferry_text){first, first_len}));
    FUZZ_CHECK(parse(first, first_len, FERRY_JSON_TOKENS_DEVICE, &again, &payload) == FERRY_PROTO_OK);
    FUZZ_CHECK(!again.damaged && again.type == msg->type);
    FUZZ_CHECK(again.request_id.ptr == NULL || !ferry_utf8_valid(msg->request_id) ||
               ferry_text_equal(again.request_id, msg->request_id));
    FUZZ_CHECK(again.url.ptr == NULL || !ferry_utf8_valid(msg->url) || ferry_text_equal(again.url, msg->url));
    FUZZ_CHECK(again.name.ptr == NULL || !ferry_utf8_valid(msg->name) || ferry_text_equal(again.name, msg->name));
    FUZZ_CHECK(ferry_msg_write(&again, second, sizeof(second), &second_len) == FERRY_PROTO_OK);
    FUZZ_CHECK(second_len == first_len && memcmp(first, second, first_len) == 0);
    free(payload);
    check_every_capacity(msg, first, first_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t caps[] = {size % 13, FERRY_JSON_TOKENS_DEVICE, FERRY_JSON_TOKENS_MAX};
    bool whole_before = false, known_before = false;

    if (size > FERRY_PAYLOAD_MAX)
        return 0;
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        ferry_msg msg;
        char *payload;
        bool known = parse(data, size, caps[i], &msg, &payload) == FERRY_PROTO_OK;
        bool whole = known && !msg.damaged;

        FUZZ_CHECK(known || !known_before);
        FUZZ_CHECK(whole || !whole_before);
        if (known && i == sizeof(caps) / sizeof(caps[0]) - 1)
            check_round_trip(&msg);
        known_before = known;
        whole_before = whole;
        free(payload);
    }
    return 0;
}
