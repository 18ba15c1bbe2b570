/**
 * @file status.h
 * @brief What a device is doing, for progress bars and logs.
 *
 * Optional: only who calls it links it. Freestanding; the thread of the device.
 */
#ifndef FERRY_STATUS_H
#define FERRY_STATUS_H

#include "ferry/device.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @brief A look at one lane, for progress bars and logs. */
typedef struct {
    ferry_phase phase;
    const char *name; /**< valid until the lane's FINISHED */
    uint64_t size;
    uint64_t offset; /**< hashed, sent or received so far */
    uint64_t tag;
    unsigned tries;         /**< failures in a row */
    bool linked;            /**< connected to the broker and subscribed */
    ferry_fault link_fault; /**< why it is not, if it was tried */
    unsigned link_tries;    /**< attempts since the platform was last heard */
    ferry_device_err err;   /**< the last failure; FERRY_DEVICE_OK when there was none */
    ferry_why why;
    int detail;
} ferry_lane_status;

/** @brief What a lane is doing now. Of a direction that is not built in: what the other one does. */
void ferry_device_status(const ferry_device *d, ferry_lane lane, ferry_lane_status *ret_status);

#ifdef __cplusplus
}
#endif

#endif
