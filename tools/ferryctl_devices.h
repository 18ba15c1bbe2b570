/**
 * @file ferryctl_devices.h
 * @brief The devices of an order: from the command line or from a file with one per line.
 */
#ifndef TOOLS_FERRYCTL_DEVICES_H
#define TOOLS_FERRYCTL_DEVICES_H

#include "ferryctl_api.h"
#include "ferryctl_args.h"

#include <jansson.h>

/** @brief "D" or "P/D" of that product; the part after the slash, or null. Pure. */
const char *ctl_device_of(const char *product, const char *text);

enum ctl_exit ctl_devices_from_options(const char *product, const struct ctl_options *options, json_t *devices);
/** @brief Empty lines and what follows a # are passed over; "-" is standard input. */
enum ctl_exit ctl_devices_from_file(const char *product, const char *file, json_t *devices);

#endif
