/**
 * @file ferryctl_api.h
 * @brief The operator API as ferryctl speaks it. Every function that can fail says so in one line on standard error
 * and gives the exit status of the command.
 */
#ifndef TOOLS_FERRYCTL_API_H
#define TOOLS_FERRYCTL_API_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "ferryctl_args.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

FERRY_DEFINE_CLEANUP(json_t *, json_decref)
#define ctl_autojson __attribute__((cleanup(json_decref_p))) json_t

/** @brief How a command ends (its manual page). Scripts depend on the numbers. */
enum ctl_exit {
    CTL_DONE = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_REFUSED = 3,
    CTL_NETWORK = 4,
};

/** @brief Prints "ferryctl: ..." on standard error and gives status. */
enum ctl_exit ctl_fail(enum ctl_exit status, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct ctl_api {
    CURL *curl;
    struct curl_slist *headers; /**< with the token */
    const char *key;            /**< Idempotency-Key of what is made; null: one of chance for each request */
    char *url;                  /**< "http://127.0.0.1:8081" */
    char *ca_file;              /**< certificates to trust; null: those of the system */
    char *data;                 /**< the data folder for messages; null when --api was given */
};

/** @brief Finds address and token (flag, environment, data folder). ctl_api_done() is due in every case. */
enum ctl_exit ctl_api_init(struct ctl_api *api, const struct ctl_options *options);
void ctl_api_done(struct ctl_api *api);

/**
 * @brief A path: every %s is escaped as one part or value, "%?" is not known. Freed by the caller; never null.
 *     ctl_path("/devices/%s/%s", product, device)
 */
char *ctl_path(const char *format, ...);
/** @brief Appends "&name=value" ("?" the first time) unless value is null. */
void ctl_query(char **path, const char *name, const char *value);

/**
 * @brief One request with a small answer.
 * @param[in]  body        or null; borrowed
 * @param[out] ret_answer  may be null; else a value on CTL_DONE (null value for 204)
 */
enum ctl_exit ctl_api_call(struct ctl_api *api, const char *method, const char *path, const json_t *body,
                           json_t **ret_answer);

/**
 * @brief Every row of a list, page after page, until limit rows (0: all) were given.
 * page_end may be null; it is called after each page.
 */
enum ctl_exit ctl_api_each(struct ctl_api *api, const char *path, uint64_t limit,
                           enum ctl_exit (*row)(void *arg, json_t *row), void (*page_end)(void *arg), void *arg);

/** @brief Where the bytes of a transfer come from or go to. */
struct ctl_stream {
    /** Sending: fills at most cap bytes, 0 at the end, SIZE_MAX when it fails. Receiving: false stops the transfer. */
    size_t (*read)(void *arg, char *out, size_t cap);
    bool (*write)(void *arg, const char *bytes, size_t len);
    void *arg;
    const char *type; /**< of what is sent: "text/csv" */
    uint64_t size; /**< of what is sent; UINT64_MAX: unknown */
    bool part;       /**< sent: a part of a file, which goes on at offset (tus) */
    uint64_t offset;
    bool failed;   /**< out: read or write failed and has said why */
};

enum ctl_exit ctl_api_send(struct ctl_api *api, const char *path, struct ctl_stream *stream, json_t **ret_answer);
/**
 * @brief Sends a part. *ret_again: it did not get through, but may when it is tried again where the upload stands then.
 */
enum ctl_exit ctl_api_send_part(struct ctl_api *api, const char *path, struct ctl_stream *stream, bool *ret_again);
enum ctl_exit ctl_api_receive(struct ctl_api *api, const char *path, struct ctl_stream *stream);

#endif
