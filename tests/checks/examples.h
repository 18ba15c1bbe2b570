/**
 * @file examples.h
 * @brief What the examples in documents and headers leave to the reader: scripts/check-examples puts it before each.
 */
#ifndef EXAMPLES_H
#define EXAMPLES_H

#include "ferry/device.h"
#include "ferry/ferry.h"
#include "ferry/http.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

extern ferry_device device;
extern const char *secret;
extern struct ferry *ferry;
extern int fd;

uint64_t now_ms(void);
void wait_for_network_until(uint64_t deadline_ms);
void carry_out(const ferry_action *act);

#endif
