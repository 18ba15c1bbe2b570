#include "engine.h"

/* RFC 4648 of the 16 bytes, 24 characters and a NUL */
static void md5_base64(const uint8_t md5[FERRY_MD5_BYTES], char *out)
{
    uint32_t bits = 0;

    for (unsigned i = 0, held = 0; i < 22; i++) {
        if (held < 6) {
            bits = bits << 8 | (held > 0 || i < 21 ? *md5++ : 0);
            held += 8;
        }
        held -= 6;
        unsigned digit = bits >> held & 63;
        *out++ = (char)(digit < 26   ? 'A' + digit
                        : digit < 52 ? 'a' + digit - 26
                        : digit < 62 ? '0' + digit - 52
                                     : digit == 62 ? '+' : '/');
    }
    out[0] = out[1] = '=';
    out[2] = '\0';
}

static ferry_http_kind kind_of(const ferry_device *d, const lane_state *l)
{
    if (ferry__is_down(l))
        return FERRY_HTTP_GET;
    if (l->phase == FERRY_PHASE_PROBE)
        return FERRY_HTTP_PROBE;
    return ferry__lane_first(d, l) == FERRY_PHASE_PROBE ? FERRY_HTTP_PATCH : FERRY_HTTP_PUT;
}

void ferry__lane_request(ferry_device *d, lane_state *l, ferry_action *act)
{
    ferry_http_kind kind = kind_of(d, l);

    l->request = (uint8_t)kind;
    l->live = true;
    l->answered = false;
    l->left.due = d->cfg->stall_ms;
    if (kind == FERRY_HTTP_PUT)
        act->offset = l->kept.offset = 0;
    md5_base64(l->kept.md5, d->work);
    act->http = kind;
    act->url = l->url;
    act->md5_base64 = d->work;
    if (kind == FERRY_HTTP_GET && l->kept.offset > 0 && l->kept.etag[0] != '\0')
        act->if_range = l->kept.etag;
}

ferry_device_err ferry__lane_head(ferry_device *d, lane_state *l, const ferry_http_head *head)
{
    unsigned source = (unsigned)FERRY__ON_PUT << l->request;

    if (!l->live)
        return FERRY_DEVICE_E_UNWANTED;
    if (l->answered)
        return FERRY_DEVICE_E_STATE;
    l->left.due = d->cfg->stall_ms;
    l->answered = true;
    if (ferry__decide(source, head->status)->verdict == FERRY__GO_ON) {
        if (ferry__is_down(l))
            return ferry__download_head(d, l, head) ? FERRY_DEVICE_OK : FERRY_DEVICE_E_UNWANTED;
        ferry__upload_head(d, l, head);
        return FERRY_DEVICE_OK;
    }
    l->live = false; /* the port ends the request because of what we return */
    ferry__lane_settle(d, l, source, head->status);
    if (l->phase == FERRY_PHASE_PAUSE && l->left.due < head->retry_after_s * 1000)
        l->left.due = head->retry_after_s * 1000;
    return FERRY_DEVICE_E_UNWANTED;
}

ferry_device_err ferry__lane_sent(ferry_device *d, lane_state *l, uint64_t offset)
{
    if (!l->live || offset > l->kept.size || ferry__is_down(l))
        return FERRY_DEVICE_E_STATE;
    if (offset != l->kept.offset)
        l->left.due = d->cfg->stall_ms;
    l->kept.offset = offset;
    return FERRY_DEVICE_OK;
}

void ferry__lane_http_end(ferry_device *d, lane_state *l, ferry_fault fault)
{
    l->live = false;
    if (fault == FERRY_FAULT_NONE && !l->answered)
        fault = FERRY_FAULT_GARBLED;
    if (fault != FERRY_FAULT_NONE)
        ferry__lane_fault(d, l, fault);
    else if (ferry__is_down(l))
        ferry__download_http_end(d, l);
    else
        ferry__upload_http_end(d, l);
}
