#include "engine.h"

#include <string.h>

enum { FERRY__ID_BYTES = 4 }; /* the nonce of the lane, and what was asked */

static const char hex_digits[] = "0123456789abcdef";

/* 0 .. 15, or 16 for anything else */
static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

static bool hex_parse(ferry_text hex, uint8_t *out, size_t len)
{
    if (hex.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned high = hex_value(hex.ptr[2 * i]), low = hex_value(hex.ptr[2 * i + 1]);
        if (high > 15 || low > 15)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool ferry__md5_parse(ferry_text hex, uint8_t ret_md5[FERRY_MD5_BYTES])
{
    return hex_parse(hex, ret_md5, FERRY_MD5_BYTES);
}

void ferry__hex_write(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
}

bool ferry__lane_id_fits(lane_state *l, const ferry_msg *msg, int *ret_kind)
{
    uint8_t id[FERRY__ID_BYTES];

    *ret_kind = -1;
    if (msg->request_id.ptr == NULL)
        return true;
    if (!hex_parse(msg->request_id, id, sizeof id) || memcmp(id, l->nonce, sizeof l->nonce) != 0)
        return false;
    l->echoes = true;
    *ret_kind = id[sizeof l->nonce];
    return true;
}

/* A result has been confirmed, or not. */
static void lane_verdict(ferry_device *d, lane_state *l, int code)
{
    bool up = ferry__lane_is_up(d, l);
    const ferry__rule *rule = ferry__decide(up ? FERRY__ON_RESULT_UP : FERRY__ON_RESULT_DOWN, code);

    if (rule->verdict != FERRY__LATER && (l->result != FERRY_DEVICE_OK || rule->verdict == FERRY__GO_ON))
        ferry__lane_end(l, (ferry_device_err)l->result, false); /* `fail` has been heard whatever the answer */
    else if (up || rule->verdict == FERRY__LATER)
        ferry__lane_settle(d, l, up ? FERRY__ON_RESULT_UP : FERRY__ON_RESULT_DOWN, code, FERRY_PHASE_REPORT, 0);
    else { /* the file is here and verified, but the platform did not want it any more */
        l->why = FERRY_WHY_RESULT;
        l->detail = code;
        ferry__lane_end(l, (ferry_device_err)rule->err, false);
    }
}

void ferry__lane_answer(ferry_device *d, lane_state *l, const ferry_msg *msg)
{
    int kind;
    bool running = l->phase == FERRY_PHASE_OPEN || l->phase == FERRY_PHASE_PROBE || l->phase == FERRY_PHASE_MOVE ||
                   (l->phase == FERRY_PHASE_PAUSE && l->told);

    if ((msg->has & FERRY_HAS_RESULT_CODE) == 0 || !ferry__lane_id_fits(l, msg, &kind))
        return;
    if (running) {
        ferry_phase retry = l->phase == FERRY_PHASE_PAUSE  ? (ferry_phase)l->next_phase
                            : l->phase == FERRY_PHASE_OPEN ? FERRY_PHASE_OPEN
                                                           : ferry__lane_first(d, l);
        ferry__lane_settle(d, l, ferry__lane_is_up(d, l) ? FERRY__ON_RESULT_UP : FERRY__ON_RESULT_DOWN,
                           msg->result_code, retry, 0);
        return;
    }
    if (l->phase != FERRY_PHASE_REPORT)
        return;
    /* A late "go on" to the last progress report is no confirmation. */
    if (msg->result_code == FERRY_RESULT_OK && (l->echoes ? kind != FERRY__ID_REPORT : !l->issued))
        return;
    lane_verdict(d, l, msg->result_code);
}

bool ferry__lane_take_url(const ferry_device *d, lane_state *l, ferry_text url)
{
    static const char scheme[] = "http";

    if (url.ptr == NULL || url.len > d->cfg->url_max || url.len < sizeof scheme ||
        memcmp(url.ptr, scheme, sizeof scheme - 1) != 0)
        return false;
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~') /* it becomes part of a request line */
            return false;
    memcpy(l->url, url.ptr, url.len);
    l->url[url.len] = '\0';
    return true;
}

void ferry__lane_publish(ferry_device *d, lane_state *l, ferry_msg *msg, int kind, int qos, ferry_action *act)
{
    uint8_t id[FERRY__ID_BYTES] = {l->nonce[0], l->nonce[1], l->nonce[2], (uint8_t)kind};
    char id_text[2 * FERRY__ID_BYTES];
    char *payload = d->work + FERRY__TOPIC_SPACE;
    size_t len = 0;

    ferry__hex_write(id, sizeof id, id_text);
    msg->request_id = (ferry_text){id_text, sizeof id_text};
    /* Both fit: FERRY_DEVICE_WORK holds the longest topic and message, and the parts were checked before. */
    (void)ferry_topic_write(FERRY_TOPIC_UP, ferry_text_of(d->cfg->product), ferry_text_of(d->cfg->device), d->work);
    (void)ferry_msg_write(msg, payload, FERRY_DEVICE_WORK - FERRY__TOPIC_SPACE, &len);
    act->kind = FERRY_ACT_PUBLISH;
    act->topic = d->work;
    act->payload = payload;
    act->len = len;
    act->qos = qos;
}

/* offset / size as 0 .. 100 without a division of 64 bits, which small processors lack */
static int32_t percent_of(uint64_t offset, uint64_t size)
{
    int32_t percent = 0;

    while (size >> 24 != 0) {
        size >>= 1;
        offset >>= 1;
    }
    while (percent < 100 && (uint32_t)(percent + 1) * (uint32_t)size <= 100u * (uint32_t)offset)
        percent++;
    return percent;
}

void ferry__lane_publish_progress(ferry_device *d, lane_state *l, ferry_action *act)
{
    ferry_msg msg = {
        .type = ferry__lane_is_up(d, l) ? FERRY_MSG_REPORT_UPLOAD_PROGRESS : FERRY_MSG_REPORT_DOWNLOAD_PROGRESS,
        .has = FERRY_HAS_PERCENT | FERRY_HAS_RESULT_CODE,
        .state = FERRY_PROGRESS_RUNNING,
        .percent = percent_of(l->offset, l->size),
        .name = ferry_text_of(l->name),
        .result_msg = {"", 0},
    };

    l->progress_due_ms = d->now_ms + d->cfg->progress_ms;
    ferry__lane_publish(d, l, &msg, FERRY__ID_PROGRESS, 0, act);
}

static int32_t code_on_the_wire(ferry_device_err err)
{
    if (err == FERRY_DEVICE_OK)
        return FERRY_RESULT_OK;
    if (err == FERRY_DEVICE_E_SOURCE)
        return FERRY_RESULT_FILE_MISSING;
    if (err == FERRY_DEVICE_E_URL)
        return FERRY_RESULT_URL_REFUSED;
    if (err == FERRY_DEVICE_E_DIGEST)
        return FERRY_RESULT_MD5_MISMATCH;
    return FERRY_RESULT_TIME_OUT;
}

void ferry__lane_publish_report(ferry_device *d, lane_state *l, ferry_action *act)
{
    static const char *const words[] = {
#define X(name, number, wire, text) [number] = wire,
        FERRY_DEVICE_ERR_LIST(X)
#undef X
    };
    ferry_msg msg = {
        .type = ferry__lane_is_up(d, l) ? FERRY_MSG_REPORT_UPLOAD_PROGRESS : FERRY_MSG_REPORT_DOWNLOAD_PROGRESS,
        .has = FERRY_HAS_RESULT_CODE,
        .state = l->result == FERRY_DEVICE_OK ? FERRY_PROGRESS_DONE : FERRY_PROGRESS_FAIL,
        .result_code = code_on_the_wire((ferry_device_err)l->result),
        .name = ferry_text_of(l->name),
        .result_msg = ferry_text_of(words[l->result]),
    };

    ferry__lane_publish(d, l, &msg, FERRY__ID_REPORT, 1, act);
}
