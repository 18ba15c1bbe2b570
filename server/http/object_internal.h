/* What the files of the object plane share. */
#ifndef HTTP_OBJECT_INTERNAL_H
#define HTTP_OBJECT_INTERNAL_H

#include "api_pool.h"
#include "api_readers.h"
#include "http/object_plane.h"
#include "http_client.h"
#include "http_listener.h"
#include "http_mhd.h"
#include "object_address.h"
#include "object_admission.h"
#include "object_cache.h"
#include "object_refusal.h"
#include "object_target.h"
#include "object_tus.h"
#include "object_verdicts.h"
#include "object_watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define OBJECT_LOG "objects"
#define OBJECT_REGISTER_PATH "/device/register" /* the vendor's */

struct object_plane {
    struct object_plane_config cfg;
    struct http_listener listener;
    struct MHD_Daemon *daemon;
    struct object_watch *watch;
    struct object_cache *cache;
    struct object_verdicts *verdicts;
    struct object_admission *admission;
    struct api_readers *readers;
    struct api_pool *finishers;
    atomic_uint uploads;   /* whose writers are open */
    atomic_bool stopping;  /* no new requests */
    uint64_t revocations;  /* as the engine had counted when running transfers were last looked at; of the watch */
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t resumed;
    uint32_t suspended; /* connections that wait for a finisher or the engine */
    bool closed;        /* no connection may be suspended any more */
};

typedef enum {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_OPTIONS,
} object_request_method;

typedef enum {
    STEP_NEW,      /* the head has just come */
    STEP_BODILESS, /* the head was read, nothing follows it: libmicrohttpd calls once more */
    STEP_TAKE,     /* the body goes into the writer */
    STEP_DISCARD,  /* refused: the body is read and thrown away, so that the client lives to see the answer */
    STEP_LINGER,   /* refused and answered in the middle of the body: read a little longer, then close */
    STEP_WAIT,     /* suspended: a finisher or the engine has it; when called again, they are done */
    STEP_ANSWER,   /* the answer is known */
} object_step;

struct object_upload;
struct object_registration;

struct object_request {
    struct object_plane *plane;
    struct object_connection *connection; /* null: no memory for it */
    struct ferry_network client; /* whose limits count */
    bool by_proxy;
    bool registers; /* it asks for /device/register */
    bool post;
    object_address_verdict address_verdict;
    struct object_address address;
    object_request_method method;
    object_step step;
    bool vendor; /* no User-Agent: close after the answer */
    bool has_body;
    bool well_framed;
    bool expects_continue;
    bool tus; /* Tus-Resumable is given */
    uint64_t revocations; /* as the engine had counted before the right was looked up */
    struct object_target target;
    uint64_t sends_bytes; /* of a download: what the answer has of the file */
    bool admitted; /* the device's share has it, until the request is over */

    /* the answer: a refusal, or a response with its status */
    object_refusal refusal;
    unsigned status;
    struct MHD_Response *response; /* of this request alone, or of the entry */
    bool response_is_shared;
    struct object_entry *entry;

    struct object_upload *upload; /* null: none was begun */
    struct object_registration *registration; /* likewise */
    uint64_t discarded_bytes;
    uint64_t discard_until_ms;
};

/* object_gate.c: who may do what. REFUSED_NOT: go on, the target is filled in. */
object_refusal object_gate(struct object_request *r);
/* The engine's count of what may have taken rights away. */
uint64_t object_gate_revocations(struct object_plane *plane);
/* May a transfer go on that was let in before? When that cannot be found out: yes. */
bool object_gate_may_go_on(struct object_plane *plane, const ferry_id *task);

/* object_answer.c */
enum MHD_Result object_answer_queue(struct object_request *r, struct MHD_Connection *connection);
/* Writes a refusal to the socket in the middle of a body, which libmicrohttpd cannot. */
void object_answer_at_once(struct object_request *r, struct MHD_Connection *connection);
/* Sets the answer to an empty one; false: no memory. */
bool object_answer_empty(struct object_request *r, unsigned status);
bool object_answer_header(struct object_request *r, const char *name, const char *value);
bool object_answer_number(struct object_request *r, const char *name, uint64_t value);
bool object_request_has(struct MHD_Connection *connection, const char *name);
/* The value of a header without white space at its end, in out; "" when it is longer than any that we know; null
 * when there is none. */
enum { OBJECT_HEADER_SIZE = 128 };
const char *object_request_header(struct MHD_Connection *connection, const char *name, char out[OBJECT_HEADER_SIZE]);

/* object_download.c: decides the answer to GET and HEAD. */
void object_download(struct object_request *r, struct MHD_Connection *connection);

/* object_intake.c: what the head of PUT, HEAD, PATCH or OPTIONS on an upload URL leads to: STEP_ANSWER, STEP_TAKE or
 * STEP_WAIT. */
void object_intake(struct object_request *r, struct MHD_Connection *connection);
/* The finisher and the engine are done: decides the answer. */
void object_intake_decide(struct object_request *r);

/* object_upload.c: bytes on their way in. */

/* Opens a writer: a new object, or the partial one (then *ret_at is where it stands). On failure r has the answer. */
bool object_upload_open(struct object_request *r, bool resume, uint64_t *ret_at);
/* A failure throws the upload away and becomes the answer, with STEP_DISCARD. */
void object_upload_bytes(struct object_request *r, const char *bytes, size_t len);
/* The body is complete: STEP_WAIT, suspended. False: the plane is being stopped, the connection must be closed. */
bool object_upload_end(struct object_request *r, struct MHD_Connection *connection);
/* After STEP_WAIT: how it ended, and how many bytes are there. */
ferry_err object_upload_result(const struct object_request *r, uint64_t *ret_at);
/* The request is over. What came of an unfinished upload is kept (tus) or thrown away. */
void object_upload_drop(struct object_request *r);

/* object_register.c: a device registers itself with its product's secret. */

/* The head: STEP_TAKE, or a refusal. */
void object_register_begin(struct object_request *r, struct MHD_Connection *connection);
/* Too long a body becomes a refusal, with STEP_DISCARD. */
void object_register_bytes(struct object_request *r, const char *bytes, size_t len);
/* The body is complete: STEP_WAIT, suspended; or STEP_ANSWER. False: the connection must be closed. */
bool object_register_end(struct object_request *r, struct MHD_Connection *connection);
/* After STEP_WAIT: decides the answer. */
void object_register_decide(struct object_request *r);
void object_register_drop(struct object_request *r);

/* object_traffic.c: a transfer was let in; took bytes; the request is over, and the whole answer is out or not. */
void object_traffic_begin(struct object_request *r);
void object_traffic_took(struct object_request *r, size_t len);
void object_traffic_end(struct object_request *r, bool answered);

/* object_plane.c: the account of suspended connections. */
bool object_plane_suspend(struct object_plane *plane, struct MHD_Connection *connection);
void object_plane_resume(struct object_plane *plane, struct MHD_Connection *connection);

#endif
