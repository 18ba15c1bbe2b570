#include "api_import_line.h"

#include <string.h>

enum { NAME, SECRET, TAGS };

static const char *const field_names[API_IMPORT_COLUMNS] = {[NAME] = "name", [SECRET] = "secret", [TAGS] = "tags"};

static const struct api_field row_fields[API_IMPORT_COLUMNS] = {
    [NAME] = {"name", API_FIELD_IDENT, offsetof(struct api_import_row, name), true, 0, 0},
    [SECRET] = {"secret", API_FIELD_SECRET, offsetof(struct api_import_row, secret), true, 0, 0},
    [TAGS] = {"tags", API_FIELD_TAGS, offsetof(struct api_import_row, tags), false, 0, 0},
};

/* --- cells of CSV ---------------------------------------------------------------------------------------- */

/* Takes the quotes off, in place. The end of the cell, or null when there is none. */
static char *unquote(char *at, char **ret_text)
{
    char *out = at;

    *ret_text = at;
    for (char *in = at + 1; *in != '\0'; in++) {
        if (*in == '"' && in[1] != '"') {
            *out = '\0';
            return in + 1;
        }
        if (*in == '"')
            in++;
        *out++ = *in;
    }
    return NULL;
}

static char *plain_end(char *at, char **ret_text)
{
    size_t len = strcspn(at, ",");

    *ret_text = at;
    return at + len;
}

/* False: a quote without its end, text behind it, or more cells than there is room for. */
static bool split(char *line, char *cells[API_IMPORT_COLUMNS], size_t *ret_count)
{
    size_t count = 0;

    for (char *at = line;; at++) {
        if (count == API_IMPORT_COLUMNS)
            return false;
        at = *at == '"' ? unquote(at, &cells[count]) : plain_end(at, &cells[count]);
        count++;
        if (at == NULL || (*at != '\0' && *at != ','))
            return false;
        bool last = *at == '\0';
        *at = '\0';
        if (last)
            break;
    }
    *ret_count = count;
    return true;
}

static int field_of(const char *name)
{
    for (int i = 0; i < API_IMPORT_COLUMNS; i++) {
        if (strcmp(field_names[i], name) == 0)
            return i;
    }
    return -1;
}

bool api_import_header(char *line, struct api_import_columns *ret_columns, struct api_fault *reterr_fault)
{
    char *cells[API_IMPORT_COLUMNS];
    struct api_import_columns columns = {.count = 0};
    unsigned seen = 0;
    bool good = split(line, cells, &columns.count);

    for (size_t i = 0; good && i < columns.count; i++) {
        columns.field[i] = field_of(cells[i]);
        good = columns.field[i] >= 0 && (seen & 1u << columns.field[i]) == 0;
        seen |= good ? 1u << columns.field[i] : 0;
    }
    if (!good || (seen & 1u << NAME) == 0)
        return api_fault_set(reterr_fault, API_INVALID_FIELD, "",
                             "The first line must name the columns: name,secret or name,secret,tags.");
    *ret_columns = columns;
    return true;
}

/* --- rows -------------------------------------------------------------------------------------------------- */

/* Null: a tag is no UTF-8. */
static json_t *tags_json(char *text)
{
    json_t *tags = json_array();
    char *rest = NULL;

    for (char *tag = strtok_r(text, " \t", &rest); tags != NULL && tag != NULL; tag = strtok_r(NULL, " \t", &rest)) {
        if (json_array_append_new(tags, json_string(tag)) != 0) {
            json_decref(tags);
            tags = NULL;
        }
    }
    return tags;
}

static bool read_row(json_t *object, struct api_import_row *ret_row, struct api_fault *reterr_fault)
{
    *ret_row = (struct api_import_row){.name = ""};
    return api_fields_read(object, row_fields, API_IMPORT_COLUMNS, ret_row, reterr_fault);
}

bool api_import_csv(char *line, const struct api_import_columns *columns, struct api_import_row *ret_row,
                    struct api_fault *reterr_fault)
{
    char *cells[API_IMPORT_COLUMNS];
    size_t count = 0;

    if (!split(line, cells, &count) || count != columns->count)
        return api_fault_set(reterr_fault, API_INVALID_FIELD, "", "The line has not as many fields as the first one.");
    json_t *object = json_object();
    bool good = object != NULL;
    for (size_t i = 0; good && i < count; i++) {
        int field = columns->field[i];
        if (cells[i][0] != '\0')
            good = json_object_set_new(object, field_names[field],
                                       field == TAGS ? tags_json(cells[i]) : json_string(cells[i])) == 0;
    }
    good = good ? read_row(object, ret_row, reterr_fault)
                : api_fault_set(reterr_fault, API_INVALID_FIELD, "", "The line is no UTF-8.");
    json_decref(object);
    return good;
}

bool api_import_json(const char *line, struct api_import_row *ret_row, struct api_fault *reterr_fault)
{
    json_error_t error;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    bool good = json_is_object(object) ? read_row(object, ret_row, reterr_fault)
                                       : api_fault_set(reterr_fault, API_INVALID_JSON, "", "The line is not one JSON object.");

    json_decref(object);
    return good;
}
