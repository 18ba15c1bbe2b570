/**
 * @file engine_fixture.h
 * @brief A whole platform in memory for tests: real engine, in-memory store, objects and bus, time by hand.
 */
#ifndef CORE_ENGINE_FIXTURE_H
#define CORE_ENGINE_FIXTURE_H

#include "core/engine.h"
#include "proto/message.h"
#include "proto/topic.h"

#include <stdbool.h>

#define FIXTURE_START_MS 1700000000000u
#define FIXTURE_MD5 "5d41402abc4b2a76b9719d911017c592" /* of "hello" */

struct fixture {
    struct engine_parts parts;
    struct engine_settings settings;
    struct engine *engine;
    struct store_ops store_ops; /* a copy: tests replace slots to inject faults */
    const struct store_ops *real_store_ops;
    struct store_conn *reader;
    bool many; /* the store serves several processes */
};

/* What a device says: an upload of "hello", and how one of its transfers is doing. */
#define FIXTURE_CREATE_HELLO "{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"a.txt\",\"md5sum\":\"" FIXTURE_MD5 "\"}"
#define FIXTURE_REPORT(direction, name, state)                                                            \
    "{\"type\":\"report_" direction "_progress\",\"name\":\"" name "\",\"progress\":{\"state\":\"" state           \
    "\",\"percent\":1,\"result_code\":0,\"result_msg\":\"\"}}"

/** @brief One answer that the platform published; the message's texts point into payload. */
struct answer {
    char topic[FERRY_TOPIC_SIZE];
    char payload[FERRY_DOWN_PACKET_MAX + 1];
    ferry_msg msg;
};

/** @brief For cmocka: *state is a struct fixture with the device D1, until the teardown. */
int fixture_setup(void **state);
/** @brief The same on a store that serves several processes (many_fixture.h). With FERRY_FIXTURE=many in the environment every fixture is
 *  like this: what one process does is the same then. */
int fixture_setup_many(void **state);
int fixture_teardown(void **state);

void fixture_open(struct fixture *f);
/** @brief The same on a store of the test's, which the fixture closes. */
void fixture_open_on(struct fixture *f, struct store *store);
void fixture_close(struct fixture *f);
/** @brief Ends the engine without a clean end and makes a new one on the same store and objects. */
void fixture_crash(struct fixture *f);
void fixture_turn(struct fixture *f);
void fixture_turns(struct fixture *f, unsigned count);
/** @brief Time passes; no turn yet. */
void fixture_wait_s(struct fixture *f, uint64_t seconds);
/** @brief Time passes; the engine takes a turn. */
void fixture_advance_s(struct fixture *f, uint64_t seconds);

/** @brief A device says something; no turn yet. */
void fixture_send(struct fixture *f, const char *device, const char *json);
/** @brief A device says something; the engine takes a turn. */
void fixture_say(struct fixture *f, const char *device, const char *json);
/** @brief Takes the next published message; false when there is none. */
bool fixture_hear(struct fixture *f, struct answer *ret_answer);
/** @brief Like hear; fails the test when there is none, or when it is not of the type. */
void fixture_expect(struct fixture *f, ferry_msg_type type, struct answer *ret_answer);
void fixture_expect_silence(struct fixture *f);
/** @brief A device says something and is answered with a result code: that one. */
int fixture_result(struct fixture *f, const char *device, const char *json);

/** @brief D1 asks for a place for a.txt, "hello", and is given one. */
struct upload_task fixture_begin_upload(struct fixture *f);

/** @brief Submits, turns, gives the result. */
ferry_err fixture_command(struct fixture *f, struct command *cmd);
/** @brief Registers product P and device P/name with a secret. */
void fixture_add_device(struct fixture *f, const char *name);
/** @brief D{first} to D{last}. */
void fixture_add_devices(struct fixture *f, unsigned first, unsigned last);
/** @brief Puts "hello" under the key, as the object plane would. */
void fixture_put_hello(struct fixture *f, const ferry_id *key);
/** @brief Adds a resource of product P with the content "hello". */
ferry_id fixture_add_resource(struct fixture *f, const char *name);
/** @brief The same, as a version whose content is said to have that MD5. */
ferry_id fixture_add_version(struct fixture *f, const char *name, const char *md5);
/** @brief Deploys to the named device (null: all). */
struct deployment fixture_deploy(struct fixture *f, const char *resource, const char *device, uint32_t rate_per_min);

struct upload_task fixture_latest_upload(struct fixture *f, const char *device, const char *name);
struct download_task fixture_latest_download(struct fixture *f, const char *device, const char *name);

#endif
