/** @file system.h  @brief The machine's clock and randomness as a clock table. */
#ifndef CLOCK_SYSTEM_H
#define CLOCK_SYSTEM_H

#include "api/clock.h"

/** @brief One shared instance with static life; nothing to free. Any thread. */
struct clock *clock_system(void);

#endif
