/* What a CONNECT may carry: user name, password and client id, and then a topic; parted by line feeds. */
#include "fuzz.h"

#include "access/acl.h"
#include "access/identity.h"

#include <string.h>

enum { PARTS = 4 };

static const uint8_t secret[] = "0123456789abcdef";
static const struct device_key self = {"pump", "7"};

static void split(const uint8_t *data, size_t size, ferry_text parts[PARTS])
{
    const char *at = (const char *)data;

    for (size_t i = 0; i < PARTS; i++) {
        const char *end = size > 0 && i + 1 < PARTS ? memchr(at, '\n', size) : NULL;
        size_t len = end != NULL ? (size_t)(end - at) : size;

        parts[i] = (ferry_text){at, len};
        at += len + (end != NULL);
        size -= len + (end != NULL);
    }
}

static void check_user(ferry_text username)
{
    struct user_name user = identity_parse_user(username);

    if (user.kind == USER_VENDOR) {
        FUZZ_CHECK(user.joined.len >= 2 && user.joined.len <= IDENTITY_JOINED_MAX);
        FUZZ_CHECK(memchr(user.joined.ptr, ';', user.joined.len) == NULL);
    }
    if (user.kind == USER_PLAIN)
        FUZZ_CHECK(ferry_ident_valid(user.product) && ferry_ident_valid(user.device));
    if (user.kind == USER_SERVICE)
        FUZZ_CHECK(ferry_text_equal(username, ferry_text_of(IDENTITY_SERVICE_USER)));
}

static void check_topic(ferry_text text)
{
    char topic[512];

    if (!ferry_text_copy(text, topic, sizeof(topic)))
        return;
    for (acl_access access = ACL_RECEIVE; access <= ACL_UNSUBSCRIBE; access++) {
        FUZZ_CHECK(!acl_device_allows(&self, access, topic, false) || strpbrk(topic, "+#") == NULL);
        FUZZ_CHECK(!acl_device_allows(&self, access, topic, false) || strstr(topic, "/pump/7") != NULL);
        FUZZ_CHECK(!acl_service_allows(access, topic, true, false) || access != ACL_PUBLISH);
        FUZZ_CHECK(!acl_service_allows(access, topic, true, true) || access != ACL_PUBLISH);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ferry_text parts[PARTS];

    split(data, size, parts);
    check_user(parts[0]);
    (void)identity_vendor_password_ok(parts[0], parts[1], secret, sizeof(secret) - 1);
    (void)identity_plain_password_ok(parts[1], secret, sizeof(secret) - 1);
    FUZZ_CHECK(!(identity_device_client_id_ok(&self, parts[2]) && identity_service_client_id_ok(parts[2])));
    check_topic(parts[3]);
    return 0;
}
