/*
 * A platform on fake sockets: answers four messages and three kinds of request, breaks some connections
 * off, and takes the power away once. It has no room for a file: what it sends it computes, what it
 * gets it compares at once, so that all of it runs beside the device on a small board.
 */
#include "fake_world.h"

#include "ferry/md5.h"
#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOCKETS = 2, HEAD_BYTES = 512, ANSWER_BYTES = 160, MESSAGES = 4, MESSAGE_BYTES = 320, TOKENS = 32 };
enum { STEP_MS = 1, CONNECTIONS_THAT_BREAK = 3, BREAKS_AT = 9000, POWER_FAILS_AT = 14000 };

struct connection {
    bool open, head_done;
    char head[HEAD_BYTES]; /* of the request */
    size_t head_len;
    size_t in_at, in_left; /* its body: where in the file, and how much is still to come */
    char answer[ANSWER_BYTES];
    size_t answer_len, answer_at;
    size_t out_at, out_left; /* the answer's body */
    size_t moved, breaks_at; /* after so many bytes of either direction, 0: never */
};

static struct {
    uint64_t now;
    struct connection sockets[SOCKETS];
    char messages[MESSAGES][MESSAGE_BYTES];
    size_t message_count, connections;
    size_t uploaded, downloaded; /* bytes of the files, from their beginning */
    bool upload_damaged, upload_done, download_done, power_failed, began_anew;
} world;

uint64_t world_now_ms(void)
{
    return world.now;
}

void world_sleep_until(uint64_t ms)
{
    bool busy = world.message_count > 0;

    for (int i = 0; i < SOCKETS; i++)
        busy |= world.sockets[i].open;
    world.now = busy || ms == UINT64_MAX ? world.now + STEP_MS : ms;
}

bool world_power_fails(void)
{
    if (world.power_failed || (world.uploaded < POWER_FAILS_AT && world.downloaded < POWER_FAILS_AT))
        return false;
    world.power_failed = true;
    for (int i = 0; i < SOCKETS; i++)
        world_close(i);
    puts("the power fails");
    world_reset();
    return true;
}

void world_write_log(void)
{
    world_flash_erase(WORLD_SOURCE);
    for (size_t i = 0; i < WORLD_FILE_BYTES; i++) {
        uint8_t byte = (uint8_t)(i * i / 7);
        world_flash_write(WORLD_SOURCE, i, &byte, 1);
    }
}

/* The file that the platform has for the device. */
static uint8_t offered(size_t at)
{
    return (uint8_t)(at * 31 + at / 256);
}

/* ---- the store ---- */

static size_t number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at == NULL ? 0 : (size_t)strtoul(at + strlen(key), NULL, 10);
}

static void answer(struct connection *c, const char *before, size_t number, const char *after)
{
    int len = snprintf(c->answer + c->answer_len, sizeof c->answer - c->answer_len, "%s%u%s", before, (unsigned)number,
                       after);
    c->answer_len += (size_t)len;
}

static void answer_upload(struct connection *c)
{
    answer(c, "HTTP/1.1 204 No Content\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: ", world.uploaded, "\r\n\r\n");
}

static void answer_download(struct connection *c)
{
    c->out_at = number_after(c->head, "Range: bytes=");
    c->out_left = WORLD_FILE_BYTES - c->out_at;
    if (c->out_at > 0)
        answer(c, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes ", c->out_at, "-19999/20000\r\n");
    else
        answer(c, "HTTP/1.1 ", 200, " OK\r\n");
    answer(c, "ETag: \"v1\"\r\nContent-Length: ", c->out_left, "\r\n\r\n");
}

/* The head of a request is there. */
static void serve(struct connection *c)
{
    bool sends_file = true;

    if (strncmp(c->head, "GET ", 4) == 0)
        answer_download(c);
    else if (strncmp(c->head, "PATCH ", 6) == 0) {
        c->in_at = number_after(c->head, "Upload-Offset: ");
        c->in_left = WORLD_FILE_BYTES - c->in_at;
    } else {
        sends_file = false;
        answer_upload(c);
    }
    world.began_anew |= sends_file && world.power_failed && c->in_at + c->out_at == 0;
}

/* Bytes of an upload. They count also when the connection breaks off before the end. */
static void store(struct connection *c, const char *bytes, size_t len)
{
    if (len > c->in_left || c->in_at != world.uploaded) {
        world.upload_damaged = true;
        return;
    }
    world.upload_damaged |= memcmp(world_flash(WORLD_SOURCE) + c->in_at, bytes, len) != 0;
    c->in_at += len;
    c->in_left -= len;
    world.uploaded += len;
    if (c->in_left == 0)
        answer_upload(c);
}

int world_connect(const char *host, size_t host_len, uint16_t port)
{
    if (host_len != 5 || memcmp(host, "store", 5) != 0 || port != 8080)
        return -1;
    for (int i = 0; i < SOCKETS; i++)
        if (!world.sockets[i].open) {
            bool breaks = world.connections++ < CONNECTIONS_THAT_BREAK;
            world.sockets[i] = (struct connection){.open = true, .breaks_at = breaks ? BREAKS_AT : 0};
            return i;
        }
    return -1;
}

static bool broken(const struct connection *c)
{
    return c->breaks_at > 0 && c->moved > c->breaks_at;
}

int world_send(int socket, const void *bytes, size_t len)
{
    struct connection *c = &world.sockets[socket];
    const char *in = bytes;
    size_t at = 0;

    if (broken(c))
        return WORLD_CLOSED;
    c->moved += len;
    while (at < len && !c->head_done && c->head_len < sizeof c->head - 1) {
        c->head[c->head_len++] = in[at++];
        c->head_done = c->head_len >= 4 && memcmp(c->head + c->head_len - 4, "\r\n\r\n", 4) == 0;
        if (c->head_done)
            serve(c);
    }
    if (!c->head_done && c->head_len == sizeof c->head - 1)
        return WORLD_CLOSED;
    if (at < len)
        store(c, in + at, len - at);
    return (int)len;
}

int world_recv(int socket, void *out, size_t cap)
{
    struct connection *c = &world.sockets[socket];
    uint8_t *to = out;
    size_t len = 0;

    if (broken(c))
        return WORLD_CLOSED;
    while (len < cap && c->answer_at < c->answer_len)
        to[len++] = (uint8_t)c->answer[c->answer_at++];
    for (; len < cap && c->out_left > 0; c->out_left--)
        to[len++] = offered(c->out_at++);
    c->moved += len;
    world.downloaded = c->out_at > world.downloaded ? c->out_at : world.downloaded;
    return len > 0 ? (int)len : WORLD_AGAIN;
}

void world_close(int socket)
{
    if (socket >= 0)
        world.sockets[socket].open = false;
}

/* ---- the platform ---- */

bool world_mqtt_connect(void)
{
    world.message_count = 0;
    return true;
}

bool world_mqtt_subscribe(const char *topic)
{
    return strcmp(topic, "$resource/down/service/p1/board-7") == 0;
}

static void say(const ferry_msg *msg)
{
    size_t len;

    if (world.message_count < MESSAGES &&
        ferry_msg_write(msg, world.messages[world.message_count], MESSAGE_BYTES, &len) == FERRY_PROTO_OK)
        world.message_count++;
}

static void offered_md5(char out[33])
{
    ferry_md5 md5;
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_init(&md5);
    for (size_t at = 0; at < WORLD_FILE_BYTES; at++) {
        uint8_t byte = offered(at);
        ferry_md5_update(&md5, &byte, 1);
    }
    ferry_md5_final(&md5, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void world_mqtt_publish(const char *topic, const char *payload, size_t len)
{
    char copy[MESSAGE_BYTES], md5[33];
    ferry_json_token tokens[TOKENS];
    ferry_msg in,
        out = {.has = FERRY_HAS_SIZE, .result_msg = ferry_text_of("ok"), .url = ferry_text_of("http://store:8080/o/1")};

    if (strcmp(topic, "$resource/up/service/p1/board-7") != 0 || len > sizeof copy)
        return;
    memcpy(copy, payload, len);
    if (ferry_msg_parse(copy, len, tokens, TOKENS, &in) != FERRY_PROTO_OK)
        return;
    out.request_id = in.request_id;
    out.name = in.name;
    if (in.type == FERRY_MSG_CREATE_UPLOAD_TASK) {
        out.type = FERRY_MSG_CREATE_UPLOAD_TASK_RSP;
        out.size = in.size;
        out.md5sum = in.md5sum;
    } else if (in.type == FERRY_MSG_GET_DOWNLOAD_TASK) {
        offered_md5(md5);
        out.type = FERRY_MSG_GET_DOWNLOAD_TASK_RSP;
        out.size = WORLD_FILE_BYTES;
        out.name = ferry_text_of("firmware.bin");
        out.md5sum = ferry_text_of(md5);
    } else if (in.type == FERRY_MSG_REPORT_UPLOAD_PROGRESS) {
        out.type = FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP;
        world.upload_done |= in.state == FERRY_PROGRESS_DONE;
    } else {
        out.type = FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP;
        world.download_done |= in.state == FERRY_PROGRESS_DONE;
    }
    say(&out);
}

size_t world_mqtt_receive(char *out, size_t cap)
{
    size_t len = world.message_count == 0 ? 0 : strlen(world.messages[0]);

    if (len == 0 || len > cap)
        return 0;
    memcpy(out, world.messages[0], len);
    memmove(world.messages[0], world.messages[1], sizeof world.messages - sizeof world.messages[0]);
    world.message_count--;
    return len;
}

bool world_got_upload(void)
{
    return world.upload_done && !world.upload_damaged && world.uploaded == WORLD_FILE_BYTES;
}

bool world_got_download(void)
{
    const uint8_t *file = world_flash(WORLD_FILE);
    size_t at = 0;

    while (at < WORLD_FILE_BYTES && file[at] == offered(at))
        at++;
    return world.download_done && at == WORLD_FILE_BYTES;
}

bool world_saw_resume(void)
{
    return world.power_failed && !world.began_anew;
}
