#include "chance.h"

/* SplitMix64: small, and every seed gives a full period. */
uint64_t chance_draw(struct chance *c)
{
    uint64_t z = (c->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct chance chance_stream(uint64_t seed, uint64_t purpose)
{
    struct chance c = {.state = seed * 0x2545f4914f6cdd1du + purpose};
    c.state = chance_draw(&c);
    return c;
}

uint32_t chance_below(struct chance *c, uint32_t below)
{
    return (uint32_t)((chance_draw(c) >> 32) * below >> 32);
}

uint64_t chance_between(struct chance *c, uint64_t from, uint64_t to)
{
    return from + chance_draw(c) % (to - from + 1);
}

bool chance_once_in(struct chance *c, uint32_t one_in)
{
    return one_in != 0 && chance_below(c, one_in) == 0;
}
