/* The address of a broker, as an operator may mistype it. */
#include "fuzz.h"

#include "mqtt/broker_url.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), message[BROKER_URL_MESSAGE_SIZE] = "";
    struct broker_url url = {.port = 0};

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (broker_url_parse(text, &url, message) == FERRY_OK) {
        FUZZ_CHECK(url.port > 0 && url.host[0] != '\0');
        FUZZ_CHECK(memchr(url.host, '\0', sizeof(url.host)) != NULL);
        FUZZ_CHECK(url.username[0] != '\0' || url.password[0] == '\0');
    } else {
        FUZZ_CHECK(url.port == 0 && message[0] != '\0');
    }
    free(text);
    return 0;
}
