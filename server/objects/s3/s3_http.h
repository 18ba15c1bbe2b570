/**
 * @file s3_http.h
 * @brief One request to the store and its answer: signed, bounded in time and size, tried again where that is safe.
 */
#ifndef OBJECTS_S3_HTTP_H
#define OBJECTS_S3_HTTP_H

#include "objects/s3.h"
#include "sigv4.h"

#include "base/buf.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    S3_ETAG_SIZE = 72,
    S3_PAIRS_MAX = 4,
    S3_BODY_MAX = 2 << 20, /* bytes of an answer that is not an object: a list of 1000 */
    S3_CREDENTIAL_MAX = 256,
    S3_TOKEN_MAX = 4096,
    S3_IDLE_MAX = 32, /* connections that are kept */
};

/** @brief Where the store is, as we or as devices see it. */
struct s3_place {
    char url[OBJECTS_S3_ENDPOINT_MAX + OBJECTS_S3_BUCKET_MAX + 2];  /**< scheme and host */
    const char *host;                                               /**< in url */
};

struct objects_s3 {
    struct objects base; /* first: the handle is this address */
    struct signed_url_signer own;
    struct objects_s3_address address;
    struct s3_place inside, outside;
    char access_key[S3_CREDENTIAL_MAX], secret_key[S3_CREDENTIAL_MAX], session_token[S3_TOKEN_MAX];
    struct sigv4_signer signer;
    uint32_t sweep_age_s;
    uint64_t (*wall_ms)(void);
    atomic_bool interrupted;
    atomic_bool silent;  /* the last call waited in vain: until there is an answer again, one call at a time tries it */
    atomic_bool trying;
    atomic_bool told_fallback; /* that URLs are ours was said */
    pthread_mutex_t mutex; /* guards idle and busy; never held while anything waits */
    CURL *idle[S3_IDLE_MAX];
    size_t idle_count;
    struct object_writer *busy; /* writers that have a partial */
};

struct s3_call {
    const char *method;
    const char *name; /**< below the prefix; null: the bucket itself */
    struct sigv4_pair query[S3_PAIRS_MAX], headers[S3_PAIRS_MAX];
    size_t query_count, headers_count;
    const void *body;
    size_t body_len;
    void *into; /**< null: the answer's bytes go into answer->body */
    size_t into_cap;
    size_t body_max;      /**< 0: S3_BODY_MAX */
    uint32_t patience_ms; /**< for all attempts together */
    bool once;            /**< doing it twice is not the same as once */
};

struct s3_answer {
    long status;         /**< 0: none came */
    CURLcode failure;    /**< why none came, or not all of it */
    char failure_text[CURL_ERROR_SIZE];
    uint64_t length;     /**< Content-Length */
    uint64_t total;      /**< of Content-Range; 0: none */
    uint64_t date_s;     /**< the store's clock; 0: unknown */
    char etag[S3_ETAG_SIZE]; /**< without its quotes */
    bool etag_is_opaque;     /**< of bytes that were encrypted: no MD5 of them */
    char code[64], message[200], region[OBJECTS_S3_REGION_MAX + 1]; /**< of an error */
    size_t into_len;
    struct ferry_buf body;
};

/**
 * @brief Asks, and waits for the answer. s3_answer_done() is legal after any result.
 * @retval FERRY_OK status is 2xx | FERRY_E_NOT_FOUND | FERRY_E_FULL | FERRY_E_DENIED | FERRY_E_BUSY | FERRY_E_DIGEST |
 *         FERRY_E_STALE If-Match did not | FERRY_E_NETWORK not reached, or cut | FERRY_E_TIMEOUT also at once, when others wait in
 *         vain | FERRY_E_CLOSED interrupted | FERRY_E_IO | FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err s3_call(struct objects_s3 *store, const struct s3_call *call, struct s3_answer *answer);
void s3_answer_done(struct s3_answer *answer);
#define s3_autoanswer __attribute__((cleanup(s3_answer_done))) struct s3_answer

/** @brief Appends the presigned URL of an object, as seen from outside. @retval FERRY_E_LIMIT | FERRY_E_NOMEM | FERRY_E_ARG */
FERRY_MUST_CHECK ferry_err s3_presign(struct objects_s3 *store, const char *method, const char *name,
                                      const struct sigv4_pair *headers, size_t headers_count, uint64_t now_s, uint64_t life_s,
                                      struct ferry_buf *out);

/** @brief Base64 of the MD5 of some bytes. */
enum { S3_MD5_BASE64_SIZE = 25 };
void s3_md5_base64(const uint8_t md5[16], char out[S3_MD5_BASE64_SIZE]);

void s3_http_done(struct objects_s3 *store);

#endif
