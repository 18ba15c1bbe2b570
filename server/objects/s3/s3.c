#include "s3_internal.h"
#include "s3_xml.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/system.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKEW_TOLD_S = 30, MOVED = 301 };

#define OWNER_NAME "installation"

void s3_object_name(const ferry_id *key, char out[S3_NAME_SIZE])
{
    (void)snprintf(out, S3_NAME_SIZE, "%s", key->text);
}

void s3_partial_name(const ferry_id *key, char out[S3_NAME_SIZE])
{
    (void)snprintf(out, S3_NAME_SIZE, "partial/%s", key->text);
}

uint32_t s3_patience_ms(size_t body_len)
{
    enum { SMALL = 64 * 1024 };
    return body_len <= SMALL ? S3_PATIENCE_MS : S3_BODY_PATIENCE_MS + (uint32_t)(body_len / S3_BODY_BYTES_PER_MS);
}

static ferry_err put_answered(struct objects_s3 *store, const char *name, const void *bytes, size_t len, const uint8_t *md5,
                              struct s3_answer *answer)
{
    uint8_t own[16];
    char text[S3_MD5_BASE64_SIZE];
    if (md5 == NULL && EVP_Digest(bytes, len, own, NULL, EVP_md5(), NULL) != 1)
        return FERRY_E_NOMEM;
    s3_md5_base64(md5 != NULL ? md5 : own, text);
    const struct s3_call call = {.method = "PUT",
                                 .name = name,
                                 .headers = {{"content-md5", text}},
                                 .headers_count = 1,
                                 .body = bytes != NULL ? bytes : "",
                                 .body_len = len,
                                 .patience_ms = s3_patience_ms(len)};
    return s3_call(store, &call, answer);
}

ferry_err s3_put(struct objects_s3 *store, const char *name, const void *bytes, size_t len, const uint8_t *md5)
{
    s3_autoanswer answer = {.status = 0};
    return put_answered(store, name, bytes, len, md5, &answer);
}

static ferry_err delete_answered(struct objects_s3 *store, const char *name, struct s3_answer *answer)
{
    const struct s3_call call = {.method = "DELETE", .name = name, .patience_ms = S3_PATIENCE_MS};
    ferry_err err = s3_call(store, &call, answer);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

ferry_err s3_delete(struct objects_s3 *store, const char *name)
{
    s3_autoanswer answer = {.status = 0};
    return delete_answered(store, name, &answer);
}

static ferry_err s3_remove(struct objects *o, const ferry_id *key)
{
    char name[S3_NAME_SIZE];
    s3_object_name(key, name);
    ferry_err err = s3_delete(s3_of(o), name);
    s3_aside_name(key, name);
    return err == FERRY_OK ? s3_delete(s3_of(o), name) : err;
}

static void s3_interrupt(struct objects *o)
{
    atomic_store(&s3_of(o)->interrupted, true);
}

/* --- is everything there? --------------------------------------------------------------------------- */

static void probe_name(char out[S3_NAME_SIZE])
{
    uint8_t chance[8];
    char hex[2 * sizeof chance + 1];
    ferry_random_bytes(chance, sizeof chance);
    ferry_hex_encode(chance, sizeof chance, hex);
    (void)snprintf(out, S3_NAME_SIZE, "probe/%s", hex);
}

static ferry_err s3_probe(struct objects *o)
{
    char name[S3_NAME_SIZE];
    probe_name(name);
    ferry_err err = s3_put(s3_of(o), name, "ferry", 5, NULL);
    return err == FERRY_OK ? s3_delete(s3_of(o), name) : err;
}

__attribute__((format(printf, 3, 4))) static ferry_err say(char problem[OBJECTS_S3_PROBLEM_SIZE], ferry_err err,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(problem, OBJECTS_S3_PROBLEM_SIZE, format, args);
    va_end(args);
    return err;
}

/* The store's clock minus ours. */
static int64_t skew_s(const struct objects_s3 *store, const struct s3_answer *a)
{
    return a->date_s == 0 ? 0 : (int64_t)a->date_s - (int64_t)(store->wall_ms() / 1000);
}

/* What is told of an error that has a name of its own. %s, if there is one: the region that the store says. */
static const struct {
    const char *code, *words;
} findings[] = {
    {"NoSuchBucket", "there is no such bucket: make it, or write another one"},
    {"InvalidAccessKeyId", "the store does not know the access key: look at AWS_ACCESS_KEY_ID"},
    {"SignatureDoesNotMatch", "the secret key is not that of the access key: look at AWS_SECRET_ACCESS_KEY"},
    {"InvalidToken", "the session token is not good: look at AWS_SESSION_TOKEN"},
    {"ExpiredToken", "the session token has expired: get new credentials"},
    {"InvalidBucketName", "that is no name of a bucket"},
};

static ferry_err tell(const struct objects_s3 *store, const struct s3_answer *a, ferry_err err, const char *what,
                      char problem[OBJECTS_S3_PROBLEM_SIZE])
{
    int64_t skew = skew_s(store, a);
    if (a->status == 0)
        return say(problem, err, "cannot reach the store at %s: %s", store->inside.url,
                   a->failure_text[0] != '\0' ? a->failure_text : ferry_err_text(err));
    if (strcmp(a->code, "RequestTimeTooSkewed") == 0)
        return say(problem, err, "the clock of this machine is %" PRId64 " s %s that of the store: set it", skew < 0 ? -skew : skew,
                   skew < 0 ? "ahead of" : "behind");
    if (a->region[0] != '\0' && strcmp(a->region, store->address.region) != 0)
        return say(problem, err, "the bucket is in another region: write region=%s", a->region);
    if (a->status == MOVED) /* a RADOS Gateway names no region */
        return say(problem, err, "the bucket is in another region of the store: write the endpoint of that one");
    for (size_t i = 0; i < sizeof findings / sizeof findings[0]; i++)
        if (strcmp(a->code, findings[i].code) == 0)
            return say(problem, err, "%s", findings[i].words);
    if (err == FERRY_E_DENIED)
        return say(problem, err, "the credentials give no right to %s", what);
    if (err == FERRY_E_FULL)
        return say(problem, err, "the store is full, or its quota used up (%s)", a->code);
    return say(problem, err, "the store answers %ld%s%s to the attempt to %s; is it an S3 endpoint?", a->status,
               a->code[0] != '\0' ? " " : "", a->code, what);
}

static void note_list(void *arg, const char *name, const char *text)
{
    (void)text;
    *(bool *)arg |= strcmp(name, "ListBucketResult") == 0;
}

static ferry_err check_list(struct objects_s3 *store, struct s3_answer *a, char problem[OBJECTS_S3_PROBLEM_SIZE])
{
    const struct s3_call call = {.method = "GET",
                                 .query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", store->address.prefix}},
                                 .query_count = 3,
                                 .patience_ms = S3_PATIENCE_MS};
    bool listed = false;
    ferry_err err = s3_call(store, &call, a);
    if (err == FERRY_OK)
        ferry_drop(s3_xml_read(a->body.data, a->body.len, note_list, &listed)); /* what is no XML is no list */
    if (err == FERRY_OK && !listed)
        err = FERRY_E_FORMAT; /* any web server has a page */
    return err == FERRY_OK ? FERRY_OK : tell(store, a, err, "list the bucket", problem);
}

static ferry_err check_change(struct objects_s3 *store, char problem[OBJECTS_S3_PROBLEM_SIZE])
{
    s3_autoanswer put = {.status = 0}, removed = {.status = 0};
    char name[S3_NAME_SIZE];
    probe_name(name);
    ferry_err err = put_answered(store, name, "ferry", 5, NULL, &put);
    if (err != FERRY_OK)
        return tell(store, &put, err, "write into the bucket", problem);
    err = delete_answered(store, name, &removed);
    return err == FERRY_OK ? FERRY_OK : tell(store, &removed, err, "remove from the bucket", problem);
}

static ferry_err get_owner(struct objects_s3 *store, char out[OBJECTS_S3_OWNER_MAX + 1], struct s3_answer *answer)
{
    const struct s3_call call = {.method = "GET",
                                 .name = OWNER_NAME,
                                 .into = out,
                                 .into_cap = OBJECTS_S3_OWNER_MAX,
                                 .patience_ms = S3_PATIENCE_MS};
    memset(out, 0, OBJECTS_S3_OWNER_MAX + 1);
    return s3_call(store, &call, answer);
}

/* Read once more after it was written: another may have done so at the same time. */
static ferry_err check_owner(struct objects_s3 *store, const char *owner, char problem[OBJECTS_S3_PROBLEM_SIZE])
{
    char found[OBJECTS_S3_OWNER_MAX + 1];
    s3_autoanswer first = {.status = 0}, put = {.status = 0}, second = {.status = 0};
    ferry_err err = get_owner(store, found, &first);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return tell(store, &first, err, "read from the bucket", problem);
    if (err == FERRY_E_NOT_FOUND) {
        err = put_answered(store, OWNER_NAME, owner, strlen(owner), NULL, &put);
        if (err != FERRY_OK)
            return tell(store, &put, err, "write into the bucket", problem);
        err = get_owner(store, found, &second);
        if (err != FERRY_OK)
            return tell(store, &second, err, "read from the bucket", problem);
    }
    if (strcmp(found, owner) == 0)
        return FERRY_OK;
    return say(problem, FERRY_E_EXISTS,
               "below \"%s\" are the files of another installation, with another database: write another prefix, or remove the object "
               "%s" OWNER_NAME " when that one is no more",
               store->address.prefix, store->address.prefix);
}

ferry_err objects_s3_check(struct objects *objects, const char *owner, char reterr_problem[OBJECTS_S3_PROBLEM_SIZE])
{
    struct objects_s3 *store = s3_of(objects);
    s3_autoanswer answer = {.status = 0};
    ferry_err err = check_list(store, &answer, reterr_problem);
    if (err != FERRY_OK)
        return err;
    int64_t skew = skew_s(store, &answer);
    if (skew > SKEW_TOLD_S || skew < -SKEW_TOLD_S)
        ferry_log(FERRY_LOG_WARN, "objects", "the clock of this machine is %" PRId64 " s %s that of the store: set it, before URLs are refused",
                  skew < 0 ? -skew : skew, skew < 0 ? "ahead of" : "behind");
    err = check_change(store, reterr_problem);
    return err == FERRY_OK ? check_owner(store, owner, reterr_problem) : err;
}

/* --- life ------------------------------------------------------------------------------------------- */

static void store_free(struct objects_s3 *store)
{
    s3_http_done(store);
    signed_url_done(&store->own);
    (void)pthread_mutex_destroy(&store->mutex);
    explicit_bzero(store, sizeof *store);
    free(store);
}

static void s3_close(struct objects *o)
{
    if (o != NULL)
        store_free(s3_of(o));
}

static const struct objects_ops s3_ops = {
    .name = "s3",
    .write_begin = s3_write_begin,
    .write_resume = s3_write_resume,
    .write = s3_write,
    .write_finish = s3_write_finish,
    .write_suspend = s3_write_suspend,
    .write_abort = s3_write_abort,
    .partial_size = s3_partial_size,
    .reopen = s3_reopen,
    .partial_remove = s3_partial_remove,
    .stat = s3_stat,
    .match = s3_match,
    .read_open = s3_read_open,
    .read_at = s3_read_at,
    .read_fd = s3_read_fd,
    .read_close = s3_read_close,
    .remove = s3_remove,
    .sweep = s3_sweep,
    .set_aside = s3_set_aside,
    .probe = s3_probe,
    .interrupt = s3_interrupt,
    .url_sign = s3_url_sign,
    .url_check = s3_url_check,
    .direct_sign = s3_direct_sign,
    .close = s3_close,
};

/* "https://s3.example.com", with the bucket before the host unless it is in the path. */
static void place_make(struct s3_place *place, const struct objects_s3_address *a, const char *endpoint)
{
    const char *host = strstr(endpoint, "://") + 3;
    int scheme_len = (int)(host - endpoint);
    (void)snprintf(place->url, sizeof place->url, "%.*s%s%s%s", scheme_len, endpoint, a->path_style ? "" : a->bucket,
                   a->path_style ? "" : ".", host);
    place->host = place->url + scheme_len;
}

static bool credential_take(const char *text, char *out, size_t size)
{
    if (text == NULL || text[0] == '\0' || strlen(text) >= size || strpbrk(text, "\r\n") != NULL)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static ferry_err credentials_take(struct objects_s3 *store, const struct objects_s3_config *cfg)
{
    if (!credential_take(cfg->access_key, store->access_key, sizeof store->access_key) ||
        !credential_take(cfg->secret_key, store->secret_key, sizeof store->secret_key))
        return FERRY_E_ARG;
    bool token = cfg->session_token != NULL && cfg->session_token[0] != '\0';
    if (token && !credential_take(cfg->session_token, store->session_token, sizeof store->session_token))
        return FERRY_E_ARG;
    store->signer = (struct sigv4_signer){.access_key = store->access_key,
                                          .secret_key = store->secret_key,
                                          .session_token = token ? store->session_token : NULL,
                                          .region = store->address.region};
    return FERRY_OK;
}

ferry_err objects_s3_open(const struct objects_s3_config *cfg, struct objects **ret_objects)
{
    struct objects_s3 *store = ferry_calloc(1, sizeof *store);
    if (store == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(store);
        return FERRY_E_NOMEM;
    }
    store->base.ops = &s3_ops;
    store->address = *cfg->address;
    store->sweep_age_s = cfg->sweep_age_s;
    store->wall_ms = cfg->wall_ms != NULL ? cfg->wall_ms : ferry_wall_ms;
    place_make(&store->inside, &store->address, store->address.endpoint);
    place_make(&store->outside, &store->address, store->address.public_endpoint);
    (void)pthread_mutex_init(&store->mutex, NULL);
    ferry_err err = credentials_take(store, cfg);
    if (err == FERRY_OK)
        err = signed_url_init(&store->own, cfg->public_url, cfg->key);
    for (size_t i = 0; err == FERRY_OK && i < cfg->old_keys_count; i++)
        err = signed_url_accept(&store->own, &cfg->old_keys[i]);
    if (err != FERRY_OK) {
        store_free(store);
        return err;
    }
    *ret_objects = &store->base;
    return FERRY_OK;
}
