#include "post.h"

#include "target.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { HEADER_MAX = 256, RECEIVE_BUFFER = 4096 };

/* --- what libcurl asks ---------------------------------------------------------------------------------------- */

/* The answer's bytes are counted and forgotten. Fewer than were given: libcurl ends it. */
static size_t on_bytes(char *bytes, size_t size, size_t count, void *user)
{
    struct post *p = user;

    (void)bytes;
    p->heard += size * count;
    p->too_long = p->heard > POST_ANSWER_MAX;
    return p->too_long ? 0 : size * count;
}

/* The address is judged where it is used: what a name stood for when the webhook was made means nothing. */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct post *p = user;

    (void)purpose;
    if (!target_allowed(&address->addr, p->public_only)) {
        p->forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- beginning ------------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static bool add_header(struct post *p, const char *format, ...)
{
    char line[HEADER_MAX];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    struct curl_slist *longer = len > 0 && (size_t)len < sizeof line ? curl_slist_append(p->headers, line) : NULL;
    if (longer != NULL)
        p->headers = longer;
    return longer != NULL;
}

static bool add_headers(struct post *p, const struct post_order *o, const char *signatures)
{
    return add_header(p, "Content-Type: application/json") && add_header(p, "Expect:") &&
           add_header(p, "User-Agent: Ferry/%s", o->version) &&
           add_header(p, "Ferry-Event-Id: %llu", (unsigned long long)o->event_id) &&
           add_header(p, "Ferry-Event: %s", o->event_name) &&
           add_header(p, "Ferry-Timestamp: %llu", (unsigned long long)o->unix_s) &&
           add_header(p, "Ferry-Signature: %s", signatures);
}

#define SET(option, value) (curl_easy_setopt(p->easy, (option), (value)) == CURLE_OK)

/* A look-up of a name cannot be broken off: QUICK_EXIT leaves it to itself, else all would wait for it. Its answer is not kept: a wrong
 * one, or one that has changed, would be used for a minute more. What is connected is looked up by nobody. */
static bool set_bounds(struct post *p, const struct post_order *o)
{
    return SET(CURLOPT_TIMEOUT_MS, 1000L * (long)o->timeout_s) && SET(CURLOPT_NOSIGNAL, 1L) &&
           SET(CURLOPT_QUICK_EXIT, 1L) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_NOPROXY, "*") && SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER) &&
           SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
           (o->ca_file == NULL || SET(CURLOPT_CAINFO, o->ca_file));
}

static bool set_request(struct post *p, const struct post_order *o, void *user)
{
    return SET(CURLOPT_URL, o->url) && SET(CURLOPT_POST, 1L) && SET(CURLOPT_HTTPHEADER, p->headers) &&
           SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->body.len) && SET(CURLOPT_POSTFIELDS, p->body.data) &&
           SET(CURLOPT_WRITEFUNCTION, on_bytes) && SET(CURLOPT_WRITEDATA, p) &&
           SET(CURLOPT_HEADERFUNCTION, on_bytes) && SET(CURLOPT_HEADERDATA, p) &&
           SET(CURLOPT_OPENSOCKETFUNCTION, on_open) && SET(CURLOPT_OPENSOCKETDATA, p) &&
           SET(CURLOPT_ERRORBUFFER, p->error) && SET(CURLOPT_PRIVATE, user);
}

static void forget_attempt(struct post *p, const struct post_order *o)
{
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    p->error[0] = '\0';
    p->heard = 0;
    p->too_long = p->forbidden = false;
    p->public_only = o->public_only;
}

ferry_err post_begin(struct post *p, CURLM *multi, const struct post_order *order, void *user)
{
    char signatures[SIGNATURES_SIZE];
    ferry_err err = signatures_make(&order->key, &order->old_key, order->unix_s, &p->body, signatures);

    if (err != FERRY_OK)
        return err;
    /* anew each time: one whose last look-up failed takes no CURLOPT_BUFFERSIZE any more. Connections are the multi handle's */
    curl_easy_cleanup(p->easy);
    p->easy = curl_easy_init();
    if (p->easy == NULL)
        return FERRY_E_NOMEM;
    forget_attempt(p, order);
    if (!add_headers(p, order, signatures) || !set_bounds(p, order) || !set_request(p, order, user) ||
        curl_multi_add_handle(multi, p->easy) != CURLM_OK)
        return FERRY_E_NOMEM;
    return FERRY_OK;
}

/* --- ending --------------------------------------------------------------------------------------------------- */

static const char *why(struct post *p, CURLcode code)
{
    if (p->forbidden)
        return "the receiver's address is not one that webhooks may reach";
    return p->error[0] != '\0' ? p->error : curl_easy_strerror(code);
}

/* Retry-After, given in seconds or as a date. */
static uint64_t asked_to_wait_s(struct post *p)
{
    curl_off_t seconds = 0;

    return curl_easy_getinfo(p->easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0 ? (uint64_t)seconds : 0;
}

void post_end(struct post *p, CURLM *multi, CURLcode code, struct webhook_outcome *ret_outcome)
{
    long status = 0;

    (void)curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_multi_remove_handle(multi, p->easy);
    /* what was said is enough: the rest of a long answer is nobody's concern */
    bool whole = code == CURLE_OK || (p->too_long && status >= 200);
    ret_outcome->status = status > 0 ? (uint32_t)status : 0;
    ret_outcome->error = whole ? NULL : why(p, code);
    ret_outcome->retry_after_s = asked_to_wait_s(p);
}

void post_abort(struct post *p, CURLM *multi)
{
    (void)curl_multi_remove_handle(multi, p->easy);
}

void post_done(struct post *p)
{
    if (p->easy != NULL)
        curl_easy_cleanup(p->easy);
    curl_slist_free_all(p->headers);
    ferry_buf_done(&p->body);
    *p = (struct post){.easy = NULL};
}
