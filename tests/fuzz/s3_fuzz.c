/*
 * What an operator writes for --objects, what lies in the bucket about a partial object, and what a store answers.
 * Input: one byte that says which of the three (a, n, x), then the text.
 */
#include "fuzz.h"

#include "s3_internal.h"
#include "s3_xml.h"

#include <string.h>

static void address(const char *text)
{
    struct objects_s3_address a;
    char problem[OBJECTS_S3_PROBLEM_SIZE] = "";
    if (objects_s3_address_parse(text, &a, problem) != FERRY_OK) {
        FUZZ_CHECK(problem[0] != '\0');
        return;
    }
    size_t prefix = strlen(a.prefix);
    FUZZ_CHECK(a.bucket[0] != '\0' && strchr(a.bucket, '/') == NULL);
    FUZZ_CHECK(prefix == 0 || (a.prefix[prefix - 1] == '/' && a.prefix[0] != '/'));
    FUZZ_CHECK(strstr(a.endpoint, "://") != NULL && strstr(a.public_endpoint, "://") != NULL);
    FUZZ_CHECK(strpbrk(a.endpoint, "@?# \r\n") == NULL && strpbrk(a.public_endpoint, "@?# \r\n") == NULL);
}

/* What was read goes on without harm, and is read the same when it is written down again. */
static void note(const char *bytes, size_t size)
{
    enum { MAX = 1 << 20 };
    struct object_writer w = {.part = FERRY_BUF_INIT(MAX), .etags = FERRY_BUF_INIT(MAX)};
    struct object_writer again = {.part = FERRY_BUF_INIT(MAX), .etags = FERRY_BUF_INIT(MAX)};
    struct ferry_buf text = FERRY_BUF_INIT(MAX), out = FERRY_BUF_INIT(MAX);
    struct object_digests digests;
    FUZZ_CHECK(ferry_buf_append(&text, bytes, size) == FERRY_OK);
    if (s3_note_read(&w, &text) == FERRY_OK) {
        FUZZ_CHECK(s3_note_write(&w, &out) == FERRY_OK);
        FUZZ_CHECK(s3_note_read(&again, &out) == FERRY_OK);
        FUZZ_CHECK(again.parts == w.parts && again.part.len == w.part.len && again.etags.len == w.etags.len);
        FUZZ_CHECK(memcmp(&again.hash, &w.hash, sizeof w.hash) == 0);
        s3_hash_update(&w.hash, bytes, size);
        s3_hash_get(&w.hash, &digests);
    }
    ferry_buf_done(&text);
    ferry_buf_done(&out);
    ferry_buf_done(&w.part);
    ferry_buf_done(&w.etags);
    ferry_buf_done(&again.part);
    ferry_buf_done(&again.etags);
}

static void element(void *arg, const char *name, const char *text)
{
    FUZZ_CHECK(name[0] != '\0' && strlen(text) <= S3_XML_TEXT_MAX);
    ++*(unsigned *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { INPUT_MAX = 100000 };
    unsigned elements = 0;
    if (size == 0 || size > INPUT_MAX)
        return 0;
    char *text = malloc(size);
    FUZZ_CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'a')
        address(text);
    else if (data[0] == 'n')
        note(text, size - 1);
    else if (data[0] == 'x' && s3_xml_read(text, size - 1, element, &elements) == FERRY_OK)
        FUZZ_CHECK(elements > 0);
    free(text);
    return 0;
}
