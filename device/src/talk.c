#include "engine.h"

#include <string.h>

/* A result has been confirmed, or not. */
static void lane_verdict(lane_state *l, unsigned source, int code)
{
    unsigned verdict = ferry__decide(source, code)->verdict;

    if (verdict != FERRY__LATER && (l->result != FERRY_DEVICE_OK || verdict == FERRY__GO_ON))
        ferry__lane_end(l, (ferry_device_err)l->result, false); /* `fail` has been heard whatever the answer */
    else
        ferry__lane_settle(l, source, code);
}

/* The answer to a report, or the platform's word on a running transfer. */
static void lane_answer(lane_state *l, const ferry__downlink *msg, bool answers)
{
    unsigned source = ferry__is_down(l) ? FERRY__ON_RESULT_DOWN : FERRY__ON_RESULT_UP;

    if (!msg->has_result)
        return;
    if (l->phase == FERRY_PHASE_OPEN || l->phase == FERRY_PHASE_PROBE || l->phase == FERRY_PHASE_MOVE ||
        (l->phase == FERRY_PHASE_PAUSE && l->told))
        ferry__lane_settle(l, source, msg->result_code);
    /* A late "go on" to the last progress report is no confirmation. */
    else if (l->phase == FERRY_PHASE_REPORT && (msg->result_code != 0 || (l->echoes ? answers : l->issued)))
        lane_verdict(l, source, msg->result_code);
}

FERRY__APART static void lane_message(lane_state *l, const ferry__downlink *msg)
{
    const char *id = msg->text[FERRY__REQUEST_ID];
    bool answers = false; /* what this phase has said */

    if (*id != '\0') {
        if (strncmp(id, l->nonce, sizeof l->nonce) != 0)
            return; /* about another transfer */
        l->echoes = true;
        answers = id[sizeof l->nonce] == FERRY__ID_OF(l->phase);
    }
    if (!FERRY_WITHOUT_DOWNLOAD && msg->says == FERRY__SAYS_DOWNLOAD_TASK)
        ferry__download_offer(l, msg);
    else if (!FERRY_WITHOUT_UPLOAD && msg->says == FERRY__SAYS_UPLOAD_TASK)
        ferry__upload_answer(l, msg, answers);
    else
        lane_answer(l, msg, answers);
}

void ferry__message(ferry_device *d, const ferry__downlink *msg)
{
    ferry_lane lane = msg->says >= FERRY__SAYS_DOWNLOAD_TASK ? FERRY_LANE_DOWN : FERRY_LANE_UP;

    if (ferry__is_built_in(lane))
        lane_message(ferry__lane_at(d, lane), msg);
}

bool ferry__lane_take_url(lane_state *l, const char *url)
{
    size_t len = 0;

    if (strncmp(url, "http", 4) != 0)
        return false;
    for (; url[len] != '\0'; len++)
        if (url[len] <= ' ' || url[len] > '~') /* it becomes part of a request line */
            return false;
    if (len > l->cfg->url_max || len < 8)
        return false;
    memcpy(l->url, url, len + 1);
    return true;
}
