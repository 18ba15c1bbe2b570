#include "api/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_position_write(const char *key, const char *value, char out[STORE_POSITION_SIZE])
{
    (void)snprintf(out, STORE_POSITION_SIZE, "%.*s %.*s", FERRY_IDENT_MAX, key, FERRY_NAME_MAX, value);
}

void store_position_write_number(const char *key, uint64_t value, char out[STORE_POSITION_SIZE])
{
    (void)snprintf(out, STORE_POSITION_SIZE, "%.*s %" PRIu64, FERRY_IDENT_MAX, key, value);
}

bool store_position_read(const char *text, struct store_position *ret_position)
{
    const char *space = strchr(text, ' ');

    if (space == NULL || space == text || space - text > FERRY_IDENT_MAX ||
        strnlen(space + 1, FERRY_NAME_MAX + 1) > FERRY_NAME_MAX)
        return false;
    (void)snprintf(ret_position->key, sizeof(ret_position->key), "%.*s", (int)(space - text), text);
    (void)snprintf(ret_position->value, sizeof(ret_position->value), "%s", space + 1);
    return true;
}

bool store_position_number(const struct store_position *position, uint64_t *ret_number)
{
    enum { DIGITS_MAX = 19 }; /* 2^63-1 has so many */
    size_t len = strlen(position->value);
    unsigned long long number = strtoull(position->value, NULL, 10);

    if (len < 1 || len > DIGITS_MAX || strspn(position->value, "0123456789") != len || number > INT64_MAX)
        return false;
    *ret_number = number;
    return true;
}
