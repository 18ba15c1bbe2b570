/**
 * @file ferry.h
 * @brief Ferry for Linux devices: send and receive files, with blocking calls or from a loop of your own.
 *
 * The blocking way:
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
 * From a loop of your own: begin, wait for ferry_fd() beside your other descriptors, step, take outcomes.
 *
 *     struct ferry_outcome outcome;
 *     if (ferry_listen(ferry, "/var/inbox") != FERRY_DEVICE_OK)
 *         fprintf(stderr, "%s\n", ferry_message(ferry));
 *     for (;;) {
 *         struct pollfd fds[] = {{.fd = ferry_fd(ferry), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
 *         (void)poll(fds, 2, -1);
 *         if (fds[0].revents != 0 && ferry_step(ferry, 0, &outcome))
 *             printf("%s: %s\n", outcome.name, outcome.message);
 *         // fds[1]: your own work
 *     }
 *
 * Underneath, for both: the engine of ferry/device.h, libmosquitto, libcurl and files, in one loop that
 * sleeps when there is nothing to do. Both directions can run at once, one transfer each.
 *
 * Threads: a struct ferry is used by one thread at a time; only ferry_interrupt() may be called from
 * elsewhere. Several in one process are independent. A thread of the library's own looks up the broker's
 * name and connects; it blocks all signals. SIGPIPE of a connection never reaches the application, and what the
 * application does with its own stays as it is.
 * fork(): the child leaves it alone. Connections and files are closed by exec.
 *
 * Errors are those of ferry/error.h; the last word on each is ferry_message() or ferry_outcome.message.
 * Since 0.1.
 */
#ifndef FERRY_FERRY_H
#define FERRY_FERRY_H

#include "ferry/device.h"
#include "ferry/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ferry;

enum { FERRY_MESSAGE_SIZE = 512 };
/** No limit of time. */
#define FERRY_FOR_EVER UINT64_MAX

/** @brief Where and who. Everything is copied; zero and null mean the default. */
struct ferry_options {
    const char *product;   /**< needed */
    const char *device;    /**< needed */
    const char *secret;    /**< the device secret, base64; null: a cert_file over mqtts says who the device is */
    const char *broker;    /**< needed: mqtt://host[:port] or mqtts://host[:port] */
    const char *state_dir; /**< where unfinished transfers are remembered (in PRODUCT/DEVICE below it); null: nowhere */
    const char *ca_file;   /**< PEM, whom to trust for mqtts and https; null: what the system trusts */
    const char *cert_file; /**< PEM, client certificate (and its chain) for mqtts and https; null: none */
    const char *key_file;  /**< PEM, its key, without a passphrase */
    uint64_t rate_bytes_per_s; /**< upper limit for each transfer; 0: none */
    uint64_t give_up_ms;       /**< time without progress after which a transfer ends; 0: a minute */
    uint64_t confirm_ms;       /**< time for the platform to confirm a finished transfer; 0: half a minute */
    /** Called from inside the blocking calls and ferry_step(): about ten times a second while something moves, at
     *  each change of phase, and when the connection to the broker comes or goes. It may call ferry_cancel()
     *  and ferry_link_reason(), nothing else of this header. Null: none; ferry_status() tells the same. */
    void (*progress)(void *user, ferry_lane lane, const ferry_lane_status *status);
    void *user;
    uint64_t stall_ms;     /**< an HTTP request in which nothing moves that long is ended, tried again; 0: a minute */
    uint64_t low_speed_ms; /**< so is one in which, that long, less than ... ; 0: a minute, FERRY_FOR_EVER: never */
    uint64_t low_speed_bytes_per_s; /**< ... this moves on average; 0: 100. Counts while there is something to move,
                                         and never more than half of rate_bytes_per_s */
};

/** @brief The version of the library that runs, as "0.1.0". Static storage, any thread. */
FERRY_API const char *ferry_version(void);

/* ---- life ------------------------------------------------------------------------------------ */

/**
 * @brief Makes ready; connects only when there is something to do.
 *
 * A finished upload of an earlier run that the platform has not confirmed is something to do.
 * @param[out] ret_ferry       written on FERRY_DEVICE_OK; to be given to ferry_close()
 * @param[out] reterr_message  one line that says what to do; written on failure only
 * @retval FERRY_DEVICE_E_ARG an option is missing or malformed, a certificate or key cannot be used
 * @retval FERRY_DEVICE_E_BUSY another process works as this device with the same state_dir
 * @retval FERRY_DEVICE_E_STORE state_dir cannot be used
 * @retval FERRY_DEVICE_E_SYSTEM no memory, no descriptors
 * Memory: what this library itself needs is taken here, about 1.1 MiB; libcurl and libmosquitto take theirs (at
 * most 2 MiB for each running transfer, whatever the file's size) and a thread's stack while they need it.
 * Blocking: for the disk.
 */
FERRY_API FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_open(const struct ferry_options *options,
                                                              struct ferry **ret_ferry,
                                                              char reterr_message[FERRY_MESSAGE_SIZE]);

/**
 * @brief Remembers what is unfinished (with a state_dir), disconnects, frees. Accepts null; returns null.
 * Blocking: for the disk.
 */
FERRY_API struct ferry *ferry_close(struct ferry *ferry);

/* ---- blocking calls -------------------------------------------------------------------------- */

/**
 * @brief Sends one file and returns when the platform has it, verified.
 *
 * Interrupted by network, reboot or ferry_interrupt(), a later call for the same unchanged file
 * goes on where this one stopped.
 * @param[in] path  a regular file of 1 byte or more
 * @param[in] name  its name on the platform; null: the last part of path
 * @retval FERRY_DEVICE_OK
 * @retval FERRY_DEVICE_E_ARG | FERRY_DEVICE_E_SOURCE | FERRY_DEVICE_E_STATE as ferry_begin_upload()
 * @retval FERRY_DEVICE_E_STOPPED ferry_interrupt() or ferry_cancel() was called
 * @retval any other error of ferry/error.h: how the transfer ended
 * Blocking: until done, given up or interrupted.
 */
FERRY_API FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_upload_file(struct ferry *ferry, const char *path,
                                                                     const char *name);

/** @brief What was received. */
struct ferry_file {
    char name[FERRY_NAME_MAX + 1];
    char *path; /**< free() it */
    uint64_t size;
    uint8_t md5[FERRY_MD5_BYTES]; /**< what was announced, and is so */
};

/**
 * @brief Receives the next file that the platform has for this device, verified, into a folder.
 *
 * The file is written beside (`.ferry-PRODUCT-DEVICE.part`) and renamed when its MD5 is right. An
 * existing file is replaced only if Ferry itself put it there and nobody changed it since.
 * @param[in]  dir       an existing folder
 * @param[in]  wait_ms   0: ask once; else how long to wait for a file to be offered (FERRY_FOR_EVER:
 *                       no limit). A transfer that has begun is never cut by it
 * @param[out] ret_file  written on FERRY_DEVICE_OK
 * @retval FERRY_DEVICE_E_NO_TASK the platform has nothing for us
 * @retval FERRY_DEVICE_E_SILENT the platform did not answer: it has nothing, or it is not there
 * @retval FERRY_DEVICE_E_STORE the folder cannot be used | FERRY_DEVICE_E_STATE a download into another one is running
 * @retval FERRY_DEVICE_E_STOPPED ferry_interrupt() or ferry_cancel() was called
 * @retval any other error of ferry/error.h: how the transfer ended
 * Blocking: until done, given up or interrupted.
 */
FERRY_API FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_download_next(struct ferry *ferry, const char *dir,
                                                                       uint64_t wait_ms, struct ferry_file *ret_file);

/**
 * @brief Makes the running (or the next) blocking call return FERRY_DEVICE_E_STOPPED; what is unfinished stays
 *        remembered. Makes ferry_fd() readable and a waiting ferry_step() return.
 * Threads: any, also a signal handler.
 */
FERRY_API void ferry_interrupt(struct ferry *ferry);

/* ---- for programs with a loop of their own --------------------------------------------------- */

/** @brief How a transfer ended. Its texts are valid until the next call with the same ferry. */
struct ferry_outcome {
    ferry_lane lane;
    ferry_device_err err; /**< FERRY_DEVICE_OK: on the other side, verified and confirmed */
    ferry_why why;        /**< what detail is */
    int detail;           /**< ferry_fault, HTTP status or result_code */
    bool kept;            /**< unfinished but remembered: beginning the same again goes on from there */
    bool earlier;         /**< of a transfer that an earlier run finished: only the platform's word on it was missing */
    uint64_t size;
    const char *name;    /**< on the platform */
    const char *path;    /**< where a received file is; null: none was received */
    const uint8_t *md5;  /**< its FERRY_MD5_BYTES, as announced and verified; null: none was received */
    const char *message; /**< one line for people; never null */
};

/**
 * @brief The descriptor to wait for: readable (POLLIN) when ferry_step() has something to do.
 *
 * The same from ferry_open() to ferry_close(), for poll, select, epoll or libuv alike. It stands for the sockets, the
 * deadlines and ferry_interrupt(); ferry_step() and the blocking calls make it unreadable again. With nothing to do
 * it stays silent; a connection to the broker is good for a wake-up in two minutes, for its keep-alive.
 * Ownership: the ferry's: neither read it nor close it. Blocking: never.
 */
FERRY_API int ferry_fd(const struct ferry *ferry);

/**
 * @brief Does what is due, and tells of at most one ended transfer.
 * @param[in]  wait_ms     0: does not wait. Else waits that long for something to do (FERRY_FOR_EVER: no limit);
 *                         returns when something was done, whatever it was
 * @param[out] ret_outcome  written when true is returned
 * @return true: a transfer has ended; call again, there may be more to do. False: nothing has ended
 * Blocking: with wait_ms 0 for the disk only: at most 1 MiB is hashed, 16 blocks of the network are stored, or a file
 * is made durable (which takes as long as the disk needs for what is not yet on it).
 */
FERRY_API bool ferry_step(struct ferry *ferry, uint64_t wait_ms, struct ferry_outcome *ret_outcome);

/**
 * @brief Begins to send a file; its end is a outcome of FERRY_LANE_UP.
 * @param[in] path  a regular file of 1 byte or more; kept open until the outcome
 * @param[in] name  its name on the platform; null: the last part of path
 * @retval FERRY_DEVICE_E_SOURCE it cannot be read, is empty, or no regular file
 * @retval FERRY_DEVICE_E_ARG no name for the platform: 1 to 255 bytes of UTF-8 without control characters
 * @retval FERRY_DEVICE_E_STATE an upload is running
 * After an error there will be no outcome; ferry_message() explains. Blocking: for the disk.
 */
FERRY_API FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_begin_upload(struct ferry *ferry, const char *path,
                                                                      const char *name);

/**
 * @brief Asks once for a file, and receives it; the end is a outcome of FERRY_LANE_DOWN.
 *
 * FERRY_DEVICE_E_NO_TASK or FERRY_DEVICE_E_SILENT is the outcome when there is none.
 * @param[in] dir  an existing folder
 * @retval FERRY_DEVICE_E_STORE the folder cannot be used
 * @retval FERRY_DEVICE_E_STATE a download is running, or ferry_listen() is on
 * Blocking: for the disk.
 */
FERRY_API FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_begin_download(struct ferry *ferry, const char *dir);

/**
 * @brief From now on takes every file that is offered or pushed; each end is a outcome of FERRY_LANE_DOWN.
 *
 * Stays connected, asks after each connect and from time to time. After a failure the next file is asked for after a
 * pause. Repeated with the same folder: no change.
 * @param[in] dir  an existing folder
 * @retval FERRY_DEVICE_E_STORE the folder cannot be used
 * @retval FERRY_DEVICE_E_STATE a download into another folder is running
 * Blocking: for the disk.
 */
FERRY_API FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_listen(struct ferry *ferry, const char *dir);

/** @brief Takes no more files; a transfer that runs goes on to its outcome. Blocking: never. */
FERRY_API void ferry_listen_end(struct ferry *ferry);

/**
 * @brief Ends a transfer for now, and listening with FERRY_LANE_DOWN; what is unfinished stays remembered. The
 *        outcome is FERRY_DEVICE_E_STOPPED.
 * @retval FERRY_DEVICE_E_STATE no transfer was running: there will be no outcome
 * Blocking: never.
 */
FERRY_API ferry_device_err ferry_suspend(struct ferry *ferry, ferry_lane lane);

/* ---- both ways ------------------------------------------------------------------------------- */

/**
 * @brief Ends a transfer for good and tells the platform; the outcome is FERRY_DEVICE_E_STOPPED. May be called from the
 *        progress callback. Does nothing when nothing is running or the result is being confirmed already.
 * Blocking: never.
 */
FERRY_API void ferry_cancel(struct ferry *ferry, ferry_lane lane);

/** @brief A look at one direction, for progress. Its name is valid until the next call. Blocking: never. */
FERRY_API void ferry_status(const struct ferry *ferry, ferry_lane lane, ferry_lane_status *ret_status);

/** @brief What TLS has against the broker, or the broker against us ("certificate has expired"), when that is why there is no
 *         connection; else empty. Also for the progress callback. Valid until the next call. Blocking: never. */
FERRY_API const char *ferry_link_reason(const struct ferry *ferry);

/** @brief What happened in the last call that failed or gave a outcome, for people. Valid until the next call. */
FERRY_API const char *ferry_message(const struct ferry *ferry);

/** @brief Bytes of the last file that was sent or received, 0 when there was none. */
FERRY_API uint64_t ferry_last_size(const struct ferry *ferry);

/** @brief The why and detail that go with ferry_message(), for programs. */
FERRY_API void ferry_detail(const struct ferry *ferry, ferry_why *ret_why, int *ret_detail);

#ifdef __cplusplus
}
#endif

#endif
