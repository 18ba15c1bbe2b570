/* Answers to requests with a key: how long they are kept. Who keeps and gives them is the HTTP side. */
#include "engine_internal.h"

enum {
    CUT_EVERY_MS = 60 * 1000,
    CUT_MAX = FERRY_PAGE_MAX, /* removed in one turn */
};

ferry_err answers_retain(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    uint64_t keep_ms = 1000ull * e->settings.answers_kept_s;
    size_t removed = 0;
    *ret_more = false;
    if (now_ms < e->next.answer_cut_ms)
        return FERRY_OK;
    ferry_err err = e->store->kept_answer_prune(e->conn, now_ms > keep_ms ? now_ms - keep_ms : 0, e->settings.answers_max,
                                                CUT_MAX, &removed);
    *ret_more = err == FERRY_OK && removed == CUT_MAX;
    if (!*ret_more)
        e->next.answer_cut_ms = now_ms + CUT_EVERY_MS;
    return err;
}
