/*
 * Any bytes may arrive as the target of a request to the object plane: what is accepted has one spelling
 * only, so writing it again gives the same text.
 */
#include "fuzz.h"
#include "object_address.h"

#include <inttypes.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct object_address address;
    char again[256];
    char *target = malloc(size + 1); /* exactly as long as it is: reading past the end is seen */
    uint64_t number = 0;

    FUZZ_CHECK(target != NULL);
    memcpy(target, data, size);
    target[size] = '\0';
    object_address_verdict verdict = object_address_parse(target, &address);
    if (verdict == OBJECT_ADDRESS_GOOD) {
        int len = snprintf(again, sizeof again, "/o/%s?e=%" PRIu64 "&s=%s", address.task.text, address.expires_s,
                           address.signature);
        FUZZ_CHECK(len > 0 && (size_t)len < sizeof again && strcmp(again, target) == 0);
    } else {
        FUZZ_CHECK((verdict == OBJECT_ADDRESS_ELSEWHERE) == (strncmp(target, "/o/", 3) != 0));
    }
    const char *rest = object_number_parse(target, &number);
    if (rest != NULL) {
        (void)snprintf(again, sizeof again, "%" PRIu64, number);
        FUZZ_CHECK(strncmp(again, target, strlen(again)) == 0 && rest == target + strlen(again));
    }
    free(target);
    return 0;
}
