/* The requests to the object store: libcurl's multi interface, driven by our loop. */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

enum {
    CONNECT_TIMEOUT_S = 30,
    RECEIVE_BUFFER = 512 * 1024, /* the most libcurl takes */
    HEADER_SIZE = 128,           /* of ours */
    BUFFER_LEAST = 16 * 1024,
    ASK_FIRST_FROM_BYTES = 64 * 1024, /* a smaller body costs less than the way there and back that the question takes */
    STEPS_PER_S = 8,                  /* of a transfer with a rate limit */
    CREDIT_MS = 1000,                 /* what a pause of the network leaves to catch up with */
};

ferry_fault ferry__http_fault(CURLcode code)
{
    static const struct {
        CURLcode code;
        ferry_fault fault;
    } table[] = {
        {CURLE_OK, FERRY_FAULT_NONE},
        {CURLE_COULDNT_RESOLVE_HOST, FERRY_FAULT_DNS},
        {CURLE_COULDNT_RESOLVE_PROXY, FERRY_FAULT_DNS},
        {CURLE_COULDNT_CONNECT, FERRY_FAULT_CONNECT},
        {CURLE_OPERATION_TIMEDOUT, FERRY_FAULT_TIMEOUT},
        {CURLE_PEER_FAILED_VERIFICATION, FERRY_FAULT_TLS},
        {CURLE_SSL_CERTPROBLEM, FERRY_FAULT_TLS},
        {CURLE_SSL_CACERT_BADFILE, FERRY_FAULT_TLS},
        {CURLE_SSL_ISSUER_ERROR, FERRY_FAULT_TLS},
        {CURLE_SSL_INVALIDCERTSTATUS, FERRY_FAULT_TLS},
        {CURLE_SSL_CIPHER, FERRY_FAULT_TLS},
        {CURLE_UNSUPPORTED_PROTOCOL, FERRY_FAULT_GARBLED},
        {CURLE_URL_MALFORMAT, FERRY_FAULT_GARBLED},
        {CURLE_WEIRD_SERVER_REPLY, FERRY_FAULT_GARBLED},
        {CURLE_BAD_CONTENT_ENCODING, FERRY_FAULT_GARBLED},
        {CURLE_READ_ERROR, FERRY_FAULT_READ},
        {CURLE_ABORTED_BY_CALLBACK, FERRY_FAULT_READ},
        {CURLE_WRITE_ERROR, FERRY_FAULT_WRITE},
        {CURLE_OUT_OF_MEMORY, FERRY_FAULT_SYSTEM},
        {CURLE_FAILED_INIT, FERRY_FAULT_SYSTEM},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].code == code)
            return table[i].fault;
    return FERRY_FAULT_LOST; /* the many ways in which a connection ends */
}

/* --- the answer's head --- */

/* The empty line: the head is complete. False: the engine does not want the rest. */
static bool head_complete(struct ferry__http *h)
{
    struct ferry *f = h->ferry;
    ferry_event event = {.kind = FERRY_EV_HTTP_HEAD, .lane = h->lane, .head = &h->head};

    if (h->head.status < 200 || h->answered)
        return true; /* 100 Continue, or trailers */
    h->answered = true;
    if (ferry_device_event(&f->device, ferry__now_ms(), &event) != FERRY_DEVICE_OK) {
        h->wanted = false;
        return false;
    }
    return true;
}

static size_t on_header(char *line, size_t one, size_t len, void *user)
{
    struct ferry__http *h = user;

    (void)one;
    if (len > 0 && (line[0] == '\r' || line[0] == '\n'))
        return head_complete(h) ? len : 0;
    if (!h->answered)
        ferry_http_head_line(&h->head, h->etag, line, len);
    return len;
}

/* --- the rate limit: libcurl's own lets short transfers through unhindered --- */

static long buffer_size(uint64_t rate, long most)
{
    long size = most; /* small steps under a low limit, or it would come in jerks */

    while (rate > 0 && size > BUFFER_LEAST && (uint64_t)size > rate / STEPS_PER_S)
        size /= 2;
    return size;
}

/* True when the next bytes have to wait; the callback then pauses the transfer. */
static bool too_fast(struct ferry__http *h)
{
    uint64_t rate = h->ferry->options.rate_bytes_per_s, now = ferry__now_ms();

    if (rate == 0)
        return false;
    uint64_t due = h->paced_ms + (uint64_t)((double)(h->position - h->paced_at) * 1000 / (double)rate);
    if (due > now) {
        h->resume_ms = due;
        return true;
    }
    if (now - due > CREDIT_MS) {
        h->paced_ms = now;
        h->paced_at = h->position;
    }
    return false;
}

/* libcurl 7.88 never ends a transfer that was paused while it held the last bytes: those go unhindered. */
static bool holds_the_end(const struct ferry__http *h)
{
    return h->size - h->position <= (uint64_t)buffer_size(h->ferry->options.rate_bytes_per_s, RECEIVE_BUFFER);
}

static void resume(struct ferry__http *h)
{
    if (h->resume_ms == UINT64_MAX || ferry__now_ms() < h->resume_ms)
        return;
    h->resume_ms = UINT64_MAX;
    (void)curl_easy_pause(h->easy, CURLPAUSE_CONT); /* a failure shows as a stall */
}

/* --- how much is gone, and is that enough --- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What libcurl has sent, less what the kernel still holds: a megabyte in its buffers is minutes on a slow link. */
static uint64_t sent_and_gone(const struct ferry__http *h)
{
    curl_off_t sent = 0;
    int held = 0;

    if (curl_easy_getinfo(h->easy, CURLINFO_SIZE_UPLOAD_T, &sent) != CURLE_OK || sent < 0)
        return h->gone;
    if (h->fd >= 0 && ioctl(h->fd, SIOCOUTQ, &held) == 0 && held > 0)
        sent = sent > held ? sent - held : 0;
    return earlier(h->start + (uint64_t)sent, h->size);
}

static void tell_sent(struct ferry__http *h, uint64_t gone)
{
    ferry_event event = {.kind = FERRY_EV_SENT, .lane = h->lane, .offset = gone};

    h->gone = gone;
    (void)ferry_device_event(&h->ferry->device, ferry__now_ms(), &event);
}

static bool is_sending(const struct ferry__http *h)
{
    return h->active && h->lane == FERRY_LANE_UP && h->size > h->start;
}

/* Tells the engine of what has arrived on the other side. */
static void look_at_sent(struct ferry__http *h)
{
    uint64_t gone = is_sending(h) ? sent_and_gone(h) : 0;

    if (gone > h->gone)
        tell_sent(h, gone);
}

/* A limit of ours is no slowness of the network. */
static uint64_t low_speed(const struct ferry_options *o)
{
    return o->rate_bytes_per_s == 0 ? o->low_speed_bytes_per_s
                                    : earlier(o->low_speed_bytes_per_s, o->rate_bytes_per_s / 2);
}

static void slow_begin(struct ferry__http *h)
{
    uint64_t now = ferry__now_ms(), window = h->ferry->options.low_speed_ms;

    h->slow_at = h->gone;
    h->slow_ms = window < UINT64_MAX - now ? now + window : UINT64_MAX;
}

/* Looks at the end of each window; true when too little moved in it. */
static bool is_too_slow(struct ferry__http *h)
{
    const struct ferry_options *o = &h->ferry->options;

    if (!h->active || ferry__now_ms() < h->slow_ms)
        return false;
    bool slow =
        h->gone < h->size && (double)(h->gone - h->slow_at) * 1000 < (double)low_speed(o) * (double)o->low_speed_ms;
    slow_begin(h);
    return slow;
}

uint64_t ferry__http_arm(const struct ferry *f)
{
    uint64_t due = f->curl_due_ms;

    for (const struct ferry__http *h = f->http; h < f->http + FERRY_LANES; h++) {
        due = earlier(due, h->resume_ms);
        if (h->active)
            due = earlier(due, h->slow_ms);
    }
    return due;
}

/* --- the bodies --- */

static size_t on_body(char *bytes, size_t one, size_t len, void *user)
{
    struct ferry__http *h = user;
    struct ferry *f = h->ferry;
    ferry_event event = {.kind = FERRY_EV_BODY, .lane = h->lane, .bytes = bytes, .len = len};

    (void)one;
    if (h->lane == FERRY_LANE_UP)
        return len; /* what the store says after an upload has no meaning for us */
    if (!holds_the_end(h) && too_fast(h))
        return CURL_WRITEFUNC_PAUSE;
    h->fault = ferry__part_write(f, bytes, len, h->position);
    if (h->fault != FERRY_FAULT_NONE)
        return 0;
    h->position += len;
    h->gone = h->position;
    if (h->slow_ms == UINT64_MAX)
        slow_begin(h);
    if (ferry_device_event(&f->device, ferry__now_ms(), &event) == FERRY_DEVICE_OK)
        return len;
    h->wanted = false;
    return 0;
}

static size_t on_read(char *out, size_t one, size_t cap, void *user)
{
    struct ferry__http *h = user;
    struct ferry *f = h->ferry;

    cap *= one;
    if (cap > h->size - h->position)
        cap = (size_t)(h->size - h->position);
    if (cap == 0)
        return 0;
    if (too_fast(h))
        return CURL_READFUNC_PAUSE;
    ssize_t n;
    do
        n = pread(f->files.source_fd, out, cap, (off_t)h->position);
    while (n < 0 && errno == EINTR);
    if (n <= 0) { /* shorter than it was */
        h->fault = FERRY_FAULT_READ;
        return CURL_READFUNC_ABORT;
    }
    h->position += (uint64_t)n;
    if (h->slow_ms == UINT64_MAX)
        slow_begin(h);
    return (size_t)n;
}

/* libcurl begins the body again when a connection that it kept turned out to be dead */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    struct ferry__http *h = user;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_FAIL;
    h->position = h->start + (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* --- the request --- */

static bool add_header(struct ferry__http *h, const char *name, const char *value)
{
    char line[HEADER_SIZE];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = n > 0 && (size_t)n < sizeof line ? curl_slist_append(h->headers, line) : NULL;

    if (longer != NULL)
        h->headers = longer;
    return longer != NULL;
}

static bool add_number(struct ferry__http *h, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return add_header(h, name, text);
}

#define SET(option, value) (curl_easy_setopt(h->easy, (option), (value)) == CURLE_OK)

/* Programs that the application executes are not to inherit the connection. */
static int on_new_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
    (void)user;
    (void)purpose;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return CURL_SOCKOPT_OK;
}

static bool set_callbacks(struct ferry__http *h)
{
    return SET(CURLOPT_PRIVATE, h) && SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, h) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, h) && SET(CURLOPT_ERRORBUFFER, h->error) &&
           SET(CURLOPT_SOCKOPTFUNCTION, on_new_socket);
}

/* Certificate and host name are checked, always; with a ca_file nobody else's word counts. */
static bool set_tls(struct ferry__http *h)
{
    const struct ferry_options *o = &h->ferry->options;

    return SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (o->ca_file == NULL || (SET(CURLOPT_CAINFO, o->ca_file) && SET(CURLOPT_CAPATH, NULL))) &&
           (o->cert_file == NULL || (SET(CURLOPT_SSLCERT, o->cert_file) && SET(CURLOPT_SSLKEY, o->key_file)));
}

/* An address is not kept: a wrong one would be dialled for a minute after the name is right again. */
static bool set_common(struct ferry__http *h, const ferry_action *act)
{
    uint64_t rate = h->ferry->options.rate_bytes_per_s;

    return SET(CURLOPT_URL, act->url) && SET(CURLOPT_PROTOCOLS_STR, "http,https") &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_NOPROGRESS, 1L) && SET(CURLOPT_USERAGENT, "ferry/" FERRY_VERSION) &&
           SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L) && SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S) && SET(CURLOPT_TCP_NODELAY, 1L) &&
           SET(CURLOPT_BUFFERSIZE, buffer_size(rate, RECEIVE_BUFFER)) &&
           SET(CURLOPT_UPLOAD_BUFFERSIZE, buffer_size(rate, FERRY__BLOCK_BYTES)) &&
           SET(CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)rate) && SET(CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)rate);
}

/* libcurl asks before the body of every PUT whether it may come (Expect: 100-continue). */
static bool set_body(struct ferry__http *h)
{
    bool asks_first = h->size - h->start >= ASK_FIRST_FROM_BYTES;

    return SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_READFUNCTION, on_read) && SET(CURLOPT_READDATA, h) &&
           SET(CURLOPT_SEEKFUNCTION, on_seek) && SET(CURLOPT_SEEKDATA, h) &&
           SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)(h->size - h->start)) &&
           (asks_first || add_header(h, "Expect", ""));
}

static bool set_get(struct ferry__http *h, const ferry_action *act)
{
    char range[32];

    if (act->offset == 0)
        return true;
    (void)snprintf(range, sizeof range, "%llu-", (unsigned long long)act->offset);
    return SET(CURLOPT_RANGE, range) && (act->if_range == NULL || add_header(h, "If-Range", act->if_range));
}

static bool set_request(struct ferry__http *h, const ferry_action *act)
{
    char md5[FERRY_HTTP_MD5_SIZE];
    bool ok = false;

    switch (act->http) {
    case FERRY_HTTP_PUT:
        ferry_http_md5(act->md5, md5);
        ok = set_body(h) && add_header(h, "Content-MD5", md5) &&
             add_header(h, "Content-Type", "application/octet-stream");
        break;
    case FERRY_HTTP_PROBE:
        ok = SET(CURLOPT_NOBODY, 1L) && add_header(h, "Tus-Resumable", "1.0.0");
        break;
    case FERRY_HTTP_PATCH:
        ok = set_body(h) && SET(CURLOPT_CUSTOMREQUEST, "PATCH") && add_header(h, "Tus-Resumable", "1.0.0") &&
             add_number(h, "Upload-Offset", act->offset) &&
             add_header(h, "Content-Type", "application/offset+octet-stream");
        break;
    case FERRY_HTTP_GET:
        ok = set_get(h, act);
        break;
    }
    return ok && SET(CURLOPT_HTTPHEADER, h->headers);
}

static void finish(struct ferry__http *h)
{
    if (h->active)
        (void)curl_multi_remove_handle(h->ferry->multi, h->easy);
    h->active = h->wanted = false;
    h->resume_ms = h->slow_ms = UINT64_MAX;
    curl_slist_free_all(h->headers);
    h->headers = NULL;
}

void ferry__http_abort(struct ferry *f, ferry_lane lane)
{
    finish(&f->http[lane]);
}

/* --- the loop --- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct ferry *f = user;
    struct ferry__http *h = NULL;

    (void)socket_user;
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &h) == CURLE_OK && h != NULL)
        h->fd = what == CURL_POLL_REMOVE ? -1 : fd;
    if (what == CURL_POLL_REMOVE)
        ferry__unwatch(f, fd);
    else
        ferry__watch(f, fd,
                     ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct ferry *f = user;

    (void)multi;
    f->curl_due_ms = timeout_ms < 0 ? UINT64_MAX : ferry__now_ms() + (uint64_t)timeout_ms;
    return 0;
}

static void tell_end(struct ferry__http *h, CURLcode code)
{
    ferry_fault fault = h->fault != FERRY_FAULT_NONE ? h->fault : ferry__http_fault(code);
    bool wanted = h->wanted, all_sent = is_sending(h) && h->position == h->size;

    finish(h);
    if (!wanted)
        return;
    if (fault == FERRY_FAULT_NONE && all_sent)
        tell_sent(h, h->size);
    if (h->fault == FERRY_FAULT_NONE) { /* what a callback of ours ran into has other words */
        h->reason.fault = fault;
        (void)snprintf(h->reason.text, sizeof h->reason.text, "%s", h->error);
    }
    ferry__tell(h->ferry, FERRY_EV_HTTP_END, h->lane, fault);
}

static void end_too_slow(struct ferry__http *h)
{
    const struct ferry_options *o = &h->ferry->options;

    finish(h);
    h->reason.fault = FERRY_FAULT_TIMEOUT;
    (void)snprintf(h->reason.text, sizeof h->reason.text, "less than %llu bytes/s for %llu s",
                   (unsigned long long)low_speed(o), (unsigned long long)(o->low_speed_ms / 1000));
    ferry__tell(h->ferry, FERRY_EV_HTTP_END, h->lane, FERRY_FAULT_TIMEOUT);
}

static void collect_ends(struct ferry *f)
{
    int left;

    for (CURLMsg *msg; (msg = curl_multi_info_read(f->multi, &left)) != NULL;) {
        struct ferry__http *h = NULL;
        CURLcode code = msg->data.result;
        if (msg->msg == CURLMSG_DONE && curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &h) == CURLE_OK &&
            h != NULL)
            tell_end(h, code);
    }
}

/* libcurl could not go on, and does not say with which of them: nobody would wake it any more. */
static void end_all(struct ferry *f)
{
    f->curl_broken = true;
    for (struct ferry__http *h = f->http; h < f->http + FERRY_LANES; h++)
        if (h->active)
            tell_end(h, CURLE_OUT_OF_MEMORY);
}

void ferry__http_io(struct ferry *f, int fd, uint32_t epoll_events)
{
    int running;
    int mask = ((epoll_events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
               ((epoll_events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
               ((epoll_events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);

    CURLMcode code = curl_multi_socket_action(f->multi, fd, mask, &running);
    collect_ends(f);
    if (code != CURLM_OK)
        end_all(f);
}

void ferry__http_time(struct ferry *f)
{
    for (struct ferry__http *h = f->http; h < f->http + FERRY_LANES; h++) {
        resume(h);
        look_at_sent(h); /* before the engine asks whether its time-out is over */
        if (is_too_slow(h))
            end_too_slow(h);
    }
    if (ferry__now_ms() >= f->curl_due_ms) {
        f->curl_due_ms = UINT64_MAX;
        ferry__http_io(f, CURL_SOCKET_TIMEOUT, 0);
    }
}

ferry_device_err ferry__http_init(struct ferry *f)
{
    f->curl_due_ms = UINT64_MAX;
    f->multi = curl_multi_init();
    if (f->multi == NULL)
        return FERRY_DEVICE_E_SYSTEM;
    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++) {
        f->http[lane] = (struct ferry__http){.ferry = f,
                                             .lane = lane,
                                             .easy = curl_easy_init(),
                                             .fd = -1,
                                             .resume_ms = UINT64_MAX,
                                             .slow_ms = UINT64_MAX};
        if (f->http[lane].easy == NULL)
            return FERRY_DEVICE_E_SYSTEM;
    }
    return curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
                   curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) == CURLM_OK &&
                   curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
                   curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) == CURLM_OK
               ? FERRY_DEVICE_OK
               : FERRY_DEVICE_E_SYSTEM;
}

void ferry__http_done(struct ferry *f)
{
    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++) {
        struct ferry__http *h = &f->http[lane];
        if (h->easy == NULL)
            continue;
        finish(h);
        curl_easy_cleanup(h->easy);
        h->easy = NULL;
    }
    if (f->multi != NULL)
        (void)curl_multi_cleanup(f->multi);
    f->multi = NULL;
}

/* --- the next transfer --- */

static void mend(struct ferry *f)
{
    if (!f->curl_broken || f->http[FERRY_LANE_UP].active || f->http[FERRY_LANE_DOWN].active)
        return;
    ferry__http_done(f);
    f->curl_broken = ferry__http_init(f) != FERRY_DEVICE_OK;
    if (f->curl_broken)
        ferry__http_done(f);
}

static void lacks(struct ferry *f, ferry_lane lane)
{
    f->curl_broken = true;
    ferry__tell(f, FERRY_EV_HTTP_END, lane, FERRY_FAULT_SYSTEM);
}

void ferry__http_begin(struct ferry *f, const ferry_action *act)
{
    struct ferry__http *h = &f->http[act->lane];
    bool sends = act->http == FERRY_HTTP_PUT || act->http == FERRY_HTTP_PATCH;

    finish(h);
    mend(f);
    if (h->easy == NULL) {
        ferry__tell(f, FERRY_EV_HTTP_END, act->lane, FERRY_FAULT_SYSTEM);
        return;
    }
    curl_easy_reset(h->easy);
    h->answered = false;
    h->fault = FERRY_FAULT_NONE;
    h->head = (ferry_http_head){0};
    h->reason = (struct ferry__reason){0};
    h->error[0] = '\0';
    h->size = act->size;
    h->start = h->position = h->gone = act->http == FERRY_HTTP_PUT ? 0 : act->offset;
    h->paced_at = h->start;
    h->paced_ms = ferry__now_ms();
    if (sends && !ferry__source_fits(f, act))
        ferry__tell(f, FERRY_EV_HTTP_END, act->lane, FERRY_FAULT_READ);
    else if (set_common(h, act) && set_callbacks(h) && set_tls(h) && set_request(h, act) &&
             curl_multi_add_handle(f->multi, h->easy) == CURLM_OK)
        h->active = h->wanted = true;
    else
        lacks(f, act->lane);
}
