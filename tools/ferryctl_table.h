/**
 * @file ferryctl_table.h
 * @brief Rows of text in aligned columns. What came from outside cannot steer the terminal.
 */
#ifndef TOOLS_FERRYCTL_TABLE_H
#define TOOLS_FERRYCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct ctl_column {
    const char *title;
    bool right; /**< numbers */
};

enum { CTL_COLUMNS_MAX = 12 };

struct ctl_table {
    const struct ctl_column *columns;
    size_t column_count;
    size_t widths[CTL_COLUMNS_MAX]; /**< kept from page to page, so that a long list stays aligned */
    char **cells;                   /**< row after row */
    size_t cell_count, cell_cap;
    bool titled;
};

void ctl_table_init(struct ctl_table *table, const struct ctl_column *columns, size_t column_count);
/** @brief Adds the next cell; null is "-". Copies. Ends the program without memory. */
void ctl_table_add(struct ctl_table *table, const char *text);
/** @brief Prints the rows, before the first ones the titles, and forgets the rows. Prints nothing without rows. */
void ctl_table_flush(struct ctl_table *table, FILE *out);
void ctl_table_done(struct ctl_table *table);

/** @brief Columns that a text takes: wide characters count two, combining ones none. Pure. */
size_t ctl_text_width(const char *text);
/** @brief A copy in which control characters and bytes that are no UTF-8 are '?'. Never null. */
char *ctl_text_clean(const char *text);

#endif
