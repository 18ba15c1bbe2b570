/*
 * What the device says. Each put_...() returns where the next byte goes; that all fits was made sure before:
 * FERRY_DEVICE_WORK counts the longest topic and the longest message, identity and names are checked at the border.
 */
#include "engine.h"

#include "proto/topic.h"

#include <string.h>

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

static char *put_hex(char *to, const uint8_t bytes[FERRY_MD5_BYTES])
{
    for (unsigned i = 0; i < FERRY_MD5_HEX; i++) {
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

static const char *direction(const lane_state *l)
{
    return ferry__is_down(l) ? "download" : "upload";
}

/* The digit of the result_code and the result_msg. */
FERRY__APART static const char *word_of(unsigned err)
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

/* The messages; a capital is a gap to fill, and then all go on alike: above every character of theirs. */
#define WITH_MD5 "~"
#define WITHOUT_MD5 "\x7f"
static const char create[] = "{\"type\":\"create_upload_task\",\"size\":S,\"name\":\"N\"" WITH_MD5;
static const char get[] = "{\"type\":\"get_download_task\"" WITHOUT_MD5;
static const char report[] = "{\"type\":\"report_D_progress\",\"name\":\"N\",\"progress\":{\"state\":\"P,"
                             "\"result_code\":C,\"result_msg\":\"W\"}" WITH_MD5;
static const char end[] = ",\"md5sum\":\"M\",\"request_id\":\"I\"}";
enum { END_WITHOUT_MD5 = sizeof ",\"md5sum\":\"M\"" - 1 };

/* The state, its closing quote and, of a running transfer, the percent. */
static char *put_state(char *to, const lane_state *l)
{
    if (l->phase == FERRY_PHASE_REPORT)
        return put(to, l->kept.result == FERRY_DEVICE_OK ? "done\"" : "fail\"");
    to = put(put(to, direction(l)), "ing\",\"percent\":");
    return put_number(to, percent_of(l->kept.offset, l->kept.size));
}

static char *put_gap(char *to, char gap, const lane_state *l)
{
    switch (gap) {
    case 'S':
        return put_number(to, l->kept.size);
    case 'N':
        return put_escaped(to, l->name);
    case 'M':
        return put_hex(to, l->kept.md5);
    case 'D':
        return put(to, direction(l));
    case 'P':
        return put_state(to, l);
    case 'C':
        if (l->kept.result != FERRY_DEVICE_OK)
            *to++ = '-';
        *to = *word_of(l->kept.result);
        return to + 1;
    case 'W':
        return put(to, word_of(l->kept.result) + 1);
    default: /* I */
        memcpy(to, l->nonce, sizeof l->nonce);
        to[sizeof l->nonce] = (char)FERRY__ID_OF(l->phase);
        return to + sizeof l->nonce + 1;
    }
}

void ferry__lane_publish(const lane_state *l, ferry_action *act)
{
    const char *text = l->phase != FERRY_PHASE_ASK ? report : ferry__is_down(l) ? get : create;
    char *to = l->d->work + FERRY_TOPIC_SIZE;

    ferry__topic_write(l->d, FERRY_TOPIC_UP_PREFIX, act);
    act->payload = to;
    for (; *text != '\0'; text++) {
        if (*text >= WITH_MD5[0])
            text = end + (*text - WITH_MD5[0]) * END_WITHOUT_MD5;
        if (*text >= 'A' && *text <= 'Z')
            to = put_gap(to, *text, l);
        else
            *to++ = *text;
    }
    act->len = (size_t)(to - act->payload);
    act->qos = l->phase != FERRY_PHASE_MOVE;
}
