#define _GNU_SOURCE /* pipe2 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postgres_cluster.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct postgres_cluster {
    pid_t pid;
    FILE *to, *from; /* the script's input and output */
    char server[64]; /* postgresql://user@host:port */
    unsigned databases;
};

static void give_up(const char *what)
{
    (void)fprintf(stderr, "postgres: %s\n", what);
    exit(1);
}

static void read_line(struct postgres_cluster *c, char *line, size_t size)
{
    if (fgets(line, (int)size, c->from) == NULL)
        give_up("the script has ended; its words are above");
    line[strcspn(line, "\n")] = '\0';
}

static void spawn(struct postgres_cluster *c, int child_in, int child_out)
{
    extern char **environ;
    char *args[] = {(char[]){"/usr/bin/python3"}, (char[]){FERRY_POSTGRES_SCRIPT}, NULL};
    posix_spawn_file_actions_t actions;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, child_in, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, child_out, 1);
    if (posix_spawn(&c->pid, args[0], &actions, NULL, args, environ) != 0)
        give_up("/usr/bin/python3 cannot be started");
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(child_in);
    (void)close(child_out);
}

struct postgres_cluster *postgres_cluster_new(void)
{
    struct postgres_cluster *c = calloc(1, sizeof(*c));
    int in[2], out[2];

    if (c == NULL || pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        give_up("no memory or no pipes");
    (void)signal(SIGPIPE, SIG_IGN);
    spawn(c, in[0], out[1]);
    c->to = fdopen(in[1], "w");
    c->from = fdopen(out[0], "r");
    if (c->to == NULL || c->from == NULL)
        give_up("no streams");
    read_line(c, c->server, sizeof(c->server));
    return c;
}

void postgres_cluster_free(struct postgres_cluster *c)
{
    if (c == NULL)
        return;
    (void)fclose(c->to); /* the end of its input ends it */
    (void)waitpid(c->pid, NULL, 0);
    (void)fclose(c->from);
    free(c);
}

void postgres_cluster_do(struct postgres_cluster *c, const char *command)
{
    char line[32];

    (void)fprintf(c->to, "%s\n", command);
    (void)fflush(c->to);
    read_line(c, line, sizeof(line));
    assert_string_equal(line, "done");
}

static PGresult *run(PGconn *db, const char *sql)
{
    PGresult *result = PQexec(db, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(db));
    return result;
}

void postgres_run(const char *uri, const char *sql)
{
    PGconn *db = PQconnectdb(uri);

    PQclear(run(db, sql));
    PQfinish(db);
}

long long postgres_number(const char *uri, const char *sql)
{
    PGconn *db = PQconnectdb(uri);
    PGresult *result = run(db, sql);
    long long number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);

    PQclear(result);
    PQfinish(db);
    return number;
}

void postgres_cluster_create(struct postgres_cluster *c, char uri[POSTGRES_URI_SIZE])
{
    char sql[64], postgres[POSTGRES_URI_SIZE];

    c->databases++;
    (void)snprintf(postgres, sizeof(postgres), "%s/postgres", c->server);
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE ferry_%u", c->databases);
    postgres_run(postgres, sql);
    (void)snprintf(uri, POSTGRES_URI_SIZE, "%s/ferry_%u", c->server, c->databases);
}
