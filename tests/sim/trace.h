/** @file trace.h  @brief What happened, as one number: two runs that did the same have the same. And as text for whoever reads it. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct trace {
    uint64_t digest;
    FILE *text; /* null: only the digest */
};

void trace_begin(struct trace *t, FILE *text);
/** what: a word of static storage. bytes: what else makes this happening another one. */
void trace_note(struct trace *t, uint64_t now_ms, const char *what, uint64_t who, const void *bytes, size_t len);

#endif
