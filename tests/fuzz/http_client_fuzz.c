/* What a proxy says of its clients: the list of trusted ones, and up to two X-Forwarded-For, a line each. */
#include "fuzz.h"

#include "http_client.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct ferry_subnets proxies = {.count = 0}, own;
    char *text = malloc(size + 1), out[ADDRESS_TEXT_SIZE];

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    size_t line = strcspn(text, "\n");
    const char *header = text + line + (line < size), *end = text + size;
    text[line] = '\0';
    if (ferry_subnets_parse(text, &proxies) != FERRY_OK)
        FUZZ_CHECK(ferry_subnets_parse("127.0.0.0/8,10.0.0.0/8", &proxies) == FERRY_OK);
    FUZZ_CHECK(ferry_subnets_parse(NULL, &own) == FERRY_OK && own.count == 0);

    struct http_client client = http_client_of_peer(&proxies, (const struct sockaddr *)&peer), direct = client;
    direct.by_proxy = false;
    while (header < end) {
        const char *stop = memchr(header, '\n', (size_t)(end - header));
        size_t len = (size_t)((stop != NULL ? stop : end) - header);

        http_client_forwarded(&proxies, &client, header, len);
        http_client_forwarded(&proxies, &direct, header, len);
        header += len + (stop != NULL);
    }
    /* somebody is always known, and only a trusted peer can say who */
    FUZZ_CHECK(!IN6_IS_ADDR_UNSPECIFIED(&client.address));
    FUZZ_CHECK(memcmp(&direct.address, &direct.peer, sizeof direct.peer) == 0);
    FUZZ_CHECK(client.by_proxy || memcmp(&client.address, &client.peer, sizeof client.peer) == 0);
    http_client_text(&client, out);
    struct ferry_network shown = ferry_network_of_text(out), counted = http_client_network(&client);
    FUZZ_CHECK(shown.len > 0);
    FUZZ_CHECK(client.by_proxy && !client.heard ? counted.len == 0 : ferry_network_equal(&shown, &counted));
    free(text);
    return 0;
}
