/**
 * @file decide.h
 * @brief The one place that decides what a failure means. A table; pure.
 */
#ifndef FERRY_DEVICE_DECIDE_H
#define FERRY_DEVICE_DECIDE_H

#include "ferry/device.h"

typedef enum {
    FERRY__GO_ON = 0, /* as hoped */
    FERRY__LATER,     /* the same again after a pause; when that has been tried enough: stop, keep the snapshot */
    FERRY__NEW_URL,   /* ask the platform again; too often: report */
    FERRY__WHOLE,     /* this store does not speak tus: send the file with one PUT */
    FERRY__RESTART,   /* from byte 0: the file changed or came damaged; too often: report */
    FERRY__REPORT, /* tell the platform `fail`, then stop */
    FERRY__STOP,      /* the platform said so, or nobody can be told */
} ferry__verdict;

/* Where the code comes from. All eight bits: a rule is small. */
enum {
    FERRY__ON_FAULT = 1u << 0, /* ferry_fault of an HTTP request or a file */
    FERRY__ON_LINK = 1u << 1,  /* ferry_fault of the connection to the broker */
    FERRY__ON_PUT = 1u << 2,   /* HTTP status; in the order of ferry_http_kind */
    FERRY__ON_PROBE = 1u << 3,
    FERRY__ON_PATCH = 1u << 4,
    FERRY__ON_GET = 1u << 5,
    FERRY__ON_RESULT_UP = 1u << 6,   /* result_code of the platform, about an upload */
    FERRY__ON_RESULT_DOWN = 1u << 7, /* ... about a download */
};

/* Packed: forty of them are read once in a while. */
typedef struct __attribute__((packed)) {
    uint8_t sources;     /* FERRY__ON_... */
    uint8_t verdict : 3; /* ferry__verdict */
    uint8_t err : 5;     /* what the application is told when it ends here */
    int16_t from;        /* the first code ... */
    uint8_t more;        /* ... and how many after it; 255: all */
} ferry__rule;

/** @brief The rule for a code; always there. source is exactly one FERRY__ON_ bit. */
const ferry__rule *ferry__decide(unsigned source, int code);

#endif
