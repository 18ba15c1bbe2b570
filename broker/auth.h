/**
 * @file auth.h
 * @brief May this client connect, and as whom? Not thread-safe. May wait for the disk.
 */
#ifndef BROKER_AUTH_H
#define BROKER_AUTH_H

#include "clients.h"
#include "directory.h"

#include "proto/text.h"

#include <stdbool.h>
#include <stdint.h>

struct auth {
    struct directory directory;
    const char *service_hash_path; /**< file with the hex SHA-256 of the platform's password; null: no such account */
    bool allow_plain_secret;       /**< accept {product}/{device} with the secret itself: only over TLS */
};

struct auth_request {
    ferry_text username, password, client_id; /**< absent: not given */
    uint64_t now_s;                           /**< Unix seconds */
    const struct client *known;               /**< who the connection has proved to be before; null: it is new */
};

typedef enum {
    AUTH_ACCEPTED,
    AUTH_REFUSED,     /**< vendor devices end their program on this */
    AUTH_UNAVAILABLE, /**< no judgement possible now: close without an answer, and they try again */
} auth_verdict;

/**
 * @brief Judges a CONNECT, or a connected client again (the broker asks anew when it reloads).
 * @param[out] ret_client  only when accepted: everything but the address
 * @param[out] reterr_why  only when not accepted: for the log; never holds a secret. Static storage
 */
auth_verdict auth_judge(struct auth *auth, const struct auth_request *request, struct client *ret_client,
                        const char **reterr_why);

#endif
