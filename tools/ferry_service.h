/**
 * @file ferry_service.h
 * @brief The agent as a service of systemd: ready, reloading, stopping, what it does, and that it still lives.
 */
#ifndef FERRY_SERVICE_H
#define FERRY_SERVICE_H

#include <stdint.h>

enum { FERRY_STATUS_SIZE = 512 };

struct ferry_service {
    char *socket;         /**< null: nobody listens */
    uint64_t watchdog_ms; /**< a sign of life is due so often; 0: nobody waits for it */
    uint64_t due_ms;      /**< of the next one; UINT64_MAX: never */
    char status[FERRY_STATUS_SIZE];
};

/** @brief Takes $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, and removes them: they are not for our children. */
void ferry_service_init(struct ferry_service *service, uint64_t now_ms);
void ferry_service_done(struct ferry_service *service);

void ferry_service_ready(struct ferry_service *service);
/** @brief The settings are being read again; ferry_service_ready() is due afterwards. */
void ferry_service_reloading(struct ferry_service *service);
void ferry_service_stopping(struct ferry_service *service);
/** @brief What it does now, as `systemctl status` shows it. Sent when it differs from the last. */
void ferry_service_status(struct ferry_service *service, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** @brief A sign of life when one is due. Only from the loop that does the work: it stands for that. */
void ferry_service_alive(struct ferry_service *service, uint64_t now_ms);

#endif
