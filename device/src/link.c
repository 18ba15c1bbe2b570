#include "engine.h"

static bool wanted(const ferry_device *d)
{
    return d->listening || d->lane[FERRY_LANE_UP].phase > FERRY_PHASE_KEPT ||
           d->lane[FERRY_LANE_DOWN].phase > FERRY_PHASE_KEPT;
}

/* A transfer that nobody listens for any more ends when the broker says no: it will say so again. */
static void give_up_lanes(ferry_device *d, ferry_device_err err)
{
    for (lane_state *l = d->lane; l < d->lane + FERRY_LANES; l++) {
        if (l->phase <= FERRY_PHASE_KEPT || l->phase == FERRY_PHASE_END)
            continue;
        ferry__lane_blame_link(d, l);
        ferry__lane_end(l, err, true);
    }
}

static void link_failed(ferry_device *d, ferry_fault fault)
{
    const ferry__rule *rule = ferry__decide(FERRY__ON_LINK, fault);

    d->link = FERRY__LINK_DOWN;
    d->link_fault = (uint8_t)fault;
    if (d->link_tries < UINT8_MAX)
        d->link_tries++;
    d->link_due_ms = d->now_ms + ferry__backoff(d, d->link_tries);
    /* Whatever waits for the platform is sent again: an answer may have been lost with the link. */
    for (lane_state *l = d->lane; l < d->lane + FERRY_LANES; l++)
        if (l->phase == FERRY_PHASE_ASK || l->phase == FERRY_PHASE_REPORT)
            l->issued = false;
    if (rule->verdict != FERRY__STOP)
        return;
    d->link_due_ms = d->now_ms + ferry__backoff(d, UINT8_MAX);
    if (!d->listening)
        give_up_lanes(d, (ferry_device_err)rule->err);
}

static void link_up(ferry_device *d)
{
    lane_state *down = &d->lane[FERRY_LANE_DOWN];

    d->link = FERRY__LINK_UP;
    d->link_fault = FERRY_FAULT_NONE;
    if (d->listening && down->phase == FERRY_PHASE_IDLE) /* a push may have been lost meanwhile */
        ferry__lane_timeout(d, down);
}

bool ferry__link_next(ferry_device *d, ferry_action *act, uint64_t *deadline_ms)
{
    bool waiting = d->link == FERRY__LINK_CONNECTING || d->link == FERRY__LINK_SUBSCRIBING;

    if (d->link == FERRY__LINK_CONNECTED) {
        d->link = FERRY__LINK_SUBSCRIBING;
        d->link_due_ms = d->now_ms + d->cfg->connect_ms;
        act->kind = FERRY_ACT_SUBSCRIBE;
        act->topic = d->work;
        act->qos = 1;
        (void)ferry_topic_write(FERRY_TOPIC_DOWN, ferry_text_of(d->cfg->product), ferry_text_of(d->cfg->device),
                                d->work);
        return true;
    }
    if (waiting && d->now_ms >= d->link_due_ms) {
        link_failed(d, FERRY_FAULT_TIMEOUT);
        act->kind = FERRY_ACT_DISCONNECT;
        return true;
    }
    if (d->link == FERRY__LINK_DOWN && wanted(d)) {
        if (d->now_ms >= d->link_due_ms) {
            d->link = FERRY__LINK_CONNECTING;
            d->link_due_ms = d->now_ms + d->cfg->connect_ms;
            act->kind = FERRY_ACT_CONNECT;
            return true;
        }
        waiting = true;
    }
    if (waiting)
        *deadline_ms = ferry__earlier(*deadline_ms, d->link_due_ms);
    return false;
}

ferry_device_err ferry__link_event(ferry_device *d, const ferry_event *event)
{
    if (event->kind == FERRY_EV_LINK_UP && d->link == FERRY__LINK_CONNECTING)
        d->link = FERRY__LINK_CONNECTED;
    else if (event->kind == FERRY_EV_SUBSCRIBED && d->link == FERRY__LINK_SUBSCRIBING)
        link_up(d);
    else if (event->kind == FERRY_EV_LINK_DOWN && d->link != FERRY__LINK_DOWN)
        link_failed(d, event->fault);
    else
        return FERRY_DEVICE_E_STATE;
    return FERRY_DEVICE_OK;
}
