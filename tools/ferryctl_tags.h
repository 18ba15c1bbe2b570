/**
 * @file ferryctl_tags.h
 * @brief The tags that options name.
 */
#ifndef TOOLS_FERRYCTL_TAGS_H
#define TOOLS_FERRYCTL_TAGS_H

#include "ferryctl_args.h"

#include <jansson.h>
#include <stdbool.h>

/** @brief A new array with the tag of every --tag. */
json_t *ctl_tags_of(const struct ctl_options *options);

/** @brief For a command that takes one --tag at most: that tag, or null. False with a message when there are more. */
bool ctl_only_tag(const struct ctl_options *options, const char **ret_tag);

#endif
