/**
 * @file ferryctl_show.h
 * @brief What the platform answered, for people (tables) or for scripts (one JSON object per line).
 */
#ifndef TOOLS_FERRYCTL_SHOW_H
#define TOOLS_FERRYCTL_SHOW_H

#include "ferryctl_api.h"
#include "ferryctl_table.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** @brief How a member of an object is shown. */
typedef enum {
    CTL_KIND_TEXT,
    CTL_KIND_NUMBER,
    CTL_KIND_SIZE,    /**< bytes */
    CTL_KIND_TIME,    /**< UTC, seconds */
    CTL_KIND_YES,     /**< "yes" or nothing */
    CTL_KIND_KNOWN,   /**< "yes", "no", a number, or "unknown" for null */
    CTL_KIND_PERCENT,
    CTL_KIND_SECONDS,
    CTL_KIND_RATE,    /**< "100/min"; nothing for 0 */
    CTL_KIND_DEVICE,  /**< product/device, of two members */
    CTL_KIND_NAME,    /**< product/name, of two members */
    CTL_KIND_RESULT,  /**< what went wrong, of result_code and result_msg */
    CTL_KIND_LIST,    /**< "a b", of a list; "all" for null */
    CTL_KIND_CHANGE,  /**< what is different in after from before */
    CTL_KIND_PROSE,   /**< text that may have newlines: shown as spaces */
    CTL_KIND_LINE,    /**< the beginning of its first line */
    CTL_KIND_COUNTS,  /**< "3 of 10", of counts */
} ctl_kind;

struct ctl_field {
    const char *title; /**< "CREATED" */
    const char *key;   /**< "name", or "totals.devices"; null for the kinds that know their members */
    ctl_kind kind;
};

enum { CTL_CELL_SIZE = 2304 }; /* the longest: the tags of a device */

/** @brief The value as text; "" when there is none. Pure. Returns out. */
const char *ctl_field_text(const struct ctl_field *field, const json_t *row, char out[CTL_CELL_SIZE]);

void ctl_print_json(const json_t *value);
/** @brief One object: as JSON, or a line for each field that has a value. */
void ctl_print_object(bool json, const json_t *object, const struct ctl_field *fields, size_t count);
/** @brief One output of rows, which may come from several lists. */
struct ctl_listing {
    bool json;
    const struct ctl_field *fields;
    size_t field_count;
    uint64_t limit; /**< rows that may still come; 0: any */
    uint64_t rows;
    struct ctl_table table;
};

void ctl_listing_begin(struct ctl_listing *list, const struct ctl_options *options, const struct ctl_field *fields,
                       size_t field_count);
/** @brief Prints every row of the list at path, page after page. */
enum ctl_exit ctl_listing_run(struct ctl_listing *list, struct ctl_api *api, const char *path);
/** @brief Prints one more row, which the caller has; in a table it waits for the end. */
void ctl_listing_add(struct ctl_listing *list, const json_t *row);
/** @brief Without rows, prints the hint for people on standard error. */
void ctl_listing_end(struct ctl_listing *list, const char *hint);

/** @brief All of it for one list. Frees path. */
enum ctl_exit ctl_print_list(struct ctl_api *api, char *path, const struct ctl_options *options,
                             const struct ctl_field *fields, size_t field_count, const char *hint);
/** @brief {"key": "value"} as JSON, or "value word" for people. */
void ctl_print_done(bool json, const char *key, const char *value, const char *word);

#endif
