/**
 * @file admission.h
 * @brief How often, and how many at a time, may a device or an address connect? Not thread-safe. Bounded memory.
 *
 * An address is looked at before anybody has proved anything, a device after: who does not have its credential cannot
 * use up its share. Each limit is off when it is 0.
 */
#ifndef BROKER_ADMISSION_H
#define BROKER_ADMISSION_H

#include "api/model.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct admission_limits {
    uint32_t device_connects_per_min;
    uint32_t address_connects_per_min;
    uint32_t address_connections_max;
};

struct admission;

FERRY_MUST_CHECK ferry_err admission_new(const struct admission_limits *limits, struct admission **ret_admission);
/** @brief Accepts null. */
void admission_free(struct admission *admission);

/** @brief May somebody come from there now? address: as text; null: always. Takes one from its share. */
bool admission_address(struct admission *admission, const char *address, uint64_t now_ms);
/** @brief May this device, which has proved to be it, come now? */
bool admission_device(struct admission *admission, const struct device_key *device, uint64_t now_ms);

/** @brief Counts a connection of the address; false: it has too many, or no memory. Null is not counted. */
bool admission_enter(struct admission *admission, const char *address);
/** @brief ... which has ended. Only after an enter that said yes. */
void admission_leave(struct admission *admission, const char *address);

#endif
