/**
 * @file cutting_proxy.h
 * @brief Between a program and its PostgreSQL: cuts a connection at its next COMMIT, before or after the server has it.
 *
 * Failures end the program.
 */
#ifndef TESTS_CUTTING_PROXY_H
#define TESTS_CUTTING_PROXY_H

#include "postgres_cluster.h"

struct cutting_proxy;

typedef enum {
    CUT_NOTHING,
    CUT_REQUEST, /* the server does not get it */
    CUT_ANSWER,  /* the server has done it, the program does not hear of it */
    CUT_HOLD,    /* the program's side is cut; the server gets it with cutting_proxy_let_go() */
} cutting;

/** @brief server: where it goes to. uri: the same through the proxy. */
struct cutting_proxy *cutting_proxy_new(const char *server, char uri[POSTGRES_URI_SIZE]);
void cutting_proxy_free(struct cutting_proxy *p);
/** @brief Of the next COMMIT of any connection. */
void cutting_proxy_cut(struct cutting_proxy *p, cutting what);
/** @brief Gives the server what was held, and returns when it has ended or answered. */
void cutting_proxy_let_go(struct cutting_proxy *p);

#endif
