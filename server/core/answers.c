#include "engine_internal.h"

#include <string.h>

/* Fixed header of at most 3 bytes (2048 fits two length bytes) and the topic's own length. */
enum { PUBLISH_OVERHEAD = 1 + 2 + 2 };

ferry_err answers_encode(const struct device_key *device, const ferry_msg *msg, char topic[FERRY_TOPIC_SIZE],
                         char *out, size_t cap, size_t *ret_len)
{
    if (!ferry_topic_write(FERRY_TOPIC_DOWN, ferry_text_of(device->product), ferry_text_of(device->device), topic))
        return FERRY_E_ARG;
    size_t room = FERRY_DOWN_PACKET_MAX - PUBLISH_OVERHEAD - strlen(topic);
    if (cap > room)
        cap = room + 1; /* the writer's NUL is not sent */
    switch (ferry_msg_write(msg, out, cap, ret_len)) {
    case FERRY_PROTO_OK:
        return FERRY_OK;
    case FERRY_PROTO_E_SPACE:
        return FERRY_E_LIMIT;
    case FERRY_PROTO_E_JSON:
    case FERRY_PROTO_E_TYPE:
    case FERRY_PROTO_E_FIELD:
        break;
    }
    return FERRY_E_ARG;
}

ferry_err answers_send(struct engine *e, const struct device_key *device, const ferry_msg *msg)
{
    char topic[FERRY_TOPIC_SIZE];
    char payload[FERRY_DOWN_PACKET_MAX + 1];
    size_t len = 0;
    ferry_err err = answers_encode(device, msg, topic, payload, sizeof payload, &len);
    if (err == FERRY_E_LIMIT) {
        ferry_msg shorter = *msg;
        shorter.sha256 = (ferry_text){0};
        shorter.has &= ~(uint32_t)FERRY_HAS_EXPIRES;
        err = answers_encode(device, &shorter, topic, payload, sizeof payload, &len);
    }
    return err == FERRY_OK ? effects_publish(&e->effects, topic, payload, len, measures_answer(msg)) : err;
}

static void set_result(ferry_msg *msg, ferry_result result)
{
    msg->has |= FERRY_HAS_RESULT_CODE;
    msg->result_code = result;
    msg->result_msg = ferry_text_of(ferry_result_text(result));
}

/* request_id is echoed only when it is one that we accept. */
static ferry_text echo_request_id(const ferry_msg *request)
{
    return request->request_id.len <= FERRY_REQUEST_ID_MAX ? request->request_id : (ferry_text){0};
}

ferry_msg answers_refusal(const ferry_msg *request, ferry_result why)
{
    ferry_msg msg = {.request_id = echo_request_id(request)};
    set_result(&msg, why);
    switch (request->type) {
    case FERRY_MSG_CREATE_UPLOAD_TASK:
        msg.type = FERRY_MSG_CREATE_UPLOAD_TASK_RSP;
        msg.has |= FERRY_HAS_SIZE;
        msg.size = request->size;
        msg.name = ferry_utf8_cut(request->name, FERRY_NAME_MAX);
        msg.md5sum = ferry_utf8_cut(request->md5sum, FERRY_MD5_HEX);
        return msg;
    case FERRY_MSG_REPORT_UPLOAD_PROGRESS:
        msg.type = FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP;
        return msg;
    case FERRY_MSG_REPORT_DOWNLOAD_PROGRESS:
        msg.type = FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP;
        return msg;
    case FERRY_MSG_GET_DOWNLOAD_TASK:
        /* Without request_id the device does not know this answer (docs/protocol.md). */
        msg.type = msg.request_id.ptr != NULL ? FERRY_MSG_GET_DOWNLOAD_TASK_RSP : FERRY_MSG_NONE;
        return msg;
    case FERRY_MSG_NONE:
    case FERRY_MSG_CREATE_UPLOAD_TASK_RSP:
    case FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP:
    case FERRY_MSG_GET_DOWNLOAD_TASK_RSP:
    case FERRY_MSG_DOWNLOAD:
    case FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP:
    case FERRY_MSG_UPLOAD_RESULT:
        break;
    }
    return (ferry_msg){0};
}

ferry_err answers_report(struct engine *e, const struct device_message *m, ferry_result result)
{
    ferry_msg answer = answers_refusal(&m->msg, result);
    return answers_send(e, &m->device, &answer);
}

ferry_err answers_sign(struct engine *e, struct object_url *url, uint64_t now_ms, char out[FERRY_URL_MAX + 1])
{
    struct objects *objects = e->parts.objects;
    url->expires_s = now_ms / 1000 + e->settings.url_life_s;
    return objects->ops->url_sign(objects, url, out, FERRY_URL_MAX + 1);
}
