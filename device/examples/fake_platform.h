/**
 * @file fake_platform.h
 * @brief A small platform for the fake world: answers the messages and the HTTP requests of one device. It has no room for
 * a file: what it sends it computes, what it gets it compares at once. So it runs beside the device on a small board.
 */
#ifndef FAKE_PLATFORM_H
#define FAKE_PLATFORM_H

#include "fake_plan.h"

enum { FAKE_MESSAGE_BYTES = 384 };

struct fake_platform {
    const struct fake_plan *plan;
    struct fake_outcome *outcome;
    unsigned connections; /* HTTP connections so far */
    size_t upload_bytes;  /* of the log, from its beginning */
};

/* One HTTP request and its answer. */
struct fake_request {
    char text[448]; /* the request's head as it comes in, then the answer's */
    size_t text_len, text_at;
    bool head_done, answered;
    size_t in_left; /* of its body */
    size_t out_at, out_left;
};

/** @brief Answers a message; the length of the answer, 0 when there is none. */
size_t fake_platform_message(struct fake_platform *p, const char *payload, size_t len, char out[FAKE_MESSAGE_BYTES]);
/** @brief Bytes of a request. They count also when the connection breaks off before its end. */
void fake_platform_take(struct fake_platform *p, struct fake_request *r, const char *bytes, size_t len);
/** @brief Bytes of the answer, 0 while there are none. */
size_t fake_platform_give(struct fake_platform *p, struct fake_request *r, char *out, size_t cap);
/** @brief Refuses a request in the middle. */
void fake_platform_refuse(struct fake_request *r);
/** @brief One byte of the file that the platform has now. */
uint8_t fake_platform_file(const struct fake_platform *p, size_t at);

#endif
