/* Addresses: postgresql://user:password@host:port,host:port/database?setting=value. libpq reads them; its complaints repeat what
 * they complain about, so they are not passed on. */
#include "address.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FERRY_DEFINE_CLEANUP(PQconninfoOption *, PQconninfoFree)
FERRY_DEFINE_CLEANUP(char *, PQfreemem)

/* What an address does not say. */
static const struct {
    const char *keyword, *value;
} defaults[] = {
    {"connect_timeout", "3"}, /* s, with each host */
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"}, /* ms */
    {"target_session_attrs", "read-write"},
};

static PQconninfoOption *parse(const char *uri)
{
    char *complaint = NULL;
    PQconninfoOption *options = PQconninfoParse(uri, &complaint);

    PQfreemem(complaint);
    return options;
}

static const char *default_of(const char *keyword, const char *name)
{
    if (strcmp(keyword, "client_encoding") == 0)
        return "UTF8";
    if (strcmp(keyword, "application_name") == 0)
        return name;
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        if (strcmp(defaults[i].keyword, keyword) == 0)
            return defaults[i].value;
    return NULL;
}

PGconn *pgs_address_connect(const char *uri, const char *name)
{
    ferry_cleanup(PQconninfoFree) PQconninfoOption *options = parse(uri);
    ferry_autofree const char **keywords = NULL;
    size_t count = 0, used = 0;

    if (options == NULL)
        return NULL;
    while (options[count].keyword != NULL)
        count++;
    keywords = ferry_calloc(2 * (count + 1), sizeof(*keywords));
    if (keywords == NULL)
        return NULL;
    const char **values = keywords + count + 1;
    for (size_t i = 0; i < count; i++) {
        const char *value = options[i].val != NULL ? options[i].val : default_of(options[i].keyword, name);

        if (value == NULL)
            continue;
        keywords[used] = options[i].keyword;
        values[used++] = value;
    }
    return PQconnectdbParams(keywords, values, 0);
}

bool store_postgres_is_address(const char *uri)
{
    return strncmp(uri, "postgresql://", 13) == 0 || strncmp(uri, "postgres://", 11) == 0;
}

ferry_err store_postgres_check_address(const char *uri, char reterr_problem[STORE_POSTGRES_PROBLEM_SIZE])
{
    ferry_cleanup(PQconninfoFree) PQconninfoOption *options = NULL;
    ferry_cleanup(PQfreemem) char *complaint = NULL;

    options = store_postgres_is_address(uri) ? PQconninfoParse(uri, &complaint) : NULL;
    if (options != NULL)
        return FERRY_OK;
    /* of these, the complaint shows the name only */
    if (complaint != NULL && strncmp(complaint, "invalid URI query parameter", 27) == 0)
        (void)snprintf(reterr_problem, STORE_POSTGRES_PROBLEM_SIZE, "%.*s", (int)strcspn(complaint, "\n"), complaint);
    else
        (void)snprintf(reterr_problem, STORE_POSTGRES_PROBLEM_SIZE,
                       "write postgresql://user:password@host:port/database, with %%XX for characters that have a meaning there");
    return FERRY_E_FORMAT;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    while (options->keyword != NULL && strcmp(options->keyword, keyword) != 0)
        options++;
    return options->val != NULL ? options->val : "";
}

bool store_postgres_show_address(const char *uri, char out[STORE_POSTGRES_PROBLEM_SIZE])
{
    ferry_cleanup(PQconninfoFree) PQconninfoOption *options = parse(uri);
    const char *hosts, *ports, *user;
    int len;

    if (options == NULL)
        return false;
    hosts = value_of(options, "host")[0] != '\0' ? value_of(options, "host") : value_of(options, "hostaddr");
    ports = value_of(options, "port");
    user = value_of(options, "user");
    len = snprintf(out, STORE_POSTGRES_PROBLEM_SIZE, "postgresql://%s%s%s%s%s/%s", user, user[0] != '\0' ? "@" : "", hosts,
                   ports[0] != '\0' ? ":" : "", ports, value_of(options, "dbname"));
    return len > 0 && len < STORE_POSTGRES_PROBLEM_SIZE;
}
