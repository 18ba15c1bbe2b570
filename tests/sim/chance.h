/** @file chance.h  @brief Numbers of chance from a seed. Each purpose has a stream of its own, so that one that is drawn from more often
 *  moves no other. */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

struct chance chance_stream(uint64_t seed, uint64_t purpose);
uint64_t chance_draw(struct chance *c);
/** 0 .. below - 1; below at least 1. */
uint32_t chance_below(struct chance *c, uint32_t below);
/** from .. to, both included. */
uint64_t chance_between(struct chance *c, uint64_t from, uint64_t to);
/** True once in one_in; 0: never, and nothing is drawn. */
bool chance_once_in(struct chance *c, uint32_t one_in);

#endif
