/**
 * @file s3.h
 * @brief Objects in a bucket of an S3-compatible store (Ceph RADOS Gateway, MinIO, Tencent COS, AWS).
 *
 *     {prefix}{id}           whole, verified objects
 *     {prefix}partial/{id}   what is known of a partial object, and its bytes that make no part yet
 *     {prefix}damaged/{id}   what was set aside
 *     {prefix}probe/{random} what probe writes and removes
 *     {prefix}installation   whose all this is
 *
 * Parts of partial objects are in a multipart upload of the object's own key, so nothing is seen before it is whole.
 * Object URLs lead to the store itself: presigned, good for one method, and a PUT for one size and MD5. One that devices
 * could not hold (FERRY_URL_MAX), or for more than a single PUT takes, is one of ours instead and streams through ferryd.
 * Every call but url_sign and url_check waits for the network, within bounds (S3_..._MS in s3_internal.h).
 */
#ifndef OBJECTS_S3_H
#define OBJECTS_S3_H

#include "api/objects.h"
#include "objects/signed_url.h"

enum {
    OBJECTS_S3_BUCKET_MAX = 63,
    OBJECTS_S3_PREFIX_MAX = 255,
    OBJECTS_S3_ENDPOINT_MAX = 255,
    OBJECTS_S3_REGION_MAX = 63,
    OBJECTS_S3_PATH_MAX = 1023,
    OBJECTS_S3_PROBLEM_SIZE = 512,
    OBJECTS_S3_OWNER_MAX = 64,
};

/** The largest object that S3 takes: 5 TiB (S3 user guide, "Multipart upload limits"). */
#define OBJECTS_S3_SIZE_MAX (UINT64_C(5) << 40)

/** @brief What s3://BUCKET[/PREFIX][?NAME=VALUE&...] says. */
struct objects_s3_address {
    char bucket[OBJECTS_S3_BUCKET_MAX + 1];
    char prefix[OBJECTS_S3_PREFIX_MAX + 1];             /**< empty, or ends with a slash */
    char region[OBJECTS_S3_REGION_MAX + 1];             /**< default us-east-1 */
    char endpoint[OBJECTS_S3_ENDPOINT_MAX + 1];         /**< "http[s]://host[:port]"; default that of AWS, or of COS */
    char public_endpoint[OBJECTS_S3_ENDPOINT_MAX + 1];  /**< where devices reach it; default: the same */
    char ca_file[OBJECTS_S3_PATH_MAX + 1];              /**< certificates to trust (PEM); empty: the system's */
    bool path_style; /**< the bucket is in the path, not in the host; default: only with an endpoint */
    bool cos;        /**< Tencent's own signature instead of SigV4 */
    bool own_urls;   /**< devices do not reach the store: every URL is one of ours */
};

/** @brief Reads a setting. @retval FERRY_OK | FERRY_E_ARG reterr_problem says what to write */
FERRY_MUST_CHECK
ferry_err objects_s3_address_parse(const char *text, struct objects_s3_address *ret_address,
                                   char reterr_problem[OBJECTS_S3_PROBLEM_SIZE]);

struct objects_s3_config {
    const struct objects_s3_address *address;
    const char *access_key, *secret_key;
    const char *session_token; /**< null: none */
    const char *public_url;    /**< where devices reach the object plane, for URLs of ours */
    uint8_t key[32];           /**< signs URLs of ours */
    struct signed_url_old_key old_keys[SIGNED_URL_OLD_KEYS_MAX]; /**< what they signed is accepted, too */
    size_t old_keys_count;
    uint32_t sweep_age_s;      /**< sweep leaves what is younger: another worker may be at it */
    uint64_t (*wall_ms)(void); /**< Unix time; null: the system's */
};

/** Default of sweep_age_s: longer than a URL lives, and than bytes take to come. */
#define OBJECTS_S3_SWEEP_AGE_S (2u * 86400u)

/**
 * @brief Opens the store, without a word to it.
 * @retval FERRY_OK | FERRY_E_ARG public_url, or credentials that are empty or too long | FERRY_E_NOMEM
 * Ownership: the configuration is copied; end with ops->close.
 */
FERRY_MUST_CHECK
ferry_err objects_s3_open(const struct objects_s3_config *cfg, struct objects **ret_objects);

/**
 * @brief Is everything there that is needed? For the start: is the store reached, are bucket and credentials right, may
 *        it be read and written, are the clocks near each other, and is what lies below the prefix ours? What no row of our
 *        database names is swept, so nothing is done where another database's files are.
 * @param[in] owner  the installation, 1 .. OBJECTS_S3_OWNER_MAX characters; what nobody owns is taken
 * @retval FERRY_OK | others: reterr_problem says in one line what to do, without secrets
 * Blocking: at most about ten seconds.
 */
FERRY_MUST_CHECK
ferry_err objects_s3_check(struct objects *objects, const char *owner, char reterr_problem[OBJECTS_S3_PROBLEM_SIZE]);

#endif
