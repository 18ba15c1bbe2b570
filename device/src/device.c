#include "engine.h"

#include <string.h>

enum { URL_LEAST = 64, URL_MOST = 4096 };

static void tick(ferry_device *d, uint64_t now_ms)
{
    if (now_ms > d->now_ms)
        d->now_ms = now_ms;
}

static bool config_valid(const ferry_device_config *cfg)
{
    return ferry_ident_valid(ferry_text_of(cfg->product)) && ferry_ident_valid(ferry_text_of(cfg->device)) &&
           cfg->name_max >= 1 && cfg->name_max <= FERRY_NAME_MAX && cfg->url_max >= URL_LEAST &&
           cfg->url_max <= URL_MOST && cfg->tries_max >= 1 && cfg->answer_ms >= 1 && cfg->connect_ms >= 1 &&
           cfg->stall_ms >= 1 && cfg->backoff_first_ms >= 1 && cfg->backoff_max_ms >= cfg->backoff_first_ms &&
           cfg->give_up_ms >= 1 && cfg->progress_ms >= 1;
}

ferry_device_err ferry_device_init(ferry_device *d, const ferry_device_config *cfg, void *mem, size_t mem_bytes,
                                   uint32_t seed, size_t *reterr_need)
{
    if (d == NULL || cfg == NULL || mem == NULL || !config_valid(cfg))
        return FERRY_DEVICE_E_ARG;
    if (mem_bytes < FERRY_DEVICE_MEM(cfg->name_max, cfg->url_max)) {
        if (reterr_need != NULL)
            *reterr_need = FERRY_DEVICE_MEM(cfg->name_max, cfg->url_max);
        return FERRY_DEVICE_E_MEMORY;
    }
    memset(d, 0, sizeof *d);
    d->cfg = cfg;
    d->random = seed != 0 ? seed : 1;
    d->work = mem;
    char *next = d->work + FERRY_DEVICE_WORK;
    for (lane_state *l = d->lane; l < d->lane + FERRY_LANES; l++) {
        l->name = next;
        l->url = next + cfg->name_max + 1;
        l->name[0] = l->url[0] = '\0';
        l->due_ms = UINT64_MAX;
        ferry_md5_init(&l->hash);
        next = l->url + cfg->url_max + 1;
    }
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_device_restore(ferry_device *d, uint64_t now_ms, const void *bytes, size_t len)
{
    lane_state *l;
    const uint8_t *in = bytes;

    tick(d, now_ms);
    if (len > 3 && in[3] < FERRY_LANES && d->lane[in[3]].phase != FERRY_PHASE_IDLE)
        return FERRY_DEVICE_E_STATE;
    if (!ferry__snapshot_read(d, in, len, &l))
        return FERRY_DEVICE_E_SNAPSHOT;
    uint8_t stage = l->stage, result = l->result;
    ferry__lane_begin(d, l);
    l->known = l->told = true;
    l->partial = !ferry__lane_is_up(d, l) && stage != FERRY_PHASE_REPORT;
    if (stage == FERRY_PHASE_REPORT)
        ferry__lane_report(d, l, (ferry_device_err)result);
    else if (ferry__lane_is_up(d, l)) {
        ferry__lane_rewind(l);
        ferry__lane_enter(l, FERRY_PHASE_KEPT);
    } else
        ferry__lane_enter(l, stage == FERRY_PHASE_COMMIT ? FERRY_PHASE_COMMIT : FERRY_PHASE_ASK);
    l->todo = 0; /* it is saved already */
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_device_snapshot(const ferry_device *d, ferry_lane lane, void *out, size_t cap, size_t *ret_len)
{
    const lane_state *l = &d->lane[lane];

    if (!l->known || l->phase == FERRY_PHASE_IDLE || (l->phase == FERRY_PHASE_END && !l->kept))
        return FERRY_DEVICE_E_STATE;
    if (cap < FERRY_SNAPSHOT_MAX(d->cfg->name_max))
        return FERRY_DEVICE_E_MEMORY;
    *ret_len = ferry__snapshot_write(d, l, out);
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_device_upload(ferry_device *d, uint64_t now_ms, const ferry_upload_request *request)
{
    lane_state *l = &d->lane[FERRY_LANE_UP];
    ferry_text name = ferry_text_of(request->name);

    tick(d, now_ms);
    if (!ferry_name_valid(name) || name.len > d->cfg->name_max || request->size == 0)
        return FERRY_DEVICE_E_ARG;
    if (l->phase != FERRY_PHASE_IDLE && l->phase != FERRY_PHASE_KEPT)
        return FERRY_DEVICE_E_STATE;
    bool again = l->phase == FERRY_PHASE_KEPT && l->size == request->size && l->tag == request->tag &&
                 ferry_text_equal(name, ferry_text_of(l->name));
    ferry__lane_rewind(l);
    ferry__lane_begin(d, l);
    l->size = request->size;
    l->tag = request->tag;
    memcpy(l->name, name.ptr, name.len);
    l->name[name.len] = '\0';
    l->told = again;
    l->known = again || request->md5 != NULL;
    if (request->md5 != NULL)
        memcpy(l->md5, request->md5, FERRY_MD5_BYTES);
    l->todo = l->known ? FERRY__TODO_SAVE : 0;
    ferry__lane_enter(l, l->known ? FERRY_PHASE_ASK : FERRY_PHASE_HASH);
    return FERRY_DEVICE_OK;
}

void ferry_device_fetch(ferry_device *d, uint64_t now_ms)
{
    lane_state *l = &d->lane[FERRY_LANE_DOWN];

    tick(d, now_ms);
    if (l->phase != FERRY_PHASE_IDLE)
        return;
    ferry__lane_begin(d, l);
    ferry__lane_enter(l, FERRY_PHASE_ASK);
}

void ferry_device_listen(ferry_device *d, uint64_t now_ms, bool on)
{
    lane_state *l = &d->lane[FERRY_LANE_DOWN];

    if (on && !d->listening)
        ferry_device_fetch(d, now_ms);
    d->listening = on;
    if (!on && !l->known && (l->phase == FERRY_PHASE_ASK || l->phase == FERRY_PHASE_PAUSE))
        ferry__lane_enter(l, FERRY_PHASE_IDLE);
}

ferry_device_err ferry_device_cancel(ferry_device *d, uint64_t now_ms, ferry_lane lane)
{
    lane_state *l = &d->lane[lane];

    tick(d, now_ms);
    if (l->phase == FERRY_PHASE_IDLE || l->phase == FERRY_PHASE_COMMIT || l->phase == FERRY_PHASE_REPORT ||
        l->phase == FERRY_PHASE_END)
        return FERRY_DEVICE_E_STATE;
    l->why = FERRY_WHY_NONE;
    l->told = l->told && l->known;
    ferry__lane_report(d, l, FERRY_DEVICE_E_STOPPED);
    return FERRY_DEVICE_OK;
}

static void on_message(ferry_device *d, const ferry_event *event)
{
    ferry_msg msg;
    lane_state *up = &d->lane[FERRY_LANE_UP], *down = &d->lane[FERRY_LANE_DOWN];

    if (ferry_msg_parse(event->payload, event->len, (ferry_json_token *)(void *)d->work, FERRY_JSON_TOKENS_DEVICE,
                        &msg) != FERRY_PROTO_OK ||
        msg.damaged)
        return;
    d->link_tries = 0; /* the platform is alive */
    switch (msg.type) {
    case FERRY_MSG_CREATE_UPLOAD_TASK_RSP:
        ferry__upload_answer(d, up, &msg);
        break;
    case FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP:
    case FERRY_MSG_UPLOAD_RESULT:
        ferry__lane_answer(d, up, &msg);
        break;
    case FERRY_MSG_GET_DOWNLOAD_TASK_RSP:
    case FERRY_MSG_DOWNLOAD:
        ferry__download_offer(d, down, &msg);
        break;
    case FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP:
        ferry__lane_answer(d, down, &msg);
        break;
    case FERRY_MSG_NONE:
    case FERRY_MSG_CREATE_UPLOAD_TASK:
    case FERRY_MSG_REPORT_UPLOAD_PROGRESS:
    case FERRY_MSG_GET_DOWNLOAD_TASK:
    case FERRY_MSG_REPORT_DOWNLOAD_PROGRESS:
        break; /* these go the other way */
    }
}

/* The answer to READ, OPEN or COMMIT. */
static ferry_device_err on_file(ferry_device *d, lane_state *l, const ferry_event *event)
{
    bool expected =
        event->kind == FERRY_EV_READ     ? l->phase == FERRY_PHASE_HASH
        : event->kind == FERRY_EV_OPENED ? l->phase == FERRY_PHASE_OPEN
        : event->kind == FERRY_EV_COMMITTED
            ? l->phase == FERRY_PHASE_COMMIT
            : l->phase == FERRY_PHASE_HASH || l->phase == FERRY_PHASE_OPEN || l->phase == FERRY_PHASE_COMMIT;

    if (!expected || !l->issued)
        return FERRY_DEVICE_E_STATE;
    if (event->kind == FERRY_EV_READ && event->len > 0)
        ferry__upload_read(d, l, event->bytes, event->len);
    else if (event->kind == FERRY_EV_OPENED)
        ferry__download_opened(d, l, event->offset);
    else if (event->kind == FERRY_EV_COMMITTED)
        ferry__lane_report(d, l, FERRY_DEVICE_OK);
    else { /* an empty READ is the end of a file that should be longer */
        ferry_fault fault = event->kind == FERRY_EV_READ       ? FERRY_FAULT_READ
                            : event->fault == FERRY_FAULT_NONE ? FERRY_FAULT_SYSTEM
                                                               : event->fault;
        ferry__lane_settle(d, l, FERRY__ON_FAULT, fault, (ferry_phase)l->phase, 0);
    }
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_device_event(ferry_device *d, uint64_t now_ms, const ferry_event *event)
{
    lane_state *l = &d->lane[event->lane == FERRY_LANE_UP ? FERRY_LANE_UP : FERRY_LANE_DOWN];

    tick(d, now_ms);
    switch (event->kind) {
    case FERRY_EV_LINK_UP:
    case FERRY_EV_LINK_DOWN:
    case FERRY_EV_SUBSCRIBED:
        return ferry__link_event(d, event);
    case FERRY_EV_MESSAGE:
        on_message(d, event);
        return FERRY_DEVICE_OK;
    case FERRY_EV_READ:
    case FERRY_EV_OPENED:
    case FERRY_EV_COMMITTED:
    case FERRY_EV_FILE_FAILED:
        return on_file(d, l, event);
    case FERRY_EV_HTTP_HEAD:
        return ferry__lane_head(d, l, event->head);
    case FERRY_EV_BODY:
        return ferry__download_body(d, l, event->bytes, event->len);
    case FERRY_EV_SENT:
        return ferry__lane_sent(d, l, event->offset);
    case FERRY_EV_HTTP_END:
        return ferry__lane_http_end(d, l, event->fault);
    }
    return FERRY_DEVICE_E_ARG;
}

void ferry_device_status(const ferry_device *d, ferry_lane lane, ferry_lane_status *ret_status)
{
    const lane_state *l = &d->lane[lane];

    *ret_status = (ferry_lane_status){
        .phase = (ferry_phase)l->phase,
        .name = l->name,
        .size = l->size,
        .offset = l->offset,
        .tag = l->tag,
        .tries = l->tries,
        .linked = d->link == FERRY__LINK_UP,
        .link_fault = (ferry_fault)d->link_fault,
        .link_tries = d->link_tries,
        .err = (ferry_device_err)l->err,
        .why = (ferry_why)l->why,
        .detail = l->detail,
    };
}
