/**
 * @file broker_setup.h
 * @brief What a Mosquitto of ferryd's own is started with: its ports, its configuration, and its files in the data folder.
 *
 * Not thread-safe. A problem is a text for the log, written only when something fails.
 */
#ifndef DAEMON_BROKER_SETUP_H
#define DAEMON_BROKER_SETUP_H

#include "managed_broker.h"

#include "base/log.h"

enum { BROKER_PROBLEM_SIZE = 512, BROKER_STAMP_SIZE = 80 };

struct broker_setup {
    struct managed_broker_config config;
    struct address listeners[BROKER_LISTENERS]; /**< with the real ports, once they are chosen */
    char *conf_path, *log_path, *pid_path;
    char *saved_path; /**< of the sessions that the broker has saved */
    char device_stamp[BROKER_STAMP_SIZE]; /**< of a listener that was added */
};

/** @brief Done is legal, and needed, whatever came of it. @retval FERRY_OK | FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err broker_setup_init(struct broker_setup *setup, const struct managed_broker_config *config);
void broker_setup_done(struct broker_setup *setup);

/**
 * @brief Are the ports free now, or with port 0: which ones are? All are held until the last is known.
 * @param[out] ret_free  the same addresses with ports
 */
FERRY_MUST_CHECK ferry_err broker_setup_probe(const struct address wanted[BROKER_LISTENERS], struct address ret_free[BROKER_LISTENERS],
                                              char reterr_problem[BROKER_PROBLEM_SIZE]);

/** @brief Chooses ports that are free, and writes the configuration. @retval FERRY_OK | any error */
FERRY_MUST_CHECK ferry_err broker_setup_write_new(struct broker_setup *setup, char reterr_problem[BROKER_PROBLEM_SIZE]);

/**
 * @brief Takes the ports of the configuration that is on disk. False: it is not the one that we would write with them.
 */
FERRY_MUST_CHECK bool broker_setup_take_old(struct broker_setup *setup);

/** @brief A listener for devices that show a certificate from now on; writes the configuration. @param[in] at  with a port */
FERRY_MUST_CHECK ferry_err broker_setup_add_certificates(struct broker_setup *setup, const struct address *at, const struct broker_tls *tls,
                                                         char reterr_problem[BROKER_PROBLEM_SIZE]);

/** @brief Before a start: an old log that has grown is renamed, and no process id is left. */
void broker_setup_clear(const struct broker_setup *setup);

/** @brief The last line of the broker's log, quoted: why it ended. */
const char *broker_setup_last_words(const struct broker_setup *setup, char out[FERRY_LOG_QUOTE_SIZE]);

#endif
