/* What a store answers, what is made of it, and how often it is asked: against a server that says what the test wrote down. */
#define _GNU_SOURCE /* strcasestr */

#include "s3_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encode.h"

enum { ANSWERS_MAX = 8, HEAD_SIZE = 8192, PATIENCE_MS = 20000, SHORT_MS = 400, POLL_MS = 20 };

/* In place of an answer. */
#define HANGS "hangs"
#define CUTS "cuts"

struct server {
    int fd;
    char url[64];
    pthread_t thread;
    const char *const *answers; /* the last one again and again */
    size_t count;
    atomic_uint asked;
    atomic_bool over;
    char head[ANSWERS_MAX][HEAD_SIZE]; /* of the requests */
};

static size_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at != NULL ? (size_t)strtoull(at + 17, NULL, 10) : 0;
}

/* Reads one request, and forgets its body. False: none came. */
static bool take_request(int fd, char head[HEAD_SIZE])
{
    size_t len = 0;
    char *end = NULL;
    while (end == NULL && len < HEAD_SIZE - 1) {
        ssize_t got = recv(fd, head + len, HEAD_SIZE - 1 - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        head[len] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    if (end == NULL)
        return false;
    static char forgotten[65536];
    size_t left = content_length(head), had = len - (size_t)(end + 4 - head);
    while (had < left) {
        ssize_t got = recv(fd, forgotten, sizeof forgotten, 0);
        if (got <= 0)
            return false;
        had += (size_t)got;
    }
    return true;
}

static void answer_one(struct server *s, int fd)
{
    unsigned n = atomic_load(&s->asked);
    if (!take_request(fd, s->head[n < ANSWERS_MAX ? n : ANSWERS_MAX - 1]))
        return;
    const char *answer = s->answers[n < s->count ? n : s->count - 1];
    atomic_fetch_add(&s->asked, 1);
    if (strcmp(answer, CUTS) == 0)
        return;
    while (strcmp(answer, HANGS) == 0 && !atomic_load(&s->over))
        usleep(POLL_MS * 1000);
    (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    while (!atomic_load(&s->over)) {
        struct pollfd ready = {.fd = s->fd, .events = POLLIN};
        if (poll(&ready, 1, POLL_MS) <= 0)
            continue;
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            continue;
        answer_one(s, fd);
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *s, const char *const *answers, size_t count)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    memset(s, 0, sizeof *s);
    s->answers = answers;
    s->count = count;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static unsigned server_stop(struct server *s)
{
    atomic_store(&s->over, true);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    close(s->fd);
    return atomic_load(&s->asked);
}

static struct objects *open_at(const char *url, const char *token)
{
    struct objects_s3_address address;
    char text[256], problem[OBJECTS_S3_PROBLEM_SIZE];
    struct objects *o = NULL;
    (void)snprintf(text, sizeof text, "s3://bucket?endpoint=%s", url);
    assert_int_equal(objects_s3_address_parse(text, &address, problem), FERRY_OK);
    const struct objects_s3_config cfg = {
        .address = &address, .access_key = "key", .secret_key = "a secret", .session_token = token, .public_url = "http://127.0.0.1:1"};
    assert_int_equal(objects_s3_open(&cfg, &o), FERRY_OK);
    return o;
}

#define ANSWER(status, headers, body) "HTTP/1.1 " status "\r\nConnection: close\r\n" headers "\r\n\r\n" body
#define FAILS(status, code) ANSWER(status, "Content-Type: application/xml", "<Error><Code>" code "</Code><Message>m</Message></Error>")
#define GOOD ANSWER("200 OK", "Content-Length: 0", "")

static const struct {
    const char *answers[ANSWERS_MAX];
    ferry_err err;
    unsigned asked;
    bool once;
    uint32_t patience_ms;
} cases[] = {
    {{GOOD}, FERRY_OK, 1, false, 0},
    {{FAILS("404 Not Found", "NoSuchKey")}, FERRY_E_NOT_FOUND, 1, false, 0},
    {{FAILS("404 Not Found", "NoSuchBucket")}, FERRY_E_IO, 1, false, 0},
    {{FAILS("403 Forbidden", "AccessDenied")}, FERRY_E_DENIED, 1, false, 0},
    {{FAILS("403 Forbidden", "RequestTimeTooSkewed")}, FERRY_E_DENIED, 1, false, 0},
    {{FAILS("403 Forbidden", "QuotaExceeded")}, FERRY_E_FULL, 1, false, 0},
    {{FAILS("507 Insufficient Storage", "XMinioStorageFull")}, FERRY_E_FULL, 1, false, 0},
    {{FAILS("400 Bad Request", "BadDigest")}, FERRY_E_DIGEST, 1, false, 0},
    {{FAILS("400 Bad Request", "InvalidArgument")}, FERRY_E_IO, 1, false, 0},
    {{FAILS("412 Precondition Failed", "PreconditionFailed")}, FERRY_E_STALE, 1, false, 0},
    {{ANSWER("301 Moved", "Location: http://127.0.0.1:1/", "")}, FERRY_E_IO, 1, false, 0}, /* nobody is followed */
    {{FAILS("503 Slow Down", "SlowDown")}, FERRY_E_BUSY, 3, false, 0},
    {{FAILS("503 Slow Down", "SlowDown"), FAILS("503 Slow Down", "SlowDown"), GOOD}, FERRY_OK, 3, false, 0},
    {{FAILS("500 Internal Server Error", "InternalError"), GOOD}, FERRY_OK, 2, false, 0},
    {{ANSWER("502 Bad Gateway", "", "<html>of a proxy<br></html>"), GOOD}, FERRY_OK, 2, false, 0},
    {{FAILS("503 Slow Down", "SlowDown"), GOOD}, FERRY_E_BUSY, 1, true, 0},
    {{CUTS}, FERRY_E_NETWORK, 3, false, 0},
    {{CUTS, GOOD}, FERRY_OK, 2, false, 0},
    {{ANSWER("200 OK", "Content-Length: 100", "ten bytes."), GOOD}, FERRY_OK, 2, false, 0},
    {{HANGS}, FERRY_E_TIMEOUT, 1, false, SHORT_MS},
};

static void each_answer_is_understood_and_tried_again_where_that_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct server s;
        size_t count = 0;
        while (count < ANSWERS_MAX && cases[i].answers[count] != NULL)
            count++;
        server_start(&s, cases[i].answers, count);
        struct objects *o = open_at(s.url, NULL);
        s3_autoanswer answer = {.status = 0};
        const struct s3_call call = {.method = "GET",
                                     .name = "x",
                                     .once = cases[i].once,
                                     .patience_ms = cases[i].patience_ms != 0 ? cases[i].patience_ms : (uint32_t)PATIENCE_MS};
        assert_int_equal(s3_call(s3_of(o), &call, &answer), cases[i].err);
        o->ops->close(o);
        assert_int_equal(server_stop(&s), cases[i].asked);
    }
}

static ferry_err get(struct objects *o, uint32_t patience_ms)
{
    s3_autoanswer answer = {.status = 0};
    const struct s3_call call = {.method = "GET", .name = "x", .patience_ms = patience_ms};
    return s3_call(s3_of(o), &call, &answer);
}

/* A label of 64 letters is none: nobody is asked. */
static void a_name_that_cannot_be_looked_up_is_looked_up_again_each_time(void **state)
{
    (void)state;
    struct objects *o = open_at("http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid:1", NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(get(o, PATIENCE_MS), FERRY_E_NETWORK);
    o->ops->close(o);
}

static void *get_in_vain(void *arg)
{
    assert_int_equal(get(arg, PATIENCE_MS), FERRY_OK);
    return NULL;
}

static void a_store_that_hangs_holds_one_caller_and_no_other(void **state)
{
    (void)state;
    static const char *const answers[] = {HANGS, HANGS, GOOD};
    struct server s;
    pthread_t held;
    server_start(&s, answers, 3);
    struct objects *o = open_at(s.url, NULL);
    assert_int_equal(get(o, SHORT_MS), FERRY_E_TIMEOUT); /* and its connection is cut, which the server does not see */
    assert_int_equal(server_stop(&s), 1);
    struct objects_s3 *store = s3_of(o);
    assert_true(atomic_load(&store->silent));
    atomic_store(&store->trying, true); /* another is at it */
    assert_int_equal(get(o, PATIENCE_MS), FERRY_E_TIMEOUT);
    atomic_store(&store->trying, false);
    o->ops->close(o);

    static const char *const better[] = {GOOD};
    server_start(&s, better, 1);
    o = open_at(s.url, NULL);
    atomic_store(&s3_of(o)->silent, true);
    assert_int_equal(pthread_create(&held, NULL, get_in_vain, o), 0);
    assert_int_equal(pthread_join(held, NULL), 0);
    assert_false(atomic_load(&s3_of(o)->silent)); /* there was an answer */
    assert_int_equal(get(o, PATIENCE_MS), FERRY_OK);
    o->ops->interrupt(o);
    assert_int_equal(get(o, PATIENCE_MS), FERRY_E_CLOSED);
    o->ops->close(o);
    assert_int_equal(server_stop(&s), 2);
}

static void requests_say_who_asks_and_no_secret(void **state)
{
    (void)state;
    static const char *const answers[] = {GOOD, GOOD};
    struct server s;
    server_start(&s, answers, 2);
    struct objects *o = open_at(s.url, "a token/of a session");
    ferry_id key = {"01kdzhjq3mx5v6r2c8q0t9w4ab"};
    assert_int_equal(o->ops->remove(o, &key), FERRY_OK);
    o->ops->close(o);
    assert_int_equal(server_stop(&s), 2);
    assert_memory_equal(s.head[0], "DELETE /bucket/01kdzhjq3mx5v6r2c8q0t9w4ab HTTP/1.1\r\n", 52);
    assert_memory_equal(s.head[1], "DELETE /bucket/damaged/01kdzhjq3mx5v6r2c8q0t9w4ab HTTP/1.1\r\n", 60);
    assert_non_null(strstr(s.head[0], "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=key/"));
    assert_non_null(strstr(s.head[0], "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
    assert_non_null(strstr(s.head[0], "\r\nx-amz-security-token: a token/of a session\r\n"));
    assert_null(strstr(s.head[0], "a secret"));
}

/* --- the start ------------------------------------------------------------------------------------ */

static void what_only_other_stores_say_is_told_too(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *wanted;
    } told[] = {
        {ANSWER("400 Bad Request", "",
                "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>eu-west-1</Region></Error>"),
         "region=eu-west-1"},
        {ANSWER("403 Forbidden", "Date: Thu, 01 Jan 2026 00:00:00 GMT", "<Error><Code>RequestTimeTooSkewed</Code></Error>"),
         "the clock of this machine"},
        {FAILS("400 Bad Request", "ExpiredToken"), "expired"},
        {FAILS("403 Forbidden", "AccessDenied"), "no right to list the bucket"},
        {ANSWER("200 OK", "", "<html>hello</html>"), "is it an S3 endpoint?"},
        {ANSWER("200 OK", "", ""), "is it an S3 endpoint?"},
        {ANSWER("200 OK", "", "<ListBucketResult></ListBucketResult>"), "another installation"}, /* also to the question whose it is */
        {ANSWER("404 Not Found", "", "<html>no such page</html>"), "is it an S3 endpoint?"},
    };
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        struct server s;
        char problem[OBJECTS_S3_PROBLEM_SIZE] = "";
        server_start(&s, &told[i].answer, 1);
        struct objects *o = open_at(s.url, NULL);
        ferry_err err = objects_s3_check(o, "us", problem);
        o->ops->close(o);
        (void)server_stop(&s);
        if (told[i].wanted == NULL) {
            assert_int_equal(err, FERRY_OK);
            continue;
        }
        print_message("%s\n", problem);
        assert_int_not_equal(err, FERRY_OK);
        assert_non_null(strstr(problem, told[i].wanted));
        assert_null(strchr(problem, '\n'));
    }
}

/* --- putting parts together ------------------------------------------------------------------------- */

enum { TWO_PARTS = S3_PART_BYTES + 5 };
static char part_answers[2][256], head_answer[256];

static void hex_of(const void *bytes, size_t len, char out[33])
{
    uint8_t md5[16];
    assert_int_equal(EVP_Digest(bytes, len, md5, NULL, EVP_md5(), NULL), 1);
    ferry_hex_encode(md5, sizeof md5, out);
}

/* The answers of a store that takes two parts of zeros. */
static void prepare_answers(void)
{
    static const char zeros[S3_PART_BYTES];
    uint8_t sums[32];
    char hex[2][33], whole[33];
    hex_of(zeros, S3_PART_BYTES, hex[0]);
    hex_of(zeros, 5, hex[1]);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ferry_hex_decode(hex[i], 32, sums + 16 * i, 16), FERRY_OK);
        (void)snprintf(part_answers[i], sizeof part_answers[i], ANSWER("200 OK", "Content-Length: 0\r\nETag: \"%s\"", ""), hex[i]);
    }
    hex_of(sums, sizeof sums, whole);
    (void)snprintf(head_answer, sizeof head_answer, ANSWER("200 OK", "Content-Length: 99\r\nETag: \"%s-2\"", ""), whole);
}

static ferry_err write_two_parts(const char *const *answers, size_t count, unsigned *ret_asked)
{
    static const char zeros[TWO_PARTS];
    struct server s;
    ferry_id key = {"01kdzhjq3mx5v6r2c8q0t9w4ab"};
    struct object_writer *writer = NULL;
    struct object_expect expect = {.size = TWO_PARTS};
    server_start(&s, answers, count);
    struct objects *o = open_at(s.url, NULL);
    assert_int_equal(o->ops->write_begin(o, &key, 0, false, &writer), FERRY_OK);
    assert_int_equal(o->ops->write(writer, zeros, TWO_PARTS), FERRY_OK);
    ferry_err err = o->ops->write_finish(writer, &expect, NULL);
    o->ops->close(o);
    *ret_asked = server_stop(&s);
    return err;
}

#define CREATED ANSWER("200 OK", "", "<R><UploadId>u1</UploadId></R>")

static void an_object_whose_completion_was_not_heard_of_is_looked_at(void **state)
{
    (void)state;
    prepare_answers();
    const char *const lost[] = {CREATED, part_answers[0], part_answers[1], CUTS, head_answer};
    const char *const later[] = {CREATED, part_answers[0], part_answers[1], FAILS("503 Slow Down", "SlowDown"),
                                 FAILS("404 Not Found", "NoSuchKey"), ANSWER("200 OK", "", "<Done><ETag>x</ETag></Done>")};
    unsigned asked = 0;
    assert_int_equal(write_two_parts(lost, 5, &asked), FERRY_OK);
    assert_int_equal(asked, 5);
    assert_int_equal(write_two_parts(later, 6, &asked), FERRY_OK);
    assert_int_equal(asked, 6);
}

static void an_error_behind_a_200_is_one_and_the_parts_are_removed(void **state)
{
    (void)state;
    prepare_answers();
    const char *const answers[] = {CREATED, part_answers[0], part_answers[1],
                                   ANSWER("200 OK", "", "<Error><Code>InternalError</Code></Error>"),
                                   FAILS("404 Not Found", "NoSuchKey"), ANSWER("204 No Content", "", "")};
    unsigned asked = 0;
    assert_int_equal(write_two_parts(answers, 6, &asked), FERRY_E_IO);
    assert_int_equal(asked, 6);
}

/* --- URLs ----------------------------------------------------------------------------------------- */

static void files_over_5_gib_and_long_tokens_get_urls_of_ours(void **state)
{
    (void)state;
    char token[600], text[FERRY_URL_MAX + 1];
    struct object_url url = {.method = OBJECT_PUT, .task = {"01kdzhjq3mx5v6r2c8q0t9w4ab"}, .key = {"01kdzhjq3mx5v6r2c8q0t9w4ab"},
                             .expires_s = 1, .size = S3_PUT_MAX, .md5 = "7cd96e091705fb4da41b3e11163cf663"};
    memset(token, 't', sizeof token);
    token[sizeof token - 1] = '\0';
    struct objects *o = open_at("http://store.example", NULL);
    assert_int_equal(o->ops->url_sign(o, &url, text, sizeof text), FERRY_OK);
    assert_memory_equal(text, "http://store.example/bucket/01kdzhjq3mx5v6r2c8q0t9w4ab?X-Amz-", 61);
    assert_non_null(strstr(text, "&X-Amz-SignedHeaders=content-length%3Bcontent-md5%3Bhost&"));
    url.size++;
    assert_int_equal(o->ops->url_sign(o, &url, text, sizeof text), FERRY_OK);
    assert_memory_equal(text, "http://127.0.0.1:1/o/", 21);
    url.method = OBJECT_GET; /* of any size */
    assert_int_equal(o->ops->url_sign(o, &url, text, sizeof text), FERRY_OK);
    assert_memory_equal(text, "http://store.example/", 21);
    o->ops->close(o);
    o = open_at("http://store.example", token);
    assert_int_equal(o->ops->url_sign(o, &url, text, sizeof text), FERRY_OK);
    assert_memory_equal(text, "http://127.0.0.1:1/o/", 21);
    o->ops->close(o);
}

/* A URL of operators' clients is as long as it must be, and never one of ours. */
static void whole_objects_go_straight_to_the_store_where_one_put_can(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        uint64_t size;
        ferry_err err;
        size_t headers;
        const char *begin, *is_signed;
    } rows[] = {
        {"http://store.example", S3_PUT_MAX, FERRY_OK, 2, "http://store.example/bucket/01kdzhjq3mx5v6r2c8q0t9w4ab?X-Amz-",
         "&X-Amz-SignedHeaders=content-length%3Bcontent-md5%3Bhost%3Bx-amz-checksum-sha256&"},
        {"http://store.example&signature=cos", 1, FERRY_OK, 1, "http://store.example/bucket/01kdzhjq3mx5v6r2c8q0t9w4ab?q-sign-",
         "&q-header-list=content-length%3Bcontent-md5%3Bhost&"},
        {"http://store.example", S3_PUT_MAX + 1, FERRY_E_LIMIT, 0, NULL, NULL},
        {"http://store.example&urls=own", 1, FERRY_E_UNSUPPORTED, 0, NULL, NULL},
    };
    static const uint8_t md5[16], sha256[32];
    const ferry_id key = {"01kdzhjq3mx5v6r2c8q0t9w4ab"};
    char token[600];
    memset(token, 't', sizeof token);
    token[sizeof token - 1] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct object_direct direct;
        struct objects *o = open_at(rows[i].url, token);
        const struct object_expect expect = {.size = rows[i].size, .md5 = md5, .sha256 = sha256};
        assert_int_equal(o->ops->direct_sign(o, &key, &expect, 1, &direct), rows[i].err);
        if (rows[i].err == FERRY_OK) {
            assert_memory_equal(direct.url, rows[i].begin, strlen(rows[i].begin));
            assert_non_null(strstr(direct.url, rows[i].is_signed));
            assert_int_equal(direct.headers_count, rows[i].headers);
            assert_string_equal(direct.headers[0].value, "AAAAAAAAAAAAAAAAAAAAAA==");
        }
        o->ops->close(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_is_understood_and_tried_again_where_that_helps),
        cmocka_unit_test(a_name_that_cannot_be_looked_up_is_looked_up_again_each_time),
        cmocka_unit_test(a_store_that_hangs_holds_one_caller_and_no_other),
        cmocka_unit_test(requests_say_who_asks_and_no_secret),
        cmocka_unit_test(what_only_other_stores_say_is_told_too),
        cmocka_unit_test(an_object_whose_completion_was_not_heard_of_is_looked_at),
        cmocka_unit_test(an_error_behind_a_200_is_one_and_the_parts_are_removed),
        cmocka_unit_test(files_over_5_gib_and_long_tokens_get_urls_of_ours),
        cmocka_unit_test(whole_objects_go_straight_to_the_store_where_one_put_can),
    };
    return cmocka_run_group_tests_name("s3_http", tests, NULL, NULL);
}
