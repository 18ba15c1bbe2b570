/* What happened, in one line for people. */
#include "port.h"

#include "proto/result.h"

#include <string.h>

static const char *fault_text(int fault)
{
    static const char *const texts[] = {
#define X(name, number, text) [number] = text,
        FERRY_FAULT_LIST(X)
#undef X
    };
    return fault >= 0 && (size_t)fault < sizeof texts / sizeof texts[0] ? texts[fault] : "unknown fault";
}

/* The words of the library that met the fault, if they are about this one. */
static const char *reason_text(const struct ferry *f, ferry_lane lane, int fault)
{
    const struct ferry__reason *reasons[] = {&f->http[lane].reason, &f->mqtt.reason};

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if ((int)reasons[i]->fault == fault && reasons[i]->text[0] != '\0')
            return reasons[i]->text;
    return NULL;
}

void ferry__explain(struct ferry *f, const ferry_action *act)
{
    int n = snprintf(f->message, sizeof f->message, "%s", ferry_device_err_text(act->err));
    size_t used = n < 0 ? 0 : (size_t)n;
    char *out = f->message + used;
    size_t cap = sizeof f->message - used;

    f->why = act->why;
    f->detail = act->detail;
    if (act->err == FERRY_DEVICE_OK)
        return;
    const char *reason = act->why == FERRY_WHY_FAULT ? reason_text(f, act->lane, act->detail) : NULL;
    switch (act->why) {
    case FERRY_WHY_FAULT:
        (void)snprintf(out, cap, " (%s%s%s)", fault_text(act->detail), reason == NULL ? "" : ": ",
                       reason == NULL ? "" : reason);
        break;
    case FERRY_WHY_HTTP:
        (void)snprintf(out, cap, " (HTTP status %d)", act->detail);
        break;
    case FERRY_WHY_RESULT:
        (void)snprintf(out, cap, " (%s, result_code %d)", ferry_result_text(act->detail), act->detail);
        break;
    case FERRY_WHY_NONE:
        break;
    }
}

ferry_device_err ferry__fail(struct ferry *f, ferry_device_err err, const char *what, const char *about)
{
    f->why = FERRY_WHY_NONE;
    f->detail = 0;
    (void)snprintf(f->message, sizeof f->message, "%.300s: %s", about, what);
    return err;
}
