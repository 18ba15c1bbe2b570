/* The engine alone: a device that begins an upload, and what it wants first. */
#include <ferry/device.h>
#include <ferry/http.h>

#include <stdio.h>

int main(void)
{
    static const ferry_device_config config = {.product = "p", .device = "d", FERRY_DEVICE_DEFAULTS};
    static uint32_t memory[FERRY_DEVICE_MEM(FERRY_NAME_MAX, FERRY_URL_MAX) / 4 + 1];
    ferry_upload_request request = {.name = "a.bin", .size = 10};
    ferry_device device;
    ferry_action action;
    ferry_http_head head = {0};
    char etag[FERRY_HTTP_ETAG_SIZE];

    if (ferry_device_init(&device, &config, memory, sizeof memory, 1, NULL) != FERRY_DEVICE_OK ||
        ferry_device_upload(&device, 0, &request) != FERRY_DEVICE_OK)
        return 1;
    ferry_device_next(&device, 0, &action);
    ferry_http_head_line(&head, etag, "HTTP/1.1 200 OK", 15);
    printf("%d %d\n", (int)action.kind, (int)head.status);
    return action.kind == FERRY_ACT_CONNECT && head.status == 200 ? 0 : 1;
}
