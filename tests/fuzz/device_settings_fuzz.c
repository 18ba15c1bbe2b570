/*
 * Anything may stand in ferry's file of settings and in the vendor's device_info.json: they are refused by a line that says why, or say
 * who the device is. Input: the file, a zero byte, the JSON; without the byte there is no JSON.
 */
#include "ferry_config.h"
#include "fuzz_file.h"

#include <string.h>
#include <unistd.h>

static void check_identity(const struct ferry_config *config)
{
    struct ferry_options options = ferry_config_options(config);

    FUZZ_CHECK(config->product != NULL && config->device != NULL && config->broker != NULL);
    FUZZ_CHECK(config->product[0] != '\0' && config->device[0] != '\0');
    FUZZ_CHECK(config->secret != NULL || config->cert_file != NULL);
    FUZZ_CHECK(options.product == config->product && options.device == config->device);
}

/* The file, which names the JSON where there is one. */
static int ini_file(const uint8_t *bytes, size_t len, const char *info_path, char ret_path[FUZZ_PATH_SIZE])
{
    char line[64] = "";
    size_t line_len = info_path != NULL ? (size_t)snprintf(line, sizeof(line), "device-info = %s\n", info_path) : 0;
    char *text = malloc(line_len + len + 1);
    int fd;

    FUZZ_CHECK(text != NULL);
    memcpy(text, line, line_len);
    if (len > 0)
        memcpy(text + line_len, bytes, len);
    fd = fuzz_file(text, line_len + len, ret_path);
    free(text);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t ini_len = end != NULL ? (size_t)(end - data) : size;
    char ini[FUZZ_PATH_SIZE], info[FUZZ_PATH_SIZE], message[FERRY_CONFIG_MESSAGE_SIZE] = "";
    int info_fd = fuzz_file(end != NULL ? end + 1 : (const uint8_t *)"", end != NULL ? size - ini_len - 1 : 0, info);
    int ini_fd = ini_file(data, ini_len, end != NULL ? info : NULL, ini);
    const struct ferry_line line = {.command = COMMAND_AGENT, .config_file = ini};
    struct ferry_config config = {.product = NULL};

    if (ferry_config_load(&config, &line, message))
        check_identity(&config);
    else
        FUZZ_CHECK(message[0] != '\0' && memchr(message, '\0', sizeof(message)) != NULL);
    ferry_config_done(&config);
    (void)close(ini_fd);
    (void)close(info_fd);
    return 0;
}
