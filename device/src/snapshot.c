#include "engine.h"

#include <string.h>

/*
 * One lane, little-endian, so that a snapshot survives a new firmware:
 *   0 'F' 'y' version lane   4 stage result name-length etag-length
 *   8 size  16 offset  24 tag  32 MD5 announced  48 hash state  64 hash block
 * 128 etag, name, then 8 bytes of the MD5 over identity and all that.
 */
enum { VERSION = 1, HEAD = 128, CHECK = 8 };

static void put_le(uint8_t *out, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0) {
        *out++ = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_le(const uint8_t *in, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | in[bytes];
    return value;
}

/* The identity is part of it: a snapshot of another device is as wrong as a damaged one. */
static void checksum(const ferry_device *d, const uint8_t *bytes, size_t len, uint8_t ret_digest[FERRY_MD5_BYTES])
{
    ferry_md5 md5;

    ferry_md5_init(&md5);
    ferry_md5_update(&md5, d->cfg->product, strlen(d->cfg->product) + 1);
    ferry_md5_update(&md5, d->cfg->device, strlen(d->cfg->device) + 1);
    ferry_md5_update(&md5, bytes, len);
    ferry_md5_final(&md5, ret_digest);
}

size_t ferry__snapshot_write(const ferry_device *d, const lane_state *l, uint8_t *out)
{
    size_t name_len = strlen(l->name), etag_len = strlen(l->etag), len = HEAD + etag_len + name_len;
    uint8_t digest[FERRY_MD5_BYTES];

    memset(out, 0, HEAD);
    out[0] = 'F';
    out[1] = 'y';
    out[2] = VERSION;
    out[3] = (uint8_t)ferry__lane_of(d, l);
    out[4] = l->stage;
    out[5] = l->result;
    out[6] = (uint8_t)name_len;
    out[7] = (uint8_t)etag_len;
    put_le(out + 8, l->size, 8);
    put_le(out + 24, l->tag, 8);
    memcpy(out + 32, l->md5, FERRY_MD5_BYTES);
    if (!ferry__lane_is_up(d, l)) { /* what an upload has moved, only the store knows */
        put_le(out + 16, l->offset, 8);
        for (unsigned i = 0; i < 4; i++)
            put_le(out + 48 + (size_t)4 * i, l->hash.state[i], 4);
        memcpy(out + 64, l->hash.block, FERRY_MD5_BLOCK);
    }
    memcpy(out + HEAD, l->etag, etag_len);
    memcpy(out + HEAD + etag_len, l->name, name_len);
    checksum(d, out, len, digest);
    memcpy(out + len, digest, CHECK);
    return len + CHECK;
}

static bool sound(const ferry_device *d, const uint8_t *in, size_t len)
{
    uint8_t digest[FERRY_MD5_BYTES];

    if (len < HEAD + CHECK || in[0] != 'F' || in[1] != 'y' || in[2] != VERSION || in[3] >= FERRY_LANES ||
        len != (size_t)HEAD + in[6] + in[7] + CHECK || in[7] >= sizeof d->lane[0].etag)
        return false;
    if (in[4] != FERRY_PHASE_MOVE && in[4] != FERRY_PHASE_COMMIT && in[4] != FERRY_PHASE_REPORT)
        return false;
    if (in[5] > FERRY_DEVICE_E_BUSY || get_le(in + 8, 8) == 0 || get_le(in + 16, 8) > get_le(in + 8, 8))
        return false;
    ferry_text name = {(const char *)in + HEAD + in[7], in[6]};
    if (in[3] == FERRY_LANE_DOWN && in[4] != FERRY_PHASE_REPORT ? !ferry__name_usable(d, name)
                                                                : name.len > d->cfg->name_max)
        return false;
    checksum(d, in, len - CHECK, digest);
    return memcmp(digest, in + len - CHECK, CHECK) == 0;
}

bool ferry__snapshot_read(ferry_device *d, const uint8_t *in, size_t len, lane_state **ret_lane)
{
    if (!sound(d, in, len))
        return false;
    lane_state *l = &d->lane[in[3]];
    l->stage = in[4];
    l->result = in[5];
    l->size = get_le(in + 8, 8);
    l->offset = l->saved_offset = l->hash.bytes = get_le(in + 16, 8);
    l->tag = get_le(in + 24, 8);
    memcpy(l->md5, in + 32, FERRY_MD5_BYTES);
    for (unsigned i = 0; i < 4; i++)
        l->hash.state[i] = (uint32_t)get_le(in + 48 + (size_t)4 * i, 4);
    memcpy(l->hash.block, in + 64, FERRY_MD5_BLOCK);
    memcpy(l->etag, in + HEAD, in[7]);
    l->etag[in[7]] = '\0';
    memcpy(l->name, in + HEAD + in[7], in[6]);
    l->name[in[6]] = '\0';
    *ret_lane = l;
    return true;
}
