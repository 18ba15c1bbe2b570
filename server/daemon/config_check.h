/**
 * @file config_check.h
 * @brief What a table of settings cannot say: texts of a certain form, settings that depend on each other. Pure.
 */
#ifndef DAEMON_CONFIG_CHECK_H
#define DAEMON_CONFIG_CHECK_H

#include "config.h"

#include "mqtt/mosquitto_bus.h"

/** @retval FERRY_OK | FERRY_E_FORMAT | FERRY_E_ARG: reterr_message names the setting and says what to write */
FERRY_MUST_CHECK ferry_err config_check(const struct config *config, char reterr_message[FERRY_SETTING_MESSAGE_SIZE]);

/** @brief The listeners, as in --tls and --allow-plain. */
enum config_listener { CONFIG_MQTT = 1 << 1, CONFIG_OBJECTS = 1 << 2, CONFIG_API = 1 << 3 };
enum { CONFIG_ALL_LISTENERS = CONFIG_MQTT | CONFIG_OBJECTS | CONFIG_API };

/** @brief "all", "none", or names joined by commas. False: something else. */
bool config_listeners(const char *text, unsigned *ret_listeners);

/** @brief True for "managed". */
bool config_broker_is_managed(const struct config *config);

/** @brief How the bus subscribes: auto is resolved as far as the settings say. False: no such way. */
bool config_sharing(const struct config *config, bus_sharing *ret_sharing);

/** @brief True for "s3://...". */
bool config_objects_in_bucket(const struct config *config);

/** @brief The path behind "sqlite:" or "file:"; null when there is none (then it is in the data folder). */
const char *config_url_path(const char *url);

#endif
