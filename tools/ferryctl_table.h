/**
 * @file ferryctl_table.h
 * @brief Rows of text in aligned columns. What came from outside cannot steer the terminal.
 */
#ifndef TOOLS_FERRYCTL_TABLE_H
#define TOOLS_FERRYCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { CTL_COLUMNS_MAX = 12 };

struct ctl_column {
    const char *title;
    bool right;   /**< numbers */
    size_t width; /**< kept from page to page, so that a long list stays aligned */
};

struct ctl_table {
    struct ctl_column columns[CTL_COLUMNS_MAX];
    size_t column_count;
    char **cells;                   /**< row after row */
    size_t cell_count, cell_cap;
    bool titled;
};

/** @brief column_count is at most CTL_COLUMNS_MAX; each gets its title by ctl_table_column(). */
void ctl_table_init(struct ctl_table *table, size_t column_count);
/** @brief title must outlive the table; right puts the cells to the right, as numbers want it. */
void ctl_table_column(struct ctl_table *table, size_t column, const char *title, bool right);
/** @brief Adds the next cell; null is "-". Copies. Ends the program without memory. */
void ctl_table_add(struct ctl_table *table, const char *text);
/** @brief Prints the rows, before the first ones the titles, and forgets the rows. Prints nothing without rows. */
void ctl_table_flush(struct ctl_table *table, FILE *out);
void ctl_table_done(struct ctl_table *table);

/** @brief A copy fit for a terminal, by columns_clean(). Never null. */
char *ctl_text_clean(const char *text);

#endif
