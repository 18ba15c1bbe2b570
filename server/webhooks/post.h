/**
 * @file post.h
 * @brief One attempt: a POST that is signed, bounded in time and answer, follows no redirect, and forgets what it is answered.
 */
#ifndef WEBHOOKS_POST_H
#define WEBHOOKS_POST_H

#include "base/buf.h"
#include "base/error.h"
#include "core/webhook_rules.h"

#include "signature.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    POST_BODY_MAX = 16 * 1024,
    POST_ANSWER_MAX = 64 * 1024, /**< bytes of the answer, head and body, that are waited for */
};

struct post {
    CURL *easy; /**< null: none was made yet */
    struct curl_slist *headers;
    struct ferry_buf body;
    char error[CURL_ERROR_SIZE];
    size_t heard;  /**< bytes of the answer */
    bool too_long; /**< the answer was broken off */
    bool public_only, forbidden; /**< the second: an address that may not be reached */
};

/** @brief What does not change from attempt to attempt comes from the settings. */
struct post_order {
    const char *url;
    const char *ca_file; /**< null: the system's */
    const char *version;
    uint32_t timeout_s;
    bool public_only;
    const char *event_name;
    uint64_t event_id;
    uint64_t unix_s; /**< now */
    struct signature_key key, old_key;
};

/** @brief Begins to send p->body. user: what curl_easy_getinfo gives for CURLINFO_PRIVATE.
 *  Errors: FERRY_E_NOMEM, FERRY_E_IO. */
FERRY_MUST_CHECK ferry_err post_begin(struct post *p, CURLM *multi, const struct post_order *order, void *user);
/** @brief It has ended so. The texts of the outcome live in p until the next attempt. */
void post_end(struct post *p, CURLM *multi, CURLcode code, struct webhook_outcome *ret_outcome);
/** @brief Breaks it off. */
void post_abort(struct post *p, CURLM *multi);
/** @brief Frees. It is not under way. */
void post_done(struct post *p);

#endif
