/**
 * @file api_url.h
 * @brief The target of a request as parts and parameters, decoded once and strictly. Pure.
 */
#ifndef HTTP_API_URL_H
#define HTTP_API_URL_H

#include "base/error.h"

#include <stddef.h>

enum {
    API_TARGET_MAX = 4096,   /**< bytes of a target: the longest name, escaped, with room for filters */
    API_URL_PARTS_MAX = 10,  /**< parts of a path; our longest has seven */
    API_URL_PARAMS_MAX = 16, /**< parameters; our longest list knows seven */
};

struct api_url_param {
    const char *name;
    const char *value; /**< "" when the target has no "=" */
};

/** @brief Every text is terminated, valid UTF-8 without NUL, and lies in text. */
struct api_url {
    size_t part_count;
    const char *parts[API_URL_PARTS_MAX]; /**< "/a/b%2Fc" gives "a" and "b/c"; "/a/" gives "a" and "" */
    size_t param_count;
    struct api_url_param params[API_URL_PARAMS_MAX];
    char text[API_TARGET_MAX + 1];
};

/**
 * @brief Takes "/path?a=b" apart. "+" is a space in parameters only. On failure url is unusable.
 * @retval FERRY_E_FORMAT no leading slash, a bad escape, NUL, invalid UTF-8
 * @retval FERRY_E_LIMIT  longer or of more parts than the limits above
 */
FERRY_MUST_CHECK ferry_err api_url_parse(const char *target, struct api_url *url);

#endif
