#include "ferry/status.h"

#include "engine.h"

void ferry_device_status(const ferry_device *d, ferry_lane lane, ferry_lane_status *ret_status)
{
    const lane_state *l = ferry__const_lane_at(d, lane);

    *ret_status = (ferry_lane_status){
        .phase = (ferry_phase)l->phase,
        .name = l->name,
        .size = l->kept.size,
        .offset = l->kept.offset,
        .tag = l->kept.tag,
        .tries = l->tries,
        .linked = d->link == FERRY__LINK_UP,
        .link_fault = (ferry_fault)d->link_fault,
        .link_tries = d->link_tries,
        .err = (ferry_device_err)l->err,
        .why = (ferry_why)l->why,
        .detail = l->detail,
    };
}
