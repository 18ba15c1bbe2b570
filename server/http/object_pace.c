#include "object_pace.h"

static void begin(struct pace *pace, const struct pace_look *look, uint64_t mark_bytes)
{
    pace->turn = look->turn;
    pace->begun = true;
    pace->head_begun = false;
    pace->ended = false;
    pace->since_ms = look->now_ms;
    pace->mark_bytes = mark_bytes;
    pace->sent_bytes = look->acked_bytes;
}

/* A fresh connection must come with a whole head at once; one that was served may rest. */
static bool head_too_slow(struct pace *pace, const struct pace_look *look, const struct pace_limits *limits)
{
    if (look->served && !pace->head_begun) {
        if (look->received_bytes != pace->mark_bytes) {
            pace->head_begun = true;
            pace->since_ms = look->now_ms;
        } else if (look->acked_bytes != pace->sent_bytes) {
            pace->since_ms = look->now_ms; /* it still takes the end of the answer before */
        }
    }
    pace->sent_bytes = look->acked_bytes;
    bool rests = look->served && !pace->head_begun;
    return look->now_ms - pace->since_ms > (rests ? limits->idle_ms : limits->head_ms);
}

static bool bytes_too_slow(struct pace *pace, const struct pace_look *look, const struct pace_limits *limits,
                           uint64_t counter)
{
    if (look->now_ms - pace->since_ms < limits->window_ms)
        return false;
    if (counter - pace->mark_bytes < limits->window_min_bytes)
        return true;
    pace->since_ms = look->now_ms;
    pace->mark_bytes = counter;
    return false;
}

/* Seen twice: between the last byte of a request and the next phase there is a moment in which it seems to lack. */
static bool never_comes(struct pace *pace, const struct pace_look *look)
{
    bool before = pace->ended;
    pace->ended = look->ended;
    return before && look->ended;
}

bool pace_too_slow(struct pace *pace, const struct pace_look *look, const struct pace_limits *limits)
{
    uint64_t counter = look->phase == PACE_ANSWER ? look->acked_bytes : look->received_bytes;
    if (!pace->begun || pace->turn != look->turn)
        begin(pace, look, counter);
    switch (look->phase) {
    case PACE_HEAD:
        return never_comes(pace, look) || head_too_slow(pace, look, limits);
    case PACE_BODY:
        return never_comes(pace, look) || bytes_too_slow(pace, look, limits, counter);
    case PACE_ANSWER:
        return bytes_too_slow(pace, look, limits, counter);
    case PACE_OURS:
        return false;
    }
    return false;
}
