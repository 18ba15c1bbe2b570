#include "engine.h"

#include <string.h>

void ferry__download_ask(ferry_device *d, lane_state *l, ferry_action *act)
{
    ferry_msg msg = {.type = FERRY_MSG_GET_DOWNLOAD_TASK};

    ferry__lane_publish(d, l, &msg, FERRY__ID_ASK, 1, act);
}

void ferry__download_nothing(ferry_device *d, lane_state *l, ferry_device_err err)
{
    if (!d->listening || l->known) {
        ferry__lane_end(l, err, false);
        return;
    }
    ferry__lane_enter(l, FERRY_PHASE_IDLE);
    l->due_ms = d->cfg->poll_ms == 0 ? UINT64_MAX : d->now_ms + d->cfg->poll_ms;
}

bool ferry__name_usable(const ferry_device *d, ferry_text name)
{
    if (!ferry_name_valid(name) || name.len > d->cfg->name_max || name.ptr[0] == '.')
        return false;
    return memchr(name.ptr, '/', name.len) == NULL && memchr(name.ptr, '\\', name.len) == NULL;
}

static bool same_task(const lane_state *l, const ferry_msg *msg, const uint8_t *md5)
{
    return l->known && msg->size == l->size && memcmp(md5, l->md5, FERRY_MD5_BYTES) == 0 &&
           ferry_text_equal(msg->name, ferry_text_of(l->name));
}

/* Another file than the one this lane knew. */
static void take_task(ferry_device *d, lane_state *l, const ferry_msg *msg, const uint8_t *md5)
{
    ferry_text name = ferry_utf8_cut(msg->name, d->cfg->name_max);

    ferry__lane_rewind(l);
    ferry__lane_begin(d, l);
    l->size = msg->size;
    l->mark = 0;
    memcpy(l->md5, md5, FERRY_MD5_BYTES);
    if (name.len > 0)
        memcpy(l->name, name.ptr, name.len);
    l->name[name.len] = '\0';
    l->known = true;
}

/* The same task is offered while it runs, or after it: a fresh URL is welcome, a lost result is sent again. */
static void offered_again(ferry_device *d, lane_state *l, const ferry_msg *msg)
{
    if (l->phase == FERRY_PHASE_REPORT)
        l->issued = false;
    else if (l->phase == FERRY_PHASE_PAUSE)
        (void)ferry__lane_take_url(d, l, msg->url);
}

void ferry__download_offer(ferry_device *d, lane_state *l, const ferry_msg *msg)
{
    int kind;
    uint8_t md5[FERRY_MD5_BYTES];
    bool free = l->phase == FERRY_PHASE_ASK || (l->phase == FERRY_PHASE_IDLE && d->listening);

    if (!ferry__lane_id_fits(l, msg, &kind))
        return;
    if ((msg->has & FERRY_HAS_RESULT_CODE) != 0 && msg->result_code != FERRY_RESULT_OK) {
        if (l->phase != FERRY_PHASE_ASK)
            return;
        if (msg->result_code == FERRY_RESULT_NO_TASK)
            ferry__download_nothing(d, l, FERRY_DEVICE_E_NO_TASK);
        else
            ferry__lane_settle(d, l, FERRY__ON_RESULT_DOWN, msg->result_code, FERRY_PHASE_ASK, 0);
        return;
    }
    if (!ferry__md5_parse(msg->md5sum, md5) || msg->size == 0)
        return; /* no offer that could be carried out: as good as none */
    bool same = same_task(l, msg, md5);
    if (!free) {
        if (same)
            offered_again(d, l, msg);
        return;
    }
    if (!same)
        take_task(d, l, msg, md5);
    l->told = true;
    if (!ferry__name_usable(d, msg->name))
        ferry__lane_report(d, l, FERRY_DEVICE_E_NAME);
    else if (!ferry__lane_take_url(d, l, msg->url))
        ferry__lane_report(d, l, FERRY_DEVICE_E_URL);
    else
        ferry__lane_enter(l, FERRY_PHASE_OPEN);
}

/* All bytes are there: are they the right ones? */
static void verify(ferry_device *d, lane_state *l)
{
    ferry_md5 hash = l->hash; /* the state itself stays good for a snapshot */
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_final(&hash, digest);
    if (memcmp(digest, l->md5, sizeof digest) != 0) {
        ferry__lane_restart(d, l, FERRY_DEVICE_E_DIGEST);
        return;
    }
    l->todo |= FERRY__TODO_SAVE;
    ferry__lane_enter(l, FERRY_PHASE_COMMIT);
}

void ferry__download_opened(ferry_device *d, lane_state *l, uint64_t usable)
{
    if (usable < l->offset)
        ferry__lane_rewind(l);
    l->saved_offset = l->offset;
    l->save_due_ms = d->now_ms + d->cfg->save_ms;
    if (l->offset == l->size)
        verify(d, l);
    else
        ferry__lane_enter(l, FERRY_PHASE_MOVE);
}

static void keep_etag(lane_state *l, ferry_text etag)
{
    bool strong = etag.ptr != NULL && etag.len < sizeof l->etag && etag.len > 1 && etag.ptr[0] == '"';

    if (!strong || !ferry_text_copy(etag, l->etag, sizeof l->etag))
        l->etag[0] = '\0';
}

/* Is this the file that the first bytes came from? Parts of two files are never mixed. */
static bool same_file(const lane_state *l, const ferry_http_head *head)
{
    if (head->status == 200)
        return !head->has_length || head->length == l->size;
    if (!head->has_range || head->range_start != l->offset || (head->range_total != 0 && head->range_total != l->size))
        return false;
    return l->etag[0] == '\0' || head->etag.ptr == NULL || ferry_text_equal(head->etag, ferry_text_of(l->etag));
}

bool ferry__download_head(ferry_device *d, lane_state *l, const ferry_http_head *head)
{
    bool fits = same_file(l, head), from_zero = head->status == 200 && l->offset > 0;

    if (fits && !from_zero) {
        keep_etag(l, head->etag);
        return true;
    }
    l->live = false;
    if (!fits)
        ferry__lane_restart(d, l, FERRY_DEVICE_E_DIGEST);
    else { /* no ranges here: the snapshot must know before the first byte is written over */
        ferry__lane_rewind(l);
        ferry__lane_settle(d, l, FERRY__ON_FAULT, FERRY_FAULT_LOST, FERRY_PHASE_MOVE, 0);
    }
    return false;
}

ferry_device_err ferry__download_body(ferry_device *d, lane_state *l, const void *bytes, size_t len)
{
    if (!l->live || !l->answered || l->request != FERRY_HTTP_GET)
        return FERRY_DEVICE_E_UNWANTED;
    if (len > l->size - l->offset) {
        l->live = false;
        ferry__lane_restart(d, l, FERRY_DEVICE_E_DIGEST);
        return FERRY_DEVICE_E_UNWANTED;
    }
    ferry_md5_update(&l->hash, bytes, len);
    l->offset += len;
    l->due_ms = d->now_ms + d->cfg->stall_ms;
    ferry__lane_moved(d, l, l->offset);
    if (d->now_ms >= l->save_due_ms && l->offset - l->saved_offset >= d->cfg->save_bytes) {
        l->todo |= FERRY__TODO_SAVE;
        l->save_due_ms = d->now_ms + d->cfg->save_ms;
        l->saved_offset = l->offset;
    }
    return FERRY_DEVICE_OK;
}

void ferry__download_http_end(ferry_device *d, lane_state *l)
{
    if (l->offset == l->size)
        verify(d, l);
    else
        ferry__lane_settle(d, l, FERRY__ON_FAULT, FERRY_FAULT_LOST, FERRY_PHASE_MOVE, 0);
}
