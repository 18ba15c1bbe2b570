/* The flash and the reset of the example, on the nRF51822 of a micro:bit. Its other half holds the program. */
#include "board.h"
#include "fake_board.h"

#include <stdio.h>
#include <string.h>

enum { FLASH_FILES = 128 * 1024, PAGE_BYTES = 1024 };
enum { NVMC_READ = 0, NVMC_WRITE = 1, NVMC_ERASE = 2 };

/* The controller of the flash ... */
static volatile uint32_t *const nvmc_ready = (volatile uint32_t *)0x4001e400;
static volatile uint32_t *const nvmc_config = (volatile uint32_t *)0x4001e504;
static volatile uint32_t *const nvmc_erase_page = (volatile uint32_t *)0x4001e508;
/* ... and that of resets. */
static volatile uint32_t *const scb_aircr = (volatile uint32_t *)0xe000ed0c;
enum { AIRCR_RESET = 0x05fa0004 };

static void wait_ready(void)
{
    while ((*nvmc_ready & 1u) == 0)
        continue;
}

const void *fake_flash(uint32_t at)
{
    return (const void *)(FLASH_FILES + at);
}

void fake_flash_erase(uint32_t at, size_t len)
{
    *nvmc_config = NVMC_ERASE;
    for (uint32_t page = FLASH_FILES + at; page < FLASH_FILES + at + len; page += PAGE_BYTES) {
        *nvmc_erase_page = page;
        wait_ready();
    }
    *nvmc_config = NVMC_READ;
}

/* The flash takes whole words; ones change nothing, so they stand for the bytes beside ours. */
void fake_flash_write(uint32_t at, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    *nvmc_config = NVMC_WRITE;
    for (size_t done = 0; done < len;) {
        uint32_t to = FLASH_FILES + at + (uint32_t)done, word = UINT32_MAX;
        size_t skip = to % sizeof word, n = sizeof word - skip < len - done ? sizeof word - skip : len - done;
        memcpy((char *)&word + skip, from + done, n);
        *(volatile uint32_t *)(to - skip) = word;
        wait_ready();
        done += n;
    }
    *nvmc_config = NVMC_READ;
}

void fake_power_cut(void)
{
    (void)fflush(NULL);
    *scb_aircr = AIRCR_RESET;
    for (;;)
        continue;
}

void fake_end(bool all_is_well)
{
    puts(all_is_well ? "both files are on the other side" : "something is missing");
    board_end(all_is_well ? 0 : 1);
}
