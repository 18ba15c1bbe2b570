#include "ferryctl_show.h"

#include "columns.h"
#include "ferryctl_memory.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "a" or "a.b" */
static const json_t *member(const json_t *row, const char *key)
{
    char outer[32];
    const char *dot = strchr(key, '.');

    if (dot == NULL)
        return json_object_get(row, key);
    (void)snprintf(outer, sizeof outer, "%.*s", (int)(dot - key), key);
    return json_object_get(json_object_get(row, outer), dot + 1);
}

static json_t *member_object(const json_t *row, const char *key)
{
    json_t *value = json_object_get(row, key);

    return json_is_object(value) ? value : NULL;
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(member(row, key));

    return text != NULL ? text : "";
}

static json_int_t number_of(const json_t *row, const char *key)
{
    return json_integer_value(member(row, key));
}

/* "2026-01-02T03:04:05.678Z" to "2026-01-02 03:04:05" */
static void put_time(const char *text, char *out)
{
    (void)snprintf(out, CTL_CELL_SIZE, "%.19s", text);
    if (strlen(out) == 19)
        out[10] = ' ';
}

static void put_result(const json_t *row, char *out)
{
    json_int_t code = number_of(row, "result_code");
    const char *message = text_of(row, "result_msg");

    out[0] = '\0';
    if (code != 0)
        (void)snprintf(out, CTL_CELL_SIZE, "%lld%s%s", (long long)code, message[0] != '\0' ? " " : "", message);
}

static void put_counts(const json_t *row, char *out)
{
    out[0] = '\0';
    if (member(row, "counts") != NULL)
        (void)snprintf(out, CTL_CELL_SIZE, "%lld of %lld", (long long)number_of(row, "counts.done"),
                       (long long)number_of(row, "counts.total"));
}

enum { LINE_COLUMNS_MAX = 40 };

static void put_prose(const char *text, char *out)
{
    (void)snprintf(out, CTL_CELL_SIZE, "%s", text);
    for (char *newline = strchr(out, '\n'); newline != NULL; newline = strchr(newline, '\n'))
        *newline = ' ';
}

static void put_line(const char *text, char *out)
{
    (void)snprintf(out, CTL_CELL_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
    out[columns_cut(out, LINE_COLUMNS_MAX)] = '\0';
}

static void append(char *out, const char *text)
{
    size_t len = strlen(out);

    (void)snprintf(out + len, CTL_CELL_SIZE - len, "%s", text);
}

static void put_known(const json_t *value, char out[CTL_CELL_SIZE])
{
    if (json_is_integer(value))
        (void)snprintf(out, CTL_CELL_SIZE, "%lld", (long long)json_integer_value(value));
    else
        (void)snprintf(out, CTL_CELL_SIZE, "%s", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "unknown");
}

static void put_list(const json_t *list, char *out)
{
    (void)snprintf(out, CTL_CELL_SIZE, "%s", json_is_null(list) ? "all" : "");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        append(out, i > 0 ? " " : "");
        append(out, text != NULL ? text : "");
    }
}

static void append_value(char *out, const json_t *value)
{
    ferry_autofree char *text = value != NULL ? ctl_check(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)) : NULL;

    append(out, text != NULL ? text : "nothing");
}

/* "disabled: false > true" */
static void put_change(const json_t *row, char *out)
{
    json_t *before = member_object(row, "before"), *after = member_object(row, "after"), *value;
    const char *name;

    out[0] = '\0';
    json_object_foreach(after, name, value)
    {
        const json_t *old = json_object_get(before, name);
        if (before == NULL || json_equal(old, value))
            continue;
        append(out, out[0] != '\0' ? ", " : "");
        append(out, name);
        append(out, ": ");
        append_value(out, old);
        append(out, " > ");
        append_value(out, value);
    }
}

static void put_number(ctl_kind kind, json_int_t number, char *out)
{
    char text[PROGRESS_TEXT_SIZE];

    if (kind == CTL_KIND_SIZE)
        (void)snprintf(out, CTL_CELL_SIZE, "%s", progress_size_text((uint64_t)number, text));
    else if (kind == CTL_KIND_SECONDS)
        (void)snprintf(out, CTL_CELL_SIZE, "%s", progress_duration_text((uint64_t)number, text));
    else if (kind == CTL_KIND_PERCENT)
        (void)snprintf(out, CTL_CELL_SIZE, "%lld %%", (long long)number);
    else if (kind == CTL_KIND_RATE && number == 0)
        out[0] = '\0';
    else if (kind == CTL_KIND_RATE)
        (void)snprintf(out, CTL_CELL_SIZE, "%lld/min", (long long)number);
    else
        (void)snprintf(out, CTL_CELL_SIZE, "%lld", (long long)number);
}

const char *ctl_field_text(const struct ctl_field *field, const json_t *row, char out[CTL_CELL_SIZE])
{
    switch (field->kind) {
    case CTL_KIND_TEXT:
        (void)snprintf(out, CTL_CELL_SIZE, "%s", text_of(row, field->key));
        break;
    case CTL_KIND_TIME:
        put_time(text_of(row, field->key), out);
        break;
    case CTL_KIND_YES:
        (void)snprintf(out, CTL_CELL_SIZE, "%s", json_is_true(member(row, field->key)) ? "yes" : "");
        break;
    case CTL_KIND_KNOWN:
        put_known(member(row, field->key), out);
        break;
    case CTL_KIND_DEVICE:
        (void)snprintf(out, CTL_CELL_SIZE, "%s/%s", text_of(row, "product"), text_of(row, "device"));
        break;
    case CTL_KIND_NAME:
        (void)snprintf(out, CTL_CELL_SIZE, "%s/%s", text_of(row, "product"), text_of(row, "name"));
        break;
    case CTL_KIND_LIST:
        put_list(member(row, field->key), out);
        break;
    case CTL_KIND_CHANGE:
        put_change(row, out);
        break;
    case CTL_KIND_RESULT:
        put_result(row, out);
        break;
    case CTL_KIND_PROSE:
        put_prose(text_of(row, field->key), out);
        break;
    case CTL_KIND_LINE:
        put_line(text_of(row, field->key), out);
        break;
    case CTL_KIND_COUNTS:
        put_counts(row, out);
        break;
    case CTL_KIND_NUMBER:
    case CTL_KIND_SIZE:
    case CTL_KIND_PERCENT:
    case CTL_KIND_SECONDS:
    case CTL_KIND_RATE:
        put_number(field->kind, number_of(row, field->key), out);
        break;
    }
    return out;
}

void ctl_print_json(const json_t *value)
{
    ferry_autofree char *text = ctl_check(json_dumps(value, JSON_COMPACT));

    (void)puts(text);
    (void)fflush(stdout);
}

static void print_line(const char *title, size_t width, const char *value)
{
    ferry_autofree char *clean = ctl_text_clean(value);

    (void)printf("%s:%*s  %s\n", title, (int)(width - strlen(title)), "", clean);
}

void ctl_print_object(bool json, const json_t *object, const struct ctl_field *fields, size_t count)
{
    char value[CTL_CELL_SIZE];
    size_t width = 0;

    if (json) {
        ctl_print_json(object);
        return;
    }
    for (size_t i = 0; i < count; i++)
        width = strlen(fields[i].title) > width ? strlen(fields[i].title) : width;
    for (size_t i = 0; i < count; i++) {
        if (ctl_field_text(&fields[i], object, value)[0] != '\0')
            print_line(fields[i].title, width, value);
    }
}

/* --- lists -------------------------------------------------------------------------------------------- */

static bool is_number(ctl_kind kind)
{
    return kind == CTL_KIND_NUMBER || kind == CTL_KIND_SIZE || kind == CTL_KIND_PERCENT;
}

void ctl_listing_add(struct ctl_listing *list, const json_t *row)
{
    char value[CTL_CELL_SIZE];

    list->rows++;
    if (list->json)
        ctl_print_json(row);
    for (size_t i = 0; i < list->field_count && !list->json; i++)
        ctl_table_add(&list->table, ctl_field_text(&list->fields[i], row, value));
}

static enum ctl_exit on_row(void *arg, json_t *row)
{
    ctl_listing_add(arg, row);
    return CTL_DONE;
}

static void on_page_end(void *arg)
{
    struct ctl_listing *list = arg;

    ctl_table_flush(&list->table, stdout);
}

void ctl_listing_begin(struct ctl_listing *list, const struct ctl_options *options, const struct ctl_field *fields,
                       size_t field_count)
{
    *list = (struct ctl_listing){
        .json = options->json, .fields = fields, .field_count = field_count, .limit = options->limit};
    ctl_table_init(&list->table, field_count);
    for (size_t i = 0; i < field_count; i++)
        ctl_table_column(&list->table, i, fields[i].title, is_number(fields[i].kind));
}

enum ctl_exit ctl_listing_run(struct ctl_listing *list, struct ctl_api *api, const char *path)
{
    uint64_t left = list->limit > list->rows ? list->limit - list->rows : 0;

    if (list->limit != 0 && left == 0)
        return CTL_DONE;
    return ctl_api_each(api, path, left, on_row, on_page_end, list);
}

void ctl_listing_end(struct ctl_listing *list, const char *hint)
{
    ctl_table_flush(&list->table, stdout);
    ctl_table_done(&list->table);
    if (list->rows == 0 && !list->json && hint != NULL)
        (void)fprintf(stderr, "%s\n", hint);
}

enum ctl_exit ctl_print_list(struct ctl_api *api, char *path, const struct ctl_options *options,
                             const struct ctl_field *fields, size_t field_count, const char *hint)
{
    struct ctl_listing list;

    ctl_listing_begin(&list, options, fields, field_count);
    enum ctl_exit status = ctl_listing_run(&list, api, path);
    ctl_listing_end(&list, status == CTL_DONE ? hint : NULL);
    free(path);
    return status;
}

void ctl_print_done(bool json, const char *key, const char *value, const char *word)
{
    if (json) {
        ctl_autojson *object = ctl_check(json_pack("{s:s}", key, value));
        ctl_print_json(object);
        return;
    }
    ferry_autofree char *clean = ctl_text_clean(value);
    (void)printf("%s %s\n", clean, word);
}
