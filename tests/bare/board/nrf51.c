/* The flash and the reset of the example, on the nRF51822 of a micro:bit. Its other half holds the program. */
#include "fake_world.h"

#include <stdio.h>
#include <string.h>

/* Three areas of a file each, then those of the snapshots, of a page each. */
enum { FLASH_FILES = 128 * 1024, PAGE_BYTES = 1024, FILE_PAGES = (WORLD_FILE_BYTES + PAGE_BYTES - 1) / PAGE_BYTES };
enum { NVMC_READ = 0, NVMC_WRITE = 1, NVMC_ERASE = 2 };

/* The controller of the flash ... */
static volatile uint32_t *const nvmc_ready = (volatile uint32_t *)0x4001e400;
static volatile uint32_t *const nvmc_config = (volatile uint32_t *)0x4001e504;
static volatile uint32_t *const nvmc_erase_page = (volatile uint32_t *)0x4001e508;
/* ... and that of resets. */
static volatile uint32_t *const scb_aircr = (volatile uint32_t *)0xe000ed0c;
enum { AIRCR_RESET = 0x05fa0004 };

static uint32_t address(world_area area)
{
    uint32_t page = area < WORLD_SAVED ? area * FILE_PAGES : WORLD_SAVED * FILE_PAGES + (area - WORLD_SAVED);

    return FLASH_FILES + page * PAGE_BYTES;
}

static void wait_ready(void)
{
    while ((*nvmc_ready & 1u) == 0)
        continue;
}

const uint8_t *world_flash(world_area area)
{
    return (const uint8_t *)address(area);
}

void world_flash_erase(world_area area)
{
    *nvmc_config = NVMC_ERASE;
    for (uint32_t page = address(area); page < address(area + 1); page += PAGE_BYTES) {
        *nvmc_erase_page = page;
        wait_ready();
    }
    *nvmc_config = NVMC_READ;
}

/* The flash takes whole words; ones change nothing, so they stand for the bytes beside ours. */
void world_flash_write(world_area area, size_t offset, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    *nvmc_config = NVMC_WRITE;
    for (size_t at = 0; at < len;) {
        uint32_t to = address(area) + (uint32_t)(offset + at), word = UINT32_MAX;
        size_t skip = to % sizeof word, n = sizeof word - skip < len - at ? sizeof word - skip : len - at;
        memcpy((char *)&word + skip, from + at, n);
        *(volatile uint32_t *)(to - skip) = word;
        wait_ready();
        at += n;
    }
    *nvmc_config = NVMC_READ;
}

void world_reset(void)
{
    (void)fflush(NULL);
    *scb_aircr = AIRCR_RESET;
    for (;;)
        continue;
}
