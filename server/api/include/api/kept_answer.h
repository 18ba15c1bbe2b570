/**
 * @file kept_answer.h
 * @brief What a request that made something was answered, kept for the same request when it comes again (Idempotency-Key).
 */
#ifndef API_KEPT_ANSWER_H
#define API_KEPT_ANSWER_H

#include "api/model.h"

#include <stdint.h>

enum {
    KEPT_DIGEST_BYTES = 32,
    KEPT_LOCATION_SIZE = 192,
    KEPT_BODY_SIZE = 8192,    /**< the longest that is made is half of it */
    KEPT_SECRET_NAME_SIZE = 16,
    KEPT_SECRET_PARTS = 2,    /**< a text that is longer than what one seal holds is in two */
};

struct kept_answer {
    uint8_t key[KEPT_DIGEST_BYTES];     /**< of who asked, and of the key that was sent */
    uint8_t request[KEPT_DIGEST_BYTES]; /**< of what was asked */
    uint64_t made_ms;
    uint32_t status;
    char location[KEPT_LOCATION_SIZE]; /**< "": none */
    char body[KEPT_BODY_SIZE];         /**< without the secret */
    char secret_name[KEPT_SECRET_NAME_SIZE]; /**< the field that it is in; "": there is none */
    struct sealed secret[KEPT_SECRET_PARTS];
};

#endif
