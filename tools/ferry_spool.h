/**
 * @file ferry_spool.h
 * @brief The files that wait for the hook, in order, on the disk: one small file for each.
 *
 * `hooks` below the device's state folder. A job is there from before the agent knows it until its hook has ended; so
 * the hook of each file runs at least once, whatever kills the agent.
 */
#ifndef FERRY_SPOOL_H
#define FERRY_SPOOL_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @brief One file and what is to be told about it. Texts are owned. */
struct ferry_job {
    uint64_t number;   /**< place in the queue; of ferry_spool_add() */
    uint64_t attempts; /**< hooks begun for it */
    char *path;        /**< absolute; null: it was not received */
    char *name;
    uint64_t size;
    char *md5;                          /**< hex; null: not known */
    char *error, *message;              /**< of a file that could not be received */
    uint64_t volume, inode, changed_ns; /**< of path when it was received */
};

void ferry_job_done(struct ferry_job *job);
/** @brief Appends a job as it stands on the disk. @retval NOMEM | LIMIT */
FERRY_MUST_CHECK
ferry_err ferry_job_write(const struct ferry_job *job, struct ferry_buf *out);
/** @brief Reads one; number is not part of it. ferry_job_done() is due in any case. @retval CORRUPT | NOMEM */
FERRY_MUST_CHECK
ferry_err ferry_job_parse(const char *bytes, size_t len, struct ferry_job *ret_job);
/** @brief Takes down what lies at path now. False: no regular file. */
bool ferry_job_mark(struct ferry_job *job);
/** @brief Is what lies at path still what was taken down? */
bool ferry_job_is_unchanged(const struct ferry_job *job);

struct ferry_spool {
    char *folder;  /**< null: not open */
    uint64_t last; /**< highest number given */
    size_t waiting;
};

/** @brief The queue of a device. The folder is made when the first job comes. @retval NOMEM | from errno */
FERRY_MUST_CHECK
ferry_err ferry_spool_open(struct ferry_spool *spool, const char *state_dir, const char *product, const char *device);
void ferry_spool_close(struct ferry_spool *spool);

/** @brief Appends; the job is on the disk on FERRY_OK. @retval NOMEM | LIMIT | from errno */
FERRY_MUST_CHECK
ferry_err ferry_spool_add(struct ferry_spool *spool, struct ferry_job *job);
/** @brief The oldest one; ferry_job_done() is due in any case.
 *  @retval NOT_FOUND there is none | CORRUPT it was damaged and is removed now | NOMEM | from errno */
FERRY_MUST_CHECK
ferry_err ferry_spool_first(struct ferry_spool *spool, struct ferry_job *ret_job);
/** @brief Writes what has changed in a job, durably. @retval NOMEM | LIMIT | from errno */
FERRY_MUST_CHECK
ferry_err ferry_spool_update(const struct ferry_spool *spool, const struct ferry_job *job);
void ferry_spool_remove(struct ferry_spool *spool, const struct ferry_job *job);

/** @brief A file is on its way: if the agent dies between its end and ferry_spool_add(), this one knows. Name, size and
 *  path of the job count. @retval NOMEM | LIMIT | from errno */
FERRY_MUST_CHECK
ferry_err ferry_spool_expect(const struct ferry_spool *spool, const struct ferry_job *job);
/** @brief What was expected last and not forgotten. @retval NOT_FOUND | CORRUPT | NOMEM | from errno */
FERRY_MUST_CHECK
ferry_err ferry_spool_expected(const struct ferry_spool *spool, struct ferry_job *ret_job);
void ferry_spool_forget(const struct ferry_spool *spool);

#endif
