/**
 * @file bus_worker.c
 * @brief A worker that is nothing but its bus: answers each request with what was asked, keeps nothing.
 *
 *     bus_worker URL none|plugin|mqtt5|auto CLIENT_ID [quiet]     until SIGTERM
 *
 * Prints a line for each request ("asked TOPIC PAYLOAD"), unless quiet, and for the link ("up", "down"). A get_download_task
 * has no answer, as when there is nothing to fetch.
 */
#define _GNU_SOURCE /* memmem */
#include "amqp/amqp_bus.h"
#include "base/log.h"
#include "mqtt/broker_url.h"
#include "mqtt/mosquitto_bus.h"
#include "proto/topic.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    struct bus *bus;
    bool quiet;
};

static void on_message(void *arg, const char *topic, const void *payload, size_t len)
{
    static const char unanswered[] = "get_download_task";
    struct worker *w = arg;
    char down[FERRY_TOPIC_SIZE + 8], answer[2048];

    if (!w->quiet)
        (void)printf("asked %s %.*s\n", topic, (int)len, (const char *)payload);
    if (strncmp(topic, FERRY_TOPIC_UP_PREFIX, sizeof(FERRY_TOPIC_UP_PREFIX) - 1) != 0 ||
        memmem(payload, len, unanswered, sizeof(unanswered) - 1) != NULL)
        return;
    (void)snprintf(down, sizeof(down), "%s%.129s", FERRY_TOPIC_DOWN_PREFIX, topic + sizeof(FERRY_TOPIC_UP_PREFIX) - 1);
    int used = snprintf(answer, sizeof(answer), "{\"type\":\"create_upload_task_rsp\",\"asked\":%.*s}", (int)len, (const char *)payload);
    if (used > 0 && (size_t)used < sizeof(answer) && w->bus->ops->publish(w->bus, down, answer, (size_t)used) != FERRY_OK)
        (void)printf("not answered\n");
}

static void on_link(void *arg, bool up)
{
    (void)arg;
    (void)printf("%s\n", up ? "up" : "down");
}

static bool sharing_of(const char *name, bus_sharing *ret_sharing)
{
    static const char *const names[] = {[BUS_SHARING_NONE] = "none", [BUS_SHARING_PLUGIN] = "plugin",
                                        [BUS_SHARING_MQTT5] = "mqtt5", [BUS_SHARING_AUTO] = "auto"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0) {
            *ret_sharing = (bus_sharing)i;
            return true;
        }
    return false;
}

static ferry_err open_amqp(const struct broker_url *url, struct bus **ret_bus)
{
    struct amqp_bus_node nodes[1 + BROKER_URL_MORE_MAX] = {{url->host, url->port}};
    struct amqp_bus_config cfg = {
        .nodes = nodes,
        .node_count = 1 + url->more_count,
        .username = url->username[0] != '\0' ? url->username : NULL,
        .password = url->password[0] != '\0' ? url->password : NULL,
        .vhost = url->vhost,
        .tls = url->tls,
    };

    for (size_t i = 0; i < url->more_count; i++)
        nodes[1 + i] = (struct amqp_bus_node){url->more[i].host, url->more[i].port};
    return amqp_bus_open(&cfg, ret_bus);
}

static ferry_err open_bus(const struct broker_url *url, const char *sharing, const char *client_id, struct bus **ret_bus)
{
    struct mosquitto_bus_config cfg = {
        .host = url->host,
        .port = url->port,
        .username = url->username[0] != '\0' ? url->username : NULL,
        .password = url->password[0] != '\0' ? url->password : NULL,
        .client_id = client_id,
        .tls = url->tls,
    };

    if (url->amqp)
        return open_amqp(url, ret_bus);
    return sharing_of(sharing, &cfg.sharing) ? mosquitto_bus_open(&cfg, ret_bus) : FERRY_E_ARG;
}

int main(int argc, char **argv)
{
    char problem[BROKER_URL_MESSAGE_SIZE] = "usage: bus_worker URL SHARING CLIENT_ID [quiet]";
    struct broker_url url;
    struct worker w = {.quiet = argc == 5};
    struct bus_listener listener = {.message = on_message, .link = on_link, .arg = &w};
    sigset_t ending;
    int signal_no = 0;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ending, NULL);
    if (argc < 4 || broker_url_parse(argv[1], &url, problem) != FERRY_OK ||
        open_bus(&url, argv[2], argv[3], &w.bus) != FERRY_OK || w.bus->ops->start(w.bus, &listener) != FERRY_OK) {
        (void)fprintf(stderr, "bus_worker: %s\n", problem);
        return 2;
    }
    (void)sigwait(&ending, &signal_no);
    w.bus->ops->stop(w.bus);
    w.bus->ops->close(w.bus);
    return EXIT_SUCCESS;
}
