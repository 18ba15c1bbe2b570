/*
 * A complete port without an operating system: one loop, no heap, no threads. It sends one file and
 * receives one, and goes on after the power has failed. Replace world_...() by your board's sockets,
 * MQTT client, clock and flash.
 */
#include "fake_world.h"

#include "ferry/device.h"
#include "ferry/http.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 63, URL_MAX_BYTES = 256, HEAD_BYTES = 512, CHUNK = 512, MESSAGE_BYTES = 768 };

/* One HTTP request, of either lane. */
struct request {
    bool running, head_sent, head_done;
    int socket;
    ferry_action act;
    char head[HEAD_BYTES]; /* the request while it is sent, then lines of the answer */
    size_t head_len, head_at;
    uint64_t offset;    /* in the file: next byte to send or to store */
    uint64_t body_left; /* of the answer */
    ferry_http_head answer;
    char etag[FERRY_HTTP_ETAG_SIZE];
};

struct board {
    ferry_device device;
    ferry_device_config config;
    uint32_t memory[FERRY_DEVICE_MEM(NAME_MAX_BYTES, URL_MAX_BYTES) / 4 + 1];
    struct request request[FERRY_LANES];
    bool finished[FERRY_LANES];
    unsigned restored; /* lanes that went on after the last reset */
};

_Static_assert(FERRY_SNAPSHOT_MAX(NAME_MAX_BYTES) + 4 <= WORLD_SAVED_BYTES, "room for a snapshot and its length");

static ferry_device_err tell(struct board *b, ferry_event event)
{
    return ferry_device_event(&b->device, world_now_ms(), &event);
}

/* ---- HTTP ---- */

static void request_end(struct board *b, struct request *r, ferry_fault fault, bool wanted)
{
    if (!r->running)
        return;
    r->running = false;
    world_close(r->socket);
    if (wanted)
        (void)tell(b, (ferry_event){.kind = FERRY_EV_HTTP_END, .lane = r->act.lane, .fault = fault});
}

static void request_begin(struct board *b, const ferry_action *act)
{
    struct request *r = &b->request[act->lane];
    ferry_text host;
    uint16_t port;

    *r = (struct request){.running = true, .act = *act, .offset = act->offset};
    if (act->http == FERRY_HTTP_GET && act->offset == 0)
        world_flash_erase(WORLD_PART);
    bool ok = ferry_http_host(act->url, &host, &port) &&
              ferry_http_request(act, r->head, sizeof r->head, &r->head_len) == FERRY_DEVICE_OK;
    r->socket = ok ? world_connect(host.ptr, host.len, port) : -1;
    if (r->socket < 0)
        request_end(b, r, FERRY_FAULT_CONNECT, true);
}

/* The head, then the file. False: the connection is gone. */
static bool request_send(struct board *b, struct request *r)
{
    bool sends_file = r->act.http == FERRY_HTTP_PUT || r->act.http == FERRY_HTTP_PATCH;
    int n = WORLD_AGAIN;

    if (!r->head_sent) {
        n = world_send(r->socket, r->head + r->head_at, r->head_len - r->head_at);
        r->head_at += n > 0 ? (size_t)n : 0;
        r->head_sent = r->head_at == r->head_len;
        r->head_len = r->head_sent ? 0 : r->head_len;
    } else if (sends_file && r->offset < r->act.size) {
        size_t len = r->act.size - r->offset < CHUNK ? (size_t)(r->act.size - r->offset) : CHUNK;
        n = world_send(r->socket, world_flash(WORLD_SOURCE) + r->offset, len);
        r->offset += n > 0 ? (uint64_t)n : 0;
        (void)tell(b, (ferry_event){.kind = FERRY_EV_SENT, .lane = r->act.lane, .offset = r->offset});
    }
    return n != WORLD_CLOSED;
}

/* One byte of the answer's head. False: the engine does not want the rest. */
static bool head_byte(struct board *b, struct request *r, char c)
{
    if (r->head_len < sizeof r->head)
        r->head[r->head_len++] = c;
    if (c != '\n')
        return true;
    bool empty = r->head_len <= 2;
    if (!empty)
        ferry_http_head_line(&r->answer, r->etag, r->head, r->head_len);
    r->head_len = 0;
    if (!empty || r->answer.status < 200)
        return true;
    r->head_done = true;
    r->body_left = r->act.http == FERRY_HTTP_PROBE ? 0 : r->answer.length;
    return tell(b, (ferry_event){.kind = FERRY_EV_HTTP_HEAD, .lane = r->act.lane, .head = &r->answer}) ==
           FERRY_DEVICE_OK;
}

/* Bytes of the answer's body go to flash first, then to the engine. */
static bool body_bytes(struct board *b, struct request *r, const uint8_t *bytes, size_t len)
{
    len = len < r->body_left ? len : (size_t)r->body_left;
    r->body_left -= len;
    if (r->act.http != FERRY_HTTP_GET || len == 0)
        return true;
    if (len > WORLD_FILE_BYTES - r->offset)
        return false;
    world_flash_write(WORLD_PART, (size_t)r->offset, bytes, len);
    r->offset += len;
    return tell(b, (ferry_event){.kind = FERRY_EV_BODY, .lane = r->act.lane, .bytes = bytes, .len = len}) ==
           FERRY_DEVICE_OK;
}

static void request_step(struct board *b, struct request *r)
{
    uint8_t bytes[CHUNK];
    bool wanted = true;

    if (!r->running)
        return;
    int n = request_send(b, r) ? WORLD_AGAIN : WORLD_CLOSED, at = 0;
    if (n == WORLD_AGAIN && r->head_sent)
        n = world_recv(r->socket, bytes, sizeof bytes);
    while (at < n && wanted && !r->head_done)
        wanted = head_byte(b, r, (char)bytes[at++]);
    if (at < n && wanted)
        wanted = body_bytes(b, r, bytes + at, (size_t)(n - at));
    if (!wanted)
        request_end(b, r, FERRY_FAULT_NONE, false);
    else if (r->head_done && r->body_left == 0)
        request_end(b, r, FERRY_FAULT_NONE, true);
    else if (n == WORLD_CLOSED)
        request_end(b, r, FERRY_FAULT_LOST, true);
}

/* ---- flash ---- */

static void read_source(struct board *b, const ferry_action *act)
{
    ferry_event read = {.kind = FERRY_EV_READ, .lane = act->lane, .bytes = world_flash(WORLD_SOURCE) + act->offset};

    read.len = act->size - act->offset < CHUNK ? (size_t)(act->size - act->offset) : CHUNK;
    (void)tell(b, read);
}

static void open_part(struct board *b, const ferry_action *act)
{
    if (act->size > WORLD_FILE_BYTES)
        (void)tell(b, (ferry_event){.kind = FERRY_EV_FILE_FAILED, .lane = act->lane, .fault = FERRY_FAULT_SPACE});
    else
        (void)tell(b, (ferry_event){.kind = FERRY_EV_OPENED, .lane = act->lane, .offset = act->offset});
}

static void commit_part(struct board *b, const ferry_action *act)
{
    world_flash_erase(WORLD_FILE);
    world_flash_write(WORLD_FILE, 0, world_flash(WORLD_PART), (size_t)act->size);
    (void)tell(b, (ferry_event){.kind = FERRY_EV_COMMITTED, .lane = act->lane});
}

/* The length goes last: without it there is no snapshot. */
static void save(const ferry_action *act)
{
    world_area area = WORLD_SAVED + (world_area)act->lane;
    uint32_t len = (uint32_t)act->len;

    world_flash_erase(area);
    if (len == 0)
        return;
    world_flash_write(area, sizeof len, act->bytes, len);
    world_flash_write(area, 0, &len, sizeof len);
}

static void restore(struct board *b, ferry_lane lane)
{
    const uint8_t *saved = world_flash(WORLD_SAVED + (world_area)lane);
    uint32_t len;

    memcpy(&len, saved, sizeof len);
    if (len <= WORLD_SAVED_BYTES - sizeof len &&
        ferry_device_restore(&b->device, world_now_ms(), saved + sizeof len, len) == FERRY_DEVICE_OK)
        b->restored++;
}

/* ---- the loop ---- */

static void carry_out(struct board *b, const ferry_action *act)
{
    switch (act->kind) {
    case FERRY_ACT_CONNECT:
        (void)tell(b, (ferry_event){.kind = world_mqtt_connect() ? FERRY_EV_LINK_UP : FERRY_EV_LINK_DOWN,
                                    .fault = FERRY_FAULT_CONNECT});
        break;
    case FERRY_ACT_SUBSCRIBE:
        (void)tell(b, (ferry_event){.kind = world_mqtt_subscribe(act->topic) ? FERRY_EV_SUBSCRIBED : FERRY_EV_LINK_DOWN,
                                    .fault = FERRY_FAULT_REFUSED});
        break;
    case FERRY_ACT_PUBLISH:
        world_mqtt_publish(act->topic, act->payload, act->len);
        break;
    case FERRY_ACT_READ:
        read_source(b, act);
        break;
    case FERRY_ACT_OPEN:
        open_part(b, act);
        break;
    case FERRY_ACT_COMMIT:
        commit_part(b, act);
        break;
    case FERRY_ACT_HTTP:
        request_begin(b, act);
        break;
    case FERRY_ACT_HTTP_ABORT:
        request_end(b, &b->request[act->lane], FERRY_FAULT_NONE, false);
        break;
    case FERRY_ACT_SAVE:
        save(act);
        break;
    case FERRY_ACT_FINISHED:
        printf("%s: %s\n", act->name, ferry_device_err_text(act->err));
        b->finished[act->lane] = true;
        break;
    case FERRY_ACT_DISCONNECT:
    case FERRY_ACT_DISCARD:
    case FERRY_ACT_WAIT:
        break;
    }
}

static void receive(struct board *b)
{
    char message[MESSAGE_BYTES];
    size_t len;

    while ((len = world_mqtt_receive(message, sizeof message)) > 0)
        (void)tell(b, (ferry_event){.kind = FERRY_EV_MESSAGE, .payload = message, .len = len});
    for (struct request *r = b->request; r < b->request + FERRY_LANES; r++)
        request_step(b, r);
}

/* After each reset, with what is in flash. False: the power has failed. */
static bool run(struct board *b)
{
    ferry_action act;
    ferry_upload_request upload = {.name = "log.bin", .size = WORLD_FILE_BYTES, .tag = 1};

    memset(b, 0, sizeof *b);
    b->config = (ferry_device_config){.product = "p1", .device = "board-7", FERRY_DEVICE_DEFAULTS};
    b->config.name_max = NAME_MAX_BYTES;
    b->config.url_max = URL_MAX_BYTES;
    b->config.resumable_bytes = 1;
    b->config.save_bytes = 4096;
    b->config.save_ms = 10;
    if (ferry_device_init(&b->device, &b->config, b->memory, sizeof b->memory, 12345, NULL) != FERRY_DEVICE_OK)
        return true;
    restore(b, FERRY_LANE_UP);
    restore(b, FERRY_LANE_DOWN);
    printf("started; %u transfers go on\n", b->restored);
    if (ferry_device_upload(&b->device, world_now_ms(), &upload) == FERRY_DEVICE_E_ARG)
        return true; /* E_STATE is good: it is sent, and its result is being reported */
    ferry_device_fetch(&b->device, world_now_ms());
    while (!b->finished[FERRY_LANE_UP] || !b->finished[FERRY_LANE_DOWN]) {
        ferry_device_next(&b->device, world_now_ms(), &act);
        if (act.kind != FERRY_ACT_WAIT) {
            carry_out(b, &act);
            continue;
        }
        world_sleep_until(act.deadline_ms);
        if (world_power_fails())
            return false;
        receive(b);
    }
    return true;
}

int main(void)
{
    static struct board b;

    world_write_log();
    while (!run(&b))
        continue;
    bool ok = world_got_upload() && world_got_download() && world_saw_resume() && b.restored == FERRY_LANES;
    puts(ok ? "both files are on the other side" : "something is missing");
    return ok ? 0 : 1;
}
