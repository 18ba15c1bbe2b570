#include "engine.h"

#include <string.h>

uint32_t ferry__random(ferry_device *d)
{
    uint32_t x = d->random; /* xorshift32: never 0 */

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return d->random = x;
}

uint32_t ferry__backoff(ferry_device *d, unsigned n)
{
    uint32_t whole = d->cfg->backoff_first_ms;

    while (n-- > 1 && whole < d->cfg->backoff_max_ms)
        whole <<= 1;
    if (whole > d->cfg->backoff_max_ms)
        whole = d->cfg->backoff_max_ms;
    /* whole - a random part of its half, in 32 bits and without a division */
    uint32_t half = whole >> 1, part = ferry__random(d) >> 17;
    return whole - (half >> 15) * part - ((half & 0x7fff) * part >> 15);
}

void ferry__lane_enter(lane_state *l, ferry_phase phase)
{
    if (phase == FERRY_PHASE_REPORT || phase == FERRY_PHASE_COMMIT)
        l->stage = (uint8_t)phase;
    else if (phase >= FERRY_PHASE_HASH && phase <= FERRY_PHASE_MOVE)
        l->stage = FERRY_PHASE_MOVE;
    l->phase = (uint8_t)phase;
    l->issued = false;
}

void ferry__lane_begin(ferry_device *d, lane_state *l)
{
    uint32_t random = ferry__random(d);

    memcpy(l->nonce, &random, sizeof l->nonce);
    l->tries = 0;
    l->restarts = 0;
    l->err = l->result = FERRY_DEVICE_OK;
    l->why = FERRY_WHY_NONE;
    l->mark = l->offset;
    l->echoes = false;
    l->kept = false;
    l->give_up_ms = d->now_ms + d->cfg->give_up_ms;
    l->progress_due_ms = d->now_ms;
}

void ferry__lane_moved(ferry_device *d, lane_state *l, uint64_t safe_bytes)
{
    if (safe_bytes <= l->mark)
        return;
    l->mark = safe_bytes;
    l->tries = 0;
    l->give_up_ms = d->now_ms + d->cfg->give_up_ms;
}

void ferry__lane_rewind(lane_state *l)
{
    /* A snapshot that knows more bytes than the partial file still has would mix two files after a power cut. */
    if (l->partial)
        l->todo |= FERRY__TODO_SAVE;
    ferry_md5_init(&l->hash);
    l->offset = 0;
    l->saved_offset = 0;
    l->etag[0] = '\0';
}

/* Ends the running request, if there is one. */
static void lane_drop_request(lane_state *l)
{
    if (l->live)
        l->todo |= FERRY__TODO_ABORT;
    l->live = false;
}

void ferry__lane_end(lane_state *l, ferry_device_err err, bool kept)
{
    lane_drop_request(l);
    l->err = (uint8_t)err;
    l->kept = kept && l->known;
    l->todo = (uint8_t)((l->todo & FERRY__TODO_ABORT) | (l->kept ? FERRY__TODO_SAVE : FERRY__TODO_ERASE));
    if (l->partial && !l->kept)
        l->todo |= FERRY__TODO_DISCARD;
    ferry__lane_enter(l, FERRY_PHASE_END);
}

void ferry__lane_report(ferry_device *d, lane_state *l, ferry_device_err err)
{
    if (!l->told) { /* the platform knows nothing of this transfer */
        ferry__lane_end(l, err, false);
        return;
    }
    lane_drop_request(l);
    if (l->partial && err != FERRY_DEVICE_OK)
        l->todo |= FERRY__TODO_DISCARD;
    l->partial = false;
    l->result = (uint8_t)err;
    l->tries = 0;
    l->give_up_ms = d->now_ms + d->cfg->confirm_ms;
    l->todo |= FERRY__TODO_SAVE;
    ferry__lane_enter(l, FERRY_PHASE_REPORT);
}

static void lane_pause(ferry_device *d, lane_state *l, ferry_phase next, uint32_t ms)
{
    l->next_phase = (uint8_t)next;
    l->due_ms = d->now_ms + ms;
    if (l->offset != l->saved_offset && l->partial) {
        l->todo |= FERRY__TODO_SAVE;
        l->saved_offset = l->offset;
    }
    ferry__lane_enter(l, FERRY_PHASE_PAUSE);
    l->issued = true; /* there is nothing to hand out, only to wait for */
}

ferry_phase ferry__lane_first(const ferry_device *d, const lane_state *l)
{
    return ferry__lane_is_up(d, l) && !l->whole && l->size >= d->cfg->resumable_bytes ? FERRY_PHASE_PROBE
                                                                                      : FERRY_PHASE_MOVE;
}

static bool lane_tried_enough(ferry_device *d, lane_state *l)
{
    if (l->tries < UINT8_MAX)
        l->tries++;
    return l->tries > d->cfg->tries_max || d->now_ms >= l->give_up_ms;
}

static uint32_t lane_pause_ms(ferry_device *d, unsigned n, uint32_t least_ms)
{
    uint32_t ms = ferry__backoff(d, n);
    return ms > least_ms ? ms : least_ms;
}

void ferry__lane_restart(ferry_device *d, lane_state *l, ferry_device_err err)
{
    if (l->restarts++ >= d->cfg->restarts_max) {
        ferry__lane_report(d, l, err);
        return;
    }
    ferry__lane_rewind(l);
    l->mark = 0;
    lane_pause(d, l, ferry__lane_is_up(d, l) ? FERRY_PHASE_HASH : FERRY_PHASE_ASK, lane_pause_ms(d, l->restarts, 0));
}

void ferry__lane_settle(ferry_device *d, lane_state *l, unsigned source, int code, ferry_phase retry, uint32_t least_ms)
{
    const ferry__rule *rule = ferry__decide(source, code);
    ferry_device_err err = (ferry_device_err)rule->err;

    if (rule->verdict == FERRY__GO_ON)
        return;
    bool repeated = l->err == (uint8_t)err;
    lane_drop_request(l);
    l->err = (uint8_t)err;
    l->detail = code;
    l->why = source & (FERRY__ON_FAULT | FERRY__ON_LINK)              ? FERRY_WHY_FAULT
             : source & (FERRY__ON_RESULT_UP | FERRY__ON_RESULT_DOWN) ? FERRY_WHY_RESULT
                                                                      : FERRY_WHY_HTTP;
    switch ((ferry__verdict)rule->verdict) {
    case FERRY__LATER:
        if (lane_tried_enough(d, l))
            ferry__lane_end(l, err, true);
        else
            lane_pause(d, l, retry, lane_pause_ms(d, l->tries, least_ms));
        break;
    case FERRY__NEW_URL:
        if (lane_tried_enough(d, l))
            ferry__lane_report(d, l, err);
        else /* the first time at once: an expired URL is no failure of anybody */
            lane_pause(d, l, FERRY_PHASE_ASK, repeated ? lane_pause_ms(d, l->tries, least_ms) : 0);
        break;
    case FERRY__WHOLE:
        l->whole = true;
        ferry__lane_enter(l, FERRY_PHASE_MOVE);
        break;
    case FERRY__RESTART:
        ferry__lane_restart(d, l, err);
        break;
    case FERRY__REPORT:
        ferry__lane_report(d, l, err);
        break;
    case FERRY__STOP:
        ferry__lane_end(l, err, false);
        break;
    case FERRY__GO_ON:
        break;
    }
}

static void lane_silent(ferry_device *d, lane_state *l)
{
    bool asked_for_any = !ferry__lane_is_up(d, l) && !l->known;

    l->issued = false; /* ask again: the answer may have been lost */
    if (asked_for_any && l->tries + 1 >= d->cfg->asks_max)
        ferry__download_nothing(d, l, FERRY_DEVICE_E_SILENT);
    else if (lane_tried_enough(d, l))
        ferry__lane_end(l, FERRY_DEVICE_E_SILENT, true);
}

static void lane_unconfirmed(ferry_device *d, lane_state *l)
{
    l->issued = false;
    if (l->tries < UINT8_MAX)
        l->tries++;
    if (d->now_ms >= l->give_up_ms)
        ferry__lane_end(l, l->result == FERRY_DEVICE_OK ? FERRY_DEVICE_E_UNCONFIRMED : (ferry_device_err)l->result,
                        true);
}

void ferry__lane_timeout(ferry_device *d, lane_state *l)
{
    switch ((ferry_phase)l->phase) {
    case FERRY_PHASE_IDLE: /* listening: it is time to ask again */
        ferry__lane_begin(d, l);
        ferry__lane_enter(l, FERRY_PHASE_ASK);
        break;
    case FERRY_PHASE_PAUSE:
        if (l->next_phase == FERRY_PHASE_MOVE && !ferry__lane_is_up(d, l) && l->offset == l->size)
            ferry__download_http_end(d, l); /* the trouble came after the last byte */
        else
            ferry__lane_enter(l, (ferry_phase)l->next_phase);
        break;
    case FERRY_PHASE_ASK:
        if (l->issued)
            lane_silent(d, l);
        else { /* the link did not come back */
            ferry__lane_blame_link(d, l);
            ferry__lane_end(l, FERRY_DEVICE_E_NETWORK, true);
        }
        break;
    case FERRY_PHASE_REPORT:
        lane_unconfirmed(d, l);
        break;
    case FERRY_PHASE_PROBE:
    case FERRY_PHASE_MOVE:
        ferry__lane_settle(d, l, FERRY__ON_FAULT, FERRY_FAULT_TIMEOUT, ferry__lane_first(d, l), 0);
        break;
    case FERRY_PHASE_KEPT:
    case FERRY_PHASE_HASH:
    case FERRY_PHASE_OPEN:
    case FERRY_PHASE_COMMIT:
    case FERRY_PHASE_END:
        break; /* a local action has no deadline: the port answers it */
    }
}
