/**
 * @file api_query.h
 * @brief The parameters of a query, each known by a table: which ones a route takes, and what they may be. Pure.
 */
#ifndef HTTP_API_QUERY_H
#define HTTP_API_QUERY_H

#include "api/model.h"
#include "api/store.h"
#include "api_problem.h"
#include "api_url.h"

#include <stdbool.h>
#include <stdint.h>

/** @brief Parameters; a route names those that it takes. */
enum api_query_flag {
    API_Q_RESULT_MSG = 1 << 0,
    API_Q_LIMIT = 1 << 1,
    API_Q_CURSOR_ID = 1 << 2,   /**< lists that are ordered by id: the newest first unless it is sorted */
    API_Q_CURSOR_NAME = 1 << 3, /**< lists that are ordered by name */
    API_Q_SORT_TIME = 1 << 4, /**< sort: by what a list is ordered, with - from the other end */
    API_Q_PRODUCT = 1 << 5,
    API_Q_DEVICE = 1 << 6,
    API_Q_NAME = 1 << 7,
    API_Q_NAME_PREFIX = 1 << 8,
    API_Q_DEVICE_PREFIX = 1 << 9, /**< name_prefix of a device name */
    API_Q_UPLOAD_STATE = 1 << 10,
    API_Q_DOWNLOAD_STATE = 1 << 11,
    API_Q_DEPLOYMENT_STATE = 1 << 12,
    API_Q_COUNTS = 1 << 13,
    API_Q_CURSOR_SEQ = 1 << 14, /**< lists that are ordered by number: the newest first unless it is sorted */
    API_Q_ACTOR = 1 << 15,
    API_Q_OBJECT = 1 << 16,
    API_Q_ACTION = 1 << 17,
    API_Q_SINCE = 1 << 18,
    API_Q_UNTIL = 1 << 19,
    API_Q_TAG = 1 << 20,
    API_Q_DESCRIPTION = 1 << 21,
    API_Q_EVENT_TYPE = 1 << 22,
    API_Q_AFTER = 1 << 23, /**< an event: into cursor */
    API_Q_FOLLOW = 1 << 24,
    API_Q_ONLINE = 1 << 25,
    API_Q_SORT_NAME = 1 << 26,
    API_Q_SORT_PRODUCT = 1 << 27,
    API_Q_SORT_SEQ = 1 << 28,
    API_Q_SORT_NUMBER = 1 << 29,
    API_Q_RESULT_CODE = 1 << 30,

    API_Q_PAGE_BY_ID = API_Q_LIMIT | API_Q_CURSOR_ID | API_Q_SORT_TIME | API_Q_SINCE | API_Q_UNTIL,
    API_Q_PAGE_BY_NAME = API_Q_LIMIT | API_Q_CURSOR_NAME | API_Q_SORT_NAME,
    API_Q_PAGE_BY_NUMBER = API_Q_LIMIT | API_Q_CURSOR_SEQ | API_Q_SORT_NUMBER,
    API_Q_PAGE_OF_AUDIT = API_Q_LIMIT | API_Q_CURSOR_SEQ | API_Q_SORT_SEQ | API_Q_ACTOR | API_Q_OBJECT | API_Q_ACTION |
                          API_Q_SINCE | API_Q_UNTIL,
};

/** @brief What was given; "" and 0 when it was not. */
struct api_query {
    uint32_t limit;
    bool descending;
    bool counts;
    bool ends; /**< of events: follow=false */
    int state; /**< of the kind that the route takes */
    device_choice which; /**< of devices: online */
    bool has_result_code, has_result_msg;
    int32_t result_code;
    char result_msg[FERRY_RESULT_MSG_MAX + 1];
    unsigned event_kinds; /**< 1 << event_kind for each; 0: all */
    struct store_times made; /**< since and until */
    char actor[AUDIT_ACTOR_SIZE];
    char object[AUDIT_OBJECT_SIZE];
    char action[AUDIT_ACTION_SIZE]; /**< what the action begins with */
    char cursor[FERRY_IDENT_MAX + 1];
    char product[FERRY_IDENT_MAX + 1];
    char device[FERRY_IDENT_MAX + 1];
    char tag[DEVICE_TAG_MAX + 1];
    char description[RESOURCE_DESCRIPTION_MAX + 1];
    char name[FERRY_NAME_MAX + 1];
    char name_prefix[FERRY_NAME_MAX + 1];
};

/**
 * @brief Reads what a route takes.
 * @param[in]  known, required  flags of enum api_query_flag
 * @param[out] query            defaults, then what was given; unusable on failure
 * Returns false with a fault when a parameter is unknown, given twice, missing or not allowed.
 */
bool api_query_read(const struct api_url *url, unsigned known, unsigned required, struct api_query *query,
                    struct api_fault *reterr_fault);

/** @brief Is it a number of the audit log or of the event log? */
bool api_query_seq(const char *text);

/** @brief The page that the query asks for; it points into the query. */
struct store_page api_query_page(const struct api_query *query);

/** @brief The parameter's text, or null when it was not given: what the filters of the store want. */
static inline const char *api_query_text(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

#endif
