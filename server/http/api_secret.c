#include "api_secret.h"

#include "base/encode.h"
#include "base/system.h"

#include <string.h>

enum { NEW_SECRET_BYTES = 32 };

bool api_secret_seal(struct api_request *r, const char *context, struct api_secret *given, struct sealed *ret_sealed)
{
    ferry_err err;

    if (given->len == 0) {
        ferry_random_bytes(given->bytes, NEW_SECRET_BYTES);
        given->len = NEW_SECRET_BYTES;
    }
    err = seal_close(r->shared->seal_keys, context, given->bytes, given->len, ret_sealed);
    explicit_bzero(given, sizeof *given);
    if (err != FERRY_OK)
        api_reply_err(r, err, "the secret");
    return err == FERRY_OK;
}

json_t *api_secret_show(struct api_request *r, json_t *answer, const char *context, const struct sealed *sealed)
{
    char text[FERRY_BASE64_SIZE(DEVICE_SECRET_MAX)] = "";
    uint8_t plain[DEVICE_SECRET_MAX];
    size_t len = 0;
    bool shown = answer != NULL && seal_open(r->shared->seal_keys, context, sealed, plain, &len) == FERRY_OK;

    if (shown) {
        ferry_base64_encode(plain, len, text);
        shown = json_object_set_new(answer, "secret", json_string(text)) == 0;
    }
    explicit_bzero(plain, sizeof plain);
    explicit_bzero(text, sizeof text);
    if (shown)
        return answer;
    json_decref(answer);
    return NULL;
}
