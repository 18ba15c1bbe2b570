#include "object_address.h"

#include <string.h>

static const char prefix[] = "/o/";

const char *object_number_parse(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if ((at > text && *text == '0') || number > (UINT64_MAX - digit) / 10)
            return NULL;
        number = number * 10 + digit;
    }
    if (at == text)
        return NULL;
    *ret_number = number;
    return at;
}

static const char *skip(const char *text, const char *expected)
{
    size_t len = strlen(expected);
    return strncmp(text, expected, len) == 0 ? text + len : NULL;
}

object_address_verdict object_address_parse(const char *target, struct object_address *ret_address)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct object_address address = {.expires_s = 0};
    const char *at = skip(target, prefix);
    if (at == NULL)
        return OBJECT_ADDRESS_ELSEWHERE;
    if (strnlen(at, FERRY_ID_LEN) < FERRY_ID_LEN || !ferry_id_parse(at, FERRY_ID_LEN, &address.task))
        return OBJECT_ADDRESS_ALTERED;
    at = skip(at + FERRY_ID_LEN, "?e=");
    if (at == NULL || (at = object_number_parse(at, &address.expires_s)) == NULL)
        return OBJECT_ADDRESS_ALTERED;
    at = skip(at, "&s=");
    if (at == NULL)
        return OBJECT_ADDRESS_ALTERED;
    size_t len = strspn(at, alphabet);
    if (len == 0 || len > OBJECT_SIGNATURE_MAX || at[len] != '\0')
        return OBJECT_ADDRESS_ALTERED;
    memcpy(address.signature, at, len);
    *ret_address = address;
    return OBJECT_ADDRESS_GOOD;
}
