/**
 * @file auth.h
 * @brief May this client connect, and as whom? Not thread-safe. May wait for the disk.
 *
 * One judgement for the plugin of our broker and for the HTTP questions of others.
 */
#ifndef ACCESS_AUTH_H
#define ACCESS_AUTH_H

#include "access/directory.h"
#include "access/seal.h"
#include "api/model.h"
#include "proto/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { CREDENTIAL_BYTES = 32 };

/** @brief Who a client has proved to be. */
struct principal {
    bool service;          /**< the platform; else a device */
    struct device_key key; /**< of the device */
    uint64_t created_ms;   /**< of the device: one that was removed and added again is another */
    uint32_t secret_no;    /**< which of its secrets proved it; 0: a certificate did */
    uint64_t until_ms;     /**< Unix ms; that secret is good until then. 0: it is the present one */
    uint8_t credential[CREDENTIAL_BYTES]; /**< digest of what proved it */
};

struct auth {
    struct directory directory;
    struct seal_keys keys;
    const char *keys_path;         /**< read again when a secret needs a key that is not there; null: never */
    const char *service_hash_path; /**< file with the hex SHA-256 of the platform's password; null: no such account */
};

struct auth_request {
    ferry_text username, password, client_id; /**< absent: not given */
    ferry_text certificate; /**< common name of the client certificate that TLS has verified; absent: none */
    bool plain_secret_ok;   /**< {product}/{device} with the secret itself may be: nobody can read along */
    uint64_t now_ms;        /**< Unix time */
    const struct principal *known; /**< who the connection has proved to be before; null: it is new */
};

typedef enum {
    AUTH_ACCEPTED,
    AUTH_REFUSED,     /**< vendor devices end their program on this */
    AUTH_UNAVAILABLE, /**< no judgement possible now: close without an answer, and they try again */
} auth_verdict;

/**
 * @brief Judges a CONNECT, or a connected client again (the broker asks anew when it reloads).
 * @param[out] ret_who     only when accepted
 * @param[out] reterr_why  only when not accepted: for the log; never holds a secret. Static storage
 */
auth_verdict auth_judge(struct auth *auth, const struct auth_request *request, struct principal *ret_who,
                        const char **reterr_why);

/**
 * @brief Who is meant by the user name (or certificate) and client id of a client that another broker has let in, after
 * auth_judge() had accepted it? Passwords are not looked at. A vendor's user name whose product and device cannot be told
 * apart is refused unless the client id is {product}/{device}.
 */
auth_verdict auth_name(struct auth *auth, const struct auth_request *request, struct principal *ret_who,
                       const char **reterr_why);

/**
 * @brief May who has connected stay, after something about devices was changed? When the database cannot be read: yes.
 * Brings who->until_ms up to date. *reterr_why: as above.
 */
bool auth_may_stay(struct auth *auth, struct principal *who, uint64_t now_ms, const char **reterr_why);

/** @brief Is the secret that proved it past its time? */
bool auth_is_over(const struct principal *who, uint64_t now_ms);

/** @brief Closes the directory and wipes the keys. */
void auth_done(struct auth *auth);

#endif
