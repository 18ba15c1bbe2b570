/**
 * @file machine_fixture.h
 * @brief For tests: a device with a port that does nothing but remember.
 */
#ifndef FERRY_DEVICE_MACHINE_H
#define FERRY_DEVICE_MACHINE_H

#include "engine.h"
#include "ferry/status.h"

struct machine {
    ferry_device device;
    ferry_device_config cfg;
    uint32_t mem[FERRY_DEVICE_MEM(FERRY_NAME_MAX, FERRY_URL_MAX) / 4 + 1];
    uint64_t now;
    ferry_action act;                /* the last one taken */
    char payload[FERRY_PAYLOAD_MAX]; /* of the last PUBLISH */
    char id[9];                      /* its request_id */
    uint8_t saved[FERRY_LANES][FERRY_SNAPSHOT_MAX(FERRY_NAME_MAX)];
    size_t saved_len[FERRY_LANES];
    unsigned saves;
    unsigned progress_reports;
};

/** A device p/d with the default settings and a fixed seed, its time at 1000. */
void machine_init(struct machine *m);
/** The same, after a reboot: gives back what was saved. */
void machine_reboot(struct machine *m);
/** Takes the next action; SAVE and progress reports are noted and passed over. */
ferry_action_kind machine_next(struct machine *m);
/** Takes the next action and fails the test when it is another one. */
const ferry_action *machine_expect(struct machine *m, ferry_action_kind kind);
/** Nothing to do now; time goes on to the deadline. */
void machine_sleep(struct machine *m);
ferry_device_err machine_event(struct machine *m, ferry_event_kind kind, ferry_lane lane);
ferry_device_err machine_fault(struct machine *m, ferry_event_kind kind, ferry_lane lane, ferry_fault fault);
/** CONNECT to SUBSCRIBED. */
void machine_link(struct machine *m);
/** A message from the platform; "$ID" in it becomes the last request_id, ' becomes ". */
void machine_say(struct machine *m, const char *text);
/** An HTTP head with this status and nothing else. */
ferry_device_err machine_status(struct machine *m, ferry_lane lane, unsigned status);
ferry_device_err machine_head(struct machine *m, ferry_lane lane, const ferry_http_head *head);
/** The HTTP request ends with this status, its answer complete. */
void machine_answer(struct machine *m, ferry_lane lane, unsigned status);
/** The next action is the report of this state ("done", "fail"); the platform answers it with code. */
void machine_confirm(struct machine *m, ferry_lane lane, const char *state, int code);
/** The next action is FINISHED like this, and a snapshot lies there only if kept. */
void machine_finish(struct machine *m, ferry_lane lane, ferry_device_err err, bool kept);
/** Bytes first .. first + len - 1 of the test file. */
ferry_device_err machine_body(struct machine *m, uint64_t first, size_t len);
ferry_phase machine_phase(const struct machine *m, ferry_lane lane);

/** Lower-case hexadecimal and a NUL. */
void machine_hex(const uint8_t *bytes, size_t len, char *out);

/* The test file: FILE_SIZE bytes, made so that no two parts are alike; name f. */
enum { FILE_SIZE = 100000 };
extern uint8_t file_bytes[FILE_SIZE];
/** Its MD5 in hexadecimal. */
const char *file_md5(void);

/** An upload of the test file, up to and with the platform's answer. The next action is the HTTP request. */
void machine_upload_asked(struct machine *m);
/** A fetch, up to and with OPENED at usable. */
void machine_fetch_opened(struct machine *m, uint64_t usable);

#endif
