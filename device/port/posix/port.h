/**
 * @file port.h
 * @brief What the files of the POSIX port share. Private.
 */
#ifndef FERRY_PORT_H
#define FERRY_PORT_H

#include "ferry/ferry.h"
#include "ferry/http.h"

#include <curl/curl.h>
#include <limits.h>
#include <mosquitto.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

static inline void ferry__close_fd(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
static inline void ferry__close_file(FILE **file)
{
    if (*file != NULL)
        (void)fclose(*file);
}
#define ferry__autoclose __attribute__((cleanup(ferry__close_fd)))
#define ferry__autofclose __attribute__((cleanup(ferry__close_file)))

enum {
    FERRY__KEEP_ALIVE_S = 120,
    FERRY__BLOCK_BYTES = 1 << 20,     /* read at once while hashing; upload buffer of libcurl */
    FERRY__WRITEBACK_BYTES = 8 << 20, /* the kernel is asked to begin writing after so many */
    FERRY__CREDENTIAL_SIZE = 256,
    FERRY__SECRET_MAX = 256, /* bytes of a decoded secret */
    FERRY__TEXTS = 7,        /* text options other than the secret */
    FERRY__REASON_SIZE = CURL_ERROR_SIZE,
    FERRY__HANGING_MAX = 4, /* connection attempts that were given up and have not ended yet */
};

/* What a fault was, in the words of the library that met it. */
struct ferry__reason {
    ferry_fault fault; /* the words belong to it and to no other; NONE: there are none */
    char text[FERRY__REASON_SIZE];
};

/* TLS of one connection to the broker. */
struct ferry__tls {
    SSL_CTX *context;
    int verify_error; /* X509_V_OK, or why the broker's certificate was refused */
    int alert;        /* what the broker objected to, -1: nothing */
    SSL *held;        /* the connection, null: not held */
    int held_fd;
};

/* A connection attempt: it may block in the name service, so it has a thread of its own. */
struct ferry__connector {
    pthread_mutex_t lock; /* guards what follows; not held while connecting */
    struct mosquitto *mosq;
    struct ferry__tls *tls; /* null: plain */
    int rc;                 /* of mosquitto_connect() */
    bool done, abandoned;
    int wake_fd;
    char *host;
    uint16_t port;
};

struct ferry__mqtt {
    struct mosquitto *mosq;             /* null unless connected or connecting */
    struct ferry__tls *tls;             /* of mosq, null: plain */
    struct ferry__connector *connector; /* while it runs */
    struct ferry__connector *hanging[FERRY__HANGING_MAX];
    int fd; /* as it is in the epoll set, -1: none */
    uint32_t events;
    bool accepted; /* by the broker */
    bool lost;     /* fault is to be told to the engine */
    ferry_fault fault;
    uint64_t heard_ms, said_ms; /* no packet came or went later: the keep-alive counts from there */
    struct ferry__reason reason;
    char *host;
    uint16_t port;
    bool secure; /* mqtts */
};

struct ferry__http {
    CURL *easy;
    int fd; /* the socket that libcurl uses for it, -1: none */
    struct curl_slist *headers;
    struct ferry *ferry;
    ferry_lane lane;
    bool active;                 /* in the multi handle */
    bool wanted;                 /* the engine waits for its end */
    bool answered;               /* the head has been told */
    ferry_fault fault;           /* what a callback of ours ran into */
    uint64_t start;              /* byte of the file at which the body begins */
    uint64_t position;           /* next byte of the file to send or to write */
    uint64_t paced_ms, paced_at; /* the rate limit counts from there */
    uint64_t resume_ms;          /* held back until then; UINT64_MAX: not */
    uint64_t gone;               /* bytes of the file that reached the other side, or were written here */
    uint64_t slow_ms, slow_at;   /* the low-speed window ends there and began at this byte; UINT64_MAX: not yet */
    uint64_t size;
    struct ferry__reason reason;
    char error[CURL_ERROR_SIZE];
    ferry_http_head head;
    char etag[FERRY_HTTP_ETAG_SIZE];
};

struct ferry__files {
    int source_fd;
    uint64_t source_tag;
    char dir[PATH_MAX]; /* "": none yet */
    char received[PATH_MAX + FERRY_NAME_MAX + 1];
    int dir_fd;
    int part_fd;
    bool part_listed; /* the entry of part_fd in the folder is durable */
    uint64_t part_id; /* which partial file it is: of the transfer that runs, or of the one that was remembered */
    char part_name[2 * FERRY_IDENT_MAX + 16];
    uint64_t written_back; /* position up to which the kernel was asked to write */
    char *block;           /* FERRY__BLOCK_BYTES, for whoever needs it within one function */
};

struct ferry__state {
    int dir_fd, lock_fd; /* -1: nothing is kept */
    int note_fd;         /* the snapshot of a small download, not durable yet; -1: none */
    bool is_noted;       /* it is durable, and its file has its name */
};
#define FERRY__STATE_NONE ((struct ferry__state){.dir_fd = -1, .lock_fd = -1, .note_fd = -1})

/* What the application wants to send. */
struct ferry__upload {
    bool begun;   /* its outcome has not been taken yet */
    bool waiting; /* for the outcome of an earlier run's upload */
    char name[FERRY_NAME_MAX + 1];
    uint64_t size, tag;
};

struct ferry {
    ferry_device device;
    ferry_device_config config;
    char *mem;
    struct ferry_options options; /* its texts are those: */
    char *texts[FERRY__TEXTS];
    uint8_t secret[FERRY__SECRET_MAX];
    size_t secret_len;
    int epoll_fd, timer_fd, wake_fd;
    uint64_t timer_ms; /* what timer_fd is set to; UINT64_MAX: off */
    bool woken;        /* there is something to do that no descriptor shows */
    CURLM *multi;
    bool curl_broken; /* it lacked memory, and does not get over that: it is made anew before the next transfer */
    uint64_t curl_due_ms;
    uint64_t progress_due_ms;
    ferry_phase shown[FERRY_LANES]; /* what the progress callback knows */
    bool shown_linked;
    unsigned shown_link_tries;
    struct ferry__mqtt mqtt;
    struct ferry__http http[FERRY_LANES];
    struct ferry__files files;
    struct ferry__state state;
    struct ferry__upload upload;
    bool listening;                    /* as the application wants it */
    bool receiving;                    /* a download has begun; else it only asks */
    bool held;                         /* it listens, but the outcome of the last download must be taken first */
    bool resumed[FERRY_LANES];         /* the lane works on the result of an earlier run */
    bool finished[FERRY_LANES];        /* the outcome waits to be taken */
    bool earlier[FERRY_LANES];         /* ... and is that of an earlier run */
    ferry_action outcome[FERRY_LANES]; /* valid once finished */
    char outcome_name[FERRY_LANES][FERRY_NAME_MAX + 1];
    uint8_t outcome_md5[FERRY_LANES][FERRY_MD5_BYTES];
    atomic_bool interrupted;
    char message[FERRY_MESSAGE_SIZE];
    ferry_why why;
    int detail;
    uint64_t last_size;
};

uint64_t ferry__now_ms(void);
uint32_t ferry__seed(void);
void ferry__tell(struct ferry *f, ferry_event_kind kind, ferry_lane lane, ferry_fault fault);

/* credential.c */
ferry_device_err ferry__secret_decode(const char *base64, uint8_t out[FERRY__SECRET_MAX], size_t *ret_len);
/** The vendor's scheme with HMAC-SHA256 (docs/protocol.md). random: 5 alphanumerics. */
ferry_device_err ferry__credential(const char *product, const char *device, const char random[6], const uint8_t *secret,
                                   size_t secret_len, char ret_user[FERRY__CREDENTIAL_SIZE],
                                   char ret_password[FERRY__CREDENTIAL_SIZE]);
/** mqtt://host[:port], mqtts://host[:port], IPv6 in brackets. */
ferry_device_err ferry__broker_parse(const char *url, char **ret_host, uint16_t *ret_port, bool *ret_tls);

/* tls.c */
/** Reads the certificates and keys of the options once, to say at once what is wrong with them. */
ferry_device_err ferry__tls_check(const struct ferry_options *options, char reterr_message[FERRY_MESSAGE_SIZE]);
/** Certificate and host name are checked, always. Null: no memory, or a file is not as it was at ferry__tls_check(). */
struct ferry__tls *ferry__tls_new(const struct ferry_options *options, const char *host);
/** Why the broker ended the connection, if it said so by an alert; else null. Does not block. */
const char *ferry__tls_alert(struct ferry__tls *tls);
/** The broker has accepted us: what it says from now on is libmosquitto's to read. */
void ferry__tls_let_go(struct ferry__tls *tls);
/** Accepts null; returns null. */
struct ferry__tls *ferry__tls_free(struct ferry__tls *tls);

/* mqtt.c */
void ferry__mqtt_connect(struct ferry *f);
void ferry__mqtt_disconnect(struct ferry *f);
void ferry__mqtt_done(struct ferry *f);
void ferry__mqtt_subscribe(struct ferry *f, const ferry_action *act);
void ferry__mqtt_publish(struct ferry *f, const ferry_action *act);
/** The socket is ready, or the time has come; epoll_events 0: only the time. */
void ferry__mqtt_io(struct ferry *f, uint32_t epoll_events);
/** Brings the epoll set up to date; returns when it wants to be called again. */
uint64_t ferry__mqtt_arm(struct ferry *f);

/* http.c */
ferry_device_err ferry__http_init(struct ferry *f);
void ferry__http_begin(struct ferry *f, const ferry_action *act);
void ferry__http_abort(struct ferry *f, ferry_lane lane);
void ferry__http_io(struct ferry *f, int fd, uint32_t epoll_events);
/** Timers of libcurl, and transfers that the rate limit holds back. */
void ferry__http_time(struct ferry *f);
uint64_t ferry__http_arm(const struct ferry *f);
void ferry__http_done(struct ferry *f);
ferry_fault ferry__http_fault(CURLcode code);

/* files.c */
/** Names the partial file after the device. */
void ferry__part_name(struct ferry *f);
/** Opens the source of an upload. tag changes when the file does. */
ferry_device_err ferry__source_open(struct ferry *f, const char *path, uint64_t *ret_size, uint64_t *ret_tag);
/** Is the open file the one that the action speaks of, and as long as it was? */
bool ferry__source_fits(const struct ferry *f, const ferry_action *act);
void ferry__source_read(struct ferry *f, const ferry_action *act);
void ferry__source_close(struct ferry *f);
ferry_device_err ferry__folder_open(struct ferry *f, const char *dir);
void ferry__part_open(struct ferry *f, const ferry_action *act);
ferry_fault ferry__part_write(struct ferry *f, const void *bytes, size_t len, uint64_t offset);
/** What was written is durable when this is true; also when there is no partial file. */
bool ferry__part_sync(struct ferry *f);
void ferry__part_commit(struct ferry *f, const ferry_action *act);
void ferry__part_discard(struct ferry *f);
void ferry__files_done(struct ferry *f);
ferry_fault ferry__fault_of_errno(int errnum, ferry_fault other);

/* state.c */
ferry_device_err ferry__state_open(struct ferry *f, char reterr_message[FERRY_MESSAGE_SIZE]);
void ferry__state_save(struct ferry *f, ferry_lane lane, const void *bytes, size_t len);
/** Gives a snapshot back to the engine when there is one and the lane is idle. */
void ferry__state_restore(struct ferry *f, ferry_lane lane);
void ferry__state_close(struct ferry *f);
/** Is the file the one that we wrote and nobody changed since? */
bool ferry__received_is_ours(struct ferry *f, int fd);
/**
 * Makes durable what must be so before the file gets its name: itself, that it is ours, for one of ours that we do not know
 * would block its name, and its note when there is one.
 */
ferry_fault ferry__received_sync(struct ferry *f, int fd);

/* loop.c */
ferry_device_err ferry__loop_init(struct ferry *f);
/** One turn: waits that long for something to happen, and does what is to be done. */
void ferry__turn(struct ferry *f, uint64_t wait_ms);
/** Makes the descriptor readable: there is something new to do. */
void ferry__wake(struct ferry *f);
void ferry__loop_done(struct ferry *f);
void ferry__watch(struct ferry *f, int fd, uint32_t events);
void ferry__unwatch(struct ferry *f, int fd);

/* SIGPIPE is the price of writing TLS to a socket that is gone. The application must not see it. */
struct ferry__pipe_guard {
    sigset_t old;
    bool was_pending;
};
void ferry__pipe_guard_begin(struct ferry__pipe_guard *guard);
void ferry__pipe_guard_end(const struct ferry__pipe_guard *guard);

/* transfer.c */
/** ferry_step() for the lanes of which the bit 1u << lane is set. */
bool ferry__step(struct ferry *f, unsigned lanes, uint64_t wait_ms, struct ferry_outcome *ret_outcome);
/** The engine says FINISHED. */
void ferry__transfer_finished(struct ferry *f, const ferry_action *act);
/** Something runs in the lane, or its outcome waits to be taken. */
bool ferry__transfer_busy(const struct ferry *f, ferry_lane lane);

/* explain.c */
void ferry__explain(struct ferry *f, const ferry_action *act);
/** A failure before any transfer began: message is "about: what". */
ferry_device_err ferry__fail(struct ferry *f, ferry_device_err err, const char *what, const char *about);

#endif
