/* The plugin at Mosquitto's boundary: hostile CONNECTs, topics and orders, in any order. Mosquitto's side is ours here.
 *
 * Input: lines. The first character says what happens, the next one to which of four clients; then fields, parted by tabs.
 *   c user password client-id     BASIC_AUTH        r topic, p topic, s topic, u topic      ACL_CHECK
 *   x                             DISCONNECT        h                                       RELOAD
 *   o payload                     CONTROL           n certificate's name, for the next BASIC_AUTH
 *   m topic payload               MESSAGE           w topic payload                         the platform's ACL_CHECKs for it
 * A field of one byte 0x01 is a null pointer; one that begins with 0x02 is repeated up to 64 KiB.
 */
#include "fuzz.h"

#include "access/seal.h"
#include "api/bus.h"
#include "store/sqlite.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 4, FIELDS = 3, EVENTS = 16, LINES_MAX = 200, LONG = 65535 };

#define SECRET "0123456789abcdef" /* the example of docs/protocol.md proves it */
#define SERVICE_SHA256 "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" /* of "password" */

struct mosquitto {
    char *id, *username;
    X509 *certificate;
    bool accepted;
};

static struct broker {
    MOSQ_FUNC_generic_callback callbacks[EVENTS];
    void *userdata[EVENTS], *plugin;
    struct mosquitto clients[CLIENTS];
    char folder[64];
    bool secret_is_said; /* as a name or a topic, which may be logged */
} broker;

int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata, struct mosquitto_opt *options, int count);
int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int count);

/* --- Mosquitto's side -------------------------------------------------------------------------------------- */

int mosquitto_callback_register(mosquitto_plugin_id_t *id, int event, MOSQ_FUNC_generic_callback callback,
                                const void *data, void *userdata)
{
    (void)id;
    (void)data;
    FUZZ_CHECK(event >= 0 && event < EVENTS);
    broker.callbacks[event] = callback;
    broker.userdata[event] = userdata;
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_callback_unregister(mosquitto_plugin_id_t *id, int event, MOSQ_FUNC_generic_callback callback,
                                  const void *data)
{
    (void)id;
    (void)callback;
    (void)data;
    broker.callbacks[event] = NULL;
    return MOSQ_ERR_SUCCESS;
}

__attribute__((format(printf, 2, 3))) void mosquitto_log_printf(int level, const char *format, ...)
{
    char line[2048];
    va_list args;

    (void)level;
    va_start(args, format);
    FUZZ_CHECK(vsnprintf(line, sizeof(line), format, args) < (int)sizeof(line)); /* what is logged is cut before */
    va_end(args);
    FUZZ_CHECK(broker.secret_is_said || strstr(line, SECRET) == NULL);
    FUZZ_CHECK(strchr(line, '\n') == NULL);
}

const char *mosquitto_client_id(const struct mosquitto *client)
{
    return client->id;
}

const char *mosquitto_client_username(const struct mosquitto *client)
{
    return client->username;
}

const char *mosquitto_client_address(const struct mosquitto *client)
{
    return client->id == NULL ? NULL : "192.0.2.1";
}

void *mosquitto_client_certificate(const struct mosquitto *client)
{
    if (client->certificate != NULL)
        FUZZ_CHECK(X509_up_ref(client->certificate) == 1);
    return client->certificate;
}

/* Who comes, and asks to be let in, has none. */
int mosquitto_client_sub_count(const struct mosquitto *client)
{
    (void)client;
    return 0;
}

static int tell(int event, void *data)
{
    FUZZ_CHECK(broker.callbacks[event] != NULL);
    return broker.callbacks[event](event, data, broker.userdata[event]);
}

static void disconnect(struct mosquitto *client)
{
    struct mosquitto_evt_disconnect gone = {.client = client};

    client->accepted = false;
    (void)tell(MOSQ_EVT_DISCONNECT, &gone);
}

/* Memory that Mosquitto counts: what it is to free must have come from here. */
static const uint64_t counted = 0x6d6f737175697474;

void *mosquitto_malloc(size_t size)
{
    uint64_t *memory = malloc(sizeof counted + size);

    if (memory != NULL)
        *memory++ = counted;
    return memory;
}

void mosquitto_free(void *memory)
{
    uint64_t *begin = memory;

    if (begin == NULL)
        return;
    FUZZ_CHECK(*--begin == counted);
    free(begin);
}

/* Only the platform is told who is there, and only requests are handed on. */
int mosquitto_broker_publish(const char *id, const char *topic, int len, void *payload, int qos, bool retain,
                             mosquitto_property *properties)
{
    if (id == NULL)
        FUZZ_CHECK(strncmp(topic, BUS_SHARED_UP_PREFIX, strlen(BUS_SHARED_UP_PREFIX)) == 0 && qos == 1);
    else
        FUZZ_CHECK(strncmp(id, "ferryd@", 7) == 0 && len > 0 && qos == 0 &&
                   (strcmp(topic, BUS_PRESENCE_TOPIC) == 0 || strcmp(topic, BUS_WORKER_TOPIC) == 0));
    FUZZ_CHECK(len >= 0 && payload != NULL && !retain && properties == NULL);
    mosquitto_free(payload);
    return MOSQ_ERR_SUCCESS;
}

/* As Mosquitto: a null pointer would end everybody. */
int mosquitto_kick_client_by_clientid(const char *id, bool with_will)
{
    FUZZ_CHECK(id != NULL && !with_will);
    for (size_t i = 0; i < CLIENTS; i++)
        if (broker.clients[i].accepted && strcmp(broker.clients[i].id, id) == 0)
            disconnect(&broker.clients[i]);
    return MOSQ_ERR_SUCCESS;
}

/* --- the platform's side ----------------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", broker.folder, name);
    file = fopen(path, "w");
    FUZZ_CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void add_device(struct store *store, struct store_conn *conn, const struct seal_keys *keys, bool disabled)
{
    struct device device = {.key = {"PRODTEST01", ""}, .disabled = disabled, .secret_no = 1, .created_ms = 1};
    char context[SEAL_CONTEXT_SIZE];

    (void)snprintf(device.key.device, sizeof(device.key.device), disabled ? "off" : "base1");
    FUZZ_CHECK(seal_close(keys, seal_context_device(&device.key, context), SECRET, 16, &device.secret) == FERRY_OK);
    FUZZ_CHECK(store->ops->device_add(conn, &device) == FERRY_OK);
}

static void make_database(const char *path, const char *key_path)
{
    struct store_sqlite_config cfg = {.path = path};
    struct seal_keys keys = {.count = 0};
    struct store_conn *conn;
    struct store *store;

    seal_keys_push(&keys);
    FUZZ_CHECK(seal_keys_write(key_path, &keys) == FERRY_OK);
    FUZZ_CHECK(store_sqlite_open(&cfg, &store) == FERRY_OK);
    FUZZ_CHECK(store->ops->connect(store, STORE_WRITER, &conn) == FERRY_OK);
    FUZZ_CHECK(store->ops->product_add(conn, &(struct product){.name = "PRODTEST01"}) == FERRY_OK);
    add_device(store, conn, &keys, false);
    add_device(store, conn, &keys, true);
    store->ops->disconnect(conn);
    store->ops->close(store);
}

static void remove_folder(void)
{
    static const char *const names[] = {"ferry.db", "ferry.db-wal", "ferry.db-shm", "secrets.key", "service.hash"};
    char path[128];

    (void)mosquitto_plugin_cleanup(broker.plugin, NULL, 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", broker.folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(broker.folder);
}

/* Once for all inputs: each begins with nobody connected. */
static void start_plugin(void)
{
    static char store[96], key[96], hash[96], yes[] = "true";
    static char names[][20] = {"store", "secrets_key", "service_hash", "allow_plain_secret", "share"};
    struct mosquitto_opt options[] = {
        {names[0], store}, {names[1], key}, {names[2], hash}, {names[3], yes}, {names[4], yes}};

    (void)snprintf(broker.folder, sizeof(broker.folder), "/tmp/ferry-fuzz-XXXXXX");
    FUZZ_CHECK(mkdtemp(broker.folder) != NULL);
    (void)snprintf(store, sizeof(store), "%s/ferry.db", broker.folder);
    (void)snprintf(key, sizeof(key), "%s/secrets.key", broker.folder);
    (void)snprintf(hash, sizeof(hash), "%s/service.hash", broker.folder);
    make_database(store, key);
    write_file("service.hash", SERVICE_SHA256 "\n");
    FUZZ_CHECK(mosquitto_plugin_init(NULL, &broker.plugin, options, 5) == MOSQ_ERR_SUCCESS);
    (void)atexit(remove_folder);
}

/* --- what happens ------------------------------------------------------------------------------------------ */

/* A copy of its own for each, so that a sanitizer sees each read past the end. */
static char *field_text(const char *at, size_t len)
{
    size_t size = len > 0 && at[0] == 2 ? LONG : len;
    char *text;

    if (len == 1 && at[0] == 1)
        return NULL;
    text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    for (size_t i = 0; i < size; i++)
        text[i] = size == len ? at[i] : len > 1 ? at[1 + i % (len - 1)] : 'x';
    text[size] = '\0';
    return text;
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = value != NULL ? strdup(value) : NULL;
}

static void be_named(struct mosquitto *client, const char *name)
{
    X509_free(client->certificate);
    client->certificate = name != NULL ? X509_new() : NULL;
    if (name != NULL) /* what OpenSSL does not take as a name is a certificate without one */
        (void)X509_NAME_add_entry_by_NID(X509_get_subject_name(client->certificate), NID_commonName, MBSTRING_UTF8,
                                         (const unsigned char *)name, -1, -1, 0);
}

/* The device that is disabled; behind a dot a client may add what it likes. */
static bool is_of_off(const char *id)
{
    static const char product[] = "PRODTEST01";
    const char *name = id + sizeof(product) - 1;

    if (strncmp(id, product, sizeof(product) - 1) != 0)
        return false;
    name += *name == '/';
    return strncmp(name, "off", 3) == 0 && (name[3] == '\0' || name[3] == '.');
}

static void note_secret(const char *said)
{
    broker.secret_is_said |= said != NULL && strstr(said, SECRET) != NULL;
}

static void connect_client(struct mosquitto *client, char *const fields[FIELDS])
{
    struct mosquitto_evt_basic_auth asked = {.client = client, .username = fields[0], .password = fields[1]};
    bool may;

    note_secret(fields[0]);
    note_secret(fields[2]);
    set_text(&client->id, fields[2]);
    set_text(&client->username, fields[0]);
    client->accepted = tell(MOSQ_EVT_BASIC_AUTH, &asked) == MOSQ_ERR_SUCCESS;
    may = client->id != NULL && (strncmp(client->id, "PRODTEST01", 10) == 0 || strncmp(client->id, "ferryd@", 7) == 0);
    FUZZ_CHECK(!client->accepted || may);
    FUZZ_CHECK(!client->accepted || client->certificate != NULL || (fields[0] != NULL && fields[1] != NULL));
    FUZZ_CHECK(!client->accepted || !is_of_off(client->id));
}

static void use_topic(struct mosquitto *client, int access, char *topic)
{
    struct mosquitto_evt_acl_check asked = {.client = client, .topic = topic, .access = access};
    bool service = client->username != NULL && strcmp(client->username, "ferryd") == 0;
    bool allowed;

    note_secret(topic);
    allowed = tell(MOSQ_EVT_ACL_CHECK, &asked) == MOSQ_ERR_SUCCESS;
    FUZZ_CHECK(!allowed || (topic != NULL && strlen(topic) < 200));
    FUZZ_CHECK(!allowed || client->accepted || (service && access == MOSQ_ACL_READ));
    if (allowed && !service) {
        FUZZ_CHECK(strcmp(topic, access == MOSQ_ACL_WRITE ? "$resource/up/service/PRODTEST01/base1"
                                                          : "$resource/down/service/PRODTEST01/base1") == 0);
        asked.retain = true;
        FUZZ_CHECK(access != MOSQ_ACL_WRITE || tell(MOSQ_EVT_ACL_CHECK, &asked) != MOSQ_ERR_SUCCESS);
    }
}

static void order(struct mosquitto *client, char *payload)
{
    char topic[] = BUS_CONTROL_TOPIC;
    struct mosquitto_evt_control told = {
        .client = client, .topic = topic, .payload = payload, .payloadlen = payload != NULL ? (uint32_t)strlen(payload) : 0};
    size_t before = 0, after = 0;

    for (size_t i = 0; i < CLIENTS; i++)
        before += broker.clients[i].accepted;
    (void)tell(MOSQ_EVT_CONTROL, &told);
    for (size_t i = 0; i < CLIENTS; i++)
        after += broker.clients[i].accepted;
    FUZZ_CHECK(before == after); /* nothing was changed about the one device that can be connected */
}

/* The name of the device stays, whatever is before it. */
static void send_message(struct mosquitto *client, char *topic, char *payload)
{
    static const char up[] = "$resource/up/service/";
    struct mosquitto_evt_message message = {
        .client = client, .topic = topic, .payload = payload, .payloadlen = payload != NULL ? (uint32_t)strlen(payload) : 0};
    char *before = topic != NULL ? strdup(topic) : NULL;
    size_t prefix = before != NULL && strncmp(before, up, strlen(up)) == 0 ? strlen(up) : 0;

    FUZZ_CHECK(tell(MOSQ_EVT_MESSAGE, &message) == MOSQ_ERR_SUCCESS && message.topic == topic);
    if (before != NULL)
        FUZZ_CHECK(strcmp(before + prefix, topic + (prefix > 0 ? strlen(BUS_SHARED_UP_PREFIX) : 0)) == 0);
    free(before);
}

/* A worker is handed something, or answers. */
static void work(struct mosquitto *client, char *topic, char *payload)
{
    struct mosquitto_evt_acl_check asked = {.client = client, .topic = topic, .payload = payload, .access = MOSQ_ACL_READ,
                                            .payloadlen = payload != NULL ? (uint32_t)strlen(payload) : 0};

    note_secret(topic);
    (void)tell(MOSQ_EVT_ACL_CHECK, &asked);
    asked.access = MOSQ_ACL_WRITE;
    (void)tell(MOSQ_EVT_ACL_CHECK, &asked);
}

static void happen(char what, struct mosquitto *client, char *const fields[FIELDS])
{
    struct mosquitto_evt_reload reload = {.options = NULL};

    switch (what) {
    case 'c':
        connect_client(client, fields);
        break;
    case 'n':
        be_named(client, fields[0]);
        break;
    case 'r':
        use_topic(client, MOSQ_ACL_READ, fields[0]);
        break;
    case 'p':
        use_topic(client, MOSQ_ACL_WRITE, fields[0]);
        break;
    case 's':
        use_topic(client, MOSQ_ACL_SUBSCRIBE, fields[0]);
        break;
    case 'u':
        use_topic(client, MOSQ_ACL_UNSUBSCRIBE, fields[0]);
        break;
    case 'x':
        disconnect(client);
        break;
    case 'o':
        order(client, fields[0]);
        break;
    case 'm':
        send_message(client, fields[0], fields[1]);
        break;
    case 'w':
        work(client, fields[0], fields[1]);
        break;
    case 'h':
        (void)tell(MOSQ_EVT_RELOAD, &reload);
        break;
    default: /* an access that Mosquitto does not have */
        use_topic(client, what, fields[0]);
    }
}

static void take_line(const char *line, size_t len)
{
    char *fields[FIELDS] = {NULL};

    if (len < 2)
        return;
    for (size_t i = 0, at = 2; i < FIELDS && at <= len; i++) {
        const char *end = at < len ? memchr(line + at, '\t', len - at) : NULL;
        size_t size = end != NULL ? (size_t)(end - line) - at : len - at;

        fields[i] = field_text(line + at, size);
        at += size + 1;
    }
    happen(line[0], &broker.clients[(unsigned char)line[1] % CLIENTS], fields);
    for (size_t i = 0; i < FIELDS; i++)
        free(fields[i]);
}

static void forget_clients(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct mosquitto *client = &broker.clients[i];

        disconnect(client);
        be_named(client, NULL);
        set_text(&client->id, NULL);
        set_text(&client->username, NULL);
    }
}

/* There is a way in: else no input could show that others have none. */
static void take_the_way_in(void)
{
    static char user[] = "PRODTEST01base1;21010406;2GkPl;92233720368547758", id[] = "PRODTEST01base1",
                password[] = "68e0a67c41d8a476951369100e5c664c614b84c1;hmacsha1";
    char *const fields[FIELDS] = {user, password, id};

    connect_client(&broker.clients[0], fields);
    FUZZ_CHECK(broker.clients[0].accepted);
    forget_clients();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;

    if (broker.plugin == NULL) {
        start_plugin();
        take_the_way_in();
    }
    broker.secret_is_said = false;
    for (size_t lines = 0; size > 0 && lines < LINES_MAX; lines++) {
        const char *end = memchr(at, '\n', size);
        size_t len = end != NULL ? (size_t)(end - at) : size;

        take_line(at, len);
        at += len + (end != NULL);
        size -= len + (end != NULL);
    }
    forget_clients();
    return 0;
}
