/**
 * @file ferryctl_file.h
 * @brief Files on their way to the platform and back, with MD5, progress bar and a clean end.
 */
#ifndef TOOLS_FERRYCTL_FILE_H
#define TOOLS_FERRYCTL_FILE_H

#include "ferryctl_api.h"

/**
 * @brief Sends a file ("-": standard input) and compares the MD5 of what was sent with that of the answer.
 * @param[out] ret_answer  the resource, on CTL_DONE
 */
enum ctl_exit ctl_file_send(struct ctl_api *api, const char *path, const char *file, bool quiet, json_t **ret_answer);

/** @brief Sends a file ("-": standard input) as a body of that type. ret_answer: on CTL_DONE. */
enum ctl_exit ctl_file_post(struct ctl_api *api, const char *path, const char *type, const char *file, bool quiet,
                            json_t **ret_answer);

/**
 * @brief Fetches bytes into a file ("-": standard output), first under another name beside it; it gets its name when
 * size and MD5 are right.
 */
enum ctl_exit ctl_file_receive(struct ctl_api *api, const char *path, const char *file, uint64_t size, const char *md5,
                               bool quiet);

#endif
