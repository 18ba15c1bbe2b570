#include "ferryctl_table.h"

#include "ferryctl_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* --- characters --------------------------------------------------------------------------------------- */

/* One character at p; its bytes, 0 when they are no UTF-8. */
static size_t decode(const unsigned char *p, uint32_t *ret_char)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t bytes = 1; bytes <= 4; bytes++) {
        if ((p[0] & forms[bytes - 1].mask) != forms[bytes - 1].lead)
            continue;
        uint32_t c = p[0] & (uint32_t)(unsigned char)~forms[bytes - 1].mask;
        for (size_t i = 1; i < bytes; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (p[i] & 0x3f);
        }
        if (c < forms[bytes - 1].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return 0;
        *ret_char = c;
        return bytes;
    }
    return 0;
}

/* The ranges that matter in names: East Asian wide and emoji take two columns, combining marks none. */
static size_t width_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        size_t width;
    } ranges[] = {
        {0x0300, 0x036f, 0},   {0x200b, 0x200f, 0},   {0x20d0, 0x20ff, 0},   {0xfe00, 0xfe0f, 0},
        {0x1100, 0x115f, 2},   {0x2e80, 0x303e, 2},   {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},
        {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2},
        {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].width;
    }
    return 1;
}

static bool is_control(uint32_t c)
{
    /* ... and the marks that turn the direction of writing, with which a name can look like another */
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

size_t ctl_text_width(const char *text)
{
    size_t width = 0, bytes;
    uint32_t c;

    for (const char *p = text; *p != '\0'; p += bytes) {
        bytes = decode((const unsigned char *)p, &c);
        width += bytes == 0 ? 1 : width_of(c);
        bytes = bytes == 0 ? 1 : bytes;
    }
    return width;
}

char *ctl_text_clean(const char *text)
{
    char *copy = ctl_strdup(text);
    char *out = copy;
    size_t bytes;
    uint32_t c;

    for (const char *p = text; *p != '\0'; p += bytes) {
        bytes = decode((const unsigned char *)p, &c);
        if (bytes == 0 || is_control(c)) {
            *out++ = '?';
            bytes = bytes == 0 ? 1 : bytes;
        } else {
            memcpy(out, p, bytes);
            out += bytes;
        }
    }
    *out = '\0';
    return copy;
}

/* --- the table ---------------------------------------------------------------------------------------- */

void ctl_table_init(struct ctl_table *table, size_t column_count)
{
    *table = (struct ctl_table){.column_count = column_count};
}

void ctl_table_column(struct ctl_table *table, size_t column, const char *title, bool right)
{
    table->columns[column] = (struct ctl_column){.title = title, .right = right, .width = ctl_text_width(title)};
}

void ctl_table_add(struct ctl_table *table, const char *text)
{
    size_t column = table->cell_count % table->column_count;

    if (table->cell_count == table->cell_cap) {
        table->cell_cap = table->cell_cap * 2 + table->column_count * 16;
        table->cells = ctl_realloc(table->cells, table->cell_cap * sizeof table->cells[0]);
    }
    char *cell = ctl_text_clean(text != NULL && text[0] != '\0' ? text : "-");
    size_t width = ctl_text_width(cell);
    if (width > table->columns[column].width)
        table->columns[column].width = width;
    table->cells[table->cell_count++] = cell;
}

static void put_cell(const struct ctl_table *table, size_t column, const char *text, FILE *out)
{
    size_t width = ctl_text_width(text);
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
