/**
 * @file object_admission.h
 * @brief How much one device, or one address, may ask of the object plane. Any thread.
 *
 * A device has a share: so many requests a minute, so many transfers at a time, so many bytes of files in them; an
 * address one of requests and bytes. A transfer that is alone may always go on, whatever its size. Each limit is off
 * when it is 0. An address is a network (base/network.h).
 */
#ifndef HTTP_OBJECT_ADMISSION_H
#define HTTP_OBJECT_ADMISSION_H

#include "api/model.h"
#include "base/error.h"
#include "base/network.h"

#include <stdbool.h>
#include <stdint.h>

struct object_admission;

struct object_admission_limits {
    uint32_t address_requests_per_min;
    uint32_t device_requests_per_min;
    uint32_t device_transfers_max;
    uint64_t device_bytes_max;
    uint64_t address_bytes_max;
};

FERRY_MUST_CHECK
ferry_err object_admission_new(const struct object_admission_limits *limits, struct object_admission **ret_admission);
/** @brief Accepts null. Every transfer must have ended. */
void object_admission_free(struct object_admission *admission);

/** @brief May this address ask now? */
bool object_admission_address(struct object_admission *admission, const struct ferry_network *address, uint64_t now_ms);

/** @brief May this device ask now? */
bool object_admission_device(struct object_admission *admission, const struct device_key *device, uint64_t now_ms);

/**
 * @brief A file of so many bytes begins to go over the wire.
 * @return false: the device or its address (nobody's network: none is counted) has too much under way, or there is no memory
 */
bool object_admission_begin(struct object_admission *admission, const struct device_key *device,
                            const struct ferry_network *address, uint64_t bytes);
/** @brief ... and has ended. Only after a begin that said yes, with the same arguments. */
void object_admission_end(struct object_admission *admission, const struct device_key *device,
                          const struct ferry_network *address, uint64_t bytes);

#endif
