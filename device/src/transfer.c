#include "engine.h"

static unsigned source_of(const lane_state *l)
{
    static const uint8_t sources[] = {
        [FERRY_HTTP_PUT] = FERRY__ON_PUT,
        [FERRY_HTTP_PROBE] = FERRY__ON_PROBE,
        [FERRY_HTTP_PATCH] = FERRY__ON_PATCH,
        [FERRY_HTTP_GET] = FERRY__ON_GET,
    };
    return sources[l->request];
}

/* RFC 4648 of the 16 bytes, 24 characters and a NUL */
static void md5_base64(const uint8_t md5[FERRY_MD5_BYTES], char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (unsigned i = 0; i < 18; i += 3, out += 4) {
        uint32_t three = (uint32_t)md5[i] << 16;
        if (i < 15)
            three |= (uint32_t)md5[i + 1] << 8 | md5[i + 2];
        for (unsigned k = 0; k < 4; k++)
            out[k] = digits[three >> (18 - 6 * k) & 63];
    }
    out[-2] = out[-1] = '=';
    out[0] = '\0';
}

static ferry_http_kind kind_of(const ferry_device *d, const lane_state *l)
{
    if (!ferry__lane_is_up(d, l))
        return FERRY_HTTP_GET;
    if (l->phase == FERRY_PHASE_PROBE)
        return FERRY_HTTP_PROBE;
    return ferry__lane_first(d, l) == FERRY_PHASE_PROBE ? FERRY_HTTP_PATCH : FERRY_HTTP_PUT;
}

void ferry__lane_request(ferry_device *d, lane_state *l, ferry_action *act)
{
    l->request = (uint8_t)kind_of(d, l);
    l->live = true;
    l->answered = false;
    l->due_ms = d->now_ms + d->cfg->stall_ms;
    if (l->request == FERRY_HTTP_PUT)
        l->offset = 0;
    md5_base64(l->md5, d->work);
    act->kind = FERRY_ACT_HTTP;
    act->http = (ferry_http_kind)l->request;
    act->url = l->url;
    act->name = l->name;
    act->size = l->size;
    act->offset = l->offset;
    act->tag = l->tag;
    act->md5_base64 = d->work;
    act->if_range = l->request == FERRY_HTTP_GET && l->offset > 0 && l->etag[0] != '\0' ? l->etag : NULL;
}

ferry_device_err ferry__lane_head(ferry_device *d, lane_state *l, const ferry_http_head *head)
{
    unsigned source = source_of(l);
    uint32_t least_ms = head->retry_after_s < 3600 ? head->retry_after_s * 1000 : 3600000;

    if (!l->live)
        return FERRY_DEVICE_E_UNWANTED;
    if (l->answered)
        return FERRY_DEVICE_E_STATE;
    l->due_ms = d->now_ms + d->cfg->stall_ms;
    l->answered = true;
    if (ferry__decide(source, head->status)->verdict == FERRY__GO_ON &&
        (ferry__lane_is_up(d, l) ? ferry__upload_head(d, l, head) : ferry__download_head(d, l, head)))
        return FERRY_DEVICE_OK;
    l->live = false; /* the port ends the request because of what we return */
    ferry__lane_settle(d, l, source, head->status, ferry__lane_first(d, l), least_ms);
    return FERRY_DEVICE_E_UNWANTED;
}

ferry_device_err ferry__lane_sent(ferry_device *d, lane_state *l, uint64_t offset)
{
    if (!l->live || offset > l->size || !ferry__lane_is_up(d, l))
        return FERRY_DEVICE_E_STATE;
    if (offset != l->offset)
        l->due_ms = d->now_ms + d->cfg->stall_ms;
    l->offset = offset;
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry__lane_http_end(ferry_device *d, lane_state *l, ferry_fault fault)
{
    if (!l->live)
        return FERRY_DEVICE_E_STATE;
    l->live = false;
    if (fault == FERRY_FAULT_NONE && !l->answered)
        fault = FERRY_FAULT_GARBLED;
    if (fault != FERRY_FAULT_NONE)
        ferry__lane_settle(d, l, FERRY__ON_FAULT, fault, ferry__lane_first(d, l), 0);
    else if (ferry__lane_is_up(d, l))
        ferry__upload_http_end(d, l);
    else
        ferry__download_http_end(d, l);
    return FERRY_DEVICE_OK;
}
