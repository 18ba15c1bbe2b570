/**
 * @file queue.h
 * @brief Statements with their values, in the order in which they will be sent.
 */
#ifndef STORE_POSTGRES_QUEUE_H
#define STORE_POSTGRES_QUEUE_H

#include "rewrite.h"

#include <libpq-fe.h>
#include <stddef.h>

enum {
    PGS_SMALL = 40,          /* bytes of a value that is copied when it is bound */
    PGS_DIGITS_SIZE = 24,    /* of a number of 64 bits as text */
    PGS_NUMBERS_AS_TEXT = 4, /* of one row, at a time */
};

/* The server's numbers of types; they never change (pg_type.dat). */
enum {
    BOOLOID = 16, BYTEAOID = 17, INT8OID = 20, INT2OID = 21, INT4OID = 23, TEXTOID = 25,
    BYTEA_ARRAY_OID = 1001, TEXT_ARRAY_OID = 1009, INT8_ARRAY_OID = 1016,
};

/** @brief A value of a parameter. Numbers are text, so that the server makes of them what the column is. */
struct pgs_value {
    const char *bytes; /* null: NULL */
    size_t len;
    bool is_binary;
    unsigned type;     /* 0: the server finds out */
    char small[PGS_SMALL];
};

struct pgs_bulk;

/** @brief A statement on a connection. */
struct pgs_stmt {
    struct pgs_text text;
    const struct pgs_bulk *bulk; /* null: each row is a statement of its own */
    struct pgs_stmt *many;       /* the one for many rows, made at its first use */
    char name[24];
    bool prepared, preparing; /* on the connection that there is; preparing: it is on its way */
    bool in_use;

    /* of its present use */
    struct pgs_value values[PGS_PARAMETERS_MAX];
    PGresult *result;
    bool ran;
    bool queued;   /* it is believed to change a row, as nobody waits to see */
    bool borrowed; /* the result belongs to the answers that were fetched ahead */
    int row;
    unsigned digits_used;
    char digits[PGS_NUMBERS_AS_TEXT][PGS_DIGITS_SIZE];
};

/** @brief One use of a statement, with copies of its values. */
struct pgs_request {
    struct pgs_stmt *stmt; /* null: text is the statement */
    const char *text;
    char *own_text;        /* null, or the same: freed with the request */
    bool prepares;         /* the statement is prepared right before it */
    size_t rows;           /* so many requests were joined to it; 0: it is one */
    int count;
    const char *values[PGS_PARAMETERS_MAX];
    int lengths[PGS_PARAMETERS_MAX], formats[PGS_PARAMETERS_MAX];
    unsigned types[PGS_PARAMETERS_MAX];
    size_t bytes_len;
    char bytes[];
};

struct pgs_queue {
    struct pgs_request **items;
    size_t count, cap;
};

/** @brief A statement with copies of the values that are bound to it; to be freed with pgs_request_free(). Null: no memory. */
struct pgs_request *pgs_request_new(struct pgs_stmt *stmt);
void pgs_request_free(struct pgs_request *r);

/** @brief One without values, and room for them. Null: no memory. */
struct pgs_request *pgs_request_blank(struct pgs_stmt *stmt, size_t bytes);

/** @brief Puts a statement with the values that are bound to it at the end. @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err pgs_queue_stmt(struct pgs_queue *q, struct pgs_stmt *stmt);
/** @brief The same of a text without parameters, which stays where it is. */
FERRY_MUST_CHECK ferry_err pgs_queue_text(struct pgs_queue *q, const char *text);
/** @brief The same of a text that was allocated, and is freed by the queue: also when it fails. */
FERRY_MUST_CHECK ferry_err pgs_queue_own_text(struct pgs_queue *q, char *text);
/** @brief Puts a copy of a request that stays where it is. */
FERRY_MUST_CHECK ferry_err pgs_queue_copy(struct pgs_queue *q, const struct pgs_request *r);
/** @brief The same as pgs_queue_text() at a place. */
FERRY_MUST_CHECK ferry_err pgs_queue_insert_text(struct pgs_queue *q, size_t at, const char *text);
/** @brief Moves the first count statements of from to a place in q. */
FERRY_MUST_CHECK ferry_err pgs_queue_move(struct pgs_queue *q, size_t at, struct pgs_queue *from, size_t count);
/** @brief Forgets what is behind the first count. */
void pgs_queue_cut(struct pgs_queue *q, size_t count);
void pgs_queue_done(struct pgs_queue *q);

#endif
