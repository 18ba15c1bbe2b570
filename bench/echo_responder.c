/**
 * @file echo_responder.c
 * @brief The least that a platform can do: answers each request at once, keeps nothing. The measure for ferryd.
 *
 *     echo_responder PORT SERVICE     until SIGTERM
 */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* as long as a real answer */
static const char answer[] =
    "{\"type\":\"create_upload_task_rsp\",\"size\":1000,\"name\":\"bench\",\"md5sum\":\"00000000000000000000000000000000\","
    "\"url\":\"http://127.0.0.1:8080/o/00000000000000000000000000?e=1700000000&s=0000000000000000000000000000000000000000000\"}";

static const char up_prefix[] = "$resource/up/";

struct echo {
    char filter[64];
};

static void on_connect(struct mosquitto *client, void *arg, int code)
{
    const struct echo *echo = arg;
    if (code != 0 || mosquitto_subscribe(client, NULL, echo->filter, 1) != MOSQ_ERR_SUCCESS) {
        (void)fprintf(stderr, "echo_responder: %s\n", mosquitto_connack_string(code));
        exit(EXIT_FAILURE);
    }
}

static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
    char topic[256];
    (void)arg;
    (void)snprintf(topic, sizeof topic, "$resource/down/%s", message->topic + strlen(up_prefix));
    (void)mosquitto_publish(client, NULL, topic, (int)(sizeof answer - 1), answer, 0, false);
}

int main(int argc, char **argv)
{
    struct echo echo;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: echo_responder PORT SERVICE\n");
        return 2;
    }
    (void)snprintf(echo.filter, sizeof echo.filter, "%s%.32s/+/+", up_prefix, argv[2]);
    (void)mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, &echo);
    if (client == NULL)
        return EXIT_FAILURE;
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_message_callback_set(client, on_message);
    (void)mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    int err = mosquitto_connect(client, "127.0.0.1", (int)strtol(argv[1], NULL, 10), 60);
    if (err == MOSQ_ERR_SUCCESS)
        err = mosquitto_loop_forever(client, -1, 1);
    (void)fprintf(stderr, "echo_responder: %s\n", mosquitto_strerror(err));
    mosquitto_destroy(client);
    return EXIT_FAILURE;
}
