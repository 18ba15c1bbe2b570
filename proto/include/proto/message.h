/**
 * @file message.h
 * @brief The ten messages of docs/protocol.md: parser and writer, without allocation, for both sides.
 *
 * Freestanding C99. Reading is lenient, as the published manual and real devices demand: a comma
 * before a closing brace, any order of keys, unknown keys, whole numbers written as strings. Of
 * duplicate keys the first counts, as in the vendor's own parser.
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "limits.h"
#include "result.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    FERRY_MSG_NONE = 0,
    FERRY_MSG_CREATE_UPLOAD_TASK = 1,
    FERRY_MSG_CREATE_UPLOAD_TASK_RSP = 2,
    FERRY_MSG_REPORT_UPLOAD_PROGRESS = 3,
    FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP = 4,
    FERRY_MSG_GET_DOWNLOAD_TASK = 5,
    FERRY_MSG_GET_DOWNLOAD_TASK_RSP = 6,
    FERRY_MSG_DOWNLOAD = 7,
    FERRY_MSG_REPORT_DOWNLOAD_PROGRESS = 8,
    FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP = 9,
    FERRY_MSG_UPLOAD_RESULT = 10,
} ferry_msg_type;

typedef enum {
    FERRY_PROGRESS_NONE = 0, /**< missing or unknown */
    FERRY_PROGRESS_RUNNING,  /**< "uploading" or "downloading" */
    FERRY_PROGRESS_DONE,
    FERRY_PROGRESS_FAIL,
} ferry_progress_state;

/** Which fields of a ferry_msg were there (parser), or are to be written though they are optional (writer). */
enum {
    FERRY_HAS_SIZE = 1u << 1,
    FERRY_HAS_PERCENT = 1u << 2,
    FERRY_HAS_RESULT_CODE = 1u << 3,
    FERRY_HAS_EXPIRES = 1u << 4,
};

/**
 * @brief One message. Texts are views: into the payload after parsing, of the caller when writing.
 *
 * An absent text has a null ptr. Which fields a type has stands in docs/protocol.md.
 */
typedef struct {
    ferry_msg_type type;
    bool damaged;         /**< the type is known, but the JSON breaks off or is malformed after the fields given here */
    uint32_t has;         /**< FERRY_HAS_... */
    uint64_t size;        /**< bytes */
    int32_t result_code;
    int32_t percent;      /**< as sent: may be wrapped or nonsense, shown only */
    ferry_progress_state state;
    ferry_text name;
    ferry_text md5sum;
    ferry_text url;
    ferry_text result_msg;
    ferry_text request_id; /**< our extension */
    ferry_text sha256;     /**< our extension */
    uint64_t expires;      /**< our extension: Unix seconds */
} ferry_msg;

/** One JSON token; memory of the caller, content private to the parser. */
typedef struct {
    int32_t opaque[4];
} ferry_json_token;

#define FERRY_PROTO_ERR_LIST(X)                                                                   \
    X(FERRY_PROTO_OK, 0, "success")                                                               \
    X(FERRY_PROTO_E_JSON, 1, "the payload is not a JSON object")                                  \
    X(FERRY_PROTO_E_TYPE, 2, "the message has no known type")                                     \
    X(FERRY_PROTO_E_SPACE, 3, "the buffer is too small")                                          \
    X(FERRY_PROTO_E_FIELD, 4, "a field of the message to write is missing or invalid")

typedef enum {
#define X(name, number, text) name = (number),
    FERRY_PROTO_ERR_LIST(X)
#undef X
} ferry_proto_err;

/** @brief A short English sentence, never null. */
const char *ferry_proto_err_text(ferry_proto_err err);
/** @brief The `type` value on the wire, or null for FERRY_MSG_NONE. */
const char *ferry_msg_type_name(ferry_msg_type type);

/**
 * @brief Parses one payload.
 * @param[in,out] payload  its JSON strings are decoded in place: the bytes are not the same afterwards
 * @param[in]     len      0 .. any; the caller applies FERRY_PAYLOAD_MAX
 * @param[in]     tokens   work space; more JSON values than token_cap make the message damaged
 * @param[out]    ret_msg  written only on FERRY_PROTO_OK; its texts point into payload
 * @retval FERRY_PROTO_OK      type is known; look at ret_msg->damaged
 * @retval FERRY_PROTO_E_JSON  no JSON object, or malformed (also: a NUL byte) with no known type before that place
 * @retval FERRY_PROTO_E_TYPE  a well-formed object with no `type`, or with none of the ten
 * Blocking: never. Threads: any. Ownership: nothing is kept.
 */
ferry_proto_err ferry_msg_parse(char *payload, size_t len, ferry_json_token *tokens, size_t token_cap,
                                ferry_msg *ret_msg);

/**
 * @brief Writes one message as compact JSON, beginning with `{`, every key of its kind present.
 *
 * Strings are raw UTF-8; only `"`, `\` and control characters are escaped; bytes that are not UTF-8
 * are written as `?`. An absent text that the type requires is written as "", an absent optional one
 * (request_id, sha256) and an optional number without its FERRY_HAS_ bit are left out. In a task
 * answer size 0 is written as 1: vendor devices divide by it (docs/protocol.md).
 * create_upload_task_rsp carries result_code and result_msg only with FERRY_HAS_RESULT_CODE.
 * get_download_task_rsp likewise (our "no task" answer). Reports and their answers always carry them.
 * MD5 is written in lower case.
 * @param[out] ret_len  length without the NUL that is also written; only on FERRY_PROTO_OK
 * @retval FERRY_PROTO_E_SPACE | FERRY_PROTO_E_FIELD (type none, or a report without state)
 */
ferry_proto_err ferry_msg_write(const ferry_msg *msg, char *out, size_t cap, size_t *ret_len);

#ifdef __cplusplus
}
#endif

#endif
