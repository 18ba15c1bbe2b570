/* Who is there: told to the platform. */
#include "plugin_internal.h"

#include "api/bus.h"
#include "base/cleanup.h"

static void send_to(const struct client *service, const struct ferry_buf *message)
{
    if (!plugin_publish(service->client_id, BUS_PRESENCE_TOPIC, message->data, message->len, 0))
        mosquitto_log_printf(MOSQ_LOG_WARNING, "ferry: no memory to tell which devices are connected");
}

static bool send_to_all(struct plugin *p, const struct ferry_buf *message)
{
    bool any = false;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        const struct service *at = &p->services[i];
        bool is_told = at->client != NULL && (!p->shares || at->client == p->teller);
        const struct client *service = is_told ? clients_find(&p->clients, at->client) : NULL;

        if (service != NULL)
            send_to(service, message);
        any |= service != NULL;
    }
    return any;
}

/* One message at a time: what changes before the platform has said that it came goes into the next. */
void plugin_tell_changes(struct plugin *p)
{
    while (!p->told && p->presence.first_change != NULL) {
        ferry_autobuf message = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);

        if (presence_take_changes(&p->presence, &message) == FERRY_OK)
            p->told = send_to_all(p, &message);
    }
}

static void tell_all(const struct plugin *p, const struct client *service)
{
    struct presence_walk walk = {.part = 0};

    while (!walk.over) {
        ferry_autobuf message = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);

        if (presence_write_all(&p->presence, &walk, &message) != FERRY_OK)
            return; /* it will ask again */
        send_to(service, &message);
    }
}

/* The worker that was told who is connected has gone: another one that asks is. */
static void tell_another(struct plugin *p)
{
    const struct client *service = NULL;

    p->teller = NULL;
    for (size_t i = 0; i < SERVICES_MAX && service == NULL; i++)
        if (p->services[i].client != NULL && p->services[i].asks)
            service = clients_find(&p->clients, p->services[i].client);
    if (service == NULL)
        return;
    p->teller = service->address;
    tell_all(p, service);
}

/* The platform has just come, has missed something, or has what was told last. */
void plugin_go_on_telling(struct plugin *p, const struct client *service, uint64_t seq)
{
    for (size_t i = 0; i < SERVICES_MAX; i++)
        if (p->services[i].client == service->address)
            p->services[i].asks = true;
    if (p->teller == NULL)
        p->teller = service->address;
    if (p->shares && p->teller != service->address)
        return;
    if (seq != p->presence.seq)
        tell_all(p, service);
    p->told = false;
    plugin_tell_changes(p);
}

void plugin_set_service(struct plugin *p, const void *from, const void *to)
{
    for (size_t i = 0; i < SERVICES_MAX; i++)
        if (p->services[i].client == from) {
            p->services[i] = (struct service){.client = to};
            break;
        }
    p->told = false; /* who was to answer may be gone */
    if (from != NULL && from == p->teller)
        tell_another(p);
}
