/**
 * @file fake_board.h
 * @brief What the fake world takes from where it runs: flash, and a way to stop. On a host fake_board.c has it; on a board,
 * these are the flash and the reset of the board (tests/bare/board/nrf51.c).
 */
#ifndef FAKE_BOARD_H
#define FAKE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Flash that begins at 0, with the rules of fake_world.h; nothing here fails. */
const void *fake_flash(uint32_t at);
void fake_flash_erase(uint32_t at, size_t len); /* whole sectors */
void fake_flash_write(uint32_t at, const void *bytes, size_t len);

/** @brief The power is gone, and comes back: main() begins anew. */
_Noreturn void fake_power_cut(void);
/** @brief The run is over. */
_Noreturn void fake_end(bool all_is_well);

#endif
