/**
 * @file fake_world.h
 * @brief What a board would give to the port in bare_agent.c: sockets, an MQTT client, a clock. Here they are fake,
 * with a small platform behind them, so that the example runs in the tests.
 */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORLD_FILE_BYTES = 20000 };

/** @brief Monotonic milliseconds. */
uint64_t world_now_ms(void);
/** @brief Sleeps until then, or until something arrives. */
void world_sleep_until(uint64_t ms);

/* A TCP socket that does not block: bytes, WORLD_AGAIN, or WORLD_CLOSED. */
enum { WORLD_AGAIN = -1, WORLD_CLOSED = 0 };
int world_connect(const char *host, size_t host_len, uint16_t port);
int world_send(int socket, const void *bytes, size_t len);
int world_recv(int socket, void *out, size_t cap);
void world_close(int socket);

/* An MQTT client. */
bool world_mqtt_connect(void);
bool world_mqtt_subscribe(const char *topic);
void world_mqtt_publish(const char *topic, const char *payload, size_t len);
/** @brief The next message in out; its length, 0 when there is none. */
size_t world_mqtt_receive(char *out, size_t cap);

/* For the end of the example: what the platform has to say. */
bool world_got_upload(const uint8_t *bytes, size_t len);
bool world_confirmed_download(void);
/** @brief The file that the platform has for the device. */
const uint8_t *world_offered_file(void);

#endif
