/**
 * @file keep.h
 * @brief Keeps two records in flash over resets and power cuts: two slots for each, written in turn, with a check sum.
 *
 * For boards that have nothing of the kind; a key-value store, or a file that is renamed, does as well.
 */
#ifndef KEEP_H
#define KEEP_H

#include "fake_world.h"

enum { KEEP_UPLOAD, KEEP_DOWNLOAD, KEEP_RECORDS, KEEP_SLOT_BYTES = 2 * WORLD_SECTOR };
enum { KEEP_END = KEEP_RECORDS * 2 * KEEP_SLOT_BYTES }; /* it uses the flash from 0 up to here */

/**
 * @brief All or nothing: when the power or the flash fails meanwhile, the former bytes are still the kept ones.
 * Blocking: while the flash erases and writes one slot.
 */
bool keep_save(int record, const void *bytes, size_t len);
/** @brief What the last keep_save() kept that was finished; its length, 0: nothing. The bytes lie in the flash. */
size_t keep_load(int record, const void **ret_bytes);

#endif
