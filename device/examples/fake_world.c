/* A platform on fake sockets: answers four messages and four kinds of request, and drops one connection of each lane. */
#include "fake_world.h"

#include "ferry/md5.h"
#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOCKETS = 4, IN_BYTES = WORLD_FILE_BYTES + 2048, OUT_BYTES = WORLD_FILE_BYTES + 512, STEP_MS = 1, MESSAGES = 8 };

struct connection {
    bool open;
    char in[IN_BYTES], out[OUT_BYTES];
    size_t in_len, out_len, out_at, dies_at; /* after so many bytes of either direction, 0: never */
    bool answered;
};

static struct {
    uint64_t now;
    struct connection sockets[SOCKETS];
    char messages[MESSAGES][1024];
    size_t message_count;
    uint8_t offered[WORLD_FILE_BYTES], uploaded[WORLD_FILE_BYTES];
    size_t uploaded_len, connections;
    bool upload_done, download_done;
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

const uint8_t *world_offered_file(void)
{
    for (size_t i = 0; i < sizeof world.offered; i++)
        world.offered[i] = (uint8_t)(i * 31 + i / 256);
    return world.offered;
}

/* ---- the store ---- */

static void answer(struct connection *c, const char *head, const uint8_t *body, size_t len)
{
    c->out_len = (size_t)snprintf(c->out, sizeof c->out, "%sContent-Length: %zu\r\n\r\n", head, len);
    if (len > 0)
        memcpy(c->out + c->out_len, body, len);
    c->out_len += len;
    c->answered = true;
}

static size_t number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at == NULL ? 0 : (size_t)strtoul(at + strlen(key), NULL, 10);
}

static void serve_get(struct connection *c)
{
    char head[160];
    size_t from = number_after(c->in, "Range: bytes=");

    (void)snprintf(head, sizeof head,
                   "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes %zu-%d/%d\r\n", from,
                   WORLD_FILE_BYTES - 1, WORLD_FILE_BYTES);
    answer(c, from > 0 ? head : "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\n", world_offered_file() + from,
           WORLD_FILE_BYTES - from);
}

static void serve_patch(struct connection *c, size_t head_len)
{
    size_t body = c->in_len - head_len, from = number_after(c->in, "Upload-Offset: ");
    char head[96];

    if (from + body > sizeof world.uploaded)
        return;
    memcpy(world.uploaded + from, c->in + head_len, body);
    world.uploaded_len = from + body; /* also what came before a break */
    if (body < number_after(c->in, "Content-Length: "))
        return;
    (void)snprintf(head, sizeof head, "HTTP/1.1 204 No Content\r\nUpload-Offset: %zu\r\n", world.uploaded_len);
    answer(c, head, NULL, 0);
}

static void serve(struct connection *c)
{
    char head[96];

    c->in[c->in_len] = '\0';
    const char *end = strstr(c->in, "\r\n\r\n");
    if (end == NULL || c->answered)
        return;
    if (strncmp(c->in, "GET ", 4) == 0)
        serve_get(c);
    else if (strncmp(c->in, "PATCH ", 6) == 0)
        serve_patch(c, (size_t)(end - c->in) + 4);
    else {
        (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: %zu\r\n",
                       world.uploaded_len);
        answer(c, head, NULL, 0);
    }
}

int world_connect(const char *host, size_t host_len, uint16_t port)
{
    if (host_len != 5 || memcmp(host, "store", 5) != 0 || port != 8080)
        return -1;
    for (int i = 0; i < SOCKETS; i++)
        if (!world.sockets[i].open) {
            /* of the first four connections, those that carry a file break off */
            world.sockets[i] = (struct connection){.open = true, .dies_at = world.connections++ < 3 ? 9000 : 0};
            return i;
        }
    return -1;
}

static bool dead(const struct connection *c)
{
    return c->dies_at > 0 && (c->in_len > c->dies_at || c->out_at > c->dies_at);
}

int world_send(int socket, const void *bytes, size_t len)
{
    struct connection *c = &world.sockets[socket];

    if (dead(c) || len > sizeof c->in - 1 - c->in_len)
        return WORLD_CLOSED;
    memcpy(c->in + c->in_len, bytes, len);
    c->in_len += len;
    serve(c);
    return (int)len;
}

int world_recv(int socket, void *out, size_t cap)
{
    struct connection *c = &world.sockets[socket];
    size_t len = c->out_len - c->out_at;

    if (dead(c))
        return WORLD_CLOSED;
    if (len == 0)
        return WORLD_AGAIN;
    len = len < cap ? len : cap;
    memcpy(out, c->out + c->out_at, len);
    c->out_at += len;
    return (int)len;
}

void world_close(int socket)
{
    if (socket >= 0)
        world.sockets[socket].open = false;
}

/* ---- the platform ---- */

bool world_mqtt_connect(void)
{
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
        ferry_msg_write(msg, world.messages[world.message_count], sizeof world.messages[0], &len) == FERRY_PROTO_OK)
        world.message_count++;
}

static void md5_text(const uint8_t *bytes, size_t len, char out[33])
{
    ferry_md5 md5;
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_init(&md5);
    ferry_md5_update(&md5, bytes, len);
    ferry_md5_final(&md5, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void world_mqtt_publish(const char *topic, const char *payload, size_t len)
{
    char copy[1024], md5[33];
    ferry_json_token tokens[FERRY_JSON_TOKENS_DEVICE];
    ferry_msg in,
        out = {.has = FERRY_HAS_SIZE, .result_msg = ferry_text_of("ok"), .url = ferry_text_of("http://store:8080/o/1")};

    if (strcmp(topic, "$resource/up/service/p1/board-7") != 0 || len > sizeof copy)
        return;
    memcpy(copy, payload, len);
    if (ferry_msg_parse(copy, len, tokens, FERRY_JSON_TOKENS_DEVICE, &in) != FERRY_PROTO_OK)
        return;
    out.request_id = in.request_id;
    out.name = in.name;
    if (in.type == FERRY_MSG_CREATE_UPLOAD_TASK) {
        out.type = FERRY_MSG_CREATE_UPLOAD_TASK_RSP;
        out.size = in.size;
        out.md5sum = in.md5sum;
    } else if (in.type == FERRY_MSG_GET_DOWNLOAD_TASK) {
        md5_text(world_offered_file(), WORLD_FILE_BYTES, md5);
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

bool world_got_upload(const uint8_t *bytes, size_t len)
{
    return world.upload_done && world.uploaded_len == len && memcmp(world.uploaded, bytes, len) == 0;
}

bool world_confirmed_download(void)
{
    return world.download_done;
}
