#include "api_etag.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWN_BYTES = 16, MOVING_BYTES = 8, DIGEST_BYTES = 32 };

/* Fields that change without an operator: with what devices do, and with use. */
static const char *const moving[] = {
    "connected_since", "counts", "expanding", "failing_since", "failures", "last_error", "last_event", "last_seen_at", "last_status",
    "last_success_at", "next_attempt_at", "online", "percent", "pushes", "updated_at", "used", "used_at"};

/* --- making ------------------------------------------------------------------------------------------- */

static ferry_err digest(const json_t *value, const void *hidden, size_t hidden_len, size_t bytes, char *out)
{
    uint8_t hash[DIGEST_BYTES];
    ferry_autofree char *text = json_dumps(value, JSON_COMPACT);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = text != NULL && context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, text, strlen(text)) == 1 &&
                (hidden_len == 0 || EVP_DigestUpdate(context, hidden, hidden_len) == 1) &&
                EVP_DigestFinal_ex(context, hash, NULL) == 1;

    EVP_MD_CTX_free(context);
    if (!done)
        return FERRY_E_NOMEM;
    ferry_hex_encode(hash, bytes, out);
    return FERRY_OK;
}

/* Takes what moves out of own and puts it into apart. */
static ferry_err split(json_t *own, json_t *apart)
{
    for (size_t i = 0; i < sizeof moving / sizeof moving[0]; i++) {
        json_t *value = json_object_get(own, moving[i]);
        if (value == NULL)
            continue;
        if (json_object_set(apart, moving[i], value) != 0)
            return FERRY_E_NOMEM;
        (void)json_object_del(own, moving[i]);
    }
    return FERRY_OK;
}

ferry_err api_etag_make(const json_t *value, const void *hidden, size_t hidden_len, char ret_etag[API_ETAG_SIZE])
{
    char own_hex[2 * OWN_BYTES + 1], apart_hex[2 * MOVING_BYTES + 1];
    /* jansson copies from a value that is not const. */
    union {
        const json_t *in;
        json_t *out;
    } source = {.in = value};
    json_t *own = json_copy(source.out), *apart = json_object();
    ferry_err err = own != NULL && apart != NULL ? split(own, apart) : FERRY_E_NOMEM;
    bool moves = err == FERRY_OK && json_object_size(apart) > 0;

    if (err == FERRY_OK)
        err = digest(own, hidden, hidden_len, OWN_BYTES, own_hex);
    if (err == FERRY_OK && moves)
        err = digest(apart, NULL, 0, MOVING_BYTES, apart_hex);
    json_decref(own);
    json_decref(apart);
    if (err == FERRY_OK)
        (void)snprintf(ret_etag, API_ETAG_SIZE, "\"%s%s%s\"", own_hex, moves ? "-" : "", moves ? apart_hex : "");
    return err;
}

/* --- lists -------------------------------------------------------------------------------------------- */

static const char blanks[] = " \t";

static bool is_any(const char *list)
{
    list += strspn(list, blanks);
    return list[0] == '*' && list[1 + strspn(list + 1, blanks)] == '\0';
}

struct tag {
    const char *at; /* the opening quote */
    size_t len;     /* with both quotes */
    bool weak;
};

/* One tag and the comma behind it. Null: this is none. */
static const char *next_tag(const char *at, struct tag *ret)
{
    at += strspn(at, blanks);
    ret->weak = at[0] == 'W' && at[1] == '/';
    if (ret->weak)
        at += 2;
    const char *end = at[0] == '"' ? strchr(at + 1, '"') : NULL;
    if (end == NULL)
        return NULL;
    *ret = (struct tag){.at = at, .len = (size_t)(end - at) + 1, .weak = ret->weak};
    at = end + 1 + strspn(end + 1, blanks);
    if (*at == ',')
        return at + 1 + strspn(at + 1, blanks);
    return *at == '\0' ? at : NULL;
}

bool api_etag_list_valid(const char *list)
{
    struct tag tag;

    if (is_any(list))
        return true;
    if (list[0] == '\0')
        return false;
    while (list != NULL && *list != '\0')
        list = next_tag(list, &tag);
    return list != NULL;
}

static size_t own_len(const char *at, size_t len)
{
    const char *dash = memchr(at, '-', len);

    return dash != NULL ? (size_t)(dash - at) : len - 1; /* without the closing quote */
}

static bool same(const struct tag *tag, const char *etag, api_etag_how how)
{
    size_t len = strlen(etag);

    if (tag->weak && how != API_ETAG_WEAK)
        return false;
    if (how == API_ETAG_OWN) {
        size_t own = own_len(etag, len);
        return own_len(tag->at, tag->len) == own && memcmp(tag->at, etag, own) == 0;
    }
    return tag->len == len && memcmp(tag->at, etag, len) == 0;
}

bool api_etag_listed(const char *list, const char *etag, api_etag_how how)
{
    struct tag tag;

    if (is_any(list))
        return true;
    while (*list != '\0') {
        list = next_tag(list, &tag);
        if (list == NULL)
            return false;
        if (same(&tag, etag, how))
            return true;
    }
    return false;
}
