/**
 * @file ferryctl_secret.h
 * @brief A secret on its way to the platform: from a file, never from the command line, which others can see.
 */
#ifndef TOOLS_FERRYCTL_SECRET_H
#define TOOLS_FERRYCTL_SECRET_H

#include "ferryctl_api.h"

#include <jansson.h>

/** @brief Sets "secret" to what the file holds ("-": standard input), without the space at its end. */
enum ctl_exit ctl_add_secret(const char *file, json_t *body);

#endif
