/**
 * @file api_fields.h
 * @brief The fields of a JSON body, from a table into a struct. A field that the table does not name is refused. Pure.
 */
#ifndef HTTP_API_FIELDS_H
#define HTTP_API_FIELDS_H

#include "api_problem.h"

#include "api/model.h"
#include "api/operators.h"
#include "api/webhook.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    API_FIELD_IDENT,      /**< char[FERRY_IDENT_MAX + 1] */
    API_FIELD_NAME,       /**< char[FERRY_NAME_MAX + 1] */
    API_FIELD_BOOL,       /**< bool */
    API_FIELD_UINT,       /**< uint32_t, from min to max */
    API_FIELD_UINT64,     /**< uint64_t, from 0 to 2^63-1 */
    API_FIELD_ID,         /**< ferry_id */
    API_FIELD_TIME,       /**< uint64_t, Unix ms */
    API_FIELD_SECRET,     /**< struct api_secret, from base64 */
    API_FIELD_ROLE,       /**< char[ROLE_NAME_SIZE]: viewer, operator or admin */
    API_FIELD_PASSWORD,   /**< char[max + 1]: UTF-8 of min to max bytes */
    API_FIELD_TAG,        /**< char[DEVICE_TAG_MAX + 1] */
    API_FIELD_TAGS,       /**< struct device_tags */
    API_FIELD_DESCRIPTION, /**< char[RESOURCE_DESCRIPTION_MAX + 1] */
    API_FIELD_IDENT_OR_NULL, /**< char[FERRY_IDENT_MAX + 1]; null becomes "" */
    API_FIELD_EVENT_TYPES, /**< uint32_t: WEBHOOK_KIND() of each name in a list; none: 0 */
    API_FIELD_WEBHOOK_URL, /**< char[WEBHOOK_URL_MAX + 1] */
    API_FIELD_WEBHOOK_SECRET, /**< char[DEVICE_SECRET_MAX + 1] */
    API_FIELD_HEX,        /**< char[max + 1]: max hexadecimal digits, made lower case */
    API_FIELD_IDENT_LIST, /**< json_t *: a borrowed array of at most max names, each checked; null when absent */
} api_field_type;

/** @brief A device's secret as bytes. */
struct api_secret {
    uint8_t bytes[DEVICE_SECRET_MAX];
    size_t len; /**< 0: none was given */
};

struct api_field {
    const char *name;
    api_field_type type;
    size_t offset; /**< in the route's struct */
    bool required;
    uint32_t min, max;
};

/**
 * @brief Fills target, which the caller has set to the defaults.
 * @param[in] body  an object; it must stay as long as a list of it is used
 * Returns false with a fault that names the field.
 */
bool api_fields_read(json_t *body, const struct api_field *fields, size_t count, void *target,
                     struct api_fault *reterr_fault);

/**
 * @brief An upper bound of the values in a JSON text, found without parsing it: what parsing may cost in memory.
 */
size_t api_json_values_bound(const char *text, size_t len);

#endif
