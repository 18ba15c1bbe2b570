/* What the platform says: who must go, that it wants to know who is there, that a worker lives. */
#include "plugin_internal.h"

#include "access/identity.h"
#include "api/bus.h"
#include "base/alloc.h"
#include "base/system.h"

#include <stdlib.h>

/* Is the client meant by the text "product/device"? An empty one means everybody. */
static bool is_meant(const struct client *client, ferry_text text)
{
    struct user_name name = identity_parse_user(text);

    if (client->who.service)
        return false;
    return text.len == 0 || (name.kind == USER_PLAIN &&
                             ferry_text_equal(name.product, ferry_text_of(client->who.key.product)) &&
                             ferry_text_equal(name.device, ferry_text_of(client->who.key.device)));
}

/* Client ids of those who may not stay. Copies, because ending a connection changes the table. */
static size_t choose(struct plugin *p, ferry_text text, char **ids, size_t cap)
{
    uint64_t now_ms = ferry_wall_ms();
    size_t count = 0;

    for (struct client *c = clients_next(&p->clients, NULL); c != NULL && count < cap; c = clients_next(&p->clients, c)) {
        const char *why;

        if (!is_meant(c, text) || auth_may_stay(&p->auth, &c->who, now_ms, &why))
            continue;
        ids[count] = ferry_strdup(c->client_id);
        if (ids[count] == NULL)
            break;
        if (plugin_may_log(p))
            mosquitto_log_printf(MOSQ_LOG_NOTICE, "ferry: ending the connection of %s/%s: %s", c->who.key.product,
                                 c->who.key.device, why);
        count++;
    }
    return count;
}

static int end_unwelcome(struct plugin *p, ferry_text text)
{
    size_t count, cap = p->clients.used;
    char **ids = ferry_calloc(cap + 1, sizeof(*ids));

    if (ids == NULL)
        return MOSQ_ERR_NOMEM;
    count = choose(p, text, ids, cap);
    for (size_t i = 0; i < count; i++) {
        (void)mosquitto_kick_client_by_clientid(ids[i], false); /* gone already: as good */
        free(ids[i]);
    }
    free(ids);
    return MOSQ_ERR_SUCCESS;
}

/* It has changed something about a device, or about several; or it wants to know who is there. */
int plugin_on_control(int event, void *data, void *user_data)
{
    const struct listener *listener = user_data;
    struct plugin *p = listener->plugin;
    const struct mosquitto_evt_control *told = data;
    const struct client *client = clients_find(&p->clients, told->client);
    ferry_text text = {told->payload, told->payloadlen};
    uint64_t seq;

    (void)event;
    if (client == NULL || !client->who.service || told->payloadlen > IDENTITY_TEXT_MAX)
        return MOSQ_ERR_ACL_DENIED;
    if (ferry_text_equal(text, ferry_text_of(BUS_WORKER_WORD))) {
        plugin_hear_worker(p, client);
        return MOSQ_ERR_SUCCESS;
    }
    if (!presence_read_ask(text, &seq))
        return end_unwelcome(p, text);
    plugin_go_on_telling(p, client, seq);
    return MOSQ_ERR_SUCCESS;
}
