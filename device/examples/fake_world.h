/**
 * @file fake_world.h
 * @brief What a board gives to the port in bare_agent.c: clock, flash, sockets, an MQTT client; keep.h is the rest of it.
 * Here they are fake, so that the example runs in the tests; fake_world.c shows what each must do.
 */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

#include "ferry/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @brief Milliseconds since the start of the board; never go back. */
uint64_t world_now_ms(void);
/** @brief Sleeps until then, or until a socket or the MQTT client has something to do. */
void world_sleep_until(uint64_t ms);
/** @brief Random bits: from the hardware, else from the serial number and what differs at each start. */
uint32_t world_random(void);
void world_log(const char *what, const char *how);

/* NOR flash that the processor sees as memory: a byte can be written once after its sector was erased. */
enum { WORLD_SECTOR = 1024 };
const void *world_flash(uint32_t at);
/** @brief Erases the sectors that len bytes need, from at, where one begins. False: the flash has failed. Blocks. */
bool world_flash_erase(uint32_t at, size_t len);
bool world_flash_write(uint32_t at, const void *bytes, size_t len);

/* What lies where in the flash: the slots of keep.h from 0 on, the log to be sent, two areas for files that arrive. */
enum { KEEP_SLOTS = 4, KEEP_SLOT_BYTES = 2 * WORLD_SECTOR, LOG_BYTES = 20000, AREA_BYTES = 20 * WORLD_SECTOR };
enum { AT_LOG = KEEP_SLOTS * KEEP_SLOT_BYTES, AT_AREAS = AT_LOG + AREA_BYTES, FLASH_BYTES = AT_AREAS + 2 * AREA_BYTES };

/* A TCP socket that does not block: bytes, WORLD_AGAIN, or WORLD_CLOSED (by the other side, or broken). */
enum { WORLD_AGAIN = -1, WORLD_CLOSED = 0 };
/** @brief Resolves and connects; a socket, or 0 when that fails. Its send buffer takes a first KiB at once. */
int world_connect(const char *host, size_t host_len, uint16_t port);
int world_send(int socket, const void *bytes, size_t len);
int world_recv(int socket, void *out, size_t cap);
void world_close(int socket);

/* An MQTT client. */
/** @brief CONNECT with this board's credential, clean session. NONE: accepted. REFUSED: the broker's codes 1, 2, 4, 5;
 *  UNAVAILABLE: 3; else what kept it from asking. */
ferry_fault world_mqtt_connect(void);
void world_mqtt_disconnect(void);
/** @brief NONE: granted. REFUSED: SUBACK with 0x80; LOST: no connection. */
ferry_fault world_mqtt_subscribe(const char *topic, int qos);
/** @brief When it cannot go out, world_mqtt_receive() will say that the connection is lost. */
void world_mqtt_publish(const char *topic, const char *payload, size_t len, int qos);
/** @brief The next payload: its length, WORLD_AGAIN or WORLD_CLOSED. Longer than cap: taken away, out is not written. */
int world_mqtt_receive(char *out, size_t cap);

#endif
