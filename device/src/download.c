#include "engine.h"

#include <string.h>

void ferry__download_nothing(lane_state *l, ferry_device_err err)
{
    if (!ferry__listens(l->d) || l->known) {
        ferry__lane_end(l, err, false);
        return;
    }
    ferry__lane_enter(l, FERRY_PHASE_IDLE);
    l->left.due = l->cfg->poll_ms - 1; /* 0 becomes FERRY__NEVER */
}

/* A name that can become a file name in a folder: no path, no hidden file. */
static bool name_usable(const lane_state *l, const char *name)
{
    return ferry__name_fits(l, name) && name[0] != '.' && name[strcspn(name, "/\\")] == '\0';
}

static bool same_task(const lane_state *l, const ferry__downlink *msg)
{
    return l->known && msg->size == l->kept.size && memcmp(msg->md5, l->kept.md5, FERRY_MD5_BYTES) == 0 &&
           strcmp(msg->text[FERRY__NAME], l->name) == 0;
}

/* Another file than the one this lane knew. A name that cannot be used is only reported, without its end. */
static void take_task(lane_state *l, const ferry__downlink *msg)
{
    const char *name = msg->text[FERRY__NAME];
    size_t len = 0, len_max = l->cfg->name_max;

    ferry__lane_rewind(l);
    ferry__lane_begin(l);
    l->kept.size = msg->size;
    memcpy(l->kept.md5, msg->md5, FERRY_MD5_BYTES);
    for (; len < len_max && (uint8_t)name[len] >= ' '; len++)
        l->name[len] = name[len];
    l->name[len] = '\0';
    l->known = true;
}

/* The same task is offered while it runs, or after it: a fresh URL is welcome, a lost result is sent again. */
static void offered_again(lane_state *l, const ferry__downlink *msg)
{
    if (l->phase == FERRY_PHASE_REPORT)
        l->issued = false;
    else if (l->phase == FERRY_PHASE_PAUSE)
        (void)ferry__lane_take_url(l, msg->text[FERRY__URL]);
}

/* Whatever else it says, the platform has no file. */
static void refused(lane_state *l, int code)
{
    if (l->phase != FERRY_PHASE_ASK)
        return;
    if (code == FERRY_RESULT_NO_TASK)
        ferry__download_nothing(l, FERRY_DEVICE_E_NO_TASK);
    else
        ferry__lane_settle(l, FERRY__ON_RESULT_DOWN, code);
}

void ferry__download_offer(lane_state *l, const ferry__downlink *msg)
{
    if (msg->result_code != 0) {
        refused(l, msg->result_code);
        return;
    }
    if (!msg->has_md5 || msg->size == 0)
        return; /* no offer that could be carried out: as good as none */
    bool same = same_task(l, msg);
    if (l->phase != FERRY_PHASE_ASK && (l->phase != FERRY_PHASE_IDLE || !ferry__listens(l->d))) {
        if (same)
            offered_again(l, msg);
        return;
    }
    if (!same)
        take_task(l, msg);
    l->told = true;
    if (!name_usable(l, msg->text[FERRY__NAME]))
        ferry__lane_report(l, FERRY_DEVICE_E_NAME);
    else if (!ferry__lane_take_url(l, msg->text[FERRY__URL]))
        ferry__lane_report(l, FERRY_DEVICE_E_URL);
    else
        ferry__lane_enter(l, FERRY_PHASE_OPEN);
}

void ferry__download_verify(lane_state *l)
{
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_final(&l->kept.hash, digest); /* from here on no snapshot goes back to the transfer */
    if (memcmp(digest, l->kept.md5, sizeof digest) != 0) {
        ferry__lane_restart(l, FERRY_DEVICE_E_DIGEST);
        return;
    }
    ferry__lane_save(l);
    ferry__lane_enter(l, FERRY_PHASE_COMMIT);
}

void ferry__download_opened(lane_state *l, uint64_t usable)
{
    if (usable < l->kept.offset)
        ferry__lane_rewind(l);
    l->unsaved = 0;
    if (l->kept.offset == l->kept.size)
        ferry__download_verify(l);
    else
        ferry__lane_enter(l, FERRY_PHASE_MOVE);
}

/* Only a strong one tells two files apart. */
static void keep_etag(lane_state *l, const char *etag)
{
    if (etag != NULL && etag[0] == '"' && strlen(etag) < sizeof l->kept.etag)
        memcpy(l->kept.etag, etag, strlen(etag) + 1);
    else
        l->kept.etag[0] = '\0';
}

/* Is this the file that the first bytes came from? Parts of two files are never mixed. */
static bool same_file(const lane_state *l, const ferry_http_head *head)
{
    if (head->status == 200)
        return !head->has_length || head->length == l->kept.size;
    if (!head->has_range || head->range_start != l->kept.offset ||
        (head->range_total != 0 && head->range_total != l->kept.size))
        return false;
    return l->kept.etag[0] == '\0' || head->etag == NULL || strcmp(head->etag, l->kept.etag) == 0;
}

bool ferry__download_head(lane_state *l, const ferry_http_head *head)
{
    bool same = same_file(l, head);

    if (same && (head->status != 200 || l->kept.offset == 0)) {
        keep_etag(l, head->etag);
        return true;
    }
    l->live = false;
    if (same) { /* no ranges here: the snapshot must know before the first byte is written over */
        ferry__lane_rewind(l);
        ferry__lane_fault(l, FERRY_FAULT_LOST);
    } else
        ferry__lane_restart(l, FERRY_DEVICE_E_DIGEST);
    return false;
}

ferry_device_err ferry__download_body(lane_state *l, const void *bytes, size_t len)
{
    if (!l->live || !l->answered || l->request != FERRY_HTTP_GET)
        return FERRY_DEVICE_E_UNWANTED;
    if (!ferry__lane_hash(l, bytes, len)) {
        l->live = false;
        ferry__lane_restart(l, FERRY_DEVICE_E_DIGEST);
        return FERRY_DEVICE_E_UNWANTED;
    }
    l->left.due = l->cfg->stall_ms;
    ferry__lane_moved(l);
    l->unsaved += (uint32_t)len;
    if (l->left.save == 0 && l->unsaved >= l->cfg->save_bytes) {
        ferry__lane_save(l);
        l->left.save = l->cfg->save_ms;
    }
    return FERRY_DEVICE_OK;
}
