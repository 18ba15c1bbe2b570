/* The blocking calls: a loop over ferry__step(), nothing more. */
#include "port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Nothing has been offered yet: waiting may end. */
static bool still_waiting(const struct ferry *f)
{
    ferry_lane_status status;

    ferry_device_status(&f->device, FERRY_LANE_DOWN, &status);
    return status.phase == FERRY_PHASE_IDLE ||
           (!f->receiving && (status.phase == FERRY_PHASE_ASK || status.phase == FERRY_PHASE_PAUSE));
}

/* An earlier run's result of another file is of no interest here. */
static bool is_wanted(const struct ferry_outcome *outcome)
{
    return outcome->lane == FERRY_LANE_DOWN || !outcome->earlier;
}

/* Runs until the lane's transfer has ended. False: interrupted, or nothing was offered until end_ms. */
static bool run(struct ferry *f, ferry_lane lane, uint64_t end_ms, struct ferry_outcome *ret_outcome)
{
    while (!atomic_load(&f->interrupted)) {
        uint64_t now = ferry__now_ms();
        if (now >= end_ms && !f->finished[lane] && still_waiting(f))
            return false;
        if (ferry__step(f, 1u << lane, now < end_ms ? end_ms - now : FERRY_FOR_EVER, ret_outcome) &&
            is_wanted(ret_outcome))
            return true;
    }
    return false;
}

static ferry_device_err explained(struct ferry *f, ferry_device_err err)
{
    ferry_action act = {.err = err};

    ferry__explain(f, &act);
    return err;
}

/* Puts the transfer aside. It may have ended in this very moment: then that is what counts. */
static ferry_device_err stop(struct ferry *f, ferry_lane lane, struct ferry_outcome *ret_outcome)
{
    atomic_store(&f->interrupted, false);
    (void)ferry_suspend(f, lane);
    while (ferry__transfer_busy(f, lane))
        if (ferry__step(f, 1u << lane, 0, ret_outcome) && is_wanted(ret_outcome))
            return ret_outcome->err;
    return explained(f, FERRY_DEVICE_E_STOPPED);
}

ferry_device_err ferry_upload_file(struct ferry *f, const char *path, const char *name)
{
    struct ferry_outcome outcome;
    ferry_device_err err = ferry_begin_upload(f, path, name);

    if (err != FERRY_DEVICE_OK)
        return err;
    return run(f, FERRY_LANE_UP, FERRY_FOR_EVER, &outcome) ? outcome.err : stop(f, FERRY_LANE_UP, &outcome);
}

static ferry_device_err received(struct ferry *f, const struct ferry_outcome *outcome, struct ferry_file *ret_file)
{
    char *path = strdup(outcome->path);

    if (path == NULL)
        return ferry__fail(f, FERRY_DEVICE_E_SYSTEM, "out of memory", outcome->name);
    (void)snprintf(ret_file->name, sizeof ret_file->name, "%s", outcome->name);
    ret_file->path = path;
    ret_file->size = outcome->size;
    memcpy(ret_file->md5, outcome->md5, sizeof ret_file->md5);
    return FERRY_DEVICE_OK;
}

/* Listening goes on between the calls, so that a push is not missed. */
static ferry_device_err begin(struct ferry *f, const char *dir, uint64_t wait_ms)
{
    if (f->finished[FERRY_LANE_DOWN])
        return FERRY_DEVICE_OK; /* it came while a file was sent */
    if (wait_ms > 0 || f->receiving) {
        ferry_device_err err = ferry_listen(f, dir);
        if (err != FERRY_DEVICE_OK || wait_ms > 0)
            return err;
    }
    ferry_listen_end(f);
    return ferry__transfer_busy(f, FERRY_LANE_DOWN) ? FERRY_DEVICE_OK : ferry_begin_download(f, dir);
}

ferry_device_err ferry_download_next(struct ferry *f, const char *dir, uint64_t wait_ms, struct ferry_file *ret_file)
{
    struct ferry_outcome outcome;
    uint64_t start = ferry__now_ms();
    uint64_t end = wait_ms == 0 || wait_ms > FERRY_FOR_EVER - start ? FERRY_FOR_EVER : start + wait_ms;
    ferry_device_err err = begin(f, dir, wait_ms);

    if (err != FERRY_DEVICE_OK)
        return err;
    if (run(f, FERRY_LANE_DOWN, end, &outcome))
        err = outcome.err;
    else if (atomic_load(&f->interrupted))
        err = stop(f, FERRY_LANE_DOWN, &outcome);
    else {
        ferry_listen_end(f);
        return explained(f, FERRY_DEVICE_E_NO_TASK);
    }
    return err == FERRY_DEVICE_OK ? received(f, &outcome, ret_file) : err;
}

void ferry_interrupt(struct ferry *f)
{
    uint64_t one = 1;
    int saved = errno;

    atomic_store(&f->interrupted, true);
    (void)!write(f->wake_fd, &one, sizeof one); /* full: the loop is awake anyway */
    errno = saved;
}
