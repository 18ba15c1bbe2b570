/*
 * Anything may stand in the file of ferryd's settings. It is refused by a line that says why, or every setting that was taken can be
 * told again, without what is secret.
 */
#include "config.h"
#include "fuzz_file.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

static void check_told(char *text)
{
    json_error_t error;
    json_t *told;

    FUZZ_CHECK(text != NULL);
    told = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    FUZZ_CHECK(told != NULL);
    json_decref(told);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH_SIZE], name[] = "ferryd", option[] = "--config", message[FERRY_SETTING_MESSAGE_SIZE] = "";
    char *argv[] = {name, option, path, NULL};
    int fd = fuzz_file(data, size, path);
    struct config config;
    ferry_err err = config_read(3, argv, &config, message);

    if (err == FERRY_OK) {
        FUZZ_CHECK(config.data != NULL);
        check_told(config_describe(&config));
        check_told(config_list(&config));
    } else {
        FUZZ_CHECK(message[0] != '\0' && memchr(message, '\0', sizeof(message)) != NULL);
    }
    config_done(&config);
    (void)close(fd);
    return 0;
}
