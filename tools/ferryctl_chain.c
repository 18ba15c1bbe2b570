#include "ferryctl_chain.h"

#include "base/alloc.h"
#include "base/encode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t zeros[FERRY_CHAIN_BYTES];

__attribute__((format(printf, 3, 4))) static bool wrong(struct ctl_chain *chain, uint64_t seq, const char *format, ...)
{
    va_list args;

    chain->bad_seq = seq;
    va_start(args, format);
    (void)vsnprintf(chain->problem, sizeof chain->problem, format, args);
    va_end(args);
    return false;
}

void ctl_chain_begin(struct ctl_chain *chain, const struct ctl_anchor *wanted)
{
    *chain = (struct ctl_chain){.records = 0};
    if (wanted != NULL)
        chain->wanted = *wanted;
}

static bool get_hash(const json_t *record, const char *name, uint8_t out[FERRY_CHAIN_BYTES])
{
    const char *text = json_string_value(json_object_get(record, name));

    return text != NULL && ferry_hex_decode(text, strlen(text), out, FERRY_CHAIN_BYTES) == FERRY_OK;
}

static bool get_number(const json_t *record, const char *name, uint64_t *ret_number)
{
    json_int_t number = json_integer_value(json_object_get(record, name));

    *ret_number = (uint64_t)number;
    return number >= 0 && json_is_integer(json_object_get(record, name));
}

/* The state's JSON as it was written; a new string, or null. */
static char *state_of(const json_t *record, const char *name)
{
    const json_t *state = json_object_get(record, name);

    if (json_is_null(state))
        return ferry_calloc(1, 1);
    return json_dumps(state, JSON_COMPACT | JSON_ENCODE_ANY);
}

static bool hash_record(const json_t *record, uint64_t seq, uint64_t time_ms, const uint8_t prev[FERRY_CHAIN_BYTES],
                        uint8_t out[FERRY_CHAIN_BYTES])
{
    static const char *const names[] = {"actor", "from", "action", "object", "product"};
    enum { NAMES = sizeof names / sizeof names[0] };
    char seq_text[24], time_text[24];
    const char *fields[NAMES + 4] = {seq_text, time_text};
    char *before = state_of(record, "before"), *after = state_of(record, "after");
    bool good = before != NULL && after != NULL;

    (void)snprintf(seq_text, sizeof seq_text, "%llu", (unsigned long long)seq);
    (void)snprintf(time_text, sizeof time_text, "%llu", (unsigned long long)time_ms);
    for (size_t i = 0; i < NAMES; i++) {
        fields[2 + i] = json_string_value(json_object_get(record, names[i]));
        good = good && fields[2 + i] != NULL;
    }
    fields[NAMES + 2] = before;
    fields[NAMES + 3] = after;
    good = good && ferry_chain_next(prev, fields, NAMES + 4, out) == FERRY_OK;
    free(before);
    free(after);
    return good;
}

/* Where the first record stands: at the beginning, or behind what was cut. */
static void take_begin(struct ctl_chain *chain, uint64_t seq, const uint8_t prev[FERRY_CHAIN_BYTES])
{
    chain->begin.seq = seq - 1;
    memcpy(chain->begin.hash, prev, sizeof chain->begin.hash);
    chain->begin_known = seq == 1;
    chain->last = chain->begin;
}

static void look_for_cut(struct ctl_chain *chain, const json_t *record)
{
    const char *action = json_string_value(json_object_get(record, "action"));
    const json_t *after = json_object_get(record, "after");
    uint8_t hash[FERRY_CHAIN_BYTES];
    uint64_t seq;

    if (action != NULL && strcmp(action, "audit.cut") == 0 && get_number(after, "seq", &seq) &&
        get_hash(after, "hash", hash) && seq == chain->begin.seq &&
        memcmp(hash, chain->begin.hash, sizeof hash) == 0)
        chain->begin_known = true;
}

bool ctl_chain_add(struct ctl_chain *chain, const json_t *record)
{
    uint8_t prev[FERRY_CHAIN_BYTES], hash[FERRY_CHAIN_BYTES], real[FERRY_CHAIN_BYTES];
    uint64_t seq, time_ms, expected = chain->last.seq + 1;

    if (!get_number(record, "seq", &seq) || !get_number(record, "time_ms", &time_ms) || seq == 0 ||
        !get_hash(record, "prev", prev) || !get_hash(record, "hash", hash))
        return wrong(chain, expected, "record %llu cannot be read", (unsigned long long)expected);
    if (chain->records == 0)
        take_begin(chain, seq, prev);
    else if (seq != expected)
        return wrong(chain, expected, "record %llu is missing: record %llu comes in its place",
                     (unsigned long long)expected, (unsigned long long)seq);
    if (memcmp(prev, seq == 1 ? zeros : chain->last.hash, sizeof prev) != 0)
        return wrong(chain, seq, "record %llu does not follow the one before it", (unsigned long long)seq);
    if (!hash_record(record, seq, time_ms, prev, real) || memcmp(real, hash, sizeof hash) != 0)
        return wrong(chain, seq, "record %llu was changed: its hash is not that of its content",
                     (unsigned long long)seq);
    chain->records++;
    chain->last.seq = seq;
    memcpy(chain->last.hash, hash, sizeof hash);
    look_for_cut(chain, record);
    if (seq == chain->wanted.seq) {
        chain->wanted_seen = true;
        if (memcmp(hash, chain->wanted.hash, sizeof hash) != 0)
            return wrong(chain, seq, "record %llu is another than the anchor says: the log was written anew",
                         (unsigned long long)seq);
    }
    return true;
}

bool ctl_chain_end(struct ctl_chain *chain, const struct ctl_anchor *head)
{
    uint64_t last = chain->last.seq;

    if (chain->records > 0 && !chain->begin_known)
        return wrong(chain, 1, "the records up to %llu are missing, and no record says that they were removed",
                     (unsigned long long)chain->begin.seq);
    if (head != NULL && last < head->seq)
        return wrong(chain, last + 1, "record %llu and what follows up to %llu are missing",
                     (unsigned long long)last + 1, (unsigned long long)head->seq);
    if (head != NULL && last == head->seq && last > 0 && memcmp(head->hash, chain->last.hash, sizeof head->hash) != 0)
        return wrong(chain, last, "record %llu is not the one that the platform wrote last", (unsigned long long)last);
    if (chain->wanted.seq > last)
        return wrong(chain, last + 1, "record %llu, which the anchor names, is missing: the log ends with %llu",
                     (unsigned long long)chain->wanted.seq, (unsigned long long)last);
    return true;
}

bool ctl_anchor_parse(const char *text, struct ctl_anchor *ret_anchor)
{
    struct ctl_anchor anchor;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    anchor.seq = strtoull(text, &end, 10);
    size_t len = strcspn(end + (*end == ' '), "\r\n");
    if (*end != ' ' || ferry_hex_decode(end + 1, len, anchor.hash, sizeof anchor.hash) != FERRY_OK)
        return false;
    *ret_anchor = anchor;
    return true;
}
