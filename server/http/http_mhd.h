/**
 * @file http_mhd.h
 * @brief Scope-bound clean-up for libmicrohttpd's types.
 */
#ifndef HTTP_MHD_H
#define HTTP_MHD_H

#include "base/cleanup.h"

#include <microhttpd.h>

FERRY_DEFINE_CLEANUP(struct MHD_Response *, MHD_destroy_response)
FERRY_DEFINE_CLEANUP(struct MHD_Daemon *, MHD_stop_daemon)

#endif
