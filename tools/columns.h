/**
 * @file columns.h
 * @brief Texts on a terminal: how wide they are, where they can be cut, what must not get there.
 */
#ifndef TOOLS_COLUMNS_H
#define TOOLS_COLUMNS_H

#include <stddef.h>

/** @brief Columns that a UTF-8 text takes; a byte that is no UTF-8 takes one. */
size_t columns_of(const char *text);
/** @brief Bytes of the longest beginning that takes at most so many columns; no character is cut apart. */
size_t columns_cut(const char *text, size_t columns);
/** @brief Copies text to out (strlen(text) + 1 bytes); what could steer the terminal, or hide in a name, becomes "?". */
void columns_clean(const char *text, char *out);

#endif
