#include "engine.h"

enum { RETRY_AFTER_MAX_S = 3600 };

FERRY__APART static ferry_http_kind kind_of(const lane_state *l)
{
    if (ferry__is_down(l))
        return FERRY_HTTP_GET;
    if (l->phase == FERRY_PHASE_PROBE)
        return FERRY_HTTP_PROBE;
    return ferry__upload_first(l) == FERRY_PHASE_PROBE ? FERRY_HTTP_PATCH : FERRY_HTTP_PUT;
}

void ferry__lane_request(lane_state *l, ferry_action *act)
{
    ferry_http_kind kind = kind_of(l);

    l->request = (uint8_t)kind;
    l->live = true;
    l->answered = false;
    l->left.due = l->cfg->stall_ms;
    if (kind == FERRY_HTTP_PUT)
        act->offset = l->kept.offset = 0;
    act->http = kind;
    act->url = l->url;
    if (kind == FERRY_HTTP_GET && l->kept.offset > 0 && l->kept.etag[0] != '\0')
        act->if_range = l->kept.etag;
}

ferry_device_err ferry__lane_head(lane_state *l, const ferry_http_head *head)
{
    unsigned source = (unsigned)FERRY__ON_PUT << l->request;

    if (!l->live)
        return FERRY_DEVICE_E_UNWANTED;
    if (l->answered)
        return FERRY_DEVICE_E_STATE;
    l->left.due = l->cfg->stall_ms;
    l->answered = true;
    if (ferry__decide(source, head->status)->verdict == FERRY__GO_ON) {
        if (ferry__is_down(l))
            return ferry__download_head(l, head) ? FERRY_DEVICE_OK : FERRY_DEVICE_E_UNWANTED;
        ferry__upload_head(l, head);
        return FERRY_DEVICE_OK;
    }
    l->live = false; /* the port ends the request because of what we return */
    ferry__lane_settle(l, source, head->status);
    if (l->phase == FERRY_PHASE_PAUSE)
        ferry__lane_wait(l,
                         (head->retry_after_s < RETRY_AFTER_MAX_S ? head->retry_after_s : RETRY_AFTER_MAX_S) * 1000u);
    return FERRY_DEVICE_E_UNWANTED;
}

ferry_device_err ferry__lane_sent(lane_state *l, uint64_t offset)
{
    if (!l->live || ferry__is_down(l))
        return FERRY_DEVICE_E_STATE;
    if (offset != l->kept.offset)
        l->left.due = l->cfg->stall_ms;
    l->kept.offset = offset;
    return FERRY_DEVICE_OK;
}

/* All bytes of the file are where they shall be. */
static void lane_complete(lane_state *l)
{
    if (ferry__is_down(l))
        ferry__download_verify(l);
    else
        ferry__lane_report(l, FERRY_DEVICE_OK);
}

void ferry__lane_http_end(lane_state *l, ferry_fault fault)
{
    l->live = false;
    if (fault == FERRY_FAULT_NONE && !l->answered)
        fault = FERRY_FAULT_GARBLED;
    if (fault != FERRY_FAULT_NONE)
        ferry__lane_fault(l, fault);
    else if (l->request == FERRY_HTTP_PUT || l->kept.offset == l->kept.size)
        lane_complete(l);
    else if (l->request == FERRY_HTTP_PROBE)
        ferry__lane_enter(l, FERRY_PHASE_MOVE);
    else /* a part only: see how much */
        ferry__lane_fault(l, FERRY_FAULT_LOST);
}
