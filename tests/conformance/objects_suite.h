/**
 * @file objects_suite.h
 * @brief What every implementation of the objects table must do (api/objects.h), run against a factory.
 */
#ifndef TESTS_OBJECTS_SUITE_H
#define TESTS_OBJECTS_SUITE_H

#include "api/objects.h"

/** @brief How to make an empty store with room for some megabytes. Failures of a factory's own fail the test. */
struct objects_factory {
    const char *name;
    void *(*set_up)(void);                /**< where the store will be; may be null */
    struct objects *(*open)(void *where); /**< called again after close: what is durable is there again */
    void (*tear_down)(void *where);
    bool durable;   /**< what was finished or suspended is there after close and open */
    bool may_fail_in_a_race; /**< a read beside a replacement may end with FERRY_E_IO, seldom: Ceph's gateway answers it with 500 */
};

/** @brief Runs every rule; the number of failed ones. */
int objects_suite_run(const struct objects_factory *factory);

/* --- helpers that tests of one implementation share with the suite ------------------------------- */

/** @brief A key that differs for every number. */
ferry_id objects_suite_key(unsigned number);
/** @brief len bytes that depend on seed and position; free with free(). */
uint8_t *objects_suite_bytes(size_t len, unsigned seed);
/** @brief What these bytes are. */
void objects_suite_digests(const uint8_t *bytes, size_t len, struct object_digests *ret);
/** @brief Writes an object in one go; fails the test when that fails. */
void objects_suite_put(struct objects *o, const ferry_id *key, const uint8_t *bytes, size_t len);
/** @brief Fails the test unless the object is exactly these bytes. */
void objects_suite_expect(struct objects *o, const ferry_id *key, const uint8_t *bytes, size_t len);
/** @brief Fails the test unless there is no such object. */
void objects_suite_expect_none(struct objects *o, const ferry_id *key);

#endif
