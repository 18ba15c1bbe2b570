/** @file guard.h  @brief Runs a plan in a process of its own: whatever dies in it is a result, too. */
#ifndef SIM_GUARD_H
#define SIM_GUARD_H

#include "sim.h"

void guard_run(const struct sim_plan *plan, struct sim_result *ret);

#endif
