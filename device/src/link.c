#include "engine.h"

static bool wanted(const ferry_device *d)
{
    bool any = ferry__listens(d);

    for (unsigned i = 0; i < FERRY__LANES; i++)
        any |= d->lane[i].phase > FERRY_PHASE_KEPT;
    return any;
}

static void link_failed(ferry_device *d, ferry_fault fault)
{
    const ferry__rule *rule = ferry__decide(FERRY__ON_LINK, fault);
    bool stop = rule->verdict == FERRY__STOP;

    d->link = FERRY__LINK_DOWN;
    d->link_fault = (uint8_t)fault;
    d->link_tries++;
    d->link_left = ferry__backoff(d, stop ? UINT8_MAX : d->link_tries);
    for (lane_state *l = d->lane; l < d->lane + FERRY__LANES; l++) {
        /* A transfer that nobody listens for any more ends when the broker says no: it will say so again. */
        if (stop && !ferry__listens(d) && l->phase >= FERRY_PHASE_HASH && l->phase <= FERRY_PHASE_PAUSE)
            ferry__lane_end_by_link(l, (ferry_device_err)rule->err);
        /* Whatever waits for the platform is sent again: an answer may have been lost with the link. */
        else if (l->phase == FERRY_PHASE_ASK || l->phase == FERRY_PHASE_REPORT)
            l->issued = false;
    }
}

static void link_up(ferry_device *d)
{
    d->link = FERRY__LINK_UP;
    d->link_fault = FERRY_FAULT_NONE;
    if (ferry__listens(d)) /* a push may have been lost meanwhile */
        ferry_device_fetch(d, d->now_ms);
}

bool ferry__link_next(ferry_device *d, ferry_action *act, uint32_t *left)
{
    if (d->link == FERRY__LINK_UP || (d->link == FERRY__LINK_DOWN && !wanted(d)))
        return false;
    if (d->link == FERRY__LINK_CONNECTED) {
        act->kind = FERRY_ACT_SUBSCRIBE;
        act->qos = 1;
        ferry__topic_write(d, act);
    } else if (d->link_left > 0) {
        *left = d->link_left;
        return false;
    } else if (d->link == FERRY__LINK_DOWN)
        act->kind = FERRY_ACT_CONNECT;
    else {
        link_failed(d, FERRY_FAULT_TIMEOUT);
        act->kind = FERRY_ACT_DISCONNECT;
        return true;
    }
    d->link++; /* now it is under way */
    d->link_left = d->cfg->connect_ms;
    return true;
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
