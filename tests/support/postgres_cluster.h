/**
 * @file postgres_cluster.h
 * @brief A PostgreSQL of its own for a test program (tests/support/postgres.py). It ends with the program, however that ends.
 *
 * Failures fail the running cmocka test, or end the program.
 */
#ifndef TESTS_POSTGRES_CLUSTER_H
#define TESTS_POSTGRES_CLUSTER_H

enum { POSTGRES_URI_SIZE = 128 };

struct postgres_cluster;

struct postgres_cluster *postgres_cluster_new(void);
void postgres_cluster_free(struct postgres_cluster *c); /**< accepts null */

/** @brief Makes an empty database with a name that no other has, and gives its address. */
void postgres_cluster_create(struct postgres_cluster *c, char uri[POSTGRES_URI_SIZE]);
/** @brief "kill", "start", "pause" or "resume". */
void postgres_cluster_do(struct postgres_cluster *c, const char *command);

/** @brief Statements over a connection of its own, as another program would. */
void postgres_run(const char *uri, const char *sql);
/** @brief The first column of the first row, as a number. */
long long postgres_number(const char *uri, const char *sql);

#endif
