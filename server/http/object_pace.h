/**
 * @file object_pace.h
 * @brief Is a connection too slow? Pure: time and byte counters come in, the verdict goes out.
 */
#ifndef HTTP_OBJECT_PACE_H
#define HTTP_OBJECT_PACE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    PACE_HEAD,   /**< a request's head is awaited or under way */
    PACE_BODY,   /**< the client sends a body */
    PACE_OURS,   /**< the platform works: the client owes nothing */
    PACE_ANSWER, /**< the client takes the answer */
} pace_phase;

struct pace_limits {
    uint32_t head_ms, idle_ms, window_ms, window_min_bytes;
};

/** @brief What is known of one connection. Zero-initialise. */
struct pace {
    uint32_t turn;       /**< of the phase that the rest belongs to */
    bool begun;          /**< the rest is valid */
    bool head_begun;     /**< bytes of a head came on a connection that had rested */
    bool ended;          /**< at the last look the client had nothing more to send */
    uint64_t since_ms;   /**< of the phase, the window, or the head */
    uint64_t mark_bytes; /**< counter at since_ms */
    uint64_t sent_bytes; /**< counter at the last look */
};

/** @brief What the connection looks like now. */
struct pace_look {
    uint64_t now_ms;
    uint64_t received_bytes, acked_bytes; /**< counters of the whole connection */
    uint32_t turn;                        /**< differs for each phase */
    pace_phase phase;
    bool served; /**< it has had a request before */
    bool ended;  /**< the client has closed its side, and all that it sent was read */
};

/** @brief True when the connection should be cut. To be called every now and then. */
bool pace_too_slow(struct pace *pace, const struct pace_look *look, const struct pace_limits *limits);

#endif
