#include "ferryctl_table.h"

#include "columns.h"
#include "ferryctl_memory.h"

#include <stdlib.h>

char *ctl_text_clean(const char *text)
{
    char *copy = ctl_strdup(text);

    columns_clean(copy, copy);
    return copy;
}

/* --- the table ---------------------------------------------------------------------------------------- */

void ctl_table_init(struct ctl_table *table, size_t column_count)
{
    *table = (struct ctl_table){.column_count = column_count};
}

void ctl_table_column(struct ctl_table *table, size_t column, const char *title, bool right)
{
    table->columns[column] = (struct ctl_column){.title = title, .right = right, .width = columns_of(title)};
}

void ctl_table_add(struct ctl_table *table, const char *text)
{
    size_t column = table->cell_count % table->column_count;

    if (table->cell_count == table->cell_cap) {
        table->cell_cap = table->cell_cap * 2 + table->column_count * 16;
        table->cells = ctl_realloc(table->cells, table->cell_cap * sizeof table->cells[0]);
    }
    char *cell = ctl_text_clean(text != NULL && text[0] != '\0' ? text : "-");
    size_t width = columns_of(cell);
    if (width > table->columns[column].width)
        table->columns[column].width = width;
    table->cells[table->cell_count++] = cell;
}

static void put_cell(const struct ctl_table *table, size_t column, const char *text, FILE *out)
{
    size_t width = columns_of(text);
    int pad = (int)(table->columns[column].width - width);
    bool last = column + 1 == table->column_count;

    if (table->columns[column].right)
        (void)fprintf(out, "%*s%s%s", pad, "", text, last ? "\n" : "  ");
    else if (last)
        (void)fprintf(out, "%s\n", text);
    else
        (void)fprintf(out, "%s%*s  ", text, pad, "");
}

void ctl_table_flush(struct ctl_table *table, FILE *out)
{
    if (table->cell_count == 0)
        return;
    for (size_t i = 0; i < table->column_count && !table->titled; i++)
        put_cell(table, i, table->columns[i].title, out);
    table->titled = true;
    for (size_t i = 0; i < table->cell_count; i++) {
        put_cell(table, i % table->column_count, table->cells[i], out);
        free(table->cells[i]);
    }
    table->cell_count = 0;
}

void ctl_table_done(struct ctl_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct ctl_table){.cells = NULL};
}
