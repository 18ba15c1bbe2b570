#include "keep.h"

#include "fake_world.h"

#include <string.h>

/* Before the bytes of a slot. */
struct slot {
    uint32_t crc;   /* of the members below and the bytes */
    uint32_t count; /* of the slots that are sound, the greater one is the newer one */
    uint32_t len;
};

static uint32_t crc32(uint32_t crc, const void *bytes, size_t len)
{
    for (const uint8_t *p = bytes; len-- > 0; p++) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return crc;
}

static uint32_t slot_crc(const struct slot *s, const void *bytes)
{
    uint32_t crc = crc32(UINT32_MAX, &s->count, sizeof s->count);

    return crc32(crc32(crc, &s->len, sizeof s->len), bytes, s->len);
}

static uint32_t slot_at(int record, uint32_t count)
{
    return ((uint32_t)record * 2 + count % 2) * KEEP_SLOT_BYTES;
}

/* The newest sound one; count 0: there is none. A write that was cut has left a wrong sum. */
static struct slot newest(int record)
{
    struct slot found = {0}, s;

    for (uint32_t i = 0; i < 2; i++) {
        const uint8_t *at = world_flash(slot_at(record, i));
        memcpy(&s, at, sizeof s);
        if (s.len <= KEEP_SLOT_BYTES - sizeof s && s.crc == slot_crc(&s, at + sizeof s) && s.count > found.count)
            found = s;
    }
    return found;
}

bool keep_save(int record, const void *bytes, size_t len)
{
    struct slot s = newest(record);
    uint32_t at = slot_at(record, ++s.count); /* not the newest one */

    s.len = (uint32_t)len;
    s.crc = slot_crc(&s, bytes);
    return len <= KEEP_SLOT_BYTES - sizeof s && world_flash_erase(at, sizeof s + len) &&
           world_flash_write(at + sizeof s, bytes, len) && world_flash_write(at, &s, sizeof s);
}

size_t keep_load(int record, const void **ret_bytes)
{
    struct slot s = newest(record);

    *ret_bytes = world_flash(slot_at(record, s.count) + sizeof s);
    return s.count == 0 ? 0 : s.len;
}
