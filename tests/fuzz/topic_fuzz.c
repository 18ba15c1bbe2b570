/*
 * Any bytes may arrive as a topic or a name: what is parsed is written back the same, and no check
 * reads past the end.
 */
#include "fuzz.h"
#include "proto/text.h"
#include "proto/topic.h"

#include <string.h>

static void check_topic(ferry_text topic)
{
    ferry_topic_direction direction = FERRY_TOPIC_UP;
    ferry_text product = {NULL, 0}, device = {NULL, 0};
    char written[FERRY_TOPIC_SIZE];

    if (!ferry_topic_parse(topic, &direction, &product, &device)) {
        FUZZ_CHECK(product.ptr == NULL && device.ptr == NULL);
        return;
    }
    FUZZ_CHECK(ferry_ident_valid(product) && ferry_ident_valid(device));
    FUZZ_CHECK(ferry_topic_write(direction, product, device, written));
    FUZZ_CHECK(ferry_text_equal(ferry_text_of(written), topic));
}

static void check_name(ferry_text name)
{
    char copy[FERRY_NAME_MAX + 1];
    bool valid = ferry_name_valid(name);

    FUZZ_CHECK(!ferry_name_portable(name) || valid);
    FUZZ_CHECK(!valid || ferry_utf8_valid(name));
    FUZZ_CHECK(!valid || (ferry_text_copy(name, copy, sizeof(copy)) && strlen(copy) == name.len));
    FUZZ_CHECK(!ferry_ident_valid(name) || ferry_name_portable(name) || name.len > FERRY_NAME_VENDOR_MAX);
    FUZZ_CHECK(!ferry_md5_valid(name) || ferry_ident_valid(name));
    for (size_t max = 0; max <= name.len + 1; max += 1 + max / 8) {
        ferry_text cut = ferry_utf8_cut(name, max);

        FUZZ_CHECK(cut.ptr == name.ptr && cut.len <= max && cut.len <= name.len);
        FUZZ_CHECK(!ferry_utf8_valid(name) || (ferry_utf8_valid(cut) && (cut.len == name.len || cut.len + 4 > max)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ferry_text text = {(const char *)data, size};

    check_topic(text);
    check_name(text);
    return 0;
}
