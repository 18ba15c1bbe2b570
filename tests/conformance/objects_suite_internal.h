/**
 * @file objects_suite_internal.h
 * @brief What the files of the objects suite share: fixture, helpers, the ways in which bytes may be wrong.
 */
#ifndef TESTS_OBJECTS_SUITE_INTERNAL_H
#define TESTS_OBJECTS_SUITE_INTERNAL_H

#include "objects_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct world {
    const struct objects_factory *factory;
    void *where;
    struct objects *o;
};

/** A list of tests, one per file of the suite. */
struct objects_tests {
    const struct CMUnitTest *tests;
    size_t count;
};
extern const struct objects_tests objects_whole_tests, objects_partial_tests, objects_reading_tests,
    objects_house_tests;

#define OBJECTS_TESTS(list)                    \
    {                                          \
        list, sizeof(list) / sizeof((list)[0]) \
    }

/** @brief Closes the store and opens it again. */
void reopen(struct world *w);

/* Each fails the test when the store refuses. */
struct object_writer *begin(struct objects *o, const ferry_id *key, uint64_t size);
/** @brief offset: how much of it there must be. */
struct object_writer *resume(struct objects *o, const ferry_id *key, uint64_t offset);
void expect_reader(struct objects *o, struct object_reader *reader, const uint8_t *bytes, size_t len);
void expect_partial(struct objects *o, const ferry_id *key, uint64_t size);

/** @brief Ends an object that is to be these bytes. */
ferry_err finish(struct objects *o, struct object_writer *writer, const uint8_t *bytes, size_t len);

/** What is said of the bytes that isn't so, and what finish answers. */
struct wrong {
    int64_t size_off;
    bool md5, sha256;
    ferry_err err;
};
enum { WRONG_COUNT = 5 };
extern const struct wrong wrongs[WRONG_COUNT];

/** @brief Ends an object of which something else is said than what it is; no digests may come out of that. */
ferry_err finish_wrong(struct objects *o, struct object_writer *writer, const struct object_digests *have,
                       const struct wrong *wrong);

#endif
