/**
 * @file known.h
 * @brief Rows that a writer read or wrote a moment ago: devices, the open uploads of a device, and products' quotas, those without one too. Every
 * message asks for them.
 *
 * Right as long as its owner forgets them all whenever one may have changed: with each statement that could change one, when something is
 * undone, and when somebody else has committed. Not thread-safe.
 */
#ifndef STORE_SQL_KNOWN_H
#define STORE_SQL_KNOWN_H

#include "api/model.h"
#include "api/quota.h"
#include "base/error.h"

#include <stdbool.h>

struct sql_known;

/** @brief Null: no memory. */
struct sql_known *sql_known_new(void);
void sql_known_free(struct sql_known *k);

/** @brief All of them. Accepts null, as do all that follow: nothing is known. */
void sql_known_forget(struct sql_known *k);

/** @brief False: it must be looked up. */
bool sql_known_device(const struct sql_known *k, const struct device_key *key, struct device *ret);
void sql_known_note_device(struct sql_known *k, const struct device *d);

/** @brief The newest of the device's open uploads, as store_ops.upload_open gives them. False: they must be looked up. */
bool sql_known_uploads(struct sql_known *k, const struct device_key *key, struct upload_task *out, size_t cap, size_t *ret_count);
/** @brief tasks: all of the device's that are open, newest first. Of a device that has many, none are kept. */
void sql_known_note_uploads(struct sql_known *k, const struct device_key *key, const struct upload_task *tasks, size_t count);
/** @brief The task was written; it is of the device that it was of before. */
void sql_known_note_upload(struct sql_known *k, const struct upload_task *t);

/** @brief True: *ret_err is what the look-up gave, FERRY_OK with *ret, or FERRY_E_NOT_FOUND. */
bool sql_known_quota(const struct sql_known *k, const char *product, struct quota *ret, ferry_err *ret_err);
/** @brief err: FERRY_OK, or FERRY_E_NOT_FOUND and q has the name of the product alone. */
void sql_known_note_quota(struct sql_known *k, const struct quota *q, ferry_err err);

#endif
