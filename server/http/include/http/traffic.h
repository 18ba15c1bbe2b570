/**
 * @file traffic.h
 * @brief What the object plane has moved, counted by it and shown by the API's /metrics. Any thread.
 */
#ifndef HTTP_TRAFFIC_H
#define HTTP_TRAFFIC_H

#include <stdatomic.h>
#include <stdint.h>

typedef enum { TRAFFIC_UP, TRAFFIC_DOWN, TRAFFIC_DIRECTIONS } traffic_direction;

typedef enum {
    TRAFFIC_COMPLETE, /* the body of one request, whole; a file may take several */
    TRAFFIC_REFUSED,  /* answered with 400 or more */
    TRAFFIC_BROKEN,   /* the connection ended in the middle, or was cut */
    TRAFFIC_RESULTS,
} traffic_result;

/** @brief All zero at first; whoever makes it keeps it until both have stopped. */
struct http_traffic {
    _Atomic uint64_t transfers[TRAFFIC_DIRECTIONS][TRAFFIC_RESULTS];
    _Atomic uint64_t bytes[TRAFFIC_DIRECTIONS]; /* up: taken in; down: of bodies that went out whole */
    _Atomic uint64_t running_now;               /* transfers that were let in and have not ended */
};

#endif
