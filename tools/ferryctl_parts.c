/* A large file on its way to the platform: straight to its store where that can be, else in parts, until it is there. */
#include "ferryctl_file.h"

#include "base/alloc.h"
#include "base/encode.h"
#include "base/system.h"
#include "ferry/md5.h"
#include "ferryctl_http.h"
#include "ferryctl_memory.h"
#include "progress.h"
#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LARGE_BYTES = 8 << 20, /* below, sending again costs less than asking */
    BLOCK_BYTES = 256 << 10,
    WAIT_MAX_S = 30,
    DIRECT_TRIES = 3, /* each begins at the first byte: the other way goes on where it was */
    SHA256_BYTES = 32,
    TRIES_MAX = 60, /* without a byte more: half an hour */
};

struct parts {
    struct ctl_api *api;
    const char *file;
    int fd;
    uint64_t size;
    char md5[FERRY_MD5_HEX + 1];
    char sha256[FERRY_SHA256_HEX + 1];
    char *path; /* of the upload */
    json_t *upload; /* as the platform showed it last */
    uint64_t at;
    struct progress progress;
};

bool ctl_file_is_large(const char *file)
{
    struct stat st;

    return strcmp(file, "-") != 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= LARGE_BYTES;
}

static enum ctl_exit open_file(struct parts *p)
{
    struct stat st;

    p->fd = open(p->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (p->fd < 0 || fstat(p->fd, &st) != 0)
        return ctl_fail(CTL_FAILED, "cannot open %s: %s", p->file, strerror(errno));
    p->size = (uint64_t)st.st_size;
    return CTL_DONE;
}

static size_t read_at(struct parts *p, uint64_t at, char *out, size_t cap)
{
    ssize_t len;

    do {
        len = pread(p->fd, out, cap, (off_t)at);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        progress_end(&p->progress);
        (void)ctl_fail(CTL_FAILED, "cannot read %s: %s", p->file, strerror(errno));
        return SIZE_MAX;
    }
    return (size_t)len;
}

/* --- which file it is --------------------------------------------------------------------------------- */

static enum ctl_exit hash(struct parts *p, ferry_md5 *md5, EVP_MD_CTX *sha256)
{
    ferry_autofree char *block = ctl_check(ferry_malloc(BLOCK_BYTES));
    uint64_t at = 0;
    size_t len;

    progress_begin(&p->progress, "checksum", p->size, 0, ferry_mono_ms());
    while ((len = read_at(p, at, block, BLOCK_BYTES)) != 0) {
        if (len == SIZE_MAX)
            return CTL_FAILED;
        ferry_md5_update(md5, block, len);
        if (EVP_DigestUpdate(sha256, block, len) != 1)
            (void)ctl_check(NULL);
        at += len;
        progress_update(&p->progress, at, ferry_mono_ms());
    }
    progress_end(&p->progress);
    return at == p->size ? CTL_DONE : ctl_fail(CTL_FAILED, "%s changes while it is read", p->file);
}

static enum ctl_exit find_digests(struct parts *p)
{
    uint8_t md5_bytes[FERRY_MD5_BYTES], sha256_bytes[SHA256_BYTES];
    EVP_MD_CTX *sha256 = ctl_check(EVP_MD_CTX_new());
    ferry_md5 md5;

    ferry_md5_init(&md5);
    if (EVP_DigestInit_ex(sha256, EVP_sha256(), NULL) != 1)
        (void)ctl_check(NULL);
    enum ctl_exit status = hash(p, &md5, sha256);
    ferry_md5_final(&md5, md5_bytes);
    if (EVP_DigestFinal_ex(sha256, sha256_bytes, NULL) != 1)
        (void)ctl_check(NULL);
    EVP_MD_CTX_free(sha256);
    ferry_hex_encode(md5_bytes, sizeof md5_bytes, p->md5);
    ferry_hex_encode(sha256_bytes, sizeof sha256_bytes, p->sha256);
    return status;
}

/* The platform knows an upload by product, name, size and digests: one that was begun before is found again. */
static enum ctl_exit begin(struct parts *p, json_t *order)
{
    json_t *upload = NULL;

    if (json_object_set_new(order, "size", json_integer((json_int_t)p->size)) != 0 ||
        json_object_set_new(order, "md5", json_string(p->md5)) != 0 ||
        json_object_set_new(order, "sha256", json_string(p->sha256)) != 0)
        (void)ctl_check(NULL);
    enum ctl_exit status = ctl_api_call(p->api, "POST", "/api/v1/resource-uploads", order, &upload);
    const char *id = json_string_value(json_object_get(upload, "id"));
    if (status == CTL_DONE && id == NULL)
        status = ctl_fail(CTL_NETWORK, "the platform began an upload without an id");
    if (status == CTL_DONE)
        p->path = ctl_path("/api/v1/resource-uploads/%s", id);
    json_decref(upload);
    return status;
}

/* --- sending ------------------------------------------------------------------------------------------ */

static enum ctl_exit look(struct parts *p)
{
    json_decref(p->upload);
    p->upload = NULL;
    return ctl_api_call(p->api, "GET", p->path, NULL, &p->upload);
}

static bool is_done(const struct parts *p)
{
    const char *state = json_string_value(json_object_get(p->upload, "state"));

    return state != NULL && strcmp(state, "done") == 0;
}

static uint64_t offset_of(const struct parts *p)
{
    json_int_t offset = json_integer_value(json_object_get(p->upload, "offset"));

    return offset > 0 ? (uint64_t)offset : 0;
}

static size_t read_some(void *arg, char *out, size_t cap)
{
    struct parts *p = arg;
    size_t len = read_at(p, p->at, out, cap);

    if (len != SIZE_MAX) {
        p->at += len;
        progress_update(&p->progress, p->at, ferry_mono_ms());
    }
    return len;
}

static void begin_at(struct parts *p, uint64_t offset)
{
    const char *slash = strrchr(p->file, '/');

    p->at = offset;
    progress_begin(&p->progress, slash != NULL ? slash + 1 : p->file, p->size, offset, ferry_mono_ms());
}

/* What is left, in one request. */
static enum ctl_exit send_rest(struct parts *p, bool *ret_again)
{
    uint64_t offset = offset_of(p);
    struct ctl_stream stream = {.read = read_some,
                                .arg = p,
                                .type = "application/offset+octet-stream",
                                .size = p->size - offset,
                                .part = true,
                                .offset = offset};

    begin_at(p, offset);
    enum ctl_exit status = ctl_api_send_part(p->api, p->path, &stream, ret_again);
    progress_end(&p->progress);
    return status;
}

/* One try. It is not over when *ret_again, or when all is sent and still being verified. */
static enum ctl_exit go_on(struct parts *p, bool *ret_again)
{
    enum ctl_exit status = look(p);

    *ret_again = status == CTL_NETWORK;
    if (status == CTL_DONE && !is_done(p) && offset_of(p) < p->size)
        status = send_rest(p, ret_again);
    else if (status == CTL_DONE)
        *ret_again = !is_done(p);
    return status;
}

static void wait_a_little(unsigned tries)
{
    unsigned seconds = tries < 5 ? 1u << tries : WAIT_MAX_S;

    (void)sleep(seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S);
}

/* --- straight to the store ----------------------------------------------------------------------------- */

static bool put_file(struct parts *p, const json_t *way, char why[CTL_HTTP_WHY_SIZE], bool *ret_refused)
{
    struct ctl_stream stream = {.read = read_some, .arg = p, .size = p->size};
    struct curl_slist *headers = NULL;
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(way, "headers"), name, value) {
        const char *text = json_string_value(value);
        ferry_autofree char *line = ctl_check(ferry_asprintf("%s: %s", name, text != NULL ? text : ""));
        headers = ctl_check(curl_slist_append(headers, line));
    }
    begin_at(p, 0);
    bool done = ctl_http_put(p->api, json_string_value(json_object_get(way, "url")), headers, &stream, why, ret_refused);
    progress_end(&p->progress);
    curl_slist_free_all(headers);
    *ret_refused |= stream.failed;
    return done;
}

/* Where the platform gives a URL of its store. Whatever becomes of it, the platform is asked how the upload stands then. */
static enum ctl_exit send_direct(struct parts *p)
{
    ferry_autofree char *path = ctl_check(ferry_asprintf("%s/direct", p->path));
    char why[CTL_HTTP_WHY_SIZE] = "";
    bool refused = false;

    for (unsigned tries = 0; tries < DIRECT_TRIES && !refused; tries++) {
        ctl_autojson *way = NULL;
        if (tries > 0)
            wait_a_little(tries - 1);
        enum ctl_exit status = ctl_api_call(p->api, "GET", path, NULL, &way);
        if (status != CTL_DONE || json_string_value(json_object_get(way, "url")) == NULL || put_file(p, way, why, &refused))
            return status;
    }
    (void)fprintf(stderr, "Note: the file goes through the platform, its store did not take it: %s.\n", why);
    return CTL_DONE;
}

/* What was begun in parts goes on in parts. */
static enum ctl_exit send_first(struct parts *p)
{
    enum ctl_exit status = look(p);

    return status == CTL_DONE && !is_done(p) && offset_of(p) == 0 ? send_direct(p) : status;
}

/* --- until it is there ---------------------------------------------------------------------------------- */

static enum ctl_exit send_all(struct parts *p)
{
    enum ctl_exit status = send_first(p);
    uint64_t best = 0;
    bool again = false;

    if (status != CTL_DONE && status != CTL_NETWORK)
        return status;
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        status = go_on(p, &again);
        if (!again && (status != CTL_DONE || is_done(p)))
            return status;
        if (!again) { /* all is sent: how did it end? */
            status = look(p);
            if (status == CTL_DONE && is_done(p))
                return CTL_DONE;
        }
        if (offset_of(p) > best) {
            best = offset_of(p);
            tries = 0;
        }
        wait_a_little(tries);
    }
    return status != CTL_DONE ? status : ctl_fail(CTL_NETWORK, "the platform does not say how the upload ended");
}

/* The upload has told what it had to tell. With a key of the caller's it stays, to tell it again. */
static enum ctl_exit settle(struct parts *p, json_t **ret_answer)
{
    const char *id = json_string_value(json_object_get(p->upload, "resource"));

    if (id == NULL)
        return ctl_fail(CTL_NETWORK, "the platform has the file and does not name the resource");
    ferry_autofree char *path = ctl_path("/api/v1/resources/%s", id);
    enum ctl_exit status = ctl_api_call(p->api, "GET", path, NULL, ret_answer);
    if (status == CTL_DONE && p->api->key == NULL)
        status = ctl_api_call(p->api, "DELETE", p->path, NULL, NULL);
    return status;
}

enum ctl_exit ctl_file_send_parts(struct ctl_api *api, json_t *order, const char *file, bool quiet, json_t **ret_answer)
{
    struct parts p = {.api = api, .file = file, .fd = -1};

    progress_init(&p.progress, stderr, quiet);
    enum ctl_exit status = open_file(&p);
    if (status == CTL_DONE)
        status = find_digests(&p);
    if (status == CTL_DONE)
        status = begin(&p, order);
    if (status == CTL_DONE)
        status = send_all(&p);
    if (status == CTL_DONE)
        status = settle(&p, ret_answer);
    else if (p.path != NULL && status == CTL_NETWORK)
        (void)fputs("The same command again goes on where the upload stands.\n", stderr);
    if (p.fd >= 0)
        (void)close(p.fd);
    json_decref(p.upload);
    free(p.path);
    return status;
}
