#include "id_bytes.h"

#include <string.h>

enum { TIME_BYTES = ID_BYTES - FERRY_ID_RANDOM_BYTES };

/* Value of a digit plus one; 0: no digit. Crockford's alphabet, lower case. */
static const uint8_t digit_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['g'] = 17, ['h'] = 18, ['j'] = 19, ['k'] = 20, ['m'] = 21, ['n'] = 22, ['p'] = 23, ['q'] = 24,
    ['r'] = 25, ['s'] = 26, ['t'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30, ['y'] = 31, ['z'] = 32,
};

bool sql_id_to_bytes(const ferry_id *id, uint8_t out[ID_BYTES])
{
    uint8_t bytes[ID_BYTES];
    uint32_t bits = 0;
    unsigned have = 0;
    size_t next = 0;

    for (int i = 0; i < FERRY_ID_LEN; i++) {
        uint8_t value = digit_values[(unsigned char)id->text[i]];

        if (value == 0 || (i == 0 && value > 8))
            return false;
        bits = bits << 5 | (uint32_t)(value - 1);
        have += i == 0 ? 3 : 5; /* 26 digits are 130 bits; the two in front are zero */
        if (have >= 8) {
            have -= 8;
            bytes[next++] = (uint8_t)(bits >> have);
        }
    }
    if (id->text[FERRY_ID_LEN] != '\0')
        return false;
    memcpy(out, bytes, sizeof(bytes));
    return true;
}

ferry_id sql_id_from_bytes(const uint8_t bytes[ID_BYTES])
{
    uint64_t ms = 0;

    for (int i = 0; i < TIME_BYTES; i++)
        ms = ms << 8 | bytes[i];
    return ferry_id_make(ms, bytes + TIME_BYTES);
}
