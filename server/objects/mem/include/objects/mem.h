/**
 * @file mem.h
 * @brief Objects in memory: for tests and the simulation. Nothing survives close.
 */
#ifndef OBJECTS_MEM_H
#define OBJECTS_MEM_H

#include "api/objects.h"

struct objects_mem_config {
    const char *public_url;  /**< "http://host[:port]" */
    uint8_t key[32];         /**< signs object URLs */
    uint64_t capacity_bytes; /**< of all objects, partial ones and ones being written; FERRY_E_FULL beyond */
};

/** @retval FERRY_OK | FERRY_E_ARG public_url | FERRY_E_NOMEM
 *  Ownership: the configuration is copied; end with ops->close. */
FERRY_MUST_CHECK
ferry_err objects_mem_open(const struct objects_mem_config *cfg, struct objects **ret_objects);

#endif
