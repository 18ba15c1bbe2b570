/**
 * @file fake_world.h
 * @brief What a board would give to the port in bare_agent.c: sockets, an MQTT client, a clock, flash. Here the first
 * three are fake, with a small platform behind them, so that the example runs in the tests; the flash is memory on a
 * host (fake_board.c) and flash on a board.
 */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORLD_FILE_BYTES = 20000, WORLD_SAVED_BYTES = 512 };

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

/* Flash: read like memory, written once after each erasing (all bits are ones then), kept without power. */
typedef enum {
    WORLD_SOURCE,     /* the file to be sent */
    WORLD_PART,       /* the one that arrives */
    WORLD_FILE,       /* the one that has arrived */
    WORLD_SAVED,      /* a snapshot of WORLD_SAVED_BYTES for each lane: up ... */
    WORLD_SAVED_DOWN, /* ... and down */
} world_area;
enum { WORLD_AREAS = 5 };

const uint8_t *world_flash(world_area area);
void world_flash_erase(world_area area);
void world_flash_write(world_area area, size_t offset, const void *bytes, size_t len);

/** @brief What the application has to send: fills WORLD_SOURCE. */
void world_write_log(void);

/** @brief Takes the power away once, while both files are on their way. On a host it says so: begin anew. */
bool world_power_fails(void);
/** @brief Of fake_board.c: resets the board and does not return, or returns where there is none. */
void world_reset(void);

/* For the end of the example: what the platform has to say. */
bool world_got_upload(void);
bool world_got_download(void);
/** @brief After the power cut neither file was begun anew. */
bool world_saw_resume(void);

#endif
