/**
 * @file broker_url.h
 * @brief The address of a broker as the operator writes it: mqtt[s]://[user[:password]@]host[:port], or
 * amqp[s]://[user[:password]@]host[:port][,host[:port]...][/vhost]
 */
#ifndef MQTT_BROKER_URL_H
#define MQTT_BROKER_URL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BROKER_URL_HOST_SIZE = 256,
    BROKER_URL_CREDENTIAL_SIZE = 512,
    BROKER_URL_VHOST_SIZE = 256,
    BROKER_URL_MORE_MAX = 7,
    BROKER_URL_MESSAGE_SIZE = 160,
};

struct broker_url {
    bool tls;
    char host[BROKER_URL_HOST_SIZE]; /**< an IPv6 address without its brackets */
    uint16_t port;
    char username[BROKER_URL_CREDENTIAL_SIZE]; /**< "": none */
    char password[BROKER_URL_CREDENTIAL_SIZE];
    bool amqp;                         /**< what follows is its own */
    char vhost[BROKER_URL_VHOST_SIZE]; /**< "/" unless given */
    struct broker_url_host {
        char host[BROKER_URL_HOST_SIZE];
        uint16_t port;
    } more[BROKER_URL_MORE_MAX]; /**< other nodes of the same cluster */
    size_t more_count;
};

/**
 * @brief Splits the address; %XX in user, password and vhost is decoded; the port is 1883 or 8883 (5672 or 5671) unless given.
 * @param[out] ret_url         written only on FERRY_OK
 * @param[out] reterr_message  written only on failure: what is wrong; never repeats a password
 * @retval FERRY_OK | FERRY_E_FORMAT
 * Blocking: never. Threads: any.
 */
FERRY_MUST_CHECK ferry_err broker_url_parse(const char *text, struct broker_url *ret_url,
                                            char reterr_message[BROKER_URL_MESSAGE_SIZE]);

#endif
