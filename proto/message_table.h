/* What the ten messages consist of: one table for the parser and the writer; private to proto. */
#ifndef PROTO_MESSAGE_TABLE_H
#define PROTO_MESSAGE_TABLE_H

#include "proto/message.h"

/* What a message type is made of (kinds) and what a field belongs to (fields). */
enum {
    FERRY__TASK = 1u << 1,            /* size, name, md5sum */
    FERRY__ANSWER = 1u << 2,          /* and url; size 0 is written as 1 */
    FERRY__RESULT = 1u << 3,          /* result_code, result_msg */
    FERRY__RESULT_OPTIONAL = 1u << 4, /* ... only with FERRY_HAS_RESULT_CODE */
    FERRY__PROGRESS = 1u << 5,        /* name, progress{state, percent, result_code, result_msg}; md5sum: our extension */
    FERRY__REPORT = 1u << 6,          /* report{progress{result_code}} */
    FERRY__EXTENSION = 1u << 7,       /* every type */
};

typedef struct {
    const char *name; /* null for FERRY_MSG_NONE */
    uint8_t shape;
} ferry__kind;

typedef enum {
    FERRY__FIELD_TYPE,
    FERRY__FIELD_OBJECT,
    FERRY__FIELD_STATE,
    FERRY__FIELD_WHOLE, /* uint64_t */
    FERRY__FIELD_INT,   /* int32_t */
    FERRY__FIELD_TEXT,
    FERRY__FIELD_HEX, /* a text written in lower case */
} ferry__field_kind;

typedef struct {
    char key[12];
    uint8_t kind;   /* ferry__field_kind */
    uint8_t shapes; /* the types that have it */
    uint8_t where;  /* offset in ferry_msg; of an object, the bit of its place */
    uint8_t has;    /* FERRY_HAS_ bit of a number */
} ferry__field;

/* Where an object stands. Bit 0: it is a "progress", bit 1: it is or is inside the "report". */
enum {
    FERRY__TOP = 0,
    FERRY__IN_PROGRESS = 1,
    FERRY__IN_REPORT = 2,
    FERRY__IN_REPORT_PROGRESS = 3,
    FERRY__PLACES = 4,
};

enum { FERRY__KINDS = FERRY_MSG_UPLOAD_RESULT + 1, FERRY__FIELDS = 14 };

extern const ferry__kind ferry__kinds[FERRY__KINDS];
extern const ferry__field ferry__fields[FERRY__FIELDS]; /* in the order of writing */

#endif
