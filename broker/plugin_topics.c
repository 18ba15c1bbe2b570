/* Who uses which topic. */
#include "plugin_internal.h"

#include "access/acl.h"
#include "access/identity.h"
#include "base/system.h"

#include <string.h>

static bool acl_access_of(int mosquitto_access, acl_access *ret_access, const char **ret_what)
{
    static const struct {
        int theirs;
        acl_access ours;
        const char *what;
    } table[] = {
        {MOSQ_ACL_READ, ACL_RECEIVE, "receive"},
        {MOSQ_ACL_WRITE, ACL_PUBLISH, "publish to"},
        {MOSQ_ACL_SUBSCRIBE, ACL_SUBSCRIBE, "subscribe to"},
        {MOSQ_ACL_UNSUBSCRIBE, ACL_UNSUBSCRIBE, "unsubscribe from"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].theirs == mosquitto_access) {
            *ret_access = table[i].ours;
            *ret_what = table[i].what;
            return true;
        }
    return false;
}

/* While the platform is away its session takes messages in, though its connection, and with it our entry, is
 * gone. Its user name proves enough: nobody has a session under it without the password. */
static bool is_absent_service(const struct mosquitto *client, acl_access access)
{
    const char *username = mosquitto_client_username(client);

    return access == ACL_RECEIVE && username != NULL && strcmp(username, IDENTITY_SERVICE_USER) == 0;
}

static bool allowed(struct plugin *p, const struct mosquitto_evt_acl_check *asked, acl_access access)
{
    const struct client *client = clients_find(&p->clients, asked->client);

    if (client == NULL) /* of several workers another one takes it: it waits (plugin_on_message) */
        return !p->shares && is_absent_service(asked->client, access) &&
               acl_service_allows(access, asked->topic, asked->retain, p->shares);
    if (client->who.until_ms != 0 && auth_is_over(&client->who, ferry_wall_ms()))
        return false;
    if (!acl_allows(&client->who, access, asked->topic, asked->retain, p->shares))
        return false;
    if (!p->shares || !client->who.service)
        return true;
    plugin_follow(p, asked, access, client->address);
    return access != ACL_SUBSCRIBE || workers_add(&p->workers, client->address);
}

int plugin_on_acl_check(int event, void *data, void *user_data)
{
    const struct listener *listener = user_data;
    const struct mosquitto_evt_acl_check *asked = data;
    const char *what = "use";
    acl_access access;

    (void)event;
    if (asked->topic != NULL && acl_access_of(asked->access, &access, &what) &&
        allowed(listener->plugin, asked, access))
        return MOSQ_ERR_SUCCESS;
    if (asked->access != MOSQ_ACL_READ)
        plugin_log_refused_topic(listener->plugin, asked->client, what, asked->topic);
    return MOSQ_ERR_ACL_DENIED;
}
