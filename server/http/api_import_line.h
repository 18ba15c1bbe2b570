/**
 * @file api_import_line.h
 * @brief One line of a list of devices, as CSV or as a JSON object. Pure.
 *
 * CSV has a first line with the names of its columns: name and secret, and tags if there are any, in any order. A field may
 * stand in quotes ("" is one quote); tags are separated by blanks.
 */
#ifndef HTTP_API_IMPORT_LINE_H
#define HTTP_API_IMPORT_LINE_H

#include "api_fields.h"

enum { API_IMPORT_COLUMNS = 3, API_IMPORT_LINE_MAX = 8192 /**< bytes of a line: the most tags, and room */ };

struct api_import_columns {
    size_t count; /**< 0: the first line has not come yet */
    int field[API_IMPORT_COLUMNS]; /**< of each column: which one of name, secret, tags */
};

struct api_import_row {
    char name[FERRY_IDENT_MAX + 1];
    struct api_secret secret;
    struct device_tags tags;
};

/** @brief Reads the names of the columns; the line is changed. False with a fault. */
bool api_import_header(char *line, struct api_import_columns *ret_columns, struct api_fault *reterr_fault);
/** @brief Reads a line of CSV; the line is changed. False with a fault. */
bool api_import_csv(char *line, const struct api_import_columns *columns, struct api_import_row *ret_row,
                    struct api_fault *reterr_fault);
/** @brief Reads a line that is a JSON object. False with a fault. */
bool api_import_json(const char *line, struct api_import_row *ret_row, struct api_fault *reterr_fault);

#endif
