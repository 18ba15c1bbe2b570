/* What to do next: the machine's output side. */
#include "engine.h"

#include "proto/topic.h"

#include <string.h>

enum { PATIENCE = 4 }; /* how often the time to answer is doubled */

/* What each phase hands out, once. */
static const uint8_t action_of[] = {
    [FERRY_PHASE_HASH] = FERRY_ACT_READ,      [FERRY_PHASE_ASK] = FERRY_ACT_PUBLISH,
    [FERRY_PHASE_OPEN] = FERRY_ACT_OPEN,      [FERRY_PHASE_PROBE] = FERRY_ACT_HTTP,
    [FERRY_PHASE_MOVE] = FERRY_ACT_HTTP,      [FERRY_PHASE_COMMIT] = FERRY_ACT_COMMIT,
    [FERRY_PHASE_REPORT] = FERRY_ACT_PUBLISH, [FERRY_PHASE_END] = FERRY_ACT_FINISHED,
};

static bool is_up(const ferry_device *d)
{
    return d->link == FERRY__LINK_UP;
}

static uint32_t earlier(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Until something must happen in the lane without an event. */
static uint32_t lane_left(const lane_state *l)
{
    if (l->issued || (l->phase != FERRY_PHASE_ASK && l->phase != FERRY_PHASE_REPORT))
        return l->left.due;
    if (is_up(l->d) || (ferry__is_down(l) && ferry__listens(l->d) && !l->known))
        return FERRY__NEVER; /* it is said now; and who listens can wait for the broker for ever */
    return l->left.give_up;
}

/* The lowest of the things to do. */
static bool take_todo(lane_state *l, ferry_action *act)
{
    uint8_t todo = (uint8_t)(l->todo & -l->todo);

    if (todo == 0)
        return false;
    l->todo ^= todo;
    act->kind = todo == FERRY__TODO_ABORT     ? FERRY_ACT_HTTP_ABORT
                : todo == FERRY__TODO_DISCARD ? FERRY_ACT_DISCARD
                                              : FERRY_ACT_SAVE;
    if (todo == FERRY__TODO_SAVE) {
        act->bytes = l->d->work;
        act->len = ferry__snapshot_write(l, (uint8_t *)l->d->work);
    }
    return true;
}

/* The transfer is over; what the lane does afterwards. An unconfirmed result lives on in its snapshot only. */
static void act_finished(lane_state *l, ferry_action *act)
{
    ferry_phase next = FERRY_PHASE_IDLE;

    act->err = (ferry_device_err)l->err;
    act->why = (ferry_why)l->why;
    act->detail = l->detail;
    act->kept = l->known;
    if (!l->known || l->stage == FERRY_PHASE_REPORT) {
        l->known = l->told = l->partial = false;
        ferry__lane_rewind(l);
    } else if (!ferry__is_down(l))
        next = FERRY_PHASE_KEPT;
    ferry__lane_enter(l, next);
    /* A listener asks for the next file at once, after a failure later. */
    if (ferry__listens(l->d) && ferry__is_down(l))
        l->left.due = l->err == FERRY_DEVICE_OK ? 0 : ferry__backoff(l->d, UINT8_MAX);
}

/* The action of the phase, once. */
static bool act_on_phase(lane_state *l, ferry_action *act)
{
    uint8_t kind = action_of[l->phase];

    if (l->issued || kind == 0 || (kind == FERRY_ACT_PUBLISH && !is_up(l->d)))
        return false;
    act->kind = (ferry_action_kind)kind;
    l->issued = true;
    if (kind == FERRY_ACT_PUBLISH) {
        ferry__lane_publish(l, act);
        l->left.due = l->cfg->answer_ms << (l->tries < PATIENCE ? l->tries : PATIENCE);
    } else if (kind == FERRY_ACT_HTTP)
        ferry__lane_request(l, act);
    else if (kind == FERRY_ACT_OPEN)
        l->partial = true; /* the port may have begun it even when it fails */
    else if (kind == FERRY_ACT_FINISHED)
        act_finished(l, act);
    return true;
}

FERRY__APART static bool lane_next(lane_state *l, ferry_action *act, uint32_t *left)
{
    while (lane_left(l) == 0) /* the end of a pause can find that its time to give up has come as well */
        ferry__lane_timeout(l);
    act->lane = ferry__is_down(l) ? FERRY_LANE_DOWN : FERRY_LANE_UP;
    act->name = l->name;
    act->size = l->kept.size;
    act->offset = l->kept.offset;
    act->tag = l->kept.tag;
    act->md5 = l->kept.md5;
    if (take_todo(l, act) || act_on_phase(l, act))
        return true;
    uint32_t ms = lane_left(l);
    if (l->phase == FERRY_PHASE_MOVE && l->live && is_up(l->d)) {
        if (l->left.progress == 0) {
            l->left.progress = l->cfg->progress_ms;
            act->kind = FERRY_ACT_PUBLISH;
            ferry__lane_publish(l, act);
            return true;
        }
        ms = earlier(ms, l->left.progress);
    }
    *left = earlier(*left, ms);
    return false;
}

void ferry_device_next(ferry_device *d, uint64_t now_ms, ferry_action *ret_action)
{
    uint32_t left = FERRY__NEVER;

    ferry__tick(d, now_ms);
    memset(ret_action, 0, sizeof *ret_action);
    if (ferry__link_next(d, ret_action, &left))
        return;
    uint8_t last = d->turn;
    do { /* the lanes take turns, so that a busy one cannot starve the other */
        d->turn ^= FERRY__LANES - 1;
        if (lane_next(&d->lane[d->turn], ret_action, &left))
            return;
    } while (d->turn != last);
    ret_action->kind = FERRY_ACT_WAIT;
    ret_action->deadline_ms = left == FERRY__NEVER ? UINT64_MAX : d->now_ms + left;
}
