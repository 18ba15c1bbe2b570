/*
 * What the device says. Each put_...() returns where the next byte goes; that all fits was made sure before:
 * FERRY_DEVICE_WORK counts the longest topic and the longest message, identity and names are checked at the border.
 */
#include "engine.h"

#include "proto/topic.h"

#include <string.h>

/* Decimal, bit by bit: small processors have no division of 64 bits. */
static char *put_number(char *to, uint64_t value)
{
    uint32_t high = (uint32_t)(value >> 32), low = (uint32_t)value;
    char digits[20];
    size_t first = sizeof digits;

    do {
        unsigned rest = 0;
        for (unsigned bit = 0; bit < 64; bit++) {
            rest = rest << 1 | high >> 31;
            high = high << 1 | low >> 31;
            low <<= 1;
            if (rest >= 10) {
                rest -= 10;
                low |= 1;
            }
        }
        digits[--first] = (char)('0' + rest);
    } while ((high | low) != 0);
    memcpy(to, digits + first, sizeof digits - first);
    return to + sizeof digits - first;
}

/* A text of JSON, where no control characters come; what an identity has stays as it is. */
static char *put_text(char *to, const char *text)
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
        unsigned digit = bytes[i / 2];
        if (i % 2 == 0)
            digit >>= 4;
        digit &= 15;
        *to++ = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
    }
    return to;
}

/* offset / size as 0 .. 100, without a division */
static unsigned percent_of(uint64_t offset, uint64_t size)
{
    unsigned percent = 0;

    for (offset *= 100; percent < 100 && offset >= size; offset -= size)
        percent++;
    return percent;
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

/* What stands in a gap of a text; as a character of that text it is below all others. */
enum { SIZE = 1, NAME, DIGEST, DIRECTION, PERCENT, CODE, WORD, ID, PRODUCT, DEVICE };
#define SIZE_GAP "\1"
#define NAME_GAP "\2"
#define DIGEST_GAP "\3"
#define DIRECTION_GAP "\4"
#define PERCENT_GAP "\5"
#define CODE_GAP "\6"
#define WORD_GAP "\7"
#define ID_GAP "\10"
#define PRODUCT_GAP "\11"
#define DEVICE_GAP "\12"

static const char topic_up[] = FERRY_TOPIC_UP_PREFIX PRODUCT_GAP "/" DEVICE_GAP;
static const char topic_down[] = FERRY_TOPIC_DOWN_PREFIX PRODUCT_GAP "/" DEVICE_GAP;
static const char create[] = "{\"type\":\"create_upload_task\",\"size\":" SIZE_GAP ",\"name\":\"" NAME_GAP "\"";
static const char get[] = "{\"type\":\"get_download_task\"";
static const char report[] =
    "{\"type\":\"report_" DIRECTION_GAP "_progress\",\"name\":\"" NAME_GAP "\",\"progress\":{\"state\":\"";
static const char running[] = DIRECTION_GAP "ing\",\"percent\":" PERCENT_GAP;
/* All messages end alike, the shorter ones with the last part of it. */
#define RESULT_PART ",\"result_code\":" CODE_GAP ",\"result_msg\":\"" WORD_GAP "\"}"
#define DIGEST_PART ",\"md5sum\":\"" DIGEST_GAP "\""
static const char end[] = RESULT_PART DIGEST_PART ",\"request_id\":\"" ID_GAP "\"}";
enum { END_OF_CREATE = sizeof RESULT_PART - 1, END_OF_GET = sizeof RESULT_PART DIGEST_PART - 1 };

/* What devices report is negative. */
static char *put_code(char *to, unsigned err)
{
    if (err != FERRY_DEVICE_OK)
        *to++ = '-';
    *to = *word_of(err);
    return to + 1;
}

static char *put_id(char *to, const lane_state *l)
{
    memcpy(to, l->nonce, sizeof l->nonce);
    to[sizeof l->nonce] = (char)FERRY__ID_OF(l->phase);
    return to + sizeof l->nonce + 1;
}

static char *put_gap(char *to, unsigned gap, const lane_state *l)
{
    const char *text = l->name;

    switch (gap) {
    case SIZE:
        return put_number(to, l->kept.size);
    case NAME:
        break;
    case DIGEST:
        return put_hex(to, l->kept.md5);
    case DIRECTION:
        text = ferry__is_down(l) ? "download" : "upload";
        break;
    case PERCENT:
        return put_number(to, percent_of(l->kept.offset, l->kept.size));
    case CODE:
        return put_code(to, l->result);
    case WORD:
        text = word_of(l->result) + 1;
        break;
    case ID:
        return put_id(to, l);
    case PRODUCT:
        text = l->cfg->product;
        break;
    default: /* DEVICE */
        text = l->cfg->device;
    }
    return put_text(to, text);
}

/* Writes a text, its gaps filled. */
FERRY__APART static char *fill(char *to, const char *text, const lane_state *l)
{
    for (; *text != '\0'; text++)
        if ((uint8_t)*text < ' ')
            to = put_gap(to, (uint8_t)*text, l);
        else
            *to++ = *text;
    return to;
}

static void topic_write(ferry_device *d, const char *topic, ferry_action *act)
{
    act->topic = d->work;
    *fill(d->work, topic, d->lane) = '\0';
}

void ferry__topic_write(ferry_device *d, ferry_action *act)
{
    topic_write(d, topic_down, act);
}

void ferry__lane_publish(const lane_state *l, ferry_action *act)
{
    const char *text = running, *tail = end;
    char *to = l->d->work + FERRY_TOPIC_SIZE;

    topic_write(l->d, topic_up, act);
    act->payload = to;
    if (l->phase == FERRY_PHASE_ASK) {
        text = ferry__is_down(l) ? get : create;
        tail += ferry__is_down(l) ? END_OF_GET : END_OF_CREATE;
    } else
        to = fill(to, report, l);
    if (l->phase == FERRY_PHASE_REPORT)
        text = l->result == FERRY_DEVICE_OK ? "done\"" : "fail\"";
    to = fill(fill(to, text, l), tail, l);
    act->len = (size_t)(to - act->payload);
    act->qos = l->phase != FERRY_PHASE_MOVE;
}
