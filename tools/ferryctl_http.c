#include "ferryctl_http.h"

#include "base/alloc.h"
#include "ferryctl_memory.h"

#include <stdio.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_S = 10,
    ANSWER_TIMEOUT_S = 120,
    STALL_TIMEOUT_S = 60, /* a transfer without a byte */
    SEND_BUFFER = 256 << 10,
    REFUSAL_MAX = 64 << 10, /* bytes of what a store says */
};

static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct ctl_exchange *x = arg;
    size_t len = size * count;

    /* The bytes of a refusal are no file. */
    (void)curl_easy_getinfo(x->api->curl, CURLINFO_RESPONSE_CODE, &x->status);
    if (x->stream != NULL && x->stream->write != NULL && x->status == 200) {
        x->stream->failed = !x->stream->write(x->stream->arg, bytes, len);
        return x->stream->failed ? 0 : len;
    }
    return ferry_buf_append(&x->answer, bytes, len) == FERRY_OK ? len : 0;
}

static size_t on_send(char *out, size_t size, size_t count, void *arg)
{
    struct ctl_stream *stream = arg;
    size_t len = stream->read(stream->arg, out, size * count);

    if (len == SIZE_MAX) {
        stream->failed = true;
        return CURL_READFUNC_ABORT;
    }
    return len;
}

static enum ctl_exit no_connection(const struct ctl_exchange *x, CURLcode code, const char *why)
{
    const struct ctl_api *api = x->api;
    const char *reason = why[0] != '\0' ? why : curl_easy_strerror(code);

    if (code == CURLE_COULDNT_CONNECT && api->data != NULL)
        return ctl_fail(CTL_NETWORK, "ferryd does not answer at %s: is it running? Start it with: ferryd --data %s",
                        api->url, api->data);
    if (code == CURLE_COULDNT_CONNECT)
        return ctl_fail(CTL_NETWORK, "ferryd does not answer at %s (%s): is it running?", api->url, reason);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return ctl_fail(CTL_NETWORK, "%s is not trusted: %s. Name the platform's CA with --ca-file, and the platform as "
                                     "its certificate does", api->url, reason);
    if (code == CURLE_SSL_CACERT_BADFILE)
        return ctl_fail(CTL_FAILED, "%s holds no certificates to trust (PEM)", api->ca_file);
    if (code == CURLE_GOT_NOTHING || code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR)
        return ctl_fail(CTL_NETWORK, "the connection to %s failed: %s. Does it speak %s?", api->url, reason,
                        strncmp(api->url, "https:", 6) == 0 ? "TLS (else: http://)" : "plain HTTP (else: https://)");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ctl_fail(CTL_NETWORK, "no answer from %s in time (%s)", api->url, reason);
    return ctl_fail(CTL_NETWORK, "the connection to %s failed: %s", api->url, reason);
}

/* Sets an option unless one before has failed. */
#define SET(option, ...)                                                                          \
    do {                                                                                          \
        if (code == CURLE_OK)                                                                     \
            code = curl_easy_setopt(curl, option, __VA_ARGS__);                                   \
    } while (0)

/* A proxy of the environment is not meant for this machine. */
static CURLcode set_proxy(CURL *curl, const char *url)
{
    static const char *const local[] = {"http://127.", "http://localhost:", "http://[::1]", "https://127.",
                                        "https://localhost:", "https://[::1]"};
    CURLcode code = CURLE_OK;

    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        if (strncmp(url, local[i], strlen(local[i])) == 0)
            SET(CURLOPT_PROXY, "");
    }
    return code;
}

static CURLcode set_request(struct ctl_exchange *x, const char *url, char *error)
{
    CURL *curl = x->api->curl;
    CURLcode code = CURLE_OK;

    curl_easy_reset(curl);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    if (x->api->ca_file != NULL)
        SET(CURLOPT_CAINFO, x->api->ca_file);
    SET(CURLOPT_CUSTOMREQUEST, x->method);
    SET(CURLOPT_HTTPHEADER, x->headers);
    SET(CURLOPT_USERAGENT, "ferryctl");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, error);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    SET(CURLOPT_WRITEFUNCTION, on_answer);
    SET(CURLOPT_WRITEDATA, x);
    return code == CURLE_OK ? set_proxy(curl, url) : code;
}

static CURLcode set_body(struct ctl_exchange *x)
{
    CURL *curl = x->api->curl;
    CURLcode code = CURLE_OK;
    const char *body = x->body != NULL ? x->body : "";

    SET(CURLOPT_TIMEOUT, (long)ANSWER_TIMEOUT_S);
    if (x->body != NULL || strcmp(x->method, "POST") == 0) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        SET(CURLOPT_POSTFIELDS, body);
    }
    return code;
}

static CURLcode set_transfer(struct ctl_exchange *x)
{
    CURL *curl = x->api->curl;
    CURLcode code = CURLE_OK;

    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)STALL_TIMEOUT_S);
    if (x->stream->read == NULL)
        return code;
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
    SET(CURLOPT_READFUNCTION, on_send);
    SET(CURLOPT_READDATA, x->stream);
    if (x->stream->size != UINT64_MAX)
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->stream->size);
    return code;
}

enum ctl_exit ctl_http(struct ctl_exchange *x)
{
    char error[CURL_ERROR_SIZE] = "";
    ferry_autofree char *url = ctl_check(ferry_asprintf("%s%s", x->api->url, x->path));
    CURLcode code = set_request(x, url, error);

    x->status = 0;
    x->retry_after_s = 0;
    ferry_buf_reset(&x->answer);
    if (code == CURLE_OK && x->api->ca_file != NULL) /* the platform is trusted by nothing else */
        code = curl_easy_setopt(x->api->curl, CURLOPT_CAPATH, NULL);
    if (code == CURLE_OK)
        code = x->stream != NULL ? set_transfer(x) : set_body(x);
    if (code == CURLE_OK)
        code = curl_easy_perform(x->api->curl);
    (void)curl_easy_getinfo(x->api->curl, CURLINFO_RESPONSE_CODE, &x->status);
    (void)curl_easy_getinfo(x->api->curl, CURLINFO_RETRY_AFTER, &x->retry_after_s);
    if (x->stream != NULL && x->stream->failed)
        return CTL_FAILED;
    /* A refusal may come before all bytes were sent: then it says more than the broken connection. */
    if (code != CURLE_OK && (x->status < 400 || x->answer.len == 0))
        return no_connection(x, code, error);
    return CTL_DONE;
}

bool ctl_http_put(struct ctl_api *api, const char *url, struct curl_slist *headers, struct ctl_stream *stream,
                  char ret_why[CTL_HTTP_WHY_SIZE], bool *ret_refused)
{
    struct ctl_exchange x = {.api = api, .method = "PUT", .headers = headers, .stream = stream, .answer = FERRY_BUF_INIT(REFUSAL_MAX)};

    ret_why[0] = '\0';
    CURLcode code = set_request(&x, url, ret_why);
    if (code == CURLE_OK)
        code = set_transfer(&x);
    if (code == CURLE_OK)
        code = curl_easy_perform(api->curl);
    (void)curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &x.status);
    ferry_buf_done(&x.answer);
    *ret_refused = x.status >= 300 && x.status < 500;
    if (x.status >= 300)
        (void)snprintf(ret_why, CTL_HTTP_WHY_SIZE, "HTTP status %ld", x.status);
    else if (ret_why[0] == '\0')
        (void)snprintf(ret_why, CTL_HTTP_WHY_SIZE, "%s", curl_easy_strerror(code));
    return code == CURLE_OK && x.status == 200;
}
