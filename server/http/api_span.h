/**
 * @file api_span.h
 * @brief The times that numbers are asked for: hours or days, whole ones, not too many. Pure.
 */
#ifndef HTTP_API_SPAN_H
#define HTTP_API_SPAN_H

#include "api/statistics.h"
#include "api_query.h"

enum {
    API_SPAN_MAX = 744,             /**< times in one answer: the hours of 31 days, or two years of days */
    API_SPAN_DEFAULT_HOURS = 24,    /**< the last so many */
    API_SPAN_DEFAULT_DAYS = 30,
    API_SPAN_HOURS_MAX = 200 * 1000, /**< hours of all products together that one answer is made of: some 0.2 s */
};

/**
 * @brief From the hour or day of since to that before until (or the one that it is in), in UTC, up to now.
 * @param[in] products  so many products are added up, each with its own numbers
 * Returns false with a fault when it is empty or too long.
 */
bool api_span_of(const struct api_query *query, uint64_t now_ms, size_t products, struct statistics_span *ret_span,
                 struct api_fault *reterr_fault);

#endif
