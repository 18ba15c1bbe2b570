#include "audit_json.h"

#include <stdio.h>
#include <string.h>

enum { LIST_RESERVE = 128 }; /* bytes that a list leaves for what follows */

static void put(struct audit_json *j, const char *bytes, size_t len)
{
    if (j->full || len >= j->cap - j->len) {
        j->full = true;
        return;
    }
    memcpy(j->out + j->len, bytes, len);
    j->len += len;
    j->out[j->len] = '\0';
}

static void put_string(struct audit_json *j, const char *text, size_t len)
{
    put(j, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '"' || c == '\\')
            put(j, "\\", 1);
        if ((unsigned char)c < 0x20)
            c = '?';
        put(j, &c, 1);
    }
    put(j, "\"", 1);
}

static void put_name(struct audit_json *j, const char *name)
{
    if (j->len > 1)
        put(j, ",", 1);
    put_string(j, name, strlen(name));
    put(j, ":", 1);
}

void audit_json_begin(struct audit_json *j, char *out, size_t cap)
{
    *j = (struct audit_json){.out = out, .cap = cap};
    put(j, "{", 1);
}

void audit_json_text(struct audit_json *j, const char *name, const char *text)
{
    put_name(j, name);
    put_string(j, text, strlen(text));
}

void audit_json_number(struct audit_json *j, const char *name, uint64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)number);

    put_name(j, name);
    put(j, text, (size_t)len);
}

void audit_json_bool(struct audit_json *j, const char *name, bool value)
{
    put_name(j, name);
    put(j, value ? "true" : "false", value ? 4 : 5);
}

void audit_json_scope(struct audit_json *j, const char *name, const char *scope)
{
    put_name(j, name);
    if (scope[0] == '\0') {
        put(j, "null", 4);
        return;
    }
    put(j, "[", 1);
    for (const char *p = scope; *p != '\0';) {
        size_t part = strcspn(p, ",");
        if (p != scope)
            put(j, ",", 1);
        put_string(j, p, part);
        p += part + (p[part] == ',');
    }
    put(j, "]", 1);
}

void audit_json_list(struct audit_json *j, const char *name, const char *const *texts, size_t count)
{
    put_name(j, name);
    put(j, "[", 1);
    for (size_t i = 0; i < count && j->cap - j->len > 2 * strlen(texts[i]) + LIST_RESERVE; i++) {
        if (i > 0)
            put(j, ",", 1);
        put_string(j, texts[i], strlen(texts[i]));
    }
    put(j, "]", 1);
}

bool audit_json_end(struct audit_json *j)
{
    put(j, "}", 1);
    if (j->full)
        j->out[0] = '\0';
    return !j->full;
}
