#include "api_once.h"

#include "access/seal.h"
#include "api_readers.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_HEADER "Idempotency-Key"

enum { KEY_MAX = 255, REQUEST_BYTES_MAX = 32 << 20 /* the largest body, written anew */ };

struct api_once {
    uint8_t key[KEPT_DIGEST_BYTES], request[KEPT_DIGEST_BYTES];
    bool claimed, keeps;
    struct api_once *next; /* of those that are claimed */
    json_t *shown;         /* what the answer says */
};

struct api_claims {
    pthread_mutex_t lock;
    struct api_once *first;
};

/* --- keys in use ---------------------------------------------------------------------------------------- */

ferry_err api_claims_new(struct api_claims **ret_claims)
{
    struct api_claims *claims = ferry_calloc(1, sizeof *claims);

    if (claims == NULL)
        return FERRY_E_NOMEM;
    pthread_mutex_init(&claims->lock, NULL);
    *ret_claims = claims;
    return FERRY_OK;
}

void api_claims_free(struct api_claims *claims)
{
    if (claims == NULL)
        return;
    pthread_mutex_destroy(&claims->lock);
    free(claims);
}

static bool claim(struct api_claims *claims, struct api_once *once)
{
    bool free_key = true;

    pthread_mutex_lock(&claims->lock);
    for (const struct api_once *other = claims->first; other != NULL; other = other->next)
        free_key = free_key && memcmp(other->key, once->key, sizeof once->key) != 0;
    if (free_key) {
        once->next = claims->first;
        claims->first = once;
        once->claimed = true;
    }
    pthread_mutex_unlock(&claims->lock);
    return free_key;
}

static void give_free(struct api_claims *claims, struct api_once *once)
{
    pthread_mutex_lock(&claims->lock);
    for (struct api_once **at = &claims->first; *at != NULL; at = &(*at)->next) {
        if (*at == once) {
            *at = once->next;
            break;
        }
    }
    pthread_mutex_unlock(&claims->lock);
}

void api_once_end(struct api_request *r)
{
    if (r->once == NULL)
        return;
    if (r->once->claimed)
        give_free(r->shared->claims, r->once);
    json_decref(r->once->shown);
    free(r->once);
    r->once = NULL;
}

/* --- digests: with the key of the secrets, so that a copy of the database tells nobody what was in a request ---- */

static ferry_err add(struct ferry_buf *buf, const char *text)
{
    return ferry_buf_append(buf, text != NULL ? text : "", (text != NULL ? strlen(text) : 0) + 1);
}

static ferry_err digest(const struct api_request *r, struct ferry_buf *buf, uint8_t out[KEPT_DIGEST_BYTES])
{
    const struct seal_key *key = &r->shared->seal_keys->keys[0];
    unsigned len = 0;
    bool done = HMAC(EVP_sha256(), key->bytes, sizeof key->bytes, (const unsigned char *)buf->data, buf->len, out, &len) != NULL;

    return done && len == KEPT_DIGEST_BYTES ? FERRY_OK : FERRY_E_NOMEM;
}

/* A name may be given away again: another token of that name, or another scope, is somebody else. */
static ferry_err digest_key(const struct api_request *r, const char *key, uint8_t out[KEPT_DIGEST_BYTES])
{
    ferry_autobuf buf = FERRY_BUF_INIT(REQUEST_BYTES_MAX);
    const struct api_caller *caller = &r->caller;
    ferry_err err = add(&buf, caller->actor);

    if (err == FERRY_OK)
        err = add(&buf, caller->scope);
    if (err == FERRY_OK)
        err = ferry_buf_append(&buf, &caller->role, sizeof caller->role);
    if (err == FERRY_OK && !caller->by_session)
        err = ferry_buf_append(&buf, caller->hash, sizeof caller->hash);
    if (err == FERRY_OK)
        err = add(&buf, key);
    return err == FERRY_OK ? digest(r, &buf, out) : err;
}

/* The body, whatever its order and blanks. A password is not compared: its digest would be a weak one. */
static ferry_err add_body(const struct api_request *r, struct ferry_buf *buf)
{
    json_t *body = r->json != NULL ? json_copy(r->json) : NULL;

    if (r->json == NULL)
        return FERRY_OK;
    (void)json_object_del(body, "password");
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    ferry_err err = text != NULL ? add(buf, text) : FERRY_E_NOMEM;
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
    json_decref(body);
    return err;
}

/* Of a file what its sender says of it. */
static ferry_err add_file(const struct api_request *r, struct ferry_buf *buf)
{
    static const char *const headers[] = {"Content-Length", "Content-MD5", "Content-Digest", "Digest"};
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < sizeof headers / sizeof headers[0]; i++)
        err = add(buf, api_header(r, headers[i]));
    return err;
}

static ferry_err digest_request(const struct api_request *r, uint8_t out[KEPT_DIGEST_BYTES])
{
    ferry_autobuf buf = FERRY_BUF_INIT(REQUEST_BYTES_MAX);
    ferry_err err = add(&buf, r->route->method);

    for (size_t i = 0; err == FERRY_OK && i < r->url.part_count; i++)
        err = add(&buf, r->url.parts[i]);
    for (size_t i = 0; err == FERRY_OK && i < r->url.param_count; i++) {
        err = add(&buf, r->url.params[i].name);
        if (err == FERRY_OK)
            err = add(&buf, r->url.params[i].value);
    }
    if (err == FERRY_OK)
        err = r->route->stream != NULL ? add_file(r, &buf) : add_body(r, &buf);
    if (err == FERRY_OK)
        err = digest(r, &buf, out);
    if (buf.data != NULL)
        explicit_bzero(buf.data, buf.len);
    return err;
}

/* --- the secret of an answer ------------------------------------------------------------------------------ */

static const char *part_context(const struct kept_answer *a, size_t part, char out[SEAL_CONTEXT_SIZE])
{
    char hex[2 * KEPT_DIGEST_BYTES + 1];

    ferry_hex_encode(a->key, sizeof a->key, hex);
    (void)snprintf(out, SEAL_CONTEXT_SIZE, "answer %s %zu", hex, part);
    return out;
}

static ferry_err close_secret(const struct api_request *r, const char *text, struct kept_answer *a)
{
    size_t left = strlen(text);
    char context[SEAL_CONTEXT_SIZE];
    ferry_err err = left <= KEPT_SECRET_PARTS * DEVICE_SECRET_MAX ? FERRY_OK : FERRY_E_UNSUPPORTED;

    for (size_t i = 0; err == FERRY_OK && i < KEPT_SECRET_PARTS && left > 0; i++) {
        size_t len = left < DEVICE_SECRET_MAX ? left : DEVICE_SECRET_MAX;
        err = seal_close(r->shared->seal_keys, part_context(a, i, context), text, len, &a->secret[i]);
        text += len;
        left -= len;
    }
    return err;
}

static ferry_err open_secret(const struct api_request *r, const struct kept_answer *a, json_t *body)
{
    char text[KEPT_SECRET_PARTS * DEVICE_SECRET_MAX], context[SEAL_CONTEXT_SIZE];
    size_t len = 0;
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < KEPT_SECRET_PARTS && a->secret[i].len > 0; i++) {
        size_t part = 0;
        err = seal_open(r->shared->seal_keys, part_context(a, i, context), &a->secret[i], (uint8_t *)text + len, &part);
        if (err == FERRY_OK)
            len += part;
    }
    if (err == FERRY_OK && json_object_set_new(body, a->secret_name, json_stringn(text, len)) != 0)
        err = FERRY_E_NOMEM;
    explicit_bzero(text, sizeof text);
    return err;
}

/* --- keeping an answer, in the transaction of what it tells -------------------------------------------------- */

void api_once_answered(struct api_request *r, json_t *value)
{
    if (r->once != NULL && r->once->keeps && r->once->shown == NULL)
        r->once->shown = json_incref(value);
}

/* Fields whose text goes into the database only sealed. */
static const char *const secret_fields[] = {"secret", "token"};

static ferry_err take_secret(const struct api_request *r, json_t *body, struct kept_answer *a)
{
    for (size_t i = 0; i < sizeof secret_fields / sizeof secret_fields[0]; i++) {
        const char *text = json_string_value(json_object_get(body, secret_fields[i]));
        if (text == NULL)
            continue;
        (void)snprintf(a->secret_name, sizeof a->secret_name, "%s", secret_fields[i]);
        ferry_err err = close_secret(r, text, a);
        (void)json_object_del(body, secret_fields[i]);
        return err;
    }
    return FERRY_OK;
}

static ferry_err write_down(const struct api_request *r, struct kept_answer *a)
{
    memcpy(a->key, r->once->key, sizeof a->key);
    memcpy(a->request, r->once->request, sizeof a->request);
    json_t *body = json_copy(r->once->shown);
    ferry_err err = body != NULL ? take_secret(r, body, a) : FERRY_E_NOMEM;
    char *text = err == FERRY_OK ? json_dumps(body, JSON_COMPACT) : NULL;

    json_decref(body);
    if (err != FERRY_OK)
        return err;
    if (text == NULL)
        return FERRY_E_NOMEM;
    size_t len = strlen(text);
    if (len < sizeof a->body)
        memcpy(a->body, text, len + 1);
    free(text);
    if (len >= sizeof a->body)
        return FERRY_E_UNSUPPORTED;
    a->made_ms = engine_now_ms(r->shared->engine);
    a->status = r->status;
    (void)snprintf(a->location, sizeof a->location, "%s", r->location);
    return FERRY_OK;
}

/* The answer is made here and sent after the commit; what it reads, it reads in the transaction. */
static ferry_err keep(struct command *command, struct store_conn *conn)
{
    struct api_request *r = command->arg;
    struct store_conn *own = r->conn;
    struct kept_answer *a = ferry_calloc(1, sizeof *a);

    if (a == NULL)
        return FERRY_E_NOMEM;
    r->conn = conn;
    r->once->keeps = true;
    r->finish(r);
    r->conn = own;
    r->conn_broken = false;
    ferry_err err = r->once->shown != NULL && r->response != NULL && r->status < 300 ? write_down(r, a) : FERRY_E_IO;
    if (err == FERRY_OK)
        err = r->shared->store->ops->kept_answer_put(conn, a);
    free(a);
    return err;
}

void api_once_command(struct api_request *r)
{
    if (r->once != NULL && r->command_given)
        r->command.completion = keep;
}

/* --- giving it again ------------------------------------------------------------------------------------------ */

static void answer_again(struct api_request *r, const struct kept_answer *a)
{
    json_t *body = json_loads(a->body, JSON_REJECT_DUPLICATES, NULL);
    ferry_err err = body != NULL ? FERRY_OK : FERRY_E_CORRUPT;

    if (err == FERRY_OK && a->secret_name[0] != '\0')
        err = open_secret(r, a, body);
    if (err != FERRY_OK) {
        json_decref(body);
        api_reply_err(r, err == FERRY_E_NOT_FOUND ? FERRY_E_CORRUPT : err, NULL);
        return;
    }
    (void)snprintf(r->location, sizeof r->location, "%s", a->location);
    api_reply_json(r, a->status, body);
    if (r->response != NULL)
        (void)MHD_add_response_header(r->response, "Idempotency-Replayed", "true");
}

static bool is_alive(const struct api_request *r, const struct kept_answer *a)
{
    return a->made_ms + r->shared->answers_kept_ms > engine_now_ms(r->shared->engine);
}

/* False with a reply: there is an answer already, or no way to know. */
static bool is_first(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    ferry_autofree struct kept_answer *a = ferry_calloc(1, sizeof *a);

    if (conn == NULL)
        return false;
    ferry_err err = a != NULL ? r->shared->store->ops->kept_answer_get(conn, r->once->key, a) : FERRY_E_NOMEM;
    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && !is_alive(r, a)))
        return true;
    if (!api_store_ok(r, err, NULL))
        return false;
    if (memcmp(a->request, r->once->request, sizeof a->request) == 0)
        answer_again(r, a);
    else
        api_reply_problem(r, API_KEY_REUSED, NULL);
    return false;
}

static bool valid_key(const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < len; i++) {
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    }
    return len >= 1 && len <= KEY_MAX;
}

bool api_once_begin(struct api_request *r)
{
    const char *key = r->route->once ? api_header(r, KEY_HEADER) : NULL;
    struct api_fault fault;

    if (key == NULL)
        return true;
    if (!valid_key(key)) {
        (void)api_fault_set(&fault, API_INVALID_HEADER, KEY_HEADER, "\"%s\" must be 1 to %d characters of ASCII without blanks.",
                            KEY_HEADER, KEY_MAX);
        api_reply_fault(r, &fault);
        return false;
    }
    r->once = ferry_calloc(1, sizeof *r->once);
    ferry_err err = r->once != NULL ? digest_key(r, key, r->once->key) : FERRY_E_NOMEM;
    if (err == FERRY_OK)
        err = digest_request(r, r->once->request);
    if (err != FERRY_OK) {
        api_reply_err(r, err, NULL);
        return false;
    }
    if (claim(r->shared->claims, r->once))
        return is_first(r);
    api_reply_problem(r, API_KEY_BUSY, NULL);
    return false;
}
