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

void ferry__explain(struct ferry *f, ferry_device_err err, ferry_why why, int detail)
{
    int n = snprintf(f->message, sizeof f->message, "%s", ferry_device_err_text(err));
    size_t used = n < 0 ? 0 : (size_t)n;
    char *out = f->message + used;
    size_t cap = sizeof f->message - used;

    f->why = why;
    f->detail = detail;
    if (err == FERRY_DEVICE_OK)
        return;
    switch (why) {
    case FERRY_WHY_FAULT:
        (void)snprintf(out, cap, " (%s)", fault_text(detail));
        break;
    case FERRY_WHY_HTTP:
        (void)snprintf(out, cap, " (HTTP status %d)", detail);
        break;
    case FERRY_WHY_RESULT:
        (void)snprintf(out, cap, " (%s, result_code %d)", ferry_result_text(detail), detail);
        break;
    case FERRY_WHY_NONE:
        break;
    }
}
