/**
 * @file deployment_fixture.h
 * @brief The engine of engine_fixture.h with a file "fw", which is delivered.
 */
#ifndef TESTS_DEPLOYMENT_FIXTURE_H
#define TESTS_DEPLOYMENT_FIXTURE_H

#include "engine_fixture.h"

/** @brief A set-up of cmocka. */
int deployment_platform_open(void **state);
/** @brief Delivers "fw" as ordered, to D1 or to all, and turns. */
ferry_err deployment_make(struct fixture *f, struct deploy_order order, struct deployment *ret_deployment);
/** @brief A command that says nothing but which deployment: cancel, pause, resume. */
ferry_err deployment_order(struct fixture *f, command_kind kind, const struct deployment *d);
deployment_state deployment_state_of(struct fixture *f, const struct deployment *d);
/** @brief How many of its tasks are in that state. */
uint64_t deployment_count_of(struct fixture *f, const struct deployment *d, download_state state);

#endif
