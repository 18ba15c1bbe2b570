#include "link.h"

#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

enum {
    CHANNEL = 1,
    STEP_TIMEOUT_S = 3,
    FRAME_BYTES = 131072,
    /* RabbitMQ ends a connection that is silent for twice that: so long a worker that stands still keeps its requests */
    HEARTBEAT_S = 1,
    TOPIC_SIZE = 512,
    TRIES_OF_A_REQUEST = 10,            /* one that ends its workers is dropped then */
    WAITING_BYTES_MAX = 256 << 20,      /* requests that wait in the queue; the oldest are dropped */
};

#define EXCHANGE "amq.topic"
#define REQUESTS "$resource.up.service.*.*"
#define CONSUMER "ferryd"

/* --- what went wrong -------------------------------------------------------------------------------------- */

static bool lose(struct link *link, const char *reason)
{
    (void)snprintf(link->reason, sizeof(link->reason), "%s", reason);
    return false;
}

static bool check(struct link *link, int status)
{
    return status == AMQP_STATUS_OK || lose(link, amqp_error_string2(status));
}

/* Connection and channel are closed with the same words. */
static void read_close(const amqp_method_t *method, unsigned *ret_code, amqp_bytes_t *ret_text)
{
    *ret_code = 0;
    *ret_text = amqp_empty_bytes;
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *closed = method->decoded;

        *ret_code = closed->reply_code;
        *ret_text = closed->reply_text;
    } else if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *closed = method->decoded;

        *ret_code = closed->reply_code;
        *ret_text = closed->reply_text;
    }
}

static bool lose_closed(struct link *link, const amqp_method_t *method, const char *hint)
{
    unsigned code;
    amqp_bytes_t text;

    read_close(method, &code, &text);
    (void)snprintf(link->reason, sizeof(link->reason), "%.*s%s%s", (int)(text.len < 160 ? text.len : 160),
                   text.len > 0 ? (const char *)text.bytes : "", hint[0] != '\0' ? ": " : "", hint);
    return false;
}

/* hints: what to do about a code. */
struct hint {
    unsigned code;
    const char *text;
};

static const char *hint_for(const struct hint *hints, const amqp_method_t *method)
{
    unsigned code;
    amqp_bytes_t text;

    read_close(method, &code, &text);
    for (; hints->text != NULL; hints++)
        if (hints->code == code)
            return hints->text;
    return "";
}

static bool check_reply(struct link *link, amqp_rpc_reply_t reply, const struct hint *hints)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return true;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return lose_closed(link, &reply.reply, hint_for(hints, &reply.reply));
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        return lose(link, amqp_error_string2(reply.library_error));
    case AMQP_RESPONSE_NONE:
        break;
    }
    return lose(link, "the broker has closed the connection");
}

/* --- connecting ------------------------------------------------------------------------------------------- */

static amqp_socket_t *make_socket(struct link *link, const struct link_address *address)
{
    static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";
    amqp_socket_t *socket = address->tls ? amqp_ssl_socket_new(link->conn) : amqp_tcp_socket_new(link->conn);

    if (socket == NULL || !address->tls)
        return socket;
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK ||
        amqp_ssl_socket_set_cacert(socket, address->ca_file != NULL ? address->ca_file : system_ca) != AMQP_STATUS_OK)
        return NULL;
    return socket;
}

bool link_connect(struct link *link, const struct link_address *address, int *ret_fd)
{
    const struct timeval patience = {.tv_sec = STEP_TIMEOUT_S};
    amqp_socket_t *socket;

    link->reason[0] = '\0';
    link->published = 0;
    link->conn = amqp_new_connection();
    socket = link->conn != NULL ? make_socket(link, address) : NULL;
    if (socket == NULL)
        return lose(link, "no memory, or the certificates to trust cannot be read");
    if (!check(link, amqp_set_handshake_timeout(link->conn, &patience)) ||
        !check(link, amqp_set_rpc_timeout(link->conn, &patience)) ||
        !check(link, amqp_socket_open_noblock(socket, address->host, address->port, &patience)))
        return false;
    *ret_fd = amqp_get_sockfd(link->conn);
    return true;
}

static amqp_table_entry_t entry_bool(const char *name, bool value)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(name),
                                .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = value}};
}

static amqp_table_entry_t entry_long(const char *name, int64_t value)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(name),
                                .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = value}};
}

static amqp_table_entry_t entry_text(const char *name, const char *value)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(name),
                                .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(value)}};
}

/* To be told when the queue goes from under us. */
static bool log_in(struct link *link, const struct link_address *address)
{
    static const struct hint hints[] = {
        {AMQP_ACCESS_REFUSED, "give another user or password in --broker"},
        {AMQP_NOT_ALLOWED, "make it with rabbitmqctl add_vhost, and let the user in with rabbitmqctl set_permissions"},
        {0, NULL},
    };
    amqp_table_entry_t can[] = {entry_bool("consumer_cancel_notify", true)};
    amqp_table_entry_t told[] = {
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {.num_entries = 1, .entries = can}}},
        entry_text("connection_name", CONSUMER),
    };
    const amqp_table_t properties = {.num_entries = 2, .entries = told};

    return check_reply(link, amqp_login_with_properties(link->conn, address->vhost, 0, FRAME_BYTES, HEARTBEAT_S, &properties,
                                                        AMQP_SASL_METHOD_PLAIN, address->username, address->password),
                       hints);
}

static bool make_queue(struct link *link, const struct link_address *address)
{
    const amqp_bytes_t queue = amqp_cstring_bytes(address->queue);
    static const struct hint hints[] = {
        {AMQP_ACCESS_REFUSED, "the user needs permission to configure, write and read the queue, and to read and write amq.topic"},
        {AMQP_PRECONDITION_FAILED, "a queue of that name is there already with other properties: remove it"},
        {0, NULL},
    };
    amqp_table_entry_t entries[] = {
        entry_text("x-queue-type", "quorum"),
        entry_long("x-delivery-limit", TRIES_OF_A_REQUEST),
        entry_long("x-max-length-bytes", WAITING_BYTES_MAX),
    };
    const amqp_table_t properties = {.num_entries = 3, .entries = entries};

    (void)amqp_queue_declare(link->conn, CHANNEL, queue, false, true, false, false, properties);
    if (!check_reply(link, amqp_get_rpc_reply(link->conn), hints))
        return false;
    (void)amqp_queue_bind(link->conn, CHANNEL, queue, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(REQUESTS), amqp_empty_table);
    if (!check_reply(link, amqp_get_rpc_reply(link->conn), hints))
        return false;
    (void)amqp_basic_qos(link->conn, CHANNEL, 0, address->prefetch, false);
    if (!check_reply(link, amqp_get_rpc_reply(link->conn), hints))
        return false;
    (void)amqp_basic_consume(link->conn, CHANNEL, queue, amqp_cstring_bytes(CONSUMER), false, false, false, amqp_empty_table);
    return check_reply(link, amqp_get_rpc_reply(link->conn), hints);
}

bool link_begin(struct link *link, const struct link_address *address)
{
    static const struct hint none[] = {{0, NULL}};

    if (!log_in(link, address))
        return false;
    (void)amqp_channel_open(link->conn, CHANNEL);
    if (!check_reply(link, amqp_get_rpc_reply(link->conn), none))
        return false;
    (void)amqp_confirm_select(link->conn, CHANNEL);
    return check_reply(link, amqp_get_rpc_reply(link->conn), none) && make_queue(link, address);
}

void link_give_up(struct link *link, const char *reason)
{
    (void)lose(link, reason);
}

void link_end(struct link *link, bool works)
{
    if (link->conn == NULL)
        return;
    if (works)
        (void)amqp_connection_close(link->conn, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(link->conn);
    link->conn = NULL;
}

/* --- messages --------------------------------------------------------------------------------------------- */

static void read_ack(const amqp_basic_ack_t *ack, struct link_confirm *ret_confirm)
{
    *ret_confirm = (struct link_confirm){.number = ack->delivery_tag, .up_to = ack->multiple};
}

static void read_nack(const amqp_basic_nack_t *nack, struct link_confirm *ret_confirm)
{
    *ret_confirm = (struct link_confirm){.number = nack->delivery_tag, .up_to = nack->multiple, .refused = true};
}

/* A frame that is no message: a confirm, or the end of something. */
static link_found read_other(struct link *link, struct link_confirm *ret_confirm)
{
    struct timeval now = {.tv_sec = 0};
    amqp_frame_t frame;
    int status = amqp_simple_wait_frame_noblock(link->conn, &frame, &now);

    if (status == AMQP_STATUS_TIMEOUT)
        return LINK_NOTHING;
    if (!check(link, status))
        return LINK_LOST;
    if (frame.frame_type != AMQP_FRAME_METHOD)
        return LINK_NOTHING;
    switch (frame.payload.method.id) {
    case AMQP_BASIC_ACK_METHOD:
        read_ack(frame.payload.method.decoded, ret_confirm);
        return LINK_CONFIRM;
    case AMQP_BASIC_NACK_METHOD:
        read_nack(frame.payload.method.decoded, ret_confirm);
        return LINK_CONFIRM;
    case AMQP_CONNECTION_CLOSE_METHOD:
    case AMQP_CHANNEL_CLOSE_METHOD:
        (void)lose_closed(link, &frame.payload.method, "");
        return LINK_LOST;
    case AMQP_BASIC_CANCEL_METHOD:
        (void)lose(link, "the queue is gone, or the node that led it");
        return LINK_LOST;
    default:
        return LINK_NOTHING;
    }
}

link_found link_read(struct link *link, amqp_envelope_t *ret_envelope, struct link_confirm *ret_confirm)
{
    struct timeval now = {.tv_sec = 0};
    amqp_rpc_reply_t reply;

    amqp_maybe_release_buffers(link->conn);
    reply = amqp_consume_message(link->conn, ret_envelope, &now, 0);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return LINK_MESSAGE;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT)
        return LINK_NOTHING;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_UNEXPECTED_STATE)
        return read_other(link, ret_confirm);
    (void)check_reply(link, reply, &(struct hint){0, NULL});
    return LINK_LOST;
}

void link_release(amqp_envelope_t *envelope)
{
    amqp_destroy_envelope(envelope);
}

/* For RabbitMQ's MQTT plugin a message of AMQP has QoS 1, unless it says otherwise. */
bool link_publish(struct link *link, const char *topic, const void *payload, size_t len)
{
    amqp_table_entry_t entries[] = {
        {.key = amqp_cstring_bytes("x-mqtt-publish-qos"), .value = {.kind = AMQP_FIELD_KIND_I8, .value.i8 = 0}},
        entry_bool("x-mqtt-dup", false),
    };
    const amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG,
        .delivery_mode = AMQP_DELIVERY_NONPERSISTENT,
        .headers = {.num_entries = 2, .entries = entries},
    };
    const amqp_bytes_t body = {.len = len, .bytes = (void *)(uintptr_t)payload};
    char key[TOPIC_SIZE];
    size_t used = 0;

    for (; topic[used] != '\0' && used + 1 < sizeof(key); used++)
        key[used] = topic[used];
    for (size_t i = 0; i < used; i++)
        key[i] = key[i] == '/' ? '.' : key[i];
    key[used] = '\0';
    link->published++;
    return check(link, amqp_basic_publish(link->conn, CHANNEL, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(key), false,
                                          false, &properties, body));
}

bool link_acknowledge(struct link *link, uint64_t tag)
{
    return check(link, amqp_basic_ack(link->conn, CHANNEL, tag, false));
}

bool link_give_back(struct link *link, uint64_t tag)
{
    return check(link, amqp_basic_nack(link->conn, CHANNEL, tag, false, true));
}

/* Not as a call that waits: what was on its way comes before its answer. */
bool link_take_no_more(struct link *link)
{
    amqp_basic_cancel_t cancel = {.consumer_tag = amqp_cstring_bytes(CONSUMER), .nowait = true};

    return check(link, amqp_send_method(link->conn, CHANNEL, AMQP_BASIC_CANCEL_METHOD, &cancel));
}
