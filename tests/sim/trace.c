#include "trace.h"

#include <inttypes.h>
#include <string.h>

enum { TEXT_MAX = 300 };

static void add(struct trace *t, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t h = t->digest, word;
    for (; len >= sizeof word; len -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        h = (h ^ word) * 0x9fb21c651e98df25u;
        h ^= h >> 29;
    }
    for (; len > 0; len--)
        h = (h ^ *p++) * 0x100000001b3u;
    t->digest = h;
}

void trace_begin(struct trace *t, FILE *text)
{
    *t = (struct trace){.digest = 0xcbf29ce484222325u, .text = text};
}

static void write_text(struct trace *t, uint64_t now_ms, const char *what, uint64_t who, const char *bytes, size_t len)
{
    (void)fprintf(t->text, "%10" PRIu64 " %-16s %3" PRIu64 " ", now_ms, what, who);
    for (size_t i = 0; i < len && i < TEXT_MAX; i++)
        (void)fputc(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.', t->text);
    (void)fputc('\n', t->text);
}

void trace_note(struct trace *t, uint64_t now_ms, const char *what, uint64_t who, const void *bytes, size_t len)
{
    add(t, &now_ms, sizeof now_ms);
    add(t, what, strlen(what));
    add(t, &who, sizeof who);
    add(t, bytes, len);
    if (t->text != NULL)
        write_text(t, now_ms, what, who, bytes, len);
}
