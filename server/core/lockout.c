#include "core/lockout.h"

uint64_t lockout_wait_ms(uint32_t failures, uint32_t free)
{
    uint64_t wait_s = LOCKOUT_FIRST_S;

    if (failures <= free)
        return 0;
    for (uint32_t n = free + 1; n < failures && wait_s < LOCKOUT_MAX_S; n++)
        wait_s *= 2;
    return 1000 * (wait_s < LOCKOUT_MAX_S ? wait_s : LOCKOUT_MAX_S);
}

void lockout_fail(struct lockout *l, uint32_t free, uint64_t now_ms)
{
    if (l->updated_ms + 1000ull * LOCKOUT_FORGET_S <= now_ms)
        l->failures = 0;
    if (l->failures < UINT32_MAX)
        l->failures++;
    l->updated_ms = now_ms;
    l->until_ms = now_ms + lockout_wait_ms(l->failures, free);
}
