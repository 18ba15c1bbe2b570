/**
 * @file settings.h
 * @brief Settings from a table: flag > environment (FERRY_...) > INI file > default.
 *
 * A program lists its settings once; this module fills the struct, checks ranges and says where a
 * wrong value came from. Flags are applied by the program's argp parser through settings_set().
 *
 *     static const struct ferry_setting table[] = {
 *         {"mqtt-port", FERRY_SETTING_UINT, offsetof(struct config, mqtt_port), "1883", 0, 65535, "..."},
 *     };
 * The name "mqtt-port" is the flag --mqtt-port, the variable FERRY_MQTT_PORT and the key mqtt-port
 * (mqtt_port is accepted too) of the INI file; the INI section is ignored.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    FERRY_SETTING_UINT,    /**< uint64_t; k, M, G (1024) accepted as suffix */
    FERRY_SETTING_SECONDS, /**< uint64_t seconds; s, m, h, d accepted as suffix */
    FERRY_SETTING_BOOL,    /**< bool; true/false/yes/no/1/0 */
    FERRY_SETTING_TEXT,    /**< char *, owned by the struct */
} ferry_setting_type;

struct ferry_setting {
    const char *name;
    ferry_setting_type type;
    size_t offset; /**< of the field in the program's struct */
    const char *fallback; /**< default as text; null: stays zero */
    uint64_t min, max; /**< for numbers */
    const char *help;
};

enum { FERRY_SETTING_MESSAGE_SIZE = 256 };

/** @brief Writes every default into the struct. */
FERRY_MUST_CHECK ferry_err ferry_settings_defaults(const struct ferry_setting *table, size_t count, void *target);
/** @brief Sets one value by name. origin ("--mqtt-port", "FERRY_MQTT_PORT", "ferry.ini:12") goes into the message.
 *  @retval FERRY_E_NOT_FOUND no such setting | FERRY_E_FORMAT | FERRY_E_ARG out of range | FERRY_E_NOMEM
 *  reterr_message says what to do, in one line. */
FERRY_MUST_CHECK ferry_err ferry_settings_set(const struct ferry_setting *table, size_t count, void *target,
                                              const char *name, const char *value, const char *origin,
                                              char reterr_message[FERRY_SETTING_MESSAGE_SIZE]);
/** @brief Applies every FERRY_... variable that names a setting of the table. */
FERRY_MUST_CHECK ferry_err ferry_settings_from_env(const struct ferry_setting *table, size_t count, void *target,
                                                   char reterr_message[FERRY_SETTING_MESSAGE_SIZE]);
/** @brief Applies an INI file (libinih). An unknown key is an error. */
FERRY_MUST_CHECK ferry_err ferry_settings_from_file(const struct ferry_setting *table, size_t count, void *target,
                                                    const char *path,
                                                    char reterr_message[FERRY_SETTING_MESSAGE_SIZE]);
/** @brief Frees every text value and clears it. */
void ferry_settings_done(const struct ferry_setting *table, size_t count, void *target);

#endif
