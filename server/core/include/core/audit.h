/**
 * @file audit.h
 * @brief The audit log: one record for each change, in the transaction of the change, chained by hashes.
 *
 * A record's hash (base/chain.h) covers, in this order: seq, time_ms (both in decimal digits), actor, from, action,
 * object, product, before, after; the last two are compact JSON, or empty for "nothing".
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "api/store.h"
#include "base/error.h"

/**
 * @brief Adds a record behind the last one. seq, prev and hash are filled in; all else is given.
 * Over the writer, in the transaction of the change.
 */
FERRY_MUST_CHECK ferry_err audit_append(const struct store_ops *ops, struct store_conn *conn, struct audit_record *r);

/** @brief Before anything is added: false, and said in the log, when the last record is not the one that was written. */
bool audit_check_end(const struct store_ops *ops, struct store_conn *conn);

/** @brief The hash that the record should have. Pure. @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err audit_hash(const struct audit_record *r, uint8_t ret_hash[FERRY_CHAIN_BYTES]);

#endif
