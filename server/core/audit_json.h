/**
 * @file audit_json.h
 * @brief Writes one small JSON object into a fixed place: what a record says about a thing. Pure.
 *
 * Compact, members in the order of the calls, only " and \ escaped: the bytes that any JSON library gives again.
 */
#ifndef CORE_AUDIT_JSON_H
#define CORE_AUDIT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_json {
    char *out;
    size_t cap, len;
    bool full; /**< something did not fit */
};

/** @brief out must hold the NUL too. */
void audit_json_begin(struct audit_json *j, char *out, size_t cap);
/** @brief Control characters become '?'. */
void audit_json_text(struct audit_json *j, const char *name, const char *text);
void audit_json_number(struct audit_json *j, const char *name, uint64_t number);
void audit_json_bool(struct audit_json *j, const char *name, bool value);
/** @brief A list of the parts between commas; the empty text is null ("all"). */
void audit_json_scope(struct audit_json *j, const char *name, const char *scope);
/** @brief As many of the texts as leave room for the rest of the object. */
void audit_json_list(struct audit_json *j, const char *name, const char *const *texts, size_t count);
/** @brief False, and out is "", when it did not fit. */
bool audit_json_end(struct audit_json *j);

#endif
