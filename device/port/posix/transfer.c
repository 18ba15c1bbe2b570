/* Begin, end and outcome of transfers: for programs with a loop of their own, and for the blocking calls. */
#include "port.h"

#include <errno.h>
#include <string.h>

static ferry_phase phase_of(const struct ferry *f, ferry_lane lane)
{
    ferry_lane_status status;

    ferry_device_status(&f->device, lane, &status);
    return status.phase;
}

static bool is_running(const struct ferry *f, ferry_lane lane)
{
    ferry_phase phase = phase_of(f, lane);

    return phase != FERRY_PHASE_IDLE && phase != FERRY_PHASE_KEPT;
}

bool ferry__transfer_busy(const struct ferry *f, ferry_lane lane)
{
    return f->finished[lane] || is_running(f, lane);
}

/* --- uploads --- */

/* An earlier run has sent the same file: its outcome is this one's. */
static bool outcome_is_ours(const struct ferry *f)
{
    const ferry_action *act = &f->outcome[FERRY_LANE_UP];

    return act->size == f->upload.size && act->tag == f->upload.tag && strcmp(act->name, f->upload.name) == 0 &&
           (act->err == FERRY_DEVICE_OK || act->err == FERRY_DEVICE_E_UNCONFIRMED);
}

/* Ends an upload that the engine does not know yet. */
static void upload_drop(struct ferry *f)
{
    f->upload.waiting = false;
    f->finished[FERRY_LANE_UP] = true;
    f->earlier[FERRY_LANE_UP] = false;
    f->outcome[FERRY_LANE_UP] = (ferry_action){.kind = FERRY_ACT_FINISHED,
                                               .lane = FERRY_LANE_UP,
                                               .name = f->upload.name,
                                               .size = f->upload.size,
                                               .err = FERRY_DEVICE_E_STOPPED};
    ferry__source_close(f);
    ferry__wake(f);
}

static void upload_start(struct ferry *f)
{
    ferry_upload_request request = {.name = f->upload.name, .size = f->upload.size, .tag = f->upload.tag};

    f->upload.waiting = false;
    if (ferry_device_upload(&f->device, ferry__now_ms(), &request) != FERRY_DEVICE_OK)
        upload_drop(f); /* name and size are good and the lane is free: it does not come to this */
}

/* The engine's upload has ended, or was that of an earlier run. */
static void upload_finished(struct ferry *f)
{
    if (f->upload.waiting && f->earlier[FERRY_LANE_UP] && !outcome_is_ours(f)) {
        upload_start(f);
        return;
    }
    f->earlier[FERRY_LANE_UP] = f->earlier[FERRY_LANE_UP] && !f->upload.waiting;
    f->upload.waiting = false;
    ferry__source_close(f);
}

static ferry_device_err source_open(struct ferry *f, const char *path)
{
    ferry_device_err err = ferry__source_open(f, path, &f->upload.size, &f->upload.tag);

    if (err == FERRY_DEVICE_OK)
        return err;
    const char *what = err != FERRY_DEVICE_E_ARG ? strerror(errno)
                       : errno == EISDIR         ? "is a folder: only files can be sent"
                                                 : "is empty or no regular file";
    ferry__source_close(f);
    return ferry__fail(f, FERRY_DEVICE_E_SOURCE, what, path);
}

ferry_device_err ferry_begin_upload(struct ferry *f, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');

    if (f->upload.begun)
        return ferry__fail(f, FERRY_DEVICE_E_STATE, "another upload is running: wait for its outcome", path);
    if (name == NULL)
        name = slash != NULL ? slash + 1 : path;
    ferry_device_err err = source_open(f, path);
    if (err != FERRY_DEVICE_OK)
        return err;
    if (!ferry_name_valid(ferry_text_of(name))) {
        ferry__source_close(f);
        return ferry__fail(f, FERRY_DEVICE_E_ARG,
                           "a name on the platform is 1 to 255 bytes of UTF-8 without control characters", name);
    }
    (void)snprintf(f->upload.name, sizeof f->upload.name, "%s", name);
    f->upload.begun = true;
    if (f->finished[FERRY_LANE_UP] && outcome_is_ours(f)) { /* confirmed meanwhile, and nobody has asked */
        upload_finished(f);
        f->earlier[FERRY_LANE_UP] = false;
        ferry__wake(f);
        return FERRY_DEVICE_OK;
    }
    f->finished[FERRY_LANE_UP] = false;
    if (!is_running(f, FERRY_LANE_UP))
        ferry__state_restore(f, FERRY_LANE_UP);
    if (is_running(f, FERRY_LANE_UP))
        f->upload.waiting = true;
    else
        upload_start(f);
    ferry__wake(f);
    return FERRY_DEVICE_OK;
}

/* --- downloads --- */

static ferry_device_err folder_open(struct ferry *f, const char *dir)
{
    if ((f->receiving || f->finished[FERRY_LANE_DOWN]) && strcmp(f->files.dir, dir) != 0)
        return ferry__fail(f, FERRY_DEVICE_E_STATE, "a download into another folder is running", dir);
    if (ferry__folder_open(f, dir) != FERRY_DEVICE_OK)
        return ferry__fail(f, FERRY_DEVICE_E_STORE, strerror(errno), dir);
    if (!f->listening && !is_running(f, FERRY_LANE_DOWN))
        ferry__state_restore(f, FERRY_LANE_DOWN);
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_begin_download(struct ferry *f, const char *dir)
{
    if (f->listening || ferry__transfer_busy(f, FERRY_LANE_DOWN))
        return ferry__fail(f, FERRY_DEVICE_E_STATE, "a download is running, or is listened for", dir);
    ferry_device_err err = folder_open(f, dir);
    if (err != FERRY_DEVICE_OK)
        return err;
    ferry_device_fetch(&f->device, ferry__now_ms()); /* nothing, when one goes on */
    ferry__wake(f);
    return FERRY_DEVICE_OK;
}

static void listen_set(struct ferry *f, bool on)
{
    f->listening = on;
    f->held = false;
    ferry_device_listen(&f->device, ferry__now_ms(), on);
    ferry__wake(f);
}

ferry_device_err ferry_listen(struct ferry *f, const char *dir)
{
    ferry_device_err err = folder_open(f, dir);
    if (err == FERRY_DEVICE_OK && !f->listening)
        listen_set(f, true);
    return err;
}

void ferry_listen_end(struct ferry *f)
{
    if (f->listening)
        listen_set(f, false);
}

/* --- ends --- */

ferry_device_err ferry_suspend(struct ferry *f, ferry_lane lane)
{
    if (lane == FERRY_LANE_DOWN)
        ferry_listen_end(f);
    if (lane == FERRY_LANE_UP && f->upload.waiting) {
        upload_drop(f);
        return FERRY_DEVICE_OK;
    }
    ferry__wake(f);
    return ferry_device_stop(&f->device, ferry__now_ms(), lane, FERRY_STOP_FOR_NOW);
}

void ferry_cancel(struct ferry *f, ferry_lane lane)
{
    if (lane == FERRY_LANE_UP && f->upload.waiting)
        upload_drop(f);
    else
        (void)ferry_device_stop(&f->device, ferry__now_ms(), lane, FERRY_STOP_FOR_GOOD); /* nothing to cancel: nothing to do */
    ferry__wake(f);
}

void ferry__transfer_finished(struct ferry *f, const ferry_action *act)
{
    ferry_lane lane = act->lane;

    f->finished[lane] = true;
    f->earlier[lane] = f->resumed[lane];
    f->resumed[lane] = false;
    f->outcome[lane] = *act;
    (void)snprintf(f->outcome_name[lane], sizeof f->outcome_name[0], "%s", act->name);
    memcpy(f->outcome_md5[lane], act->md5, sizeof f->outcome_md5[0]);
    f->outcome[lane].name = f->outcome_name[lane];
    if (lane == FERRY_LANE_UP)
        upload_finished(f);
    else
        f->receiving = false;
}

/* --- outcomes --- */

static const char *received_path(struct ferry *f, const char *name)
{
    (void)snprintf(f->files.received, sizeof f->files.received, "%s/%s", f->files.dir, name);
    return f->files.received;
}

static void take(struct ferry *f, ferry_lane lane, struct ferry_outcome *ret_outcome)
{
    const ferry_action *act = &f->outcome[lane];
    bool received = lane == FERRY_LANE_DOWN && act->err == FERRY_DEVICE_OK;

    f->finished[lane] = false;
    if (lane == FERRY_LANE_UP && !f->earlier[lane])
        f->upload.begun = false;
    if (lane == FERRY_LANE_DOWN && f->held)
        listen_set(f, true);
    f->last_size = act->size;
    ferry__explain(f, act);
    *ret_outcome = (struct ferry_outcome){
        .lane = lane,
        .err = act->err,
        .why = act->why,
        .detail = act->detail,
        .kept = act->kept,
        .earlier = f->earlier[lane],
        .size = act->size,
        .name = act->name,
        .path = received ? received_path(f, act->name) : NULL,
        .md5 = received ? f->outcome_md5[lane] : NULL,
        .message = f->message,
    };
}

static bool take_any(struct ferry *f, unsigned lanes, struct ferry_outcome *ret_outcome)
{
    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++) {
        if ((lanes & 1u << lane) == 0 || !f->finished[lane])
            continue;
        take(f, lane, ret_outcome);
        if (f->finished[FERRY_LANE_UP] || f->finished[FERRY_LANE_DOWN])
            ferry__wake(f);
        return true;
    }
    return false;
}

/* Nobody takes the outcome of the last download yet: there is room for one. */
static void hold_back(struct ferry *f)
{
    if (!f->finished[FERRY_LANE_DOWN] || !f->listening || f->held)
        return;
    f->held = true;
    ferry_device_listen(&f->device, ferry__now_ms(), false);
}

bool ferry__step(struct ferry *f, unsigned lanes, uint64_t wait_ms, struct ferry_outcome *ret_outcome)
{
    if (take_any(f, lanes, ret_outcome))
        return true;
    hold_back(f);
    ferry__turn(f, wait_ms);
    return take_any(f, lanes, ret_outcome);
}

bool ferry_step(struct ferry *f, uint64_t wait_ms, struct ferry_outcome *ret_outcome)
{
    return ferry__step(f, 1u << FERRY_LANE_UP | 1u << FERRY_LANE_DOWN, wait_ms, ret_outcome);
}

int ferry_fd(const struct ferry *f)
{
    return f->epoll_fd;
}

void ferry_status(const struct ferry *f, ferry_lane lane, ferry_lane_status *ret_status)
{
    ferry_device_status(&f->device, lane, ret_status);
}
