/* What the plugin says: to Mosquitto's log, so much in a time and what is foreign quoted; and to clients. */
#include "plugin_internal.h"

#include "base/log.h"

#include <string.h>

enum {
    LOG_LINES_MAX = 20, /* refusals logged in ... */
    LOG_WINDOW_S = 10,  /* ... this time: a device that tries for ever does not fill the disk */
};

bool plugin_may_log(struct plugin *p)
{
    time_t now_s = time(NULL);

    if (now_s < p->log_window_s || now_s >= p->log_window_s + LOG_WINDOW_S) {
        if (p->log_unsaid > 0)
            mosquitto_log_printf(MOSQ_LOG_NOTICE, "ferry: %u more refusals", p->log_unsaid);
        p->log_window_s = now_s;
        p->log_lines = p->log_unsaid = 0;
    }
    if (p->log_lines < LOG_LINES_MAX) {
        p->log_lines++;
        return true;
    }
    p->log_unsaid++;
    return false;
}

static const char *quote(const char *text, char out[FERRY_LOG_QUOTE_SIZE])
{
    return text == NULL ? "(none)" : ferry_log_quote(text, strlen(text), out);
}

void plugin_log_refused_connect(struct plugin *p, const struct mosquitto *client, const char *username, const char *why)
{
    char user[FERRY_LOG_QUOTE_SIZE], id[FERRY_LOG_QUOTE_SIZE];
    const char *address = mosquitto_client_address(client);

    if (plugin_may_log(p))
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "ferry: refused %s, client id %s, from %s: %s", quote(username, user),
                             quote(mosquitto_client_id(client), id), address != NULL ? address : "nowhere", why);
}

void plugin_log_refused_topic(struct plugin *p, const struct mosquitto *client, const char *what, const char *topic)
{
    char id[FERRY_LOG_QUOTE_SIZE], quoted[FERRY_LOG_QUOTE_SIZE];

    if (plugin_may_log(p))
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "ferry: client id %s may not %s %s",
                             quote(mosquitto_client_id(client), id), what, quote(topic, quoted));
}

/* What gets lost is noticed by its number. The bytes must be of Mosquitto's own counted memory: it counts them when it frees them, and
 * those of mosquitto_broker_publish_copy() were not. After enough of them its count is below zero, and memory_limit ends all. */
bool plugin_publish(const char *client_id, const char *topic, const void *payload, size_t len, int qos)
{
    void *bytes = mosquitto_malloc(len > 0 ? len : 1);

    if (bytes != NULL) {
        memcpy(bytes, payload, len);
        if (mosquitto_broker_publish(client_id, topic, (int)len, bytes, qos, false, NULL) == MOSQ_ERR_SUCCESS)
            return true;
    }
    mosquitto_free(bytes);
    return false;
}
