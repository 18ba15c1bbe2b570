#include "ferry_service.h"

#include "base/alloc.h"
#include "base/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIGNS_PER_TIMEOUT = 2 }; /* as sd_watchdog_enabled(3) wants it */

/* Microseconds, 0 when nobody waits or they are meant for another process. */
static uint64_t watchdog_us(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (usec == NULL || (pid != NULL && strtoull(pid, NULL, 10) != (unsigned long long)getpid()))
        return 0;
    return strtoull(usec, NULL, 10);
}

void ferry_service_init(struct ferry_service *service, uint64_t now_ms)
{
    static const char *const ours[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    const char *socket = getenv("NOTIFY_SOCKET");

    *service = (struct ferry_service){.due_ms = UINT64_MAX};
    if (socket != NULL)
        service->socket = ferry_strdup(socket);
    service->watchdog_ms = service->socket == NULL ? 0 : watchdog_us() / 1000 / SIGNS_PER_TIMEOUT;
    if (service->watchdog_ms > 0)
        service->due_ms = now_ms;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        (void)unsetenv(ours[i]);
}

void ferry_service_done(struct ferry_service *service)
{
    free(service->socket);
    service->socket = NULL;
}

void ferry_service_ready(struct ferry_service *service)
{
    ferry_notify(service->socket, "READY=1");
}

void ferry_service_reloading(struct ferry_service *service)
{
    struct timespec now = {0};
    char text[64];

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* Type=notify-reload wants to know when */
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    ferry_notify(service->socket, text);
}

void ferry_service_stopping(struct ferry_service *service)
{
    ferry_notify(service->socket, "STOPPING=1");
}

void ferry_service_status(struct ferry_service *service, const char *format, ...)
{
    char text[FERRY_STATUS_SIZE] = "STATUS=";
    size_t head = strlen(text);
    va_list args;

    if (service->socket == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text + head, sizeof text - head, format, args);
    va_end(args);
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ')
            *p = ' '; /* a line of its own would be another word to systemd */
    if (strcmp(text, service->status) == 0)
        return;
    memcpy(service->status, text, sizeof text);
    ferry_notify(service->socket, text);
}

void ferry_service_alive(struct ferry_service *service, uint64_t now_ms)
{
    if (now_ms < service->due_ms)
        return;
    service->due_ms = now_ms + service->watchdog_ms;
    ferry_notify(service->socket, "WATCHDOG=1");
}
