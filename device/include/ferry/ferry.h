/**
 * @file ferry.h
 * @brief Ferry for Linux devices: send and receive files with a few blocking calls.
 *
 *     struct ferry_options options = {.product = "p1", .device = "d1", .secret = secret,
 *                                     .broker = "mqtt://platform.example:1883", .state_dir = "/var/lib/ferry"};
 *     struct ferry *ferry = NULL;
 *     char why[FERRY_MESSAGE_SIZE];
 *     if (ferry_open(&options, &ferry, why) != FERRY_DEVICE_OK)
 *         fprintf(stderr, "%s\n", why);
 *     else if (ferry_upload_file(ferry, "/var/log/today.log", NULL) != FERRY_DEVICE_OK)
 *         fprintf(stderr, "%s\n", ferry_message(ferry));
 *     ferry = ferry_close(ferry);
 *
 * Underneath: the engine of ferry/device.h, libmosquitto, libcurl and files, in one loop that
 * sleeps when there is nothing to do. A struct ferry belongs to one thread; only ferry_interrupt()
 * may be called from elsewhere. Since 0.1.
 */
#ifndef FERRY_FERRY_H
#define FERRY_FERRY_H

#include "ferry/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ferry;

enum { FERRY_MESSAGE_SIZE = 512 };
#define FERRY_FOR_EVER UINT64_MAX

/** @brief Where and who. Everything is copied; zero and null mean the default. */
struct ferry_options {
    const char *product;   /**< needed */
    const char *device;    /**< needed */
    const char *secret;    /**< needed: the device secret, base64 */
    const char *broker;    /**< needed: mqtt://host[:port] or mqtts://host[:port] */
    const char *state_dir; /**< where unfinished transfers are remembered (in PRODUCT/DEVICE below it); null: nowhere */
    const char *ca_file;   /**< PEM, for mqtts and https; null: what the system trusts */
    const char *cert_file; /**< PEM, client certificate; null: none */
    const char *key_file;  /**< PEM, its key */
    uint64_t rate_bytes_per_s; /**< upper limit for each transfer; 0: none */
    uint64_t give_up_ms;       /**< time without progress after which a call returns; 0: a minute */
    uint64_t confirm_ms;       /**< time for the platform to confirm a finished transfer; 0: half a minute */
    /** Called from inside the blocking calls: about ten times a second, at each change of phase, and when the
     *  connection to the broker comes or goes. It may call ferry_cancel() and nothing else of this header. */
    void (*progress)(void *user, ferry_lane lane, const ferry_lane_status *status);
    void *user;
};

/** @brief What was received. */
struct ferry_file {
    char name[FERRY_NAME_MAX + 1];
    char *path; /**< free() it */
    uint64_t size;
};

/**
 * @brief Makes ready; connects only when there is something to do.
 * @param[out] reterr_message  one line that says what to do; written on failure only
 * @retval FERRY_DEVICE_E_ARG an option is missing or malformed
 * @retval FERRY_DEVICE_E_BUSY another process works as this device with the same state_dir
 * @retval FERRY_DEVICE_E_STORE state_dir cannot be used | FERRY_DEVICE_E_SYSTEM
 * Blocking: for the disk.
 */
FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_open(const struct ferry_options *options, struct ferry **ret_ferry,
                                                    char reterr_message[FERRY_MESSAGE_SIZE]);

/** @brief Remembers what is unfinished, disconnects, frees. Accepts null; returns null. */
struct ferry *ferry_close(struct ferry *ferry);

/**
 * @brief Sends one file and returns when the platform has it, verified.
 *
 * Interrupted by network, reboot or ferry_interrupt(), a later call for the same unchanged file
 * goes on where this one stopped.
 * @param[in] path  a regular file of 1 byte or more
 * @param[in] name  its name on the platform; null: the last part of path
 * @retval FERRY_DEVICE_OK | any error of ferry/error.h; ferry_message() explains
 * Blocking: until done, given up or interrupted.
 */
FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_upload_file(struct ferry *ferry, const char *path, const char *name);

/**
 * @brief Receives the next file that the platform has for this device, verified, into a folder.
 *
 * The file is written beside (`.ferry-PRODUCT-DEVICE.part`) and renamed when its MD5 is right. An
 * existing file is replaced only if Ferry itself put it there and nobody changed it since.
 * @param[in]  wait_ms   0: ask once; else how long to wait for a file to be offered (FERRY_FOR_EVER:
 *                       no limit). A transfer that has begun is never cut by it
 * @param[out] ret_file  written on FERRY_DEVICE_OK
 * @retval FERRY_DEVICE_E_NO_TASK the platform has nothing for us
 * @retval FERRY_DEVICE_E_SILENT the platform did not answer: it has nothing, or it is not there
 * @retval any error of ferry/error.h; ferry_message() explains
 * Blocking: until done, given up or interrupted.
 */
FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_download_next(struct ferry *ferry, const char *dir, uint64_t wait_ms,
                                                             struct ferry_file *ret_file);

/** @brief Ends a running transfer for good and tells the platform. To be called from the progress callback. */
void ferry_cancel(struct ferry *ferry, ferry_lane lane);

/** @brief Makes the running (or the next) call return FERRY_DEVICE_E_STOPPED; what is unfinished stays
 *  remembered. Any thread, also a signal handler. */
void ferry_interrupt(struct ferry *ferry);

/** @brief What happened in the last call, for people. Valid until the next call. */
const char *ferry_message(const struct ferry *ferry);

/** @brief Bytes of the last file that was sent or received, 0 when there was none. */
uint64_t ferry_last_size(const struct ferry *ferry);

/** @brief The why and detail of the last call, for programs. */
void ferry_detail(const struct ferry *ferry, ferry_why *ret_why, int *ret_detail);

#endif
