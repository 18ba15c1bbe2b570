/* Headers of the operator API: a digest, token or list of tags that is announced, and a file's name on its way out. */
#include "fuzz.h"

#include "api_auth.h"
#include "api_content.h"
#include "api_etag.h"
#include "api_intake.h"

#include <string.h>

enum { HEADER_MAX = 1024 };

static void check_disposition(const char *name)
{
    char out[API_DISPOSITION_SIZE];

    api_content_disposition(name, out);
    FUZZ_CHECK(strlen(out) < sizeof out);
    for (const char *p = out; *p != '\0'; p++)
        FUZZ_CHECK(*p >= 0x20 && *p < 0x7f);
    /* exactly the two quotes that are ours */
    const char *first = strchr(out, '"'), *last = strrchr(out, '"');
    FUZZ_CHECK(first != NULL && last > first && strchr(first + 1, '"') == last);
}

/* What is strongly the same is the same in every way. */
static void check_tags(const char *list)
{
    static const char etag[] = "\"00112233445566778899aabbccddeeff-0011223344556677\"";
    bool strong = api_etag_listed(list, etag, API_ETAG_STRONG);

    FUZZ_CHECK(!strong || (api_etag_listed(list, etag, API_ETAG_WEAK) && api_etag_listed(list, etag, API_ETAG_OWN)));
    FUZZ_CHECK(list[0] != '\0' || !api_etag_list_valid(list));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char value[HEADER_MAX];
    uint8_t sha256[32];
    bool found = true;

    if (size >= sizeof value)
        return 0;
    memcpy(value, data, size);
    value[size] = '\0';
    ferry_err err = api_digest_parse(value, &found, sha256);
    FUZZ_CHECK(err == FERRY_OK || (err == FERRY_E_FORMAT && !found));
    check_tags(value);
    const char *token = api_auth_token(value);
    FUZZ_CHECK(token == NULL || (strlen(token) >= 1 && strlen(token) <= API_TOKEN_MAX));
    if (strlen(value) <= FERRY_NAME_MAX)
        check_disposition(value);
    return 0;
}
