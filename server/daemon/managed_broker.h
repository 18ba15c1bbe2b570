/**
 * @file managed_broker.h
 * @brief The Mosquitto of ferryd's own: configured, started, watched, started again, ended.
 *
 * A broker that a dead ferryd left in the data folder is taken over with its connections when its configuration
 * is the one we would write, and ended otherwise. One that lets ferryd in no more is replaced.
 */
#ifndef DAEMON_MANAGED_BROKER_H
#define DAEMON_MANAGED_BROKER_H

#include "address.h"
#include "broker_conf.h"

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct managed_broker;

/** @brief Texts must outlive the broker. */
struct managed_broker_config {
    const char *version;
    const char *folder;     /**< of the broker's files; absolute; there */
    const char *program;    /**< name or path of mosquitto */
    const char *plugin;     /**< path of ferry_auth.so */
    const char *store_path; /**< of the database */
    const char *secrets_key_path; /**< of the key that opens the secrets in it */
    /** len 0: there is no such listener. Port 0: any free one, the same for as long as the broker lives */
    struct address listeners[BROKER_LISTENERS];
    struct broker_tls tls;
    bool allow_plain_secret;
    uint64_t queue_bytes;
    uint64_t connections_max;
    uint64_t patience_ms; /**< a broker that has not let ferryd in for so long is replaced; more than an attempt to connect takes */
    struct broker_limits limits;
};

/**
 * @brief Writes the configuration, starts the broker or takes one over, and watches it from then on.
 *
 * folder/service.hash must be written before. Failures are logged here, in one line.
 * @param[out] ret_broker  when the broker accepts connections
 * @retval FERRY_OK | any error: it has been logged
 * Blocking: until the broker accepts, at most ten seconds.
 */
FERRY_MUST_CHECK ferry_err managed_broker_start(const struct managed_broker_config *config,
                                                struct managed_broker **ret_broker);

/** @brief Where a listener is: BROKER_PLAIN... Any thread. */
struct address managed_broker_address(const struct managed_broker *broker, int listener);

/**
 * @brief Has the broker read its certificate, key and revocation list again; connections go on. It also judges every
 * client anew. Any thread, never blocks.
 */
void managed_broker_reload(struct managed_broker *broker);

/** @brief Ends the process; the watch starts another one, which reads all files. Clients connect anew. Any thread, never blocks. */
void managed_broker_restart(struct managed_broker *broker);

/**
 * @brief As managed_broker_restart(), and the next process also listens for devices that show a certificate.
 *
 * Another call before that process lives replaces what this one said.
 * @param[in] at  with port 0: any free one
 * @param[in] tls  of all listeners from then on; its texts must outlive the broker, but for the stamp
 * @retval FERRY_OK | any error: the port cannot be had, which has been logged, and nothing is changed
 * Threads: any. Blocking: never.
 */
FERRY_MUST_CHECK ferry_err managed_broker_listen_for_certificates(struct managed_broker *broker, const struct address *at,
                                                                  const struct broker_tls *tls);

/**
 * @brief To be told whenever ferryd has subscribed, whose session is then saved to disk, and when the connection is lost. A broker to
 * which there is none for as long as its patience is ended and started again. Any thread, never blocks.
 */
void managed_broker_linked(struct managed_broker *broker, bool up);

/**
 * @brief Waits until a session of ferryd is on disk, at most a second: from then on the broker may die, and
 * what devices send before ferryd is back waits for it. Returns at once but for a new data folder.
 */
void managed_broker_wait_saved(const struct managed_broker *broker);

/** @brief Ends the broker and the watch, frees. Accepts null. Blocking: at most a few seconds. */
void managed_broker_stop(struct managed_broker *broker);

#endif
