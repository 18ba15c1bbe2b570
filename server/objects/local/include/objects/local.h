/**
 * @file local.h
 * @brief Objects as files of one folder.
 *
 *     {dir}/ab/{id}        whole, verified objects; ab: the last two characters of the id
 *     {dir}/partial/{id}   partial objects of resumable uploads
 *     {dir}/tmp/{random}   what is being written; removed by sweep
 *     {dir}/ready/{id}.{md5}.{random}  whole and synced, on its way to its own name; brought there at open
 *     {dir}/journal        bytes of small objects whose file may not be on the disk yet; brought there at open
 *
 * Files have mode 0600, folders 0700. An object is answered for when the file and its name below ready/ are synced, a small one
 * when its bytes in the journal are; it comes into being by a rename(2) after that. Memory does not depend on the size; up to 16
 * writers of large objects hold two blocks of 256 KiB each. A thread writes back what is in the journal.
 */
#ifndef OBJECTS_LOCAL_H
#define OBJECTS_LOCAL_H

#include "api/objects.h"
#include "objects/signed_url.h"

struct objects_local_config {
    const char *dir;        /**< made when it is missing */
    const char *public_url; /**< where devices reach the object plane: "http://host[:port]" */
    uint8_t key[32];        /**< signs object URLs */
    struct signed_url_old_key old_keys[SIGNED_URL_OLD_KEYS_MAX]; /**< what they signed is accepted, too */
    size_t old_keys_count;
};

/**
 * @brief Opens the store. One process at a time may have a folder (the caller sees to that).
 * @retval FERRY_OK | FERRY_E_ARG public_url | FERRY_E_DENIED | FERRY_E_READONLY | FERRY_E_FULL | FERRY_E_NOMEM |
 *         FERRY_E_IO
 * Blocking: waits for the disk. Ownership: the configuration is copied; end with ops->close.
 */
FERRY_MUST_CHECK
ferry_err objects_local_open(const struct objects_local_config *cfg, struct objects **ret_objects);

#endif
