#include "clock/system.h"

#include "base/system.h"

static uint64_t system_wall_ms(struct clock *clock)
{
    (void)clock;
    return ferry_wall_ms();
}

static uint64_t system_mono_ms(struct clock *clock)
{
    (void)clock;
    return ferry_mono_ms();
}

static void system_random(struct clock *clock, void *out, size_t len)
{
    (void)clock;
    ferry_random_bytes(out, len);
}

static const struct clock_ops system_ops = {
    .name = "system",
    .wall_ms = system_wall_ms,
    .mono_ms = system_mono_ms,
    .random = system_random,
};

struct clock *clock_system(void)
{
    static struct clock instance = {.ops = &system_ops};
    return &instance;
}
