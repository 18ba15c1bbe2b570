/**
 * @file locks.h
 * @brief Advisory locks of the database, in the space of two numbers: CLASS, and which one.
 *
 * The space of one number is that of the engine's transactions (batches, devices). Advisory locks belong to one database.
 */
#ifndef STORE_POSTGRES_LOCKS_H
#define STORE_POSTGRES_LOCKS_H

#define PGS_LOCK_CLASS "1181053561"  /* "Fery" */
#define PGS_LOCK_MIGRATE PGS_LOCK_CLASS ", 1" /* the schema, by one program at a time */
#define PGS_LOCK_EVENTS PGS_LOCK_CLASS ", 2"  /* the numbers of events, until the transaction ends */

#define PGS_LOCK_DUTIES "1181053563"  /* class of its own: which process has which store_duty */
#define PGS_LOCK_EVERYTHING "0"        /* in the space of one number: shared by transactions of devices */

#define PGS_LOCK_WORKERS "1181053562" /* class of its own: which number has which worker */
enum { PGS_WORKERS_MAX = 1000 };

#endif
