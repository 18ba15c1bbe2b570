/* What each message type consists of: one table for the parser and the writer; private to proto. */
#ifndef PROTO_MESSAGE_KIND_H
#define PROTO_MESSAGE_KIND_H

#include "proto/message.h"

enum { FERRY__KINDS = FERRY_MSG_UPLOAD_RESULT + 1 };

enum {
    FERRY__TASK = 1u << 1,            /* size, name, md5sum */
    FERRY__ANSWER = 1u << 2,          /* and url; size 0 is written as 1 */
    FERRY__RESULT = 1u << 3,          /* result_code, result_msg */
    FERRY__RESULT_OPTIONAL = 1u << 4, /* ... only with FERRY_HAS_RESULT_CODE */
    FERRY__PROGRESS = 1u << 5,        /* name, progress{state, percent, result_code, result_msg} */
    FERRY__REPORT = 1u << 6,          /* report{progress{result_code}} */
};

typedef struct {
    const char *name; /* null for FERRY_MSG_NONE */
    uint8_t shape;
} ferry__kind;

extern const ferry__kind ferry__kinds[FERRY__KINDS];

#endif
