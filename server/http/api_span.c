#include "api_span.h"

/* The first time and the one behind the last, numbered since 1970. */
static void find_ends(const struct api_query *query, uint64_t now_ms, uint64_t step_ms, uint64_t *ret_first,
                      uint64_t *ret_end)
{
    uint64_t count = query->days ? API_SPAN_DEFAULT_DAYS : API_SPAN_DEFAULT_HOURS;
    uint64_t until_ms = query->made.until_ms != 0 && query->made.until_ms < now_ms ? query->made.until_ms : now_ms;
    uint64_t end = (until_ms + step_ms - 1) / step_ms;
    uint64_t first = query->made.since_ms != 0 ? query->made.since_ms / step_ms : end > count ? end - count : 0;

    *ret_first = first > 0 ? first : 1; /* 0 is no time in an answer */
    *ret_end = end;
}

bool api_span_of(const struct api_query *query, uint64_t now_ms, size_t products, struct statistics_span *ret_span,
                 struct api_fault *reterr_fault)
{
    uint32_t hours_each = query->days ? 24 : 1;
    uint64_t first, end;

    find_ends(query, now_ms, hours_each * STATISTICS_HOUR_MS, &first, &end);
    if (end <= first)
        return api_fault_set(reterr_fault, API_INVALID_PARAMETER, "since", "\"since\" must be before \"until\", and before now.");
    if (end - first > API_SPAN_MAX)
        return api_fault_set(reterr_fault, API_INVALID_PARAMETER, "since",
                             "That are more than %d %s: ask for a shorter time%s.", API_SPAN_MAX,
                             query->days ? "days" : "hours", query->days ? "" : ", or with step=day");
    if ((end - first) * hours_each * products > API_SPAN_HOURS_MAX)
        return api_fault_set(reterr_fault, API_INVALID_PARAMETER, "since",
                             "That is too long for %zu products together: ask for a shorter time, or for one product.",
                             products);
    *ret_span = (struct statistics_span){
        .first_hour = first * hours_each, .hours_each = hours_each, .count = (uint32_t)(end - first)};
    return true;
}
