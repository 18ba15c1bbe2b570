#include "core/webhook_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_GONE = 410, STATUS_TOO_MANY = 429, STATUS_UNAVAILABLE = 503 };

/* --- what an operator may give ------------------------------------------------------------------------------ */

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

/* What stands behind the colon of a host. */
static bool port_valid(const char *text, size_t len)
{
    if (len < 1 || len > 5 || strspn(text, "0123456789") < len)
        return false;
    unsigned long port = strtoul(text, NULL, 10);
    return port >= 1 && port <= 65535;
}

static bool authority_valid(const char *text, size_t len)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    bool is_v6 = text[0] == '[';
    size_t host = is_v6 ? 1 + strspn(text + 1, "0123456789abcdefABCDEF:.") : strspn(text, name);

    if (is_v6 && (host < 3 || text[host++] != ']'))
        return false;
    if (host == 0 || host > len)
        return false;
    return host == len || (text[host] == ':' && port_valid(text + host + 1, len - host - 1));
}

bool webhook_url_valid(const char *url)
{
    static const char *const schemes[] = {"https://", "http://"};

    if (strlen(url) > WEBHOOK_URL_MAX || !is_printable(url) || strpbrk(url, "#\"<>\\^`{|}") != NULL)
        return false;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t scheme = strlen(schemes[i]);
        if (strncmp(url, schemes[i], scheme) == 0)
            return authority_valid(url + scheme, strcspn(url + scheme, "/?"));
    }
    return false;
}

bool webhook_secret_valid(const char *secret)
{
    size_t len = strlen(secret);

    return len >= WEBHOOK_SECRET_MIN && len <= DEVICE_SECRET_MAX && is_printable(secret);
}

/* --- what is delivered, and when ------------------------------------------------------------------------------ */

static bool fits(const char *wanted, const char *text)
{
    return wanted[0] == '\0' || strcmp(wanted, text) == 0;
}

bool webhook_wants(const struct webhook_filter *filter, const struct event *event)
{
    return (filter->kinds == 0 || (filter->kinds & WEBHOOK_KIND(event->kind)) != 0) &&
           fits(filter->product, event->product) && fits(filter->device, event->device);
}

bool webhook_is_due(const struct webhook *w, uint64_t now_ms)
{
    return w->state == WEBHOOK_ACTIVE && w->progress.next_attempt_ms <= now_ms;
}

uint64_t webhook_pause_ms(const struct webhook_limits *limits, uint32_t failures, uint32_t chance)
{
    uint64_t pause_s = limits->retry_first_s;

    for (uint32_t n = 1; n < failures && pause_s < limits->retry_max_s; n++)
        pause_s *= 2;
    if (pause_s > limits->retry_max_s)
        pause_s = limits->retry_max_s;
    uint64_t half_ms = pause_s * 500;
    return half_ms + chance % (half_ms + 1);
}

/* --- what follows --------------------------------------------------------------------------------------------- */

static bool is_success(const struct webhook_outcome *o)
{
    return (o->error == NULL || o->error[0] == '\0') && o->status >= 200 && o->status < 300;
}

static webhook_verdict succeed(struct webhook *w, const struct webhook_outcome *o, uint64_t now_ms)
{
    webhook_verdict verdict = w->progress.failures > 0 ? WEBHOOK_RECOVERED : WEBHOOK_DELIVERED;

    w->progress = (struct webhook_progress){
        .last_event = o->event, .last_status = o->status, .last_success_ms = now_ms};
    return verdict;
}

/* What others wrote may be in it: only what is safe in a list and in a log stays. */
static void keep_error(struct webhook_progress *p, const struct webhook_outcome *o)
{
    if (o->error != NULL && o->error[0] != '\0')
        (void)snprintf(p->last_error, sizeof p->last_error, "%s", o->error);
    else
        (void)snprintf(p->last_error, sizeof p->last_error, "the receiver answered %u", (unsigned)o->status);
    for (char *c = p->last_error; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
}

static bool is_hopeless(const struct webhook_progress *p, const struct webhook_limits *limits, uint64_t now_ms)
{
    return p->last_status == STATUS_GONE || (limits->failures_max != 0 && p->failures >= limits->failures_max) ||
           now_ms - p->failing_ms >= 1000ull * limits->park_after_s;
}

/* A receiver that has too much to do says when it will have time; no sooner and no later than our own pauses may be. */
static uint64_t next_pause_ms(const struct webhook_limits *limits, const struct webhook_outcome *o, uint32_t failures,
                              uint32_t chance)
{
    uint64_t pause_s = o->retry_after_s;

    if (pause_s == 0 || (o->status != STATUS_TOO_MANY && o->status != STATUS_UNAVAILABLE))
        return webhook_pause_ms(limits, failures, chance);
    if (pause_s < limits->retry_first_s)
        pause_s = limits->retry_first_s;
    if (pause_s > limits->retry_max_s)
        pause_s = limits->retry_max_s;
    return pause_s * 1000;
}

webhook_verdict webhook_judge(struct webhook *w, const struct webhook_outcome *outcome,
                              const struct webhook_limits *limits, uint64_t now_ms, uint32_t chance)
{
    struct webhook_progress *p = &w->progress;

    if (is_success(outcome))
        return succeed(w, outcome, now_ms);
    if (p->failing_ms == 0)
        p->failing_ms = now_ms;
    if (p->failures < INT32_MAX)
        p->failures++;
    p->last_status = outcome->status;
    keep_error(p, outcome);
    if (is_hopeless(p, limits, now_ms)) {
        w->state = WEBHOOK_PARKED;
        p->next_attempt_ms = 0;
        return WEBHOOK_GIVEN_UP;
    }
    p->next_attempt_ms = now_ms + next_pause_ms(limits, outcome, p->failures, chance);
    return WEBHOOK_FAILED;
}

void webhook_begin(struct webhook *w)
{
    w->state = WEBHOOK_ACTIVE;
    w->progress.failures = 0;
    w->progress.failing_ms = 0;
    w->progress.next_attempt_ms = 0;
}
