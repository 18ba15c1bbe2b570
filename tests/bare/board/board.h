/**
 * @file board.h
 * @brief A board without an operating system, under a debugger or an emulator that takes Arm's semihosting calls.
 */
#ifndef BARE_BOARD_H
#define BARE_BOARD_H

#include <stddef.h>
#include <stdint.h>

/** @brief Prints on the host. */
void board_print(const char *text);
/** @brief Ends the emulation with this exit status. */
_Noreturn void board_exit(int status);
/** @brief What follows the end of main(): says how much memory was used, and ends like board_exit(). */
_Noreturn void board_end(int status);
/** @brief Bytes of the stack that were ever used since the start. */
size_t board_stack_used(void);
/** @brief Bytes of heap that newlib has taken. */
size_t board_heap_used(void);

#endif
