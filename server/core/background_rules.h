/**
 * @file background_rules.h
 * @brief How much a turn of the engine does of work for which nobody waits, and when it ends for who has come meanwhile. Pure.
 *
 * Whatever comes, a turn does BACKGROUND_LEAST pieces of each kind of such work, and one for each BACKGROUND_EACH items, its own and those
 * that came late into the turn before: so it goes on under any load, and what new items add to it does not pile up.
 */
#ifndef CORE_BACKGROUND_RULES_H
#define CORE_BACKGROUND_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum {
    BACKGROUND_LEAST = 2,
    BACKGROUND_EACH = 16,
    BACKGROUND_PART = 16, /* of a step so much is done in a turn that somebody waits for */
};

/** @brief What a turn has before it. */
struct background_load {
    size_t items;  /* of its batch */
    size_t late;   /* that came late into the turn before */
    bool answered; /* all that devices sent was committed before, in a transaction of its own */
};

/** @brief Of a step of so many pieces the turn does the result: all of it when nobody waits. */
size_t background_share(const struct background_load *load, size_t step);
/** @brief Does a step end after so many pieces? arrived: items that have come since the turn began. */
bool background_gives_way(const struct background_load *load, size_t done, size_t arrived);

#endif
