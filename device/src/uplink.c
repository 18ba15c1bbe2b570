/*
 * What the device says. Each put_...() returns where the next byte goes; that all fits was made sure before:
 * FERRY_DEVICE_WORK counts the longest topic and the longest message, identity and names are checked at the border.
 */
#include "engine.h"

#include "proto/topic.h"

#include <string.h>

/* Where the payload begins in the work space, behind the topic. */
enum { TOPIC_SPACE = FERRY_TOPIC_SIZE };

static char *put(char *to, const char *text)
{
    size_t len = strlen(text);

    memcpy(to, text, len + 1);
    return to + len;
}

/* Decimal, bit by bit: small processors have no division of 64 bits. */
static char *put_number(char *to, uint64_t value)
{
    char digits[20];
    size_t first = sizeof digits;

    do {
        unsigned rest = 0;
        for (unsigned bit = 0; bit < 64; bit++) {
            rest = rest << 1 | (unsigned)(value >> 63);
            value <<= 1;
            if (rest >= 10) {
                rest -= 10;
                value |= 1;
            }
        }
        digits[--first] = (char)('0' + rest);
    } while (value > 0);
    memcpy(to, digits + first, sizeof digits - first);
    return to + sizeof digits - first;
}

/* A name: it has no control characters. */
static char *put_escaped(char *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *to++ = '\\';
        *to++ = *text;
    }
    return to;
}

static char *put_hex(char *to, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < 2 * len; i++) {
        unsigned digit = bytes[i / 2] >> (i & 1 ? 0 : 4) & 15;
        *to++ = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
    }
    return to;
}

void ferry__topic_write(ferry_device *d, const char *prefix, ferry_action *act)
{
    char *to = put(d->work, prefix);

    act->topic = d->work;
    to = put(put(to, d->cfg->product), "/");
    (void)put(to, d->cfg->device);
}

/* offset / size as 0 .. 100, without a division */
static unsigned percent_of(uint64_t offset, uint64_t size)
{
    unsigned percent = 0;

    for (offset *= 100; percent < 100 && offset >= size; offset -= size)
        percent++;
    return percent;
}

static const char *code_on_the_wire(unsigned err)
{
    return err == FERRY_DEVICE_OK         ? "0"
           : err == FERRY_DEVICE_E_SOURCE ? "-2"
           : err == FERRY_DEVICE_E_URL    ? "-3"
           : err == FERRY_DEVICE_E_DIGEST ? "-4"
                                          : "-1";
}

static const char *word_on_the_wire(unsigned err)
{
    static const char words[] =
#define X(name, number, wire, text) wire "\0"
        FERRY_DEVICE_ERR_LIST(X)
#undef X
        ;
    const char *word = words;

    while (err-- > 0)
        word += strlen(word) + 1;
    return word;
}

static char *put_question(char *to, const lane_state *l)
{
    if (ferry__is_down(l))
        return put(to, "get_download_task\"");
    to = put_number(put(to, "create_upload_task\",\"size\":"), l->kept.size);
    to = put_escaped(put(to, ",\"name\":\""), l->name);
    to = put_hex(put(to, "\",\"md5sum\":\""), l->kept.md5, FERRY_MD5_BYTES);
    return put(to, "\"");
}

static char *put_report(char *to, const lane_state *l, bool running)
{
    unsigned result = running ? FERRY_DEVICE_OK : l->kept.result;
    bool down = ferry__is_down(l);

    to = put(to, down ? "report_download_progress\",\"name\":\"" : "report_upload_progress\",\"name\":\"");
    to = put(put_escaped(to, l->name), "\",\"progress\":{\"state\":\"");
    if (running) {
        to = put(to, down ? "downloading\",\"percent\":" : "uploading\",\"percent\":");
        to = put_number(to, percent_of(l->kept.offset, l->kept.size));
    } else
        to = put(to, result == FERRY_DEVICE_OK ? "done\"" : "fail\"");
    to = put(put(to, ",\"result_code\":"), code_on_the_wire(result));
    to = put(put(to, ",\"result_msg\":\""), word_on_the_wire(result));
    return put(to, "\"}");
}

void ferry__lane_publish(ferry_device *d, const lane_state *l, char what, ferry_action *act)
{
    char *payload = d->work + TOPIC_SPACE, *to = put(payload, "{\"type\":\"");

    ferry__topic_write(d, FERRY_TOPIC_UP_PREFIX, act);
    to = what == FERRY__ID_ASK ? put_question(to, l) : put_report(to, l, what == FERRY__ID_PROGRESS);
    to = put(to, ",\"request_id\":\"");
    memcpy(to, l->nonce, sizeof l->nonce);
    to += sizeof l->nonce;
    *to++ = what;
    act->payload = payload;
    act->len = (size_t)(put(to, "\"}") - payload);
    act->qos = what != FERRY__ID_PROGRESS;
}
