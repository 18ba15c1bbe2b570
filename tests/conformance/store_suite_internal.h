/**
 * @file store_suite_internal.h
 * @brief What the files of the store suite share: fixture, rows to put, comparison.
 */
#ifndef TESTS_STORE_SUITE_INTERNAL_H
#define TESTS_STORE_SUITE_INTERNAL_H

#include "store_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    store_suite_open *open_store;
    char folder[64];
    struct store *store;
    struct store_conn *writer, *reader;
};

/** A list of tests, one per file of the suite. */
struct store_tests {
    const struct CMUnitTest *tests;
    size_t count;
};
extern const struct store_tests store_transaction_tests, store_account_tests, store_resource_tests,
    store_upload_tests, store_deployment_tests, store_download_tests, store_random_tests, store_operator_tests, store_quota_tests,
    store_tag_tests, store_event_tests, store_report_tests, store_kept_answer_tests, store_presence_tests,
    store_webhook_tests, store_page_tests, store_sorting_tests, store_resource_upload_tests, store_statistics_tests;

#define STORE_TESTS(list) {list, sizeof(list) / sizeof((list)[0])}

/* A call over the writer or the reader. */
#define DO(f, op, ...) ((f)->store->ops->op((f)->writer, ##__VA_ARGS__))
#define SEE(f, op, ...) ((f)->store->ops->op((f)->reader, ##__VA_ARGS__))

/** Fails the test with the names of both errors. */
#define expect(want, call) expect_at(want, call, #call, __FILE__, __LINE__)
void expect_at(ferry_err want, ferry_err got, const char *call, const char *file, int line);
#define ok(call) expect(FERRY_OK, call)

/** @brief Ids in the order of n. */
ferry_id id_of(unsigned n);
struct device_key key_of(const char *product, const char *device);
/** @brief Rows with every field set, to something that depends on n. */
struct upload_task upload_of(unsigned n, const char *product, const char *device, const char *name);
struct resource resource_of(unsigned n, const char *product, const char *name);
struct deployment deployment_of(unsigned n, const char *product, unsigned resource);
struct download_task download_of(unsigned n, unsigned deployment, unsigned resource, const char *product,
                                 const char *device);
void add_product(struct fixture *f, const char *name);
void add_device(struct fixture *f, const char *product, const char *name);
/** @brief Product "p" with resource n "firmware" and deployment n of it. */
void add_deployment(struct fixture *f, unsigned n);

void assert_upload_equal(const struct upload_task *a, const struct upload_task *b);
void assert_resource_equal(const struct resource *a, const struct resource *b);
void assert_deployment_equal(const struct deployment *a, const struct deployment *b);
/** @brief resource: what the read-only fields of got must be. */
void assert_download_equal(const struct download_task *got, const struct download_task *put,
                           const struct resource *resource);

/** @brief want: the names of the devices of a page, each with a space behind it. */
void expect_devices(struct fixture *f, const struct device_filter *filter, const struct store_page *page, const char *want);

/* A page: the first one, or any. */
#define PAGE(rows) (&(struct store_page){.after = "", .limit = (rows)})
#define PAGE_AT(cursor, rows, down) (&(struct store_page){.after = (cursor), .limit = (rows), .descending = (down)})

#endif
