#include "port.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define APP_ID "21010406"
/* What the vendor's devices send for "never": it needs no clock, and devices often have none. */
#define NEVER "92233720368547758"

enum { PORT_MQTT = 1883, PORT_MQTTS = 8883 };

ferry_device_err ferry__secret_decode(const char *base64, uint8_t out[FERRY__SECRET_MAX], size_t *ret_len)
{
    char text[FERRY__SECRET_MAX / 3 * 4 + 1];
    uint8_t bytes[FERRY__SECRET_MAX];
    size_t len = strcspn(base64, "=");
    size_t padded = (len + 3) / 4 * 4;

    if (len == 0 || len % 4 == 1 || padded >= sizeof text || strspn(base64 + len, "=") != strlen(base64 + len))
        return FERRY_DEVICE_E_ARG;
    memcpy(text, base64, len);
    memset(text + len, '=', padded - len);
    if (EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)padded) < 0)
        return FERRY_DEVICE_E_ARG;
    *ret_len = len * 3 / 4;
    memcpy(out, bytes, *ret_len);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(text, sizeof text);
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry__credential(const char *product, const char *device, const char random[6], const uint8_t *secret,
                                   size_t secret_len, char ret_user[FERRY__CREDENTIAL_SIZE],
                                   char ret_password[FERRY__CREDENTIAL_SIZE])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    int n = snprintf(ret_user, FERRY__CREDENTIAL_SIZE, "%s%s;" APP_ID ";%s;" NEVER, product, device, random);

    if (n < 0 || n >= FERRY__CREDENTIAL_SIZE)
        return FERRY_DEVICE_E_ARG;
    if (HMAC(EVP_sha256(), secret, (int)secret_len, (const unsigned char *)ret_user, (size_t)n, mac, &mac_len) == NULL)
        return FERRY_DEVICE_E_SYSTEM;
    for (unsigned i = 0; i < mac_len; i++)
        (void)snprintf(ret_password + (size_t)2 * i, 3, "%02x", mac[i]);
    (void)snprintf(ret_password + (size_t)2 * mac_len, FERRY__CREDENTIAL_SIZE - (size_t)2 * mac_len, ";hmacsha256");
    return FERRY_DEVICE_OK;
}

/* The port behind the host: ":1884", or nothing. */
static bool port_parse(const char *text, uint16_t fallback, uint16_t *ret_port)
{
    char *end;

    if (*text == '\0') {
        *ret_port = fallback;
        return true;
    }
    if (*text != ':' || text[1] < '0' || text[1] > '9')
        return false;
    unsigned long port = strtoul(text + 1, &end, 10);
    if (port == 0 || port > UINT16_MAX || (*end != '\0' && strcmp(end, "/") != 0))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

ferry_device_err ferry__broker_parse(const char *url, char **ret_host, uint16_t *ret_port, bool *ret_tls)
{
    static const char plain[] = "mqtt://", secure[] = "mqtts://";
    bool tls = strncmp(url, secure, sizeof secure - 1) == 0;
    uint16_t port;

    if (!tls && strncmp(url, plain, sizeof plain - 1) != 0)
        return FERRY_DEVICE_E_ARG;
    const char *host = url + (tls ? sizeof secure : sizeof plain) - 1;
    bool bracketed = *host == '[';
    size_t len = strcspn(host += bracketed, bracketed ? "]" : ":/");
    if (len == 0 || memchr(host, '@', len) != NULL || (bracketed && host[len] != ']'))
        return FERRY_DEVICE_E_ARG;
    const char *rest = host + len + bracketed;
    if (!port_parse(strcmp(rest, "/") == 0 ? "" : rest, tls ? PORT_MQTTS : PORT_MQTT, &port))
        return FERRY_DEVICE_E_ARG;
    char *copy = strndup(host, len);
    if (copy == NULL)
        return FERRY_DEVICE_E_SYSTEM;
    *ret_host = copy;
    *ret_port = port;
    *ret_tls = tls;
    return FERRY_DEVICE_OK;
}
