/* The board's side of the fake world: clock, power, flash, sockets, MQTT client. Behind it is fake_platform.c. */
#include "fake_board.h"
#include "fake_platform.h"
#include "keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SOCKETS = 2,
    MESSAGES = 4,
    STEP_MS = 400,      /* passes at each turn of the loop while something moves */
    FIRST_BYTES = 1024, /* of a new connection go out at once, ... */
    SEND_BYTES = 300,   /* ... so many in one turn, */
    RECV_BYTES = 410,   /* and so many come in */
    REST_MS = 300000,   /* who can sleep that long has nothing to do */
    CALLS_MAX = 100000, /* a run that needs more will never end */
};

/* What comes again after a power cut is at most what came since the last snapshot: save_bytes, and all in save_ms. */
enum { AGAIN_BYTES = 2 * 4096, HEADS_BYTES = 2000 };

const struct fake_plan fake_demo = {.power_cut = {150}, .connection = 3, .connection_bytes = 6000, .talks = true};

struct connection {
    bool open, broken, silent;
    unsigned number;
    size_t moved; /* bytes of both directions */
    struct fake_request request;
};

/* The far side too: all of it survives the board's resets. */
static struct {
    bool began, rests; /* rests: nobody is counting calls */
    struct fake_plan plan;
    struct fake_outcome outcome;
    struct fake_platform platform;
    uint64_t now;
    struct connection sockets[SOCKETS];
    bool linked, lost; /* lost: and the board has not been told */
    char messages[MESSAGES][FAKE_MESSAGE_BYTES];
    size_t message_len[MESSAGES], message_count, messages_sent;
} world;

/* ---- power and clock ---- */

/* What a start finds: nothing but the flash. */
static void switch_on(void)
{
    memset(world.sockets, 0, sizeof world.sockets);
    world.linked = world.lost = world.rests = false;
    world.message_count = 0;
    world.now = 0;
    world.outcome.boots++;
    world.outcome.calls = 0;
}

void fake_begin(const struct fake_plan *plan)
{
    memset(&world, 0, sizeof world);
    world.began = true;
    world.plan = *plan;
    world.platform.plan = &world.plan;
    world.platform.outcome = &world.outcome;
    fake_flash_erase(0, FLASH_BYTES);
    for (uint32_t i = 0; i < LOG_BYTES; i++) {
        uint8_t byte = (uint8_t)(i * i / 7);
        fake_flash_write(AT_LOG + i, &byte, 1);
    }
    switch_on();
}

static void power_cut(void)
{
    world_log("power", "fails");
    switch_on();
    fake_power_cut();
}

static void end(bool idle)
{
    world.rests = true;
    world.outcome.idle = idle;
    for (const struct connection *c = world.sockets; c < world.sockets + SOCKETS; c++)
        world.outcome.idle &= !c->open;
    fake_end(fake_all_is_well(&world.outcome) && fake_resumed(&world.outcome));
}

/* Each call into the world begins here. True: the power fails in this call. */
static bool power_fails(void)
{
    unsigned boot = world.outcome.boots - 1;

    if (!world.began)
        fake_begin(&fake_demo);
    if (world.rests)
        return false;
    if (++world.outcome.calls > CALLS_MAX)
        end(false);
    if (world.outcome.calls == world.plan.broker_lost && world.linked) {
        world.linked = false;
        world.lost = true;
        world.message_count = 0;
    }
    return boot < 2 && world.outcome.calls == world.plan.power_cut[boot];
}

static void called(void)
{
    if (power_fails())
        power_cut();
}

uint64_t world_now_ms(void)
{
    return world.now;
}

static bool something_moves(void)
{
    if (world.message_count > 0 || world.lost)
        return true;
    for (const struct connection *c = world.sockets; c < world.sockets + SOCKETS; c++)
        if (c->open && !c->silent &&
            (c->broken || !c->request.answered || c->request.text_at < c->request.text_len || c->request.out_left > 0))
            return true;
    return false;
}

void world_sleep_until(uint64_t ms)
{
    called();
    if (something_moves())
        world.now += STEP_MS;
    else if (ms > world.now + REST_MS && world.now >= world.plan.watch_ms)
        end(true);
    else if (ms > world.now)
        world.now = ms;
}

uint32_t world_random(void)
{
    called();
    return 12345 + world.outcome.boots;
}

void world_log(const char *what, const char *how)
{
    if (world.plan.talks)
        printf("%6u ms: %s: %s\n", (unsigned)world.now, what, how);
}

/* ---- flash ---- */

const void *world_flash(uint32_t at)
{
    if (at > FLASH_BYTES)
        abort();
    return fake_flash(at);
}

/* How much of len bytes is changed, and from where, when the power fails meanwhile. */
static size_t torn(bool cut, size_t len, size_t *ret_from)
{
    *ret_from = cut && world.plan.torn_from_the_end ? len / 2 : 0;
    return cut ? len - len / 2 : len;
}

bool world_flash_erase(uint32_t at, size_t len)
{
    bool cut = power_fails();
    size_t from, sectors = (len + WORLD_SECTOR - 1) / WORLD_SECTOR;

    if (at % WORLD_SECTOR != 0 || at > FLASH_BYTES || sectors * WORLD_SECTOR > FLASH_BYTES - at)
        abort();
    sectors = torn(cut, sectors, &from);
    fake_flash_erase(at + (uint32_t)from * WORLD_SECTOR, sectors * WORLD_SECTOR);
    if (cut)
        power_cut();
    return true;
}

bool world_flash_write(uint32_t at, const void *bytes, size_t len)
{
    bool cut = power_fails();
    const uint8_t *there = fake_flash(at), *first = bytes;
    size_t from;

    if (at > FLASH_BYTES || len > FLASH_BYTES - at)
        abort();
    for (size_t i = 0; i < len; i++)
        if (there[i] != 0xff)
            abort(); /* written twice: flash with check bits would give an error when it is read */
    len = torn(cut, len, &from);
    if (len > 0)
        fake_flash_write(at + (uint32_t)from, first + from, len);
    if (cut)
        power_cut();
    return at / WORLD_SECTOR + 1 != world.plan.bad_sector;
}

/* ---- sockets ---- */

/* How many of len bytes the connection lets through before its trouble. */
static size_t let_through(const struct connection *c, size_t len, size_t most)
{
    size_t left = c->number == world.plan.connection && !c->broken ? world.plan.connection_bytes - c->moved : most;

    len = len < most ? len : most;
    return len < left ? len : left;
}

static void have_trouble(struct connection *c)
{
    if (c->number != world.plan.connection || c->broken || c->silent || c->moved < world.plan.connection_bytes)
        return;
    c->silent = world.plan.trouble == FAKE_FALLS_SILENT;
    c->broken = !c->silent;
    if (world.plan.trouble == FAKE_REFUSES)
        fake_platform_refuse(&c->request);
    else
        c->request.answered = false; /* what was still to come is lost */
}

int world_connect(const char *host, size_t host_len, uint16_t port)
{
    called();
    if (host_len != 5 || memcmp(host, "store", 5) != 0 || port != 8080)
        return 0;
    for (int i = 0; i < SOCKETS; i++) {
        if (world.sockets[i].open)
            continue;
        memset(&world.sockets[i], 0, sizeof world.sockets[i]);
        world.sockets[i].open = true;
        world.sockets[i].number = ++world.platform.connections;
        return i + 1;
    }
    return 0;
}

int world_send(int socket, const void *bytes, size_t len)
{
    struct connection *c = &world.sockets[socket - 1];

    called();
    have_trouble(c);
    if (c->broken)
        return WORLD_CLOSED;
    if (c->silent)
        return WORLD_AGAIN;
    len = let_through(c, len, c->moved == 0 ? FIRST_BYTES : SEND_BYTES);
    c->moved += len;
    fake_platform_take(&world.platform, &c->request, bytes, len);
    return len > 0 ? (int)len : WORLD_AGAIN;
}

int world_recv(int socket, void *out, size_t cap)
{
    struct connection *c = &world.sockets[socket - 1];

    if (cap > 1) /* one byte of a head is as good as another */
        called();
    if (c->request.answered)
        have_trouble(c);
    size_t len = fake_platform_give(&world.platform, &c->request, out, let_through(c, cap, RECV_BYTES));
    c->moved += len;
    world.outcome.served += len;
    return len > 0 ? (int)len : c->broken ? WORLD_CLOSED : WORLD_AGAIN;
}

void world_close(int socket)
{
    called();
    if (socket != 0)
        world.sockets[socket - 1].open = false;
}

/* ---- MQTT ---- */

ferry_fault world_mqtt_connect(void)
{
    called();
    world.linked = true;
    world.lost = false;
    return FERRY_FAULT_NONE;
}

void world_mqtt_disconnect(void)
{
    called();
    world.linked = world.lost = false;
}

ferry_fault world_mqtt_subscribe(const char *topic, int qos)
{
    called();
    if (!world.linked) {
        world.lost = false;
        return FERRY_FAULT_LOST;
    }
    return qos == 1 && strcmp(topic, "$resource/down/service/p1/board-7") == 0 ? FERRY_FAULT_NONE : FERRY_FAULT_REFUSED;
}

void world_mqtt_publish(const char *topic, const char *payload, size_t len, int qos)
{
    size_t i = world.message_count;
    int done = world.outcome.upload_done + world.outcome.download_done;

    called();
    (void)qos;
    if (!world.linked || strcmp(topic, "$resource/up/service/p1/board-7") != 0 || i == MESSAGES)
        return;
    world.message_len[i] = fake_platform_message(&world.platform, payload, len, world.messages[i]);
    if (world.plan.power_cut_at_done && done != world.outcome.upload_done + world.outcome.download_done)
        power_cut();
    if (world.message_len[i] == 0)
        return;
    if (world.plan.oversized_first && world.messages_sent++ == 0)
        world.message_len[i] = FERRY_DOWN_PACKET_MAX;
    world.message_count++;
}

int world_mqtt_receive(char *out, size_t cap)
{
    size_t len = world.message_len[0];

    called();
    if (world.lost) {
        world.lost = false;
        return WORLD_CLOSED;
    }
    if (world.message_count == 0)
        return WORLD_AGAIN;
    if (len <= cap)
        memcpy(out, world.messages[0], len);
    world.message_count--;
    memmove(world.messages[0], world.messages[1], sizeof world.messages - sizeof world.messages[0]);
    memmove(&world.message_len[0], &world.message_len[1], sizeof world.message_len - sizeof world.message_len[0]);
    return (int)len;
}

/* ---- what came of it ---- */

struct fake_outcome fake_result(void)
{
    return world.outcome;
}

/* The record begins with the length and the area of the whole file. */
bool fake_file_is_there(void)
{
    const void *kept;
    uint32_t whole[2];

    if (keep_load(KEEP_DOWNLOAD, &kept) < sizeof whole)
        return false;
    memcpy(whole, kept, sizeof whole);
    if (whole[0] != FAKE_FILE_BYTES || whole[1] > 1)
        return false;
    const uint8_t *file = world_flash(AT_AREAS + whole[1] * AREA_BYTES);
    for (size_t at = 0; at < FAKE_FILE_BYTES; at++)
        if (file[at] != fake_platform_file(&world.platform, at))
            return false;
    return true;
}

bool fake_all_is_well(const struct fake_outcome *o)
{
    return o->idle && o->upload_done && !o->upload_wrong && o->download_done && !o->download_failed &&
           fake_file_is_there();
}

bool fake_resumed(const struct fake_outcome *o)
{
    bool cut = world.plan.power_cut[0] != 0;
    size_t most = FAKE_FILE_BYTES + HEADS_BYTES + (cut ? AGAIN_BYTES : 0);

    return o->boots > (cut ? 1 : 0) && o->served <= most && o->taken == LOG_BYTES;
}
