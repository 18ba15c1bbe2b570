/* The fake world on a host: its flash is memory, and it can be run many times. */
#include "fake_board.h"
#include "fake_plan.h"
#include "fake_world.h"

#include <setjmp.h>
#include <string.h>

static struct {
    _Alignas(uint64_t) uint8_t flash[FLASH_BYTES];
    jmp_buf switched_off;
    bool over;
} board;

const void *fake_flash(uint32_t at)
{
    return board.flash + at;
}

void fake_flash_erase(uint32_t at, size_t len)
{
    memset(board.flash + at, 0xff, len);
}

void fake_flash_write(uint32_t at, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    for (size_t i = 0; i < len; i++) /* to write can only clear bits */
        board.flash[at + i] &= from[i];
}

void fake_power_cut(void)
{
    longjmp(board.switched_off, 1);
}

void fake_end(bool all_is_well)
{
    (void)all_is_well;
    board.over = true;
    longjmp(board.switched_off, 1);
}

struct fake_outcome fake_run(const struct fake_plan *plan, int (*firmware)(void))
{
    fake_begin(plan);
    board.over = false;
    while (!board.over)
        if (setjmp(board.switched_off) == 0) {
            (void)firmware();
            board.over = true; /* it should never return */
        }
    return fake_result();
}
