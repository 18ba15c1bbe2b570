/**
 * @file api_query.h
 * @brief The parameters of a query, each known by a table: which ones a route takes, and what they may be. Pure.
 */
#ifndef HTTP_API_QUERY_H
#define HTTP_API_QUERY_H

#include "api/model.h"
#include "api/store.h"
#include "api_cursor.h"
#include "api_problem.h"
#include "api_url.h"

#include <stdbool.h>
#include <stdint.h>

/** @brief Parameters, as bits; a route names those that it takes. */
typedef uint64_t api_query_set;

#define API_Q_RESULT_MSG (UINT64_C(1) << 0)
#define API_Q_LIMIT (UINT64_C(1) << 1)
#define API_Q_CURSOR_ID (UINT64_C(1) << 2)   /**< lists that are ordered by id: the newest first unless it is sorted */
#define API_Q_CURSOR_NAME (UINT64_C(1) << 3) /**< lists that are ordered by name */
#define API_Q_SORT_TIME (UINT64_C(1) << 4)   /**< sort: by what a list is ordered, with - from the other end */
#define API_Q_PRODUCT (UINT64_C(1) << 5)
#define API_Q_DEVICE (UINT64_C(1) << 6)
#define API_Q_NAME (UINT64_C(1) << 7)
#define API_Q_NAME_PREFIX (UINT64_C(1) << 8)
#define API_Q_DEVICE_PREFIX (UINT64_C(1) << 9) /**< name_prefix of a device name */
#define API_Q_UPLOAD_STATE (UINT64_C(1) << 10)
#define API_Q_DOWNLOAD_STATE (UINT64_C(1) << 11)
#define API_Q_DEPLOYMENT_STATE (UINT64_C(1) << 12)
#define API_Q_COUNTS (UINT64_C(1) << 13)
#define API_Q_CURSOR_SEQ \
    (UINT64_C(1) << 14) /**< lists that are ordered by number: the newest first unless it is sorted */
#define API_Q_ACTOR (UINT64_C(1) << 15)
#define API_Q_OBJECT (UINT64_C(1) << 16)
#define API_Q_ACTION (UINT64_C(1) << 17)
#define API_Q_SINCE (UINT64_C(1) << 18)
#define API_Q_UNTIL (UINT64_C(1) << 19)
#define API_Q_TAG (UINT64_C(1) << 20)
#define API_Q_DESCRIPTION (UINT64_C(1) << 21)
#define API_Q_EVENT_TYPE (UINT64_C(1) << 22)
#define API_Q_AFTER (UINT64_C(1) << 23) /**< an event: into position */
#define API_Q_FOLLOW (UINT64_C(1) << 24)
#define API_Q_ONLINE (UINT64_C(1) << 25)
#define API_Q_SORT_NAME (UINT64_C(1) << 26)
#define API_Q_SORT_PRODUCT (UINT64_C(1) << 27)
#define API_Q_SORT_SEQ (UINT64_C(1) << 28)
#define API_Q_SORT_NUMBER (UINT64_C(1) << 29)
#define API_Q_RESULT_CODE (UINT64_C(1) << 30)
#define API_Q_STEP (UINT64_C(1) << 31)
#define API_Q_SORT_RESOURCES (UINT64_C(1) << 32)
#define API_Q_SORT_DEVICES (UINT64_C(1) << 33)
#define API_Q_SORT_DEPLOYMENTS (UINT64_C(1) << 34)
#define API_Q_SORT_TASKS (UINT64_C(1) << 35)

#define API_Q_PAGE_BY_ID (API_Q_LIMIT | API_Q_CURSOR_ID | API_Q_SINCE | API_Q_UNTIL)
#define API_Q_PAGE_BY_NAME (API_Q_LIMIT | API_Q_CURSOR_NAME | API_Q_SORT_NAME)
#define API_Q_PAGE_BY_NUMBER (API_Q_LIMIT | API_Q_CURSOR_SEQ | API_Q_SORT_NUMBER)
#define API_Q_PAGE_OF_AUDIT                                                                                      \
    (API_Q_LIMIT | API_Q_CURSOR_SEQ | API_Q_SORT_SEQ | API_Q_ACTOR | API_Q_OBJECT | API_Q_ACTION | API_Q_SINCE | \
     API_Q_UNTIL)

/** @brief What was given; "" and 0 when it was not. */
struct api_query {
    uint32_t limit;
    bool descending;
    store_sort sort;
    bool counts;
    bool days;           /**< of numbers: step=day */
    bool ends;           /**< of events: follow=false */
    int state;           /**< of the kind that the route takes */
    device_choice which; /**< of devices: online */
    bool has_result_code, has_result_msg;
    int32_t result_code;
    char result_msg[FERRY_RESULT_MSG_MAX + 1];
    unsigned event_kinds;    /**< 1 << event_kind for each; 0: all */
    struct store_times made; /**< since and until */
    char actor[AUDIT_ACTOR_SIZE];
    char object[AUDIT_OBJECT_SIZE];
    char action[AUDIT_ACTION_SIZE]; /**< what the action begins with */
    struct api_list_mark list;      /**< what is asked for: its path, filters and sort */
    struct api_list_mark cursor_of; /**< what the cursor was made for: the same */
    char position[API_POSITION_SIZE]; /**< of the cursor, or the event of after */
    char product[FERRY_IDENT_MAX + 1];
    char device[FERRY_IDENT_MAX + 1];
    char tag[DEVICE_TAG_MAX + 1];
    char description[RESOURCE_DESCRIPTION_MAX + 1];
    char name[FERRY_NAME_MAX + 1];
    char name_prefix[FERRY_NAME_MAX + 1];
};

/**
 * @brief Reads what a route takes.
 * @param[in]  known, required  API_Q_…
 * @param[out] query            defaults, then what was given; unusable on failure
 * Returns false with a fault when a parameter is unknown, given twice, missing or not allowed.
 */
bool api_query_read(const struct api_url *url, api_query_set known, api_query_set required, struct api_query *query,
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
