/** @file shrink.h  @brief Makes a plan that fails smaller, as long as it fails: fewer kinds of faults, devices, workers, steps. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim.h"

/** inout_result: of the plan; then of the smaller one. tries: at most so many runs. */
void shrink(struct sim_plan *inout, struct sim_result *inout_result, unsigned tries);

#endif
