/**
 * @file broker_url.h
 * @brief The address of a broker as the operator writes it: mqtt[s]://[user[:password]@]host[:port]
 */
#ifndef MQTT_BROKER_URL_H
#define MQTT_BROKER_URL_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { BROKER_URL_HOST_SIZE = 256, BROKER_URL_CREDENTIAL_SIZE = 512, BROKER_URL_MESSAGE_SIZE = 160 };

struct broker_url {
    bool tls;
    char host[BROKER_URL_HOST_SIZE]; /**< an IPv6 address without its brackets */
    uint16_t port;
    char username[BROKER_URL_CREDENTIAL_SIZE]; /**< "": none */
    char password[BROKER_URL_CREDENTIAL_SIZE];
};

/**
 * @brief Splits the address; %XX in user and password is decoded; the port is 1883 or 8883 unless given.
 * @param[out] ret_url         written only on FERRY_OK
 * @param[out] reterr_message  written only on failure: what is wrong; never repeats a password
 * @retval FERRY_OK | FERRY_E_FORMAT
 * Blocking: never. Threads: any.
 */
FERRY_MUST_CHECK ferry_err broker_url_parse(const char *text, struct broker_url *ret_url,
                                            char reterr_message[BROKER_URL_MESSAGE_SIZE]);

#endif
