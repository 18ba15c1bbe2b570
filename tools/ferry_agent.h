/**
 * @file ferry_agent.h
 * @brief `ferry agent`: stays, receives what is offered, runs the hook, reads its settings again.
 */
#ifndef FERRY_AGENT_H
#define FERRY_AGENT_H

#include "ferry_config.h"

/**
 * @brief Works until SIGTERM or SIGINT.
 * @param[in] line    for the next time the settings are read
 * @param[in] config  the settings of now; taken over, and left empty
 * @return what to exit with
 */
int ferry_agent(const struct ferry_line *line, struct ferry_config *config);

#endif
