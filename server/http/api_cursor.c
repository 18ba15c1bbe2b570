#include "api_cursor.h"

#include <string.h>

enum { MARK_BYTES = sizeof(uint64_t) };

/* FNV-1a: it tells lists apart and keeps no secret. */
static uint64_t with_text(uint64_t hash, const char *text)
{
    const char *end = text + strlen(text) + 1; /* the NUL keeps "a", "bc" and "ab", "c" apart */

    for (; text < end; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static const uint64_t nothing = UINT64_C(0xcbf29ce484222325);

struct api_list_mark api_list_mark(const struct api_url *url)
{
    uint64_t hash = nothing;

    for (size_t i = 0; i < url->part_count; i++)
        hash = with_text(hash, url->parts[i]);
    return (struct api_list_mark){.sum = hash};
}

void api_list_mark_add(struct api_list_mark *mark, const char *name, const char *value)
{
    mark->sum += with_text(with_text(nothing, name), value);
}

/* RFC 4648, section 5: the two characters that mean something in a URL are others. */
static void swap(char *text, const char from[2], const char to[2])
{
    for (; *text != '\0'; text++) {
        if (*text == from[0])
            *text = to[0];
        else if (*text == from[1])
            *text = to[1];
    }
}

void api_cursor_write(struct api_list_mark list, const char *position, char out[API_CURSOR_SIZE])
{
    uint8_t bytes[MARK_BYTES + API_POSITION_SIZE];
    size_t len = strnlen(position, API_POSITION_SIZE - 1);

    for (size_t i = 0; i < MARK_BYTES; i++)
        bytes[i] = (uint8_t)(list.sum >> (8 * i));
    memcpy(bytes + MARK_BYTES, position, len);
    ferry_base64_encode(bytes, MARK_BYTES + len, out);
    swap(out, "+/", "-_");
    out[strcspn(out, "=")] = '\0';
}

bool api_cursor_read(const char *text, struct api_list_mark *ret_list, char ret_position[API_POSITION_SIZE])
{
    uint8_t bytes[MARK_BYTES + API_POSITION_SIZE - 1];
    char base64[API_CURSOR_SIZE];
    size_t text_len = strlen(text), len = 0;
    uint64_t sum = 0;

    if (text_len >= sizeof base64 || strpbrk(text, "+/=") != NULL)
        return false;
    memcpy(base64, text, text_len + 1);
    swap(base64, "-_", "+/");
    if (ferry_base64_decode(base64, text_len, bytes, sizeof bytes, &len) != FERRY_OK || len <= MARK_BYTES ||
        memchr(bytes + MARK_BYTES, '\0', len - MARK_BYTES) != NULL)
        return false;
    for (size_t i = 0; i < MARK_BYTES; i++)
        sum |= (uint64_t)bytes[i] << (8 * i);
    *ret_list = (struct api_list_mark){.sum = sum};
    memcpy(ret_position, bytes + MARK_BYTES, len - MARK_BYTES);
    ret_position[len - MARK_BYTES] = '\0';
    return true;
}
