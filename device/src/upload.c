#include "engine.h"

#include <string.h>

void ferry__upload_read(ferry_device *d, lane_state *l, const void *bytes, size_t len)
{
    if (len > l->size - l->offset)
        len = (size_t)(l->size - l->offset);
    ferry_md5_update(&l->hash, bytes, len);
    l->offset += len;
    l->issued = false;
    if (l->offset < l->size)
        return;
    ferry_md5_final(&l->hash, l->md5);
    ferry__lane_rewind(l);
    l->known = true;
    l->todo |= FERRY__TODO_SAVE;
    l->give_up_ms = d->now_ms + d->cfg->give_up_ms;
    ferry__lane_enter(l, FERRY_PHASE_ASK);
}

void ferry__upload_ask(ferry_device *d, lane_state *l, ferry_action *act)
{
    char md5[FERRY_MD5_HEX];
    ferry_msg msg = {
        .type = FERRY_MSG_CREATE_UPLOAD_TASK,
        .has = FERRY_HAS_SIZE,
        .size = l->size,
        .name = ferry_text_of(l->name),
        .md5sum = {md5, sizeof md5},
    };

    ferry__hex_write(l->md5, sizeof l->md5, md5);
    ferry__lane_publish(d, l, &msg, FERRY__ID_ASK, 1, act);
}

void ferry__upload_answer(ferry_device *d, lane_state *l, const ferry_msg *msg)
{
    int kind;
    uint8_t md5[FERRY_MD5_BYTES];

    if (l->phase != FERRY_PHASE_ASK || !ferry__lane_id_fits(l, msg, &kind))
        return;
    /* Without an id the echoed bytes tell: an answer to an older request is not for us. */
    if (kind != FERRY__ID_ASK && (!ferry__md5_parse(msg->md5sum, md5) || memcmp(md5, l->md5, sizeof md5) != 0))
        return;
    if ((msg->has & FERRY_HAS_RESULT_CODE) != 0 && msg->result_code != FERRY_RESULT_OK) {
        ferry__lane_settle(d, l, FERRY__ON_RESULT_UP, msg->result_code, FERRY_PHASE_ASK, 0);
        return;
    }
    if (!ferry__lane_take_url(d, l, msg->url))
        return; /* as good as no answer: the question is repeated */
    l->told = true;
    l->whole = false;
    ferry__lane_enter(l, ferry__lane_first(d, l));
}

bool ferry__upload_head(ferry_device *d, lane_state *l, const ferry_http_head *head)
{
    if (l->request == FERRY_HTTP_PUT)
        return true;
    if (head->has_upload_offset && head->upload_offset <= l->size) {
        l->offset = head->upload_offset;
        ferry__lane_moved(d, l, l->offset);
    } else if (l->request == FERRY_HTTP_PROBE)
        l->whole = true;
    return true;
}

void ferry__upload_http_end(ferry_device *d, lane_state *l)
{
    if (l->request == FERRY_HTTP_PROBE && l->whole)
        ferry__lane_enter(l, FERRY_PHASE_MOVE);
    else if (l->request == FERRY_HTTP_PUT || l->offset == l->size)
        ferry__lane_report(d, l, FERRY_DEVICE_OK);
    else if (l->request == FERRY_HTTP_PROBE)
        ferry__lane_enter(l, FERRY_PHASE_MOVE);
    else /* the store took a part only: see how much */
        ferry__lane_settle(d, l, FERRY__ON_FAULT, FERRY_FAULT_LOST, FERRY_PHASE_PROBE, 0);
}
