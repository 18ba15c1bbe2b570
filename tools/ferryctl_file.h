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

/**
 * @brief Is this a file that is to be sent in parts: one whose size is known, and not a small one?
 */
bool ctl_file_is_large(const char *file);

/**
 * @brief Sends a file in parts: what was sent is not sent again when the line breaks, or when it is called once more.
 * @param[in]  order       what is to be made: product, name, perhaps description; size and MD5 are added
 * @param[out] ret_answer  the resource, on CTL_DONE
 */
enum ctl_exit ctl_file_send_parts(struct ctl_api *api, json_t *order, const char *file, bool quiet, json_t **ret_answer);

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
