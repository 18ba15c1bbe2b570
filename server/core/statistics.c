/* Numbers by the hour: the store counts with every change; here they get old. */
#include "engine_internal.h"

enum {
    CUT_EVERY_MS = 3600 * 1000,
    CUT_MAX = 500, /* removed in one turn */
};

ferry_err statistics_retain(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    uint64_t keep_ms = e->settings.statistics_days * 24ull * STATISTICS_HOUR_MS;
    size_t removed = 0;
    *ret_more = false;
    if (keep_ms == 0 || now_ms < keep_ms || now_ms < e->next.statistics_cut_ms)
        return FERRY_OK;
    ferry_err err = e->store->statistics_prune(e->conn, (now_ms - keep_ms) / STATISTICS_HOUR_MS, CUT_MAX, &removed);
    *ret_more = err == FERRY_OK && removed == CUT_MAX;
    if (err == FERRY_OK && !*ret_more)
        e->next.statistics_cut_ms = now_ms + CUT_EVERY_MS;
    return err;
}
