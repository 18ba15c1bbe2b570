#include "base/id.h"

#include <string.h>

/* Crockford's alphabet: no i, l, o, u. Its ASCII order is its numeric order. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

enum { TIME_BYTES = 6, ID_BYTES = TIME_BYTES + FERRY_ID_RANDOM_BYTES };

ferry_id ferry_id_make(uint64_t unix_ms, const uint8_t random[FERRY_ID_RANDOM_BYTES])
{
    uint8_t bytes[ID_BYTES];
    ferry_id id = {{0}};
    uint32_t bits = 0;
    unsigned have = 2; /* 26 digits are 130 bits: two zero bits in front of 128 */
    size_t next = 0;

    for (int i = 0; i < TIME_BYTES; i++)
        bytes[i] = (uint8_t)(unix_ms >> (8 * (TIME_BYTES - 1 - i)));
    memcpy(bytes + TIME_BYTES, random, FERRY_ID_RANDOM_BYTES);
    for (int i = 0; i < FERRY_ID_LEN; i++) {
        if (have < 5) {
            bits = bits << 8 | bytes[next++];
            have += 8;
        }
        have -= 5;
        id.text[i] = digits[bits >> have & 31];
    }
    return id;
}

bool ferry_id_parse(const char *text, size_t len, ferry_id *ret_id)
{
    ferry_id id = {{0}};

    if (len != FERRY_ID_LEN || text[0] < '0' || text[0] > '7')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || strchr(digits, text[i]) == NULL)
            return false;
        id.text[i] = text[i];
    }
    *ret_id = id;
    return true;
}

uint64_t ferry_id_ms(const ferry_id *id)
{
    enum { TIME_DIGITS = 10 }; /* 50 bits: two zero bits and 48 of the time */
    uint64_t ms = 0;

    for (size_t i = 0; i < TIME_DIGITS; i++) {
        const char *digit = id->text[i] != '\0' ? strchr(digits, id->text[i]) : NULL;

        ms = ms << 5 | (digit != NULL ? (uint64_t)(digit - digits) : 0);
    }
    return ms;
}

bool ferry_id_equal(const ferry_id *a, const ferry_id *b)
{
    return memcmp(a->text, b->text, sizeof(a->text)) == 0;
}
