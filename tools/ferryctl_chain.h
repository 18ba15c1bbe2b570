/**
 * @file ferryctl_chain.h
 * @brief Goes along the audit log, record by record, and says where it does not hold together. Pure.
 */
#ifndef TOOLS_FERRYCTL_CHAIN_H
#define TOOLS_FERRYCTL_CHAIN_H

#include "base/chain.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CTL_CHAIN_PROBLEM = 256 };

/** @brief A place in the log: this record had this hash. seq 0: none. */
struct ctl_anchor {
    uint64_t seq;
    uint8_t hash[FERRY_CHAIN_BYTES];
};

struct ctl_chain {
    struct ctl_anchor last;  /**< the record before the next one */
    struct ctl_anchor begin; /**< what the first record follows; seq 0 when it is the first of all */
    bool begin_known;        /**< begin.seq is 0, or an "audit.cut" record names it */
    struct ctl_anchor wanted; /**< from an earlier time: the log must still have it */
    bool wanted_seen;
    uint64_t records;
    uint64_t bad_seq; /**< the first record that is wrong; 0: none */
    char problem[CTL_CHAIN_PROBLEM];
};

/** @brief wanted may be null. */
void ctl_chain_begin(struct ctl_chain *chain, const struct ctl_anchor *wanted);
/** @brief The next record, as the API shows it, oldest first. False: it is wrong, and chain->problem says why. */
bool ctl_chain_add(struct ctl_chain *chain, const json_t *record);
/** @brief After the last one. head: where the platform says that the log ends; null when it is not asked. */
bool ctl_chain_end(struct ctl_chain *chain, const struct ctl_anchor *head);

/** @brief "SEQ HASH" as one line; false when it is none. */
bool ctl_anchor_parse(const char *text, struct ctl_anchor *ret_anchor);

#endif
