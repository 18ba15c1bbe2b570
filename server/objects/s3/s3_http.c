#include "s3_http.h"

#include "cos_sign.h"
#include "s3_internal.h"
#include "s3_xml.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/system.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    CONNECT_MS = 2500,
    STALLED_S = 10, /* a body that does not move for so long will not */
    TRIES = 3,
    PAUSE_MS = 100, /* before the second try; then twice that */
    OUR_LIFE_S = 300, /* of a signature for our own request */
    HEADERS_MAX = S3_PAIRS_MAX + 3,
    URL_MAX = 16 * 1024,
    RECEIVE_BUFFER = 128 * 1024,
};

/* --- addresses ---------------------------------------------------------------------------------------- */

/* "/bucket/prefix/name", encoded or as it is; what there is not is left out. */
static ferry_err path_of(const struct objects_s3 *store, const char *name, bool encoded, struct ferry_buf *out)
{
    ferry_err err = ferry_buf_append_str(out, "/");
    if (err == FERRY_OK && store->address.path_style)
        err = ferry_buf_printf(out, "%s%s", store->address.bucket, name != NULL ? "/" : "");
    if (err != FERRY_OK || name == NULL)
        return err;
    err = encoded ? sigv4_encode(out, store->address.prefix, true) : ferry_buf_append_str(out, store->address.prefix);
    return err == FERRY_OK ? ferry_buf_append_str(out, name) : err;
}

static ferry_err sign_in_query(const struct objects_s3 *store, const struct sigv4_request *request, const char *name,
                               uint64_t now_s, uint64_t life_s, struct ferry_buf *out)
{
    if (!store->address.cos)
        return sigv4_presign(&store->signer, request, now_s, life_s, out);
    ferry_autobuf raw = FERRY_BUF_INIT(OBJECTS_S3_PREFIX_MAX + 2 * S3_NAME_SIZE);
    ferry_err err = path_of(store, name, false, &raw);
    return err == FERRY_OK ? cos_presign(&store->signer, request, raw.data, now_s, life_s, out) : err;
}

ferry_err s3_presign(struct objects_s3 *store, const char *method, const char *name, const struct sigv4_pair *headers,
                     size_t headers_count, uint64_t now_s, uint64_t life_s, struct ferry_buf *out)
{
    ferry_autobuf path = FERRY_BUF_INIT(URL_MAX);
    ferry_err err = path_of(store, name, true, &path);
    if (err == FERRY_OK)
        err = ferry_buf_append_str(out, store->outside.url);
    const struct sigv4_request request = {.method = method,
                                          .path = path.data,
                                          .host = store->outside.host,
                                          .headers = headers,
                                          .headers_count = headers_count,
                                          .payload = SIGV4_UNSIGNED_PAYLOAD};
    return err == FERRY_OK ? sign_in_query(store, &request, name, now_s, life_s, out) : err;
}

void s3_md5_base64(const uint8_t md5[16], char out[S3_MD5_BASE64_SIZE])
{
    ferry_base64_encode(md5, 16, out);
}

/* --- what libcurl calls ------------------------------------------------------------------------------- */

struct exchange {
    const struct s3_call *call;
    struct s3_answer *answer;
    CURL *easy;
    struct curl_slist *headers;
    bool overflow;
};

/* Only what was asked for goes where the caller wants it; an error's words do not. */
static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    struct s3_answer *a = x->answer;
    size_t len = size * count;
    long status = 0;
    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    if (x->call->into == NULL || status / 100 != 2) {
        x->overflow = ferry_buf_append(&a->body, bytes, len) != FERRY_OK;
    } else {
        x->overflow = len > x->call->into_cap - a->into_len;
        if (!x->overflow)
            memcpy((char *)x->call->into + a->into_len, bytes, len);
        a->into_len += x->overflow ? 0 : len;
    }
    return x->overflow ? 0 : len;
}

static void take_etag(struct s3_answer *a, const char *value)
{
    size_t len = strcspn(value + (*value == '"'), "\"\r\n ");
    if (len < sizeof a->etag)
        (void)snprintf(a->etag, sizeof a->etag, "%.*s", (int)len, value + (*value == '"'));
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    struct s3_answer *a = x->answer;
    size_t len = size * count;
    char text[512];
    if (len >= sizeof text)
        return len;
    memcpy(text, line, len);
    text[len] = '\0';
    char *value = strchr(text, ':');
    if (value == NULL)
        return len;
    *value++ = '\0';
    value += strspn(value, " \t");
    if (strcasecmp(text, "etag") == 0) {
        take_etag(a, value);
    } else if (strcasecmp(text, "content-length") == 0) {
        a->length = strtoull(value, NULL, 10);
    } else if (strcasecmp(text, "content-range") == 0) {
        const char *slash = strchr(value, '/');
        a->total = slash != NULL ? strtoull(slash + 1, NULL, 10) : 0;
    } else if (strcasecmp(text, "date") == 0) {
        time_t date = curl_getdate(value, NULL);
        a->date_s = date > 0 ? (uint64_t)date : 0;
    } else if (strcasecmp(text, "x-amz-server-side-encryption") == 0) {
        a->etag_is_opaque = strncmp(value, "aws:kms", 7) == 0;
    }
    return len;
}

/* --- preparing ---------------------------------------------------------------------------------------- */

static CURL *handle_take(struct objects_s3 *store)
{
    pthread_mutex_lock(&store->mutex);
    CURL *easy = store->idle_count > 0 ? store->idle[--store->idle_count] : NULL;
    pthread_mutex_unlock(&store->mutex);
    return easy != NULL ? easy : curl_easy_init();
}

/* One that has failed is not used again: after a look-up that failed it takes no CURLOPT_BUFFERSIZE any more. */
static void handle_give_back(struct objects_s3 *store, CURL *easy, bool has_failed)
{
    pthread_mutex_lock(&store->mutex);
    bool kept = !has_failed && store->idle_count < S3_IDLE_MAX;
    if (kept)
        store->idle[store->idle_count++] = easy;
    pthread_mutex_unlock(&store->mutex);
    if (!kept)
        curl_easy_cleanup(easy);
}

void s3_http_done(struct objects_s3 *store)
{
    while (store->idle_count > 0)
        curl_easy_cleanup(store->idle[--store->idle_count]);
}

static bool add_header(struct exchange *x, const char *name, const char *value)
{
    ferry_autobuf line = FERRY_BUF_INIT(S3_TOKEN_MAX + 128);
    /* "name:" would take a header away */
    bool made = ferry_buf_printf(&line, value[0] != '\0' ? "%s: %s" : "%s;%s", name, value) == FERRY_OK;
    struct curl_slist *longer = made ? curl_slist_append(x->headers, line.data) : NULL;
    if (longer != NULL)
        x->headers = longer;
    explicit_bzero(line.data, line.len);
    return longer != NULL;
}

static bool add_plain_headers(struct exchange *x)
{
    struct curl_slist *longer = curl_slist_append(x->headers, "Expect:");
    if (longer != NULL)
        x->headers = longer;
    return longer != NULL && (x->call->body == NULL || add_header(x, "Content-Type", "application/octet-stream"));
}

/* V4: in a header, so that a clock that is wrong is told as such; COS: in the query. */
static ferry_err sign_in_header(const struct objects_s3 *store, struct exchange *x, struct sigv4_request *request,
                                uint64_t now_s, struct ferry_buf *url)
{
    const struct s3_call *call = x->call;
    char at[SIGV4_TIME_SIZE];
    struct sigv4_pair headers[HEADERS_MAX];
    ferry_err err = sigv4_time(now_s, at);
    if (err != FERRY_OK)
        return err;
    memcpy(headers, call->headers, sizeof call->headers);
    size_t count = call->headers_count;
    headers[count++] = (struct sigv4_pair){"x-amz-content-sha256", SIGV4_UNSIGNED_PAYLOAD};
    headers[count++] = (struct sigv4_pair){"x-amz-date", at};
    if (store->signer.session_token != NULL)
        headers[count++] = (struct sigv4_pair){"x-amz-security-token", store->signer.session_token};
    request->headers = headers;
    request->headers_count = count;
    ferry_autobuf authorization = FERRY_BUF_INIT(S3_TOKEN_MAX);
    err = sigv4_authorize(&store->signer, request, now_s, &authorization);
    if (err == FERRY_OK)
        err = ferry_buf_append_str(url, request->path);
    for (size_t i = 0; err == FERRY_OK && i < call->query_count; i++) {
        err = ferry_buf_printf(url, "%c%s=", i == 0 ? '?' : '&', call->query[i].name);
        if (err == FERRY_OK)
            err = sigv4_encode(url, call->query[i].value, false);
    }
    if (err != FERRY_OK)
        return err;
    bool added = add_header(x, "Authorization", authorization.data);
    for (size_t i = 0; added && i < count; i++)
        added = add_header(x, headers[i].name, headers[i].value);
    return added ? FERRY_OK : FERRY_E_NOMEM;
}

static ferry_err sign(struct objects_s3 *store, struct exchange *x, struct ferry_buf *url)
{
    const struct s3_call *call = x->call;
    ferry_autobuf path = FERRY_BUF_INIT(URL_MAX);
    uint64_t now_s = store->wall_ms() / 1000;
    ferry_err err = path_of(store, call->name, true, &path);
    if (err == FERRY_OK)
        err = ferry_buf_append_str(url, store->inside.url);
    if (err != FERRY_OK)
        return err;
    struct sigv4_request request = {.method = call->method,
                                    .path = path.data,
                                    .host = store->inside.host,
                                    .query = call->query,
                                    .query_count = call->query_count,
                                    .headers = call->headers,
                                    .headers_count = call->headers_count,
                                    .payload = SIGV4_UNSIGNED_PAYLOAD};
    if (!store->address.cos)
        return sign_in_header(store, x, &request, now_s, url);
    bool added = true;
    for (size_t i = 0; added && i < call->headers_count; i++)
        added = add_header(x, call->headers[i].name, call->headers[i].value);
    return added ? sign_in_query(store, &request, call->name, now_s, OUR_LIFE_S, url) : FERRY_E_NOMEM;
}

#define SET(option, value) (curl_easy_setopt(x->easy, (option), (value)) == CURLE_OK)

/* A look-up of a name cannot be broken off: QUICK_EXIT leaves it to itself. */
static bool set_bounds(struct exchange *x, const struct objects_s3 *store, uint64_t left_ms)
{
    const char *ca = store->address.ca_file;
    bool has_body = x->call->body_len > 0 || x->call->into != NULL;
    return SET(CURLOPT_TIMEOUT_MS, (long)left_ms) && SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) &&
           SET(CURLOPT_LOW_SPEED_LIMIT, has_body ? 1L : 0L) && SET(CURLOPT_LOW_SPEED_TIME, has_body ? (long)STALLED_S : 0L) &&
           SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_QUICK_EXIT, 1L) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_NOPROXY, "*") && SET(CURLOPT_PATH_AS_IS, 1L) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER) &&
           SET(CURLOPT_TCP_NODELAY, 1L) && SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(CURLOPT_USERAGENT, "Ferry") && (ca[0] == '\0' || SET(CURLOPT_CAINFO, ca));
}

static bool set_method(struct exchange *x)
{
    const struct s3_call *call = x->call;
    if (strcmp(call->method, "GET") == 0)
        return SET(CURLOPT_HTTPGET, 1L);
    if (strcmp(call->method, "HEAD") == 0)
        return SET(CURLOPT_NOBODY, 1L);
    if (strcmp(call->method, "DELETE") == 0)
        return SET(CURLOPT_CUSTOMREQUEST, "DELETE");
    /* a body that is in memory: libcurl can begin it anew by itself when a connection that it kept turns out to be dead */
    return SET(CURLOPT_POST, 1L) && SET(CURLOPT_CUSTOMREQUEST, call->method) &&
           SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len) &&
           SET(CURLOPT_POSTFIELDS, call->body != NULL ? call->body : "");
}

static bool set_request(struct exchange *x, const char *url)
{
    return SET(CURLOPT_URL, url) && set_method(x) && SET(CURLOPT_HTTPHEADER, x->headers) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, x) && SET(CURLOPT_HEADERFUNCTION, on_header) &&
           SET(CURLOPT_HEADERDATA, x) && SET(CURLOPT_ERRORBUFFER, x->answer->failure_text);
}

/* --- judging ------------------------------------------------------------------------------------------ */

struct verdict {
    ferry_err err;
    bool again; /* another try may end otherwise */
};

/* What a store calls its errors; those that the status says well enough are not here. */
static const struct {
    const char *code;
    ferry_err err;
    bool again;
} codes[] = {
    {"NoSuchBucket", FERRY_E_IO, false},
    {"NoSuchKey", FERRY_E_NOT_FOUND, false},
    {"NoSuchUpload", FERRY_E_NOT_FOUND, false},
    {"QuotaExceeded", FERRY_E_FULL, false},
    {"EntityTooLarge", FERRY_E_FULL, false},
    {"XAmzStorageFull", FERRY_E_FULL, false},  /* MinIO */
    {"XMinioStorageFull", FERRY_E_FULL, false},
    {"BadDigest", FERRY_E_DIGEST, false},
    {"RequestTimeout", FERRY_E_NETWORK, true},
    {"SlowDown", FERRY_E_BUSY, true},
    {"ServiceUnavailable", FERRY_E_BUSY, true},
    {"AuthorizationHeaderMalformed", FERRY_E_DENIED, false},
};

static const struct {
    long from, to;
    ferry_err err;
    bool again;
} statuses[] = {
    {200, 299, FERRY_OK, false},          {404, 404, FERRY_E_NOT_FOUND, false}, {401, 401, FERRY_E_DENIED, false},
    {403, 403, FERRY_E_DENIED, false},    {405, 405, FERRY_E_DENIED, false},    {412, 412, FERRY_E_STALE, false},
    {413, 413, FERRY_E_FULL, false},      {429, 429, FERRY_E_BUSY, true},       {500, 500, FERRY_E_IO, true},
    {502, 504, FERRY_E_BUSY, true},       {507, 507, FERRY_E_FULL, false},
};

static struct verdict judge_status(const struct s3_answer *a)
{
    for (size_t i = 0; a->code[0] != '\0' && i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(a->code, codes[i].code) == 0)
            return (struct verdict){codes[i].err, codes[i].again};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (a->status >= statuses[i].from && a->status <= statuses[i].to)
            return (struct verdict){statuses[i].err, statuses[i].again};
    return (struct verdict){FERRY_E_IO, false};
}

static struct verdict judge(const struct exchange *x)
{
    const struct s3_answer *a = x->answer;
    if (x->overflow)
        return (struct verdict){FERRY_E_LIMIT, false};
    switch ((int)a->failure) {
    case CURLE_OK:
        return judge_status(a);
    case CURLE_OUT_OF_MEMORY:
        return (struct verdict){FERRY_E_NOMEM, false};
    case CURLE_OPERATION_TIMEDOUT:
        return (struct verdict){FERRY_E_TIMEOUT, false};
    default: /* not reached, or cut: an answer that did not come whole is none */
        return (struct verdict){FERRY_E_NETWORK, true};
    }
}

static void on_error_element(void *arg, const char *name, const char *text)
{
    struct s3_answer *a = arg;
    if (strcmp(name, "Code") == 0)
        (void)snprintf(a->code, sizeof a->code, "%.*s", (int)sizeof a->code - 1, text);
    else if (strcmp(name, "Message") == 0)
        (void)snprintf(a->message, sizeof a->message, "%.*s", (int)sizeof a->message - 1, text);
    else if (strcmp(name, "Region") == 0)
        (void)snprintf(a->region, sizeof a->region, "%.*s", (int)sizeof a->region - 1, text);
}

/* --- asking ------------------------------------------------------------------------------------------- */

static void answer_reset(struct s3_answer *a)
{
    struct ferry_buf body = a->body;
    ferry_buf_reset(&body);
    *a = (struct s3_answer){.body = body};
}

void s3_answer_done(struct s3_answer *answer)
{
    ferry_buf_done(&answer->body);
}

static ferry_err perform(struct objects_s3 *store, struct exchange *x, uint64_t left_ms)
{
    ferry_autobuf url = FERRY_BUF_INIT(URL_MAX);
    curl_easy_reset(x->easy); /* connections stay */
    if (!add_plain_headers(x))
        return FERRY_E_NOMEM;
    ferry_err err = sign(store, x, &url);
    if (err != FERRY_OK)
        return err;
    if (!set_bounds(x, store, left_ms) || !set_request(x, url.data))
        return FERRY_E_NOMEM;
    x->answer->failure = curl_easy_perform(x->easy);
    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->answer->status);
    return FERRY_OK;
}

static struct verdict attempt(struct objects_s3 *store, const struct s3_call *call, struct s3_answer *answer, uint64_t left_ms)
{
    answer_reset(answer);
    struct exchange x = {.call = call, .answer = answer, .easy = handle_take(store)};
    if (x.easy == NULL)
        return (struct verdict){FERRY_E_NOMEM, false};
    ferry_err err = perform(store, &x, left_ms);
    curl_slist_free_all(x.headers);
    handle_give_back(store, x.easy, err != FERRY_OK || answer->failure != CURLE_OK);
    if (err != FERRY_OK)
        return (struct verdict){err, false};
    if (answer->failure == CURLE_OK && answer->status >= 300 && answer->body.len > 0)
        ferry_drop(s3_xml_read(answer->body.data, answer->body.len, on_error_element, answer)); /* a proxy's words are no XML */
    struct verdict v = judge(&x);
    if (v.err != FERRY_OK && v.err != FERRY_E_NOT_FOUND)
        ferry_log(FERRY_LOG_DEBUG, "s3", "%s %s: %ld %s %s%s", call->method, call->name != NULL ? call->name : "", answer->status,
                  answer->code, answer->message, answer->failure != CURLE_OK ? answer->failure_text : "");
    return v;
}

static void pause_ms(uint64_t ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static ferry_err call_until_answered(struct objects_s3 *store, const struct s3_call *call, struct s3_answer *answer)
{
    uint64_t until_ms = ferry_mono_ms() + call->patience_ms;
    for (unsigned i = 1;; i++) {
        if (atomic_load(&store->interrupted))
            return FERRY_E_CLOSED;
        uint64_t now_ms = ferry_mono_ms();
        struct verdict v = attempt(store, call, answer, now_ms < until_ms ? until_ms - now_ms : 1);
        uint64_t pause = (uint64_t)PAUSE_MS << (i - 1);
        if (!v.again || call->once || i == TRIES || ferry_mono_ms() + pause >= until_ms)
            return v.err;
        pause_ms(pause);
    }
}

/* A store that hangs would hold every thread that asks it. So it holds one. */
ferry_err s3_call(struct objects_s3 *store, const struct s3_call *call, struct s3_answer *answer)
{
    *answer = (struct s3_answer){.body = FERRY_BUF_INIT(call->body_max > 0 ? call->body_max : (size_t)S3_BODY_MAX)};
    bool tries = atomic_load(&store->silent);
    if (tries && atomic_exchange(&store->trying, true))
        return FERRY_E_TIMEOUT;
    ferry_err err = call_until_answered(store, call, answer);
    if (answer->status > 0 || answer->failure != CURLE_OK)
        atomic_store(&store->silent, answer->status == 0 && answer->failure == CURLE_OPERATION_TIMEDOUT);
    if (tries)
        atomic_store(&store->trying, false);
    return err;
}
