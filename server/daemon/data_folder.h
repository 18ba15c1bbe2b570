/**
 * @file data_folder.h
 * @brief The data folder: made when missing, and locked, so that one ferryd at a time has it.
 */
#ifndef DAEMON_DATA_FOLDER_H
#define DAEMON_DATA_FOLDER_H

#include "base/error.h"

enum { DATA_FOLDER_PROBLEM_SIZE = 384 };

struct data_folder {
    char *path; /**< absolute */
    int lock_fd;
};

/**
 * @brief Makes the folder (0700) with broker/ and run/ in it, and takes the lock.
 * @param[out] reterr_problem  one line: what is in the way and what to do
 * @retval FERRY_OK | FERRY_E_BUSY another ferryd has it | FERRY_E_EXISTS a file, or a folder with strangers' files |
 *         from errno
 * Ownership: ret_folder is written only on FERRY_OK and ends with data_folder_close().
 */
FERRY_MUST_CHECK ferry_err data_folder_open(const char *path, struct data_folder *ret_folder,
                                            char reterr_problem[DATA_FOLDER_PROBLEM_SIZE]);
void data_folder_close(struct data_folder *folder);

/** @brief "{folder}/{name}", or null without memory. The caller frees it. */
char *data_folder_file(const struct data_folder *folder, const char *name);

#endif
