#include "engine.h"

#include <string.h>

/*
 * The lane's `kept` as it is, its name, then 8 bytes of the MD5 over the identity and all that: a snapshot of another
 * device is as wrong as a damaged one. Its last byte tells version and lane. It stays on its device, so the byte order
 * is the processor's; the offsets are the same for every compiler that aligns numbers to their size or less.
 */
enum { CHECK = 8 };

#define AT(member) offsetof(ferry__kept, member)
typedef char ferry__kept_has_no_gaps[sizeof(ferry__kept) == 176 && AT(lane) == 175 ? 1 : -1];

static void checksum(const ferry_device *d, const uint8_t *bytes, size_t len, uint8_t ret_digest[FERRY_MD5_BYTES])
{
    ferry_md5 md5;

    ferry_md5_init(&md5);
    ferry_md5_update(&md5, d->cfg->product, strlen(d->cfg->product) + 1);
    ferry_md5_update(&md5, d->cfg->device, strlen(d->cfg->device) + 1);
    ferry_md5_update(&md5, bytes, len);
    ferry_md5_final(&md5, ret_digest);
}

size_t ferry__snapshot_write(const lane_state *l, uint8_t *out)
{
    size_t name_len = strlen(l->name), len = sizeof l->kept + name_len;
    uint8_t digest[FERRY_MD5_BYTES];

    memcpy(out, &l->kept, sizeof l->kept);
    out[AT(stage)] = l->stage;
    out[AT(result)] = l->result;
    memcpy(out + sizeof l->kept, l->name, name_len);
    checksum(l->d, out, len, digest);
    memcpy(out + len, digest, CHECK);
    return len + CHECK;
}

FERRY__APART static ferry_device_err lane_restore(lane_state *l, const uint8_t *in, size_t name_len)
{
    if (name_len > l->cfg->name_max || in[AT(result)] > FERRY_DEVICE_E_BUSY)
        return FERRY_DEVICE_E_SNAPSHOT;
    if (l->phase != FERRY_PHASE_IDLE)
        return FERRY_DEVICE_E_STATE;
    memcpy(&l->kept, in, sizeof l->kept);
    l->kept.etag[sizeof l->kept.etag - 1] = '\0';
    l->unsaved = 0;
    memcpy(l->name, in + sizeof l->kept, name_len);
    l->name[name_len] = '\0';
    ferry__lane_begin(l);
    l->known = l->told = true;
    uint8_t stage = in[AT(stage)];
    if (stage == FERRY_PHASE_REPORT)
        ferry__lane_report(l, (ferry_device_err)in[AT(result)]);
    else if (ferry__is_down(l)) {
        l->partial = true;
        ferry__lane_enter(l, stage == FERRY_PHASE_COMMIT ? FERRY_PHASE_COMMIT : FERRY_PHASE_ASK);
    } else {
        ferry__lane_rewind(l);
        ferry__lane_enter(l, FERRY_PHASE_KEPT);
    }
    l->todo = 0; /* it is saved already */
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_device_restore(ferry_device *d, uint64_t now_ms, const void *bytes, size_t len)
{
    const uint8_t *in = bytes;
    uint8_t digest[FERRY_MD5_BYTES];

    ferry__tick(d, now_ms);
    if (len < sizeof(ferry__kept) + CHECK)
        return FERRY_DEVICE_E_SNAPSHOT;
    len -= CHECK;
    checksum(d, in, len, digest);
    unsigned lane = in[AT(lane)] - FERRY__SNAPSHOT_VERSION;
    if (memcmp(digest, in + len, CHECK) != 0 || !ferry__is_built_in((ferry_lane)lane))
        return FERRY_DEVICE_E_SNAPSHOT;
    return lane_restore(ferry__lane_at(d, (ferry_lane)lane), in, len - sizeof(ferry__kept));
}
