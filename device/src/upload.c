#include "engine.h"

#include <string.h>

ferry_phase ferry__upload_first(const lane_state *l)
{
    return !l->whole && l->kept.size >= l->cfg->resumable_bytes ? FERRY_PHASE_PROBE : FERRY_PHASE_MOVE;
}

void ferry__upload_read(lane_state *l, const void *bytes, size_t len)
{
    l->issued = false;
    if (!ferry__lane_hash(l, bytes, len) || len == 0) { /* longer than it was, or shorter */
        ferry__lane_fault(l, FERRY_FAULT_READ);
        return;
    }
    if (l->kept.offset != l->kept.size)
        return;
    ferry_md5_final(&l->kept.hash, l->kept.md5);
    ferry__lane_rewind(l);
    l->known = true;
    l->todo |= FERRY__TODO_SAVE;
    l->left.give_up = l->cfg->give_up_ms;
    ferry__lane_enter(l, FERRY_PHASE_ASK);
}

void ferry__upload_answer(lane_state *l, const ferry__downlink *msg, bool answers)
{
    if (l->phase != FERRY_PHASE_ASK)
        return;
    /* Without an id the echoed bytes tell: an answer to an older request is not for us. */
    if (!answers && (!msg->has_md5 || memcmp(msg->md5, l->kept.md5, FERRY_MD5_BYTES) != 0))
        return;
    if (msg->result_code != 0) {
        ferry__lane_settle(l, FERRY__ON_RESULT_UP, msg->result_code);
        return;
    }
    if (!ferry__lane_take_url(l, msg->text[FERRY__URL]))
        return; /* as good as no answer: the question is repeated */
    l->told = true;
    l->whole = false;
    ferry__lane_enter(l, ferry__upload_first(l));
}

void ferry__upload_head(lane_state *l, const ferry_http_head *head)
{
    if (l->request == FERRY_HTTP_PUT)
        return;
    if (head->has_upload_offset && head->upload_offset <= l->kept.size) {
        l->kept.offset = head->upload_offset;
        ferry__lane_moved(l);
    } else if (l->request == FERRY_HTTP_PROBE) {
        l->kept.offset = 0;
        l->whole = true;
    }
}
