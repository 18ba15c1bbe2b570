#include "engine.h"

#include <string.h>

bool ferry__name_fits(const lane_state *l, const char *name)
{
    size_t len = 0;

    for (; (uint8_t)name[len] >= ' ' && name[len] != 0x7f; len++)
        ;
    return name[len] == '\0' && len >= 1 && len <= l->cfg->name_max;
}

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
    return whole - (uint32_t)((uint64_t)(whole >> 1) * ferry__random(d) >> 32);
}

FERRY__APART void ferry__lane_enter(lane_state *l, ferry_phase phase)
{
    if (phase >= FERRY_PHASE_HASH && phase <= FERRY_PHASE_REPORT)
        l->stage = (uint8_t)(phase < FERRY_PHASE_MOVE ? FERRY_PHASE_MOVE : phase);
    l->phase = (uint8_t)phase;
    l->issued = false;
    l->left.due = FERRY__NEVER;
}

void ferry__lane_begin(lane_state *l)
{
    uint32_t random = ferry__random(l->d);

    for (unsigned i = 0; i < sizeof l->nonce; i++, random >>= 4)
        l->nonce[i] = (char)('a' + (random & 15));
    l->tries = l->restarts = l->err = l->why = l->result = 0;
    l->echoes = false;
    l->mark = l->kept.offset;
    l->left.give_up = l->cfg->give_up_ms;
    l->left.progress = 0;
}

void ferry__lane_moved(lane_state *l)
{
    if (l->kept.offset <= l->mark)
        return;
    l->mark = l->kept.offset;
    l->tries = 0;
    l->left.give_up = l->cfg->give_up_ms;
}

bool ferry__lane_hash(lane_state *l, const void *bytes, size_t len)
{
    if (len > l->kept.size - l->kept.offset)
        return false;
    ferry_md5_update(&l->kept.hash, bytes, len);
    l->kept.offset += len;
    return true;
}

void ferry__lane_rewind(lane_state *l)
{
    /* A snapshot that knows more bytes than the partial file still has would mix two files after a power cut. */
    if (l->partial)
        l->todo |= FERRY__TODO_SAVE;
    ferry_md5_init(&l->kept.hash);
    l->kept.offset = 0;
    l->unsaved = 0;
    l->kept.etag[0] = '\0';
}

/* Ends the running request, if there is one. */
static void lane_drop_request(lane_state *l)
{
    if (l->live)
        l->todo |= FERRY__TODO_ABORT;
    l->live = false;
}

void ferry__lane_end(lane_state *l, ferry_device_err err, bool remember)
{
    lane_drop_request(l);
    l->err = (uint8_t)err;
    l->known &= remember;
    l->todo = (uint8_t)((l->todo & FERRY__TODO_ABORT) | (l->known     ? FERRY__TODO_SAVE
                                                         : l->partial ? FERRY__TODO_ERASE | FERRY__TODO_DISCARD
                                                                      : FERRY__TODO_ERASE));
    ferry__lane_enter(l, FERRY_PHASE_END);
}

void ferry__lane_end_by_link(lane_state *l, ferry_device_err err)
{
    l->why = FERRY_WHY_FAULT;
    l->detail = l->d->link_fault != FERRY_FAULT_NONE ? l->d->link_fault : FERRY_FAULT_TIMEOUT; /* it still connects */
    ferry__lane_end(l, err, true);
}

void ferry__lane_report(lane_state *l, ferry_device_err err)
{
    if (!l->told) { /* the platform knows nothing of this transfer */
        ferry__lane_end(l, err, false);
        return;
    }
    lane_drop_request(l);
    l->todo |= FERRY__TODO_SAVE;
    if (l->partial && err != FERRY_DEVICE_OK)
        l->todo |= FERRY__TODO_DISCARD;
    l->partial = false;
    l->result = (uint8_t)err;
    l->tries = 0;
    l->left.give_up = l->cfg->confirm_ms;
    ferry__lane_enter(l, FERRY_PHASE_REPORT);
}

void ferry__lane_save(lane_state *l)
{
    l->todo |= FERRY__TODO_SAVE;
    l->unsaved = 0;
}

void ferry__lane_wait(lane_state *l, uint32_t ms)
{
    if (ms > l->left.give_up)
        ms = l->left.give_up;
    if (l->left.due < ms)
        l->left.due = ms;
}

FERRY__APART static void lane_pause(lane_state *l, ferry_phase next, uint32_t ms)
{
    if (l->unsaved > 0 && l->partial)
        ferry__lane_save(l);
    ferry__lane_enter(l, FERRY_PHASE_PAUSE);
    l->next_phase = (uint8_t)next;
    l->left.due = 0;
    ferry__lane_wait(l, ms);
    l->issued = true; /* there is nothing to hand out, only to wait for */
}

static bool lane_tried_enough(lane_state *l)
{
    return ++l->tries > l->cfg->tries_max || l->left.give_up == 0;
}

void ferry__lane_restart(lane_state *l, ferry_device_err err)
{
    if (l->restarts++ >= l->cfg->restarts_max) {
        ferry__lane_report(l, err);
        return;
    }
    ferry__lane_rewind(l);
    lane_pause(l, ferry__is_down(l) ? FERRY_PHASE_ASK : FERRY_PHASE_HASH, ferry__backoff(l->d, l->restarts));
}

/* Where the lane goes on after a pause. A download looks at its partial file again: it may be whole already. */
static ferry_phase lane_retry(const lane_state *l)
{
    if (l->phase == FERRY_PHASE_PAUSE)
        return (ferry_phase)l->next_phase;
    if (l->phase != FERRY_PHASE_PROBE && l->phase != FERRY_PHASE_MOVE)
        return (ferry_phase)l->phase;
    return ferry__is_down(l) ? FERRY_PHASE_OPEN : ferry__upload_first(l);
}

/* The same, or with a new URL; when that has been tried enough, it ends here or is reported. */
static void lane_again(lane_state *l, bool same, ferry_device_err err, bool repeated)
{
    if (!lane_tried_enough(l)) /* an expired URL is no failure of anybody: the first time at once */
        lane_pause(l, same ? lane_retry(l) : FERRY_PHASE_ASK, same || repeated ? ferry__backoff(l->d, l->tries) : 0);
    else if (same)
        ferry__lane_end(l, err, true);
    else
        ferry__lane_report(l, err);
}

/* What was sent is sent again, but not for ever; what has arrived stays. */
static void lane_not_believed(lane_state *l, ferry_device_err err)
{
    if (ferry__is_down(l))
        ferry__lane_end(l, err, false);
    else
        ferry__lane_restart(l, err);
}

void ferry__lane_settle(lane_state *l, unsigned source, int code)
{
    const ferry__rule *rule = ferry__decide(source, code);
    ferry_device_err err = (ferry_device_err)rule->err;
    bool repeated = l->err == (uint8_t)err;

    if (rule->verdict == FERRY__GO_ON)
        return;
    lane_drop_request(l);
    l->err = (uint8_t)err;
    l->detail = code;
    l->why = source <= FERRY__ON_LINK ? FERRY_WHY_FAULT : source < FERRY__ON_RESULT_UP ? FERRY_WHY_HTTP
                                                                                       : FERRY_WHY_RESULT;
    switch ((ferry__verdict)rule->verdict) {
    case FERRY__NEW_URL:
        if (l->phase == FERRY_PHASE_REPORT) { /* "done", and the platform has nothing, or wants it no more */
            lane_not_believed(l, err);
            break;
        }
        /* fall through */
    case FERRY__LATER:
        lane_again(l, rule->verdict == FERRY__LATER, err, repeated);
        break;
    case FERRY__WHOLE:
        l->whole = true;
        ferry__lane_enter(l, FERRY_PHASE_MOVE);
        break;
    case FERRY__RESTART:
        ferry__lane_restart(l, err);
        break;
    case FERRY__REPORT:
        ferry__lane_report(l, err);
        break;
    case FERRY__STOP:
        ferry__lane_end(l, err, false);
        break;
    case FERRY__GO_ON:
        break;
    }
}

void ferry__lane_fault(lane_state *l, ferry_fault fault)
{
    ferry__lane_settle(l, FERRY__ON_FAULT, fault);
}

/* The platform does not answer: ask again, or say it again; the answer may have been lost. */
static void lane_silent(lane_state *l)
{
    bool reports = l->phase == FERRY_PHASE_REPORT;

    l->issued = false;
    l->tries++;
    if (ferry__is_down(l) && !l->known && l->tries >= l->cfg->asks_max)
        ferry__download_nothing(l, FERRY_DEVICE_E_SILENT);
    else if (l->left.give_up == 0 || (!reports && l->tries > l->cfg->tries_max))
        ferry__lane_end(l,
                        !reports         ? FERRY_DEVICE_E_SILENT
                        : l->result == 0 ? FERRY_DEVICE_E_UNCONFIRMED
                                         : (ferry_device_err)l->result,
                        true);
}

void ferry__lane_timeout(lane_state *l)
{
    switch ((ferry_phase)l->phase) {
    case FERRY_PHASE_IDLE: /* listening: it is time to ask again */
        ferry__lane_begin(l);
        ferry__lane_enter(l, FERRY_PHASE_ASK);
        break;
    case FERRY_PHASE_PAUSE:
        ferry__lane_enter(l, (ferry_phase)l->next_phase);
        break;
    case FERRY_PHASE_ASK:
    case FERRY_PHASE_REPORT:
        if (l->issued || l->phase == FERRY_PHASE_REPORT)
            lane_silent(l);
        else /* the link did not come back */
            ferry__lane_end_by_link(l, FERRY_DEVICE_E_NETWORK);
        break;
    case FERRY_PHASE_PROBE:
    case FERRY_PHASE_MOVE:
        ferry__lane_fault(l, FERRY_FAULT_TIMEOUT);
        break;
    case FERRY_PHASE_KEPT:
    case FERRY_PHASE_HASH:
    case FERRY_PHASE_OPEN:
    case FERRY_PHASE_COMMIT:
    case FERRY_PHASE_END:
        break; /* a local action has no deadline: the port answers it */
    }
}
