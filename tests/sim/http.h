/** @file http.h  @brief One HTTP request between a device and a worker: what its files share. */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "http_text.h"
#include "object_address.h"
#include "object_refusal.h"
#include "object_tus.h"
#include "sim.h"

/** The task behind a URL, as it was when the request came. */
struct target {
    bool upload, open, stored;
    struct device_key device;
    ferry_id task, key;
    uint64_t size;
    char md5[FERRY_MD5_HEX + 1];
};

/** Held by its device, by what is planned, and by a command; freed when none of them is left. */
struct exchange {
    struct exchange *next, **prev;
    struct sim *sim;
    unsigned refs;
    uint64_t number;
    /* the device's side */
    struct sim_device *device;
    ferry_lane lane;
    struct content content; /* of an upload */
    /* the worker's side */
    struct worker *worker;
    uint32_t worker_life;
    struct http_request_text request;
    struct target target;
    uint64_t revocations;
    struct object_writer *writer;
    bool resumable;
    uint64_t at, until; /* of the file: where the body is, where it ends */
    struct command stored, active;
    ferry_err unwanted; /* why what was stored is refused */
    /* the answer */
    char head[HTTP_HEAD_MAX];
    uint8_t body[CONTENT_MAX];
    size_t body_len, body_at;
};

void exchange_ref(struct exchange *x);
void exchange_unref(struct exchange *x);
/** Plans a step; it holds the exchange. */
void exchange_after(struct exchange *x, uint64_t ms, sim_action *run);
/** Does the device still wait for it? */
bool exchange_wanted(const struct exchange *x);
/** Does the worker that serves it still run? */
bool exchange_served(const struct exchange *x);
/** A packet's time on the way. */
uint64_t exchange_hop_ms(struct exchange *x);
/** The answer is on its way. */
void exchange_answer(struct exchange *x);
/** The connection is gone; the device hears of it, or times out. */
void exchange_break(struct exchange *x);
/** Brings the next piece of the body. */
void exchange_send_body(struct exchange *x);

/** http_server.c: the object plane of the worker, as server/http has it over libmicrohttpd. */
void server_serve(struct exchange *x);
/** False: it is refused, and the answer given. */
bool server_take(struct exchange *x, const void *bytes, size_t len);
void server_take_end(struct exchange *x);
/** The connection is gone. killed: the worker too. */
void server_drop(struct exchange *x, bool killed);
/** May a download that was let in go on? */
bool server_may_go_on(struct exchange *x);

#endif
