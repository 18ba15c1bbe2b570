/**
 * @file flash_map.h
 * @brief Where things lie in the flash: what keep.c keeps, the log to be sent, two areas for files that arrive.
 */
#ifndef FLASH_MAP_H
#define FLASH_MAP_H

#include "keep.h"

enum { LOG_BYTES = 20000, AREA_BYTES = 20 * WORLD_SECTOR };
enum { AT_LOG = KEEP_END, AT_AREAS = AT_LOG + AREA_BYTES, FLASH_BYTES = AT_AREAS + 2 * AREA_BYTES };

#endif
