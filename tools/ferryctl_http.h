/**
 * @file ferryctl_http.h
 * @brief One HTTP exchange with the platform, over libcurl.
 */
#ifndef TOOLS_FERRYCTL_HTTP_H
#define TOOLS_FERRYCTL_HTTP_H

#include "ferryctl_api.h"

struct ctl_exchange {
    struct ctl_api *api;
    const char *method;
    const char *path;
    const char *body;          /**< JSON, or null */
    struct curl_slist *headers;
    struct ctl_stream *stream; /**< of a transfer; null: a small answer is expected */
    /* out */
    struct ferry_buf answer; /**< a small answer, or that of a refusal */
    long status;
    curl_off_t retry_after_s; /**< 0: the answer does not say */
};

/** @brief CTL_DONE: there is an answer, whatever its status. Anything else was said on standard error. */
enum ctl_exit ctl_http(struct ctl_exchange *x);

#endif
