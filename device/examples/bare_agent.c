/*
 * A complete port without an operating system: one loop, no heap, no threads, flash instead of files. It sends its log
 * after each start, takes every file that the platform has for it, and goes on where it was after a reset at any moment.
 * docs/porting.md walks through it. Put your board's clock, flash, sockets and MQTT client behind world_...().
 */
#include "fake_world.h"
#include "keep.h"

#include "ferry/device.h"
#include "ferry/http.h"

#include <string.h>

enum { NAME_BYTES = 63, URL_BYTES = 256, HEAD_BYTES = 512, CHUNK = 512, MESSAGE_BYTES = 1024 };
enum { LOG_TAG = 1, SEND_AGAIN_MS = 3600000 };

/* What of a download survives a reset: the snapshot, and what belongs to it. */
struct kept {
    uint32_t whole_bytes, whole_area; /* the newest whole file (0: none); the other area is for the one that arrives */
    uint32_t at;                      /* its bytes so far; the last at % WORLD_SECTOR of them are in sector */
    uint8_t sector[WORLD_SECTOR];
    uint32_t snapshot_len;
    uint8_t snapshot[FERRY_SNAPSHOT_MAX(NAME_BYTES)];
};

/* One HTTP request, of either lane. */
struct request {
    int socket; /* 0: there is none */
    bool answered;
    ferry_action act;
    char text[HEAD_BYTES]; /* the head of the request, then one line of the answer's */
    size_t text_len;
    uint64_t left; /* bytes of the file to be sent, later of the answer to come */
    ferry_http_head answer;
    char etag[FERRY_HTTP_ETAG_SIZE];
};

struct board {
    ferry_device device;
    ferry_device_config config;
    uint8_t memory[FERRY_DEVICE_MEM(NAME_BYTES, URL_BYTES)];
    struct request request[FERRY_LANE_DOWN + 1];
    struct kept kept;
    uint64_t send_log_ms; /* when the log is due */
};

static ferry_device_err tell(struct board *b, ferry_event event)
{
    return ferry_device_event(&b->device, world_now_ms(), &event);
}

/* How an action went: one event when it went well, another one when not. */
static void answer(struct board *b, ferry_lane lane, ferry_event_kind good, ferry_event_kind bad, ferry_fault fault)
{
    ferry_event_kind kind = fault == FERRY_FAULT_NONE ? good : bad;
    (void)tell(b, (ferry_event){.kind = kind, .lane = lane, .fault = fault, .offset = b->kept.at});
}

/* ---- the file that arrives ---- */

/* Writes the sector that ends at kept.at. */
static bool part_flush(struct board *b)
{
    uint32_t used = (b->kept.at - 1) % WORLD_SECTOR + 1;
    uint32_t at = AT_AREAS + (b->kept.whole_area ^ 1) * AREA_BYTES + b->kept.at - used;

    return world_flash_erase(at, used) && world_flash_write(at, b->kept.sector, used);
}

static ferry_fault part_open(struct board *b, const ferry_action *act)
{
    if (b->kept.at != act->offset)
        b->kept.at = 0; /* fewer bytes than asked for: the engine begins again */
    return act->size > AREA_BYTES ? FERRY_FAULT_SPACE : FERRY_FAULT_NONE;
}

/* One write makes the file the whole one. After a reset COMMIT may come again: then there is nothing left to do. */
static ferry_fault part_commit(struct board *b, const ferry_action *act)
{
    if (b->kept.at == 0)
        return FERRY_FAULT_NONE;
    if (b->kept.at != act->size || !part_flush(b))
        return FERRY_FAULT_WRITE;
    b->kept.whole_area ^= 1;
    b->kept.whole_bytes = b->kept.at;
    b->kept.at = 0;
    return keep_save(KEEP_DOWNLOAD, &b->kept, sizeof b->kept) ? FERRY_FAULT_NONE : FERRY_FAULT_WRITE;
}

/* ---- HTTP ---- */

/* Not told when the engine does not want this request any more. */
static void request_end(struct board *b, struct request *r, ferry_fault fault, bool told)
{
    world_close(r->socket);
    r->socket = 0;
    if (told)
        answer(b, r->act.lane, FERRY_EV_HTTP_END, FERRY_EV_HTTP_END, fault);
}

static void request_begin(struct board *b, const ferry_action *act)
{
    struct request *r = &b->request[act->lane];
    bool sends_file = act->http == FERRY_HTTP_PUT || act->http == FERRY_HTTP_PATCH;
    ferry_text host;
    uint16_t port;
    size_t len;

    *r = (struct request){.act = *act, .left = sends_file ? act->size - act->offset : 0};
    if (ferry_http_request(act, r->text, sizeof r->text, &len) == FERRY_DEVICE_OK &&
        ferry_http_host(act->url, &host, &port))
        r->socket = world_connect(host.ptr, host.len, port);
    if (r->socket == 0 || world_send(r->socket, r->text, len) != (int)len)
        request_end(b, r, FERRY_FAULT_CONNECT, true);
}

static void head_byte(struct board *b, struct request *r, char c)
{
    if (r->text_len < sizeof r->text)
        r->text[r->text_len++] = c;
    if (c != '\n')
        return;
    bool empty = r->text_len <= 2;
    if (!empty && r->text_len < sizeof r->text) /* no line that matters is that long */
        ferry_http_head_line(&r->answer, r->etag, r->text, r->text_len);
    r->text_len = 0;
    if (!empty || r->answer.status < 200)
        return;
    r->answered = true;
    r->left = r->act.http == FERRY_HTTP_GET ? r->answer.length : 0; /* of other answers only the head matters */
    if (tell(b, (ferry_event){.kind = FERRY_EV_HTTP_HEAD, .lane = r->act.lane, .head = &r->answer}) != FERRY_DEVICE_OK)
        request_end(b, r, FERRY_FAULT_NONE, false);
    else if (r->left == 0)
        request_end(b, r, FERRY_FAULT_NONE, true);
}

/* Into the sector, and a full one into the flash; then to the engine. */
static int body_receive(struct board *b, struct request *r)
{
    uint8_t *room = b->kept.sector + b->kept.at % WORLD_SECTOR;
    size_t len = (size_t)(b->kept.sector + WORLD_SECTOR - room);
    int n = world_recv(r->socket, room, len < r->left ? len : (size_t)r->left);

    if (n <= 0)
        return n;
    b->kept.at += (uint32_t)n;
    r->left -= (uint64_t)n;
    if (b->kept.at > r->act.size || (b->kept.at % WORLD_SECTOR == 0 && !part_flush(b)))
        request_end(b, r, FERRY_FAULT_WRITE, true);
    else if (tell(b, (ferry_event){.kind = FERRY_EV_BODY, .lane = r->act.lane, .bytes = room, .len = (size_t)n}) != 0) {
        b->kept.at -= (uint32_t)n; /* not wanted, not counted */
        request_end(b, r, FERRY_FAULT_NONE, false);
    } else if (r->left == 0)
        request_end(b, r, FERRY_FAULT_NONE, true);
    return n;
}

static void request_step(struct board *b, struct request *r)
{
    size_t len = r->answered ? 0 : r->left < CHUNK ? (size_t)r->left : CHUNK;
    int n = 0;
    char c;

    if (len > 0)
        n = world_send(r->socket, world_flash(AT_LOG + (uint32_t)(r->act.size - r->left)), len);
    if (n > 0) {
        r->left -= (uint64_t)n;
        (void)tell(b, (ferry_event){.kind = FERRY_EV_SENT, .lane = r->act.lane, .offset = r->act.size - r->left});
    }
    n = 1; /* that the connection is lost shows here, behind the last words of the other side */
    while (!r->answered && r->socket != 0 && (n = world_recv(r->socket, &c, 1)) == 1)
        head_byte(b, r, c);
    if (r->socket != 0 && r->answered)
        n = body_receive(b, r);
    if (n == WORLD_CLOSED)
        request_end(b, r, FERRY_FAULT_LOST, true);
}

/* ---- the loop ---- */

static void receive(struct board *b)
{
    char message[MESSAGE_BYTES];
    int n;

    while ((n = world_mqtt_receive(message, sizeof message)) > 0)
        if (n <= MESSAGE_BYTES) /* a longer one is lost, and the engine asks again */
            (void)tell(b, (ferry_event){.kind = FERRY_EV_MESSAGE, .payload = message, .len = (size_t)n});
    if (n == WORLD_CLOSED)
        (void)tell(b, (ferry_event){.kind = FERRY_EV_LINK_DOWN, .fault = FERRY_FAULT_LOST});
    for (struct request *r = b->request; r <= b->request + FERRY_LANE_DOWN; r++)
        if (r->socket != 0)
            request_step(b, r);
}

static void save(struct board *b, const ferry_action *act)
{
    if (act->lane == FERRY_LANE_UP) {
        (void)keep_save(KEEP_UPLOAD, act->bytes, act->len);
        return;
    }
    b->kept.snapshot_len = (uint32_t)act->len;
    if (act->len > 0)
        memcpy(b->kept.snapshot, act->bytes, act->len);
    (void)keep_save(KEEP_DOWNLOAD, &b->kept, sizeof b->kept); /* when it fails, the older one counts */
}

static void carry_out(struct board *b, const ferry_action *act)
{
    switch (act->kind) {
    case FERRY_ACT_CONNECT:
        answer(b, act->lane, FERRY_EV_LINK_UP, FERRY_EV_LINK_DOWN, world_mqtt_connect());
        break;
    case FERRY_ACT_DISCONNECT:
        world_mqtt_disconnect();
        break;
    case FERRY_ACT_SUBSCRIBE:
        answer(b, act->lane, FERRY_EV_SUBSCRIBED, FERRY_EV_LINK_DOWN, world_mqtt_subscribe(act->topic, act->qos));
        break;
    case FERRY_ACT_PUBLISH:
        world_mqtt_publish(act->topic, act->payload, act->len, act->qos);
        break;
    case FERRY_ACT_READ: /* flash that is memory can be given whole; else piece by piece */
        (void)tell(b, (ferry_event){.kind = FERRY_EV_READ,
                                    .lane = act->lane,
                                    .bytes = world_flash(AT_LOG + (uint32_t)act->offset),
                                    .len = (size_t)(act->size - act->offset)});
        break;
    case FERRY_ACT_OPEN:
        answer(b, act->lane, FERRY_EV_OPENED, FERRY_EV_FILE_FAILED, part_open(b, act));
        break;
    case FERRY_ACT_COMMIT:
        answer(b, act->lane, FERRY_EV_COMMITTED, FERRY_EV_FILE_FAILED, part_commit(b, act));
        break;
    case FERRY_ACT_DISCARD:
        b->kept.at = 0;
        break;
    case FERRY_ACT_HTTP:
        request_begin(b, act);
        break;
    case FERRY_ACT_HTTP_ABORT:
        request_end(b, &b->request[act->lane], FERRY_FAULT_NONE, false);
        break;
    case FERRY_ACT_SAVE:
        save(b, act);
        break;
    case FERRY_ACT_FINISHED:
        world_log(act->name, ferry_device_err_text(act->err));
        if (act->lane == FERRY_LANE_UP && act->err != FERRY_DEVICE_OK)
            b->send_log_ms = world_now_ms() + SEND_AGAIN_MS;
        break;
    case FERRY_ACT_WAIT:
        world_sleep_until(act->deadline_ms < b->send_log_ms ? act->deadline_ms : b->send_log_ms);
        receive(b);
        break;
    }
}

static bool start(struct board *b)
{
    const void *kept;
    size_t len = keep_load(KEEP_UPLOAD, &kept);

    memset(b, 0, sizeof *b);
    b->config = (ferry_device_config){.product = "p1", .device = "board-7", FERRY_DEVICE_DEFAULTS};
    b->config.name_max = NAME_BYTES;
    b->config.url_max = URL_BYTES;
    b->config.save_bytes = b->config.resumable_bytes = 4 * WORLD_SECTOR;
    if (ferry_device_init(&b->device, &b->config, b->memory, sizeof b->memory, world_random(), NULL) != FERRY_DEVICE_OK)
        return false;
    (void)ferry_device_restore(&b->device, world_now_ms(), kept, len);
    if (keep_load(KEEP_DOWNLOAD, &kept) == sizeof b->kept)
        memcpy(&b->kept, kept, sizeof b->kept);
    (void)ferry_device_restore(&b->device, world_now_ms(), b->kept.snapshot, b->kept.snapshot_len);
    ferry_device_listen(&b->device, world_now_ms(), true);
    return true;
}

int main(void)
{
    static struct board b;
    const ferry_upload_request log = {.name = "log.bin", .size = LOG_BYTES, .tag = LOG_TAG};
    ferry_action act;

    if (!start(&b))
        return 1; /* a setting is outside its range */
    for (;;) {
        if (world_now_ms() >= b.send_log_ms &&
            ferry_device_upload(&b.device, world_now_ms(), &log) != FERRY_DEVICE_E_ARG)
            b.send_log_ms = UINT64_MAX; /* until it has FINISHED */
        ferry_device_next(&b.device, world_now_ms(), &act);
        carry_out(&b, &act);
    }
}
