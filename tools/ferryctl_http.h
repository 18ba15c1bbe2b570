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

enum { CTL_HTTP_WHY_SIZE = CURL_ERROR_SIZE };

/** @brief CTL_DONE: there is an answer, whatever its status. Anything else was said on standard error. */
enum ctl_exit ctl_http(struct ctl_exchange *x);

/**
 * @brief Sends a file to a URL that is not of the platform's API, without the token. Trusts what the system trusts, and the platform's CA.
 * @param[out] ret_why      what went wrong, for people
 * @param[out] ret_refused  there was an answer, and another try has the same one
 * @return true: it was taken. Says nothing itself, unless stream->failed.
 */
bool ctl_http_put(struct ctl_api *api, const char *url, struct curl_slist *headers, struct ctl_stream *stream,
                  char ret_why[CTL_HTTP_WHY_SIZE], bool *ret_refused);

#endif
