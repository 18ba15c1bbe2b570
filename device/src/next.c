/* What to do next: the machine's output side. */
#include "engine.h"

#include <string.h>

enum { TIMEOUTS_AT_ONCE = 4 };

static bool is_up(const ferry_device *d)
{
    return d->link == FERRY__LINK_UP;
}

/* When something must happen in the lane without an event. */
static uint64_t lane_deadline(const ferry_device *d, const lane_state *l)
{
    bool down = !ferry__lane_is_up(d, l);

    switch ((ferry_phase)l->phase) {
    case FERRY_PHASE_IDLE:
        return down && d->listening ? l->due_ms : UINT64_MAX;
    case FERRY_PHASE_PAUSE:
        return l->due_ms;
    case FERRY_PHASE_ASK:
        if (!l->issued && down && d->listening && !l->known)
            return UINT64_MAX; /* who listens can wait for the broker for ever */
        return l->issued ? l->due_ms : l->give_up_ms;
    case FERRY_PHASE_REPORT:
        return l->issued ? l->due_ms : l->give_up_ms;
    case FERRY_PHASE_PROBE:
    case FERRY_PHASE_MOVE:
        return l->live ? l->due_ms : UINT64_MAX;
    case FERRY_PHASE_KEPT:
    case FERRY_PHASE_HASH:
    case FERRY_PHASE_OPEN:
    case FERRY_PHASE_COMMIT:
    case FERRY_PHASE_END:
        break;
    }
    return UINT64_MAX;
}

/* The platform's time to answer: doubled with each repetition. */
static void await_answer(const ferry_device *d, lane_state *l)
{
    uint32_t ms = d->cfg->answer_ms;

    for (unsigned i = 0; i < l->tries && ms < d->cfg->backoff_max_ms; i++)
        ms <<= 1;
    l->due_ms = d->now_ms + ms;
}

static bool take_todo(ferry_device *d, lane_state *l, ferry_action *act)
{
    static const struct {
        uint8_t todo, kind;
    } order[] = {
        {FERRY__TODO_ABORT, FERRY_ACT_HTTP_ABORT},
        {FERRY__TODO_DISCARD, FERRY_ACT_DISCARD},
        {FERRY__TODO_SAVE, FERRY_ACT_SAVE},
        {FERRY__TODO_ERASE, FERRY_ACT_SAVE},
    };

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if ((l->todo & order[i].todo) == 0)
            continue;
        l->todo &= (uint8_t)~order[i].todo;
        act->kind = (ferry_action_kind)order[i].kind;
        act->name = l->name;
        if (order[i].todo == FERRY__TODO_SAVE) {
            act->bytes = d->work;
            act->len = ferry__snapshot_write(d, l, (uint8_t *)d->work);
        }
        return true;
    }
    return false;
}

static void act_on_file(lane_state *l, ferry_action_kind kind, ferry_action *act)
{
    act->kind = kind;
    act->name = l->name;
    act->size = l->size;
    act->offset = l->offset;
    act->tag = l->tag;
}

/* The transfer is over; what the lane does afterwards. */
static void act_finished(ferry_device *d, lane_state *l, ferry_action *act)
{
    act_on_file(l, FERRY_ACT_FINISHED, act);
    act->err = (ferry_device_err)l->err;
    act->why = (ferry_why)l->why;
    act->detail = l->detail;
    act->kept = l->kept;
    ferry__lane_enter(l, FERRY_PHASE_IDLE);
    l->due_ms = UINT64_MAX;
    if (!l->kept || l->stage == FERRY_PHASE_REPORT) { /* an unconfirmed result lives on in its snapshot only */
        l->known = l->told = l->partial = false;
        ferry__lane_rewind(l);
    } else if (ferry__lane_is_up(d, l))
        ferry__lane_enter(l, FERRY_PHASE_KEPT);
    /* A listener asks for the next file at once, after a failure later. */
    if (d->listening && !ferry__lane_is_up(d, l))
        l->due_ms = act->err == FERRY_DEVICE_OK ? d->now_ms : d->now_ms + ferry__backoff(d, UINT8_MAX);
}

/* The action of the phase, once. */
static bool act_on_phase(ferry_device *d, lane_state *l, ferry_action *act)
{
    if (l->issued)
        return false;
    switch ((ferry_phase)l->phase) {
    case FERRY_PHASE_HASH:
        act_on_file(l, FERRY_ACT_READ, act);
        break;
    case FERRY_PHASE_OPEN:
        l->partial = true; /* the port may have begun it even when it fails */
        act_on_file(l, FERRY_ACT_OPEN, act);
        break;
    case FERRY_PHASE_COMMIT:
        act_on_file(l, FERRY_ACT_COMMIT, act);
        break;
    case FERRY_PHASE_PROBE:
    case FERRY_PHASE_MOVE:
        ferry__lane_request(d, l, act);
        break;
    case FERRY_PHASE_ASK:
    case FERRY_PHASE_REPORT:
        if (!is_up(d))
            return false;
        if (l->phase == FERRY_PHASE_REPORT)
            ferry__lane_publish_report(d, l, act);
        else if (ferry__lane_is_up(d, l))
            ferry__upload_ask(d, l, act);
        else
            ferry__download_ask(d, l, act);
        await_answer(d, l);
        break;
    case FERRY_PHASE_END:
        act_finished(d, l, act);
        return true;
    case FERRY_PHASE_IDLE:
    case FERRY_PHASE_KEPT:
    case FERRY_PHASE_PAUSE:
        return false;
    }
    l->issued = true;
    return true;
}

static bool lane_next(ferry_device *d, lane_state *l, ferry_action *act, uint64_t *deadline_ms)
{
    act->lane = ferry__lane_of(d, l);
    /* The end of a pause can find that its time to give up has come as well: two steps, never many. */
    for (unsigned i = 0; i < TIMEOUTS_AT_ONCE && d->now_ms >= lane_deadline(d, l); i++)
        ferry__lane_timeout(d, l);
    if (take_todo(d, l, act) || act_on_phase(d, l, act))
        return true;
    *deadline_ms = ferry__earlier(*deadline_ms, lane_deadline(d, l));
    if (l->phase != FERRY_PHASE_MOVE || !l->live || !is_up(d))
        return false;
    if (d->now_ms >= l->progress_due_ms) {
        ferry__lane_publish_progress(d, l, act);
        return true;
    }
    *deadline_ms = ferry__earlier(*deadline_ms, l->progress_due_ms);
    return false;
}

void ferry_device_next(ferry_device *d, uint64_t now_ms, ferry_action *ret_action)
{
    uint64_t deadline_ms = UINT64_MAX;

    if (now_ms > d->now_ms)
        d->now_ms = now_ms;
    memset(ret_action, 0, sizeof *ret_action);
    if (ferry__link_next(d, ret_action, &deadline_ms))
        return;
    d->turn ^= 1; /* so that one busy lane cannot starve the other */
    for (unsigned i = 0; i < FERRY_LANES; i++)
        if (lane_next(d, &d->lane[d->turn ^ i], ret_action, &deadline_ms))
            return;
    ret_action->kind = FERRY_ACT_WAIT;
    ret_action->deadline_ms = deadline_ms;
}
