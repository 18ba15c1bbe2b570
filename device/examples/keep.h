/**
 * @file keep.h
 * @brief What a board gives to the port: a place for two small records that survive resets and power cuts.
 *
 * A key-value store has it, or a file that is renamed. For boards with neither, keep.c makes it from flash: two slots for
 * each record, written in turn, with a check sum. Nothing in it is fake.
 */
#ifndef KEEP_H
#define KEEP_H

#include <stdbool.h>
#include <stddef.h>

enum { KEEP_UPLOAD, KEEP_DOWNLOAD };

/**
 * @brief All or nothing: when the power or the flash fails meanwhile, the former bytes are still the kept ones.
 * Blocking: while the flash erases and writes one slot.
 */
bool keep_save(int record, const void *bytes, size_t len);
/** @brief What the last keep_save() kept that was finished; its length, 0: nothing. The bytes lie in the flash. */
size_t keep_load(int record, const void **ret_bytes);

#endif
