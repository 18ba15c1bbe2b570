/* Where the platform is and which token it wants: flag, environment, data folder. */
#include "ferryctl_api.h"

#include "base/alloc.h"
#include "base/system.h"
#include "ferryctl_memory.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TOKEN_FILE_MAX = 4096,
    READY_FILE_MAX = 4096,
};

static const char *setting(const char *flag, const char *variable)
{
    const char *value = flag != NULL ? flag : getenv(variable);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The same folder that ferryd takes when it is told nothing. */
static char *default_data(void)
{
    const char *home = getenv("HOME");

    if (geteuid() == 0 || home == NULL)
        return ctl_strdup("/var/lib/ferry");
    return ctl_check(ferry_asprintf("%s/.local/share/ferry", home));
}

/* The address that the running ferryd wrote down when it was ready. */
static enum ctl_exit read_address(struct ctl_api *api)
{
    ferry_autofree char *path = ctl_check(ferry_asprintf("%s/run/ferryd.json", api->data));
    ferry_autobuf text = FERRY_BUF_INIT(READY_FILE_MAX);
    ferry_err err = ferry_file_read(path, &text);

    if (err == FERRY_E_NOT_FOUND)
        return ctl_fail(CTL_NETWORK, "no ferryd runs on %s. Start it with: ferryd --data %s (or name another platform "
                                     "with --data or --api)", api->data, api->data);
    if (err != FERRY_OK)
        return ctl_fail(CTL_FAILED, "cannot read %s: %s", path, ferry_err_text(err));
    ctl_autojson *ready = json_loadb(text.data, text.len, 0, NULL);
    const char *url = json_string_value(json_object_get(ready, "api"));
    if (url == NULL)
        return ctl_fail(CTL_FAILED, "%s names no API address", path);
    api->url = ctl_strdup(url);
    return CTL_DONE;
}

static enum ctl_exit read_token(const char *path, char **ret_token)
{
    ferry_autobuf text = FERRY_BUF_INIT(TOKEN_FILE_MAX);
    ferry_err err = ferry_file_read(path, &text);
    size_t len;

    if (err == FERRY_E_DENIED)
        return ctl_fail(CTL_FAILED, "%s may only be read by who runs ferryd: use that account, or a copy of the token "
                                    "with --token-file", path);
    if (err == FERRY_E_NOT_FOUND)
        return ctl_fail(CTL_FAILED, "there is no token in %s: name a file with --token-file, or the data folder of "
                                    "ferryd with --data", path);
    if (err != FERRY_OK)
        return ctl_fail(CTL_FAILED, "cannot read the token from %s: %s", path, ferry_err_text(err));
    for (len = 0; len < text.len && isgraph((unsigned char)text.data[len]); len++)
        continue;
    if (len == 0 || strspn(text.data + len, " \t\r\n") != text.len - len)
        return ctl_fail(CTL_FAILED, "%s holds no token", path);
    text.data[len] = '\0';
    *ret_token = ctl_strdup(text.data);
    return CTL_DONE;
}

/* What is named; else what a ferryd on this machine wrote down when it was ready. Null: what the system trusts. */
static enum ctl_exit find_ca(struct ctl_api *api, const struct ctl_options *options, bool here)
{
    const char *named = setting(options->ca_file, "FERRY_CA_FILE");
    ferry_autofree char *own = ctl_check(ferry_asprintf("%s/run/ca.pem", api->data));

    if (named == NULL && (!here || access(own, F_OK) != 0))
        return CTL_DONE;
    if (named != NULL && access(named, R_OK) != 0)
        return ctl_fail(CTL_FAILED, "cannot read the certificates to trust from %s: %s", named, strerror(errno));
    api->ca_file = ctl_strdup(named != NULL ? named : own);
    return CTL_DONE;
}

static struct curl_slist *make_headers(const char *token)
{
    ferry_autofree char *authorization = ctl_check(ferry_asprintf("Authorization: Bearer %s", token));

    return ctl_check(curl_slist_append(NULL, authorization));
}

static void take_url(struct ctl_api *api, const char *url)
{
    size_t len = strlen(url);

    api->url = ctl_strdup(url);
    while (len > 0 && api->url[len - 1] == '/')
        api->url[--len] = '\0';
}

enum ctl_exit ctl_api_init(struct ctl_api *api, const struct ctl_options *options)
{
    const char *url = setting(options->api, "FERRY_API");
    const char *token_file = setting(options->token_file, "FERRY_TOKEN_FILE");
    const char *data = setting(options->data, "FERRY_DATA");
    ferry_autofree char *token = NULL;
    enum ctl_exit status = CTL_DONE;

    *api = (struct ctl_api){.key = options->idempotency_key, .data = data != NULL ? ctl_strdup(data) : default_data()};
    if (url != NULL)
        take_url(api, url);
    else
        status = read_address(api);
    ferry_autofree char *path =
        token_file != NULL ? ctl_strdup(token_file) : ctl_check(ferry_asprintf("%s/admin.token", api->data));
    if (status == CTL_DONE)
        status = read_token(path, &token);
    if (status == CTL_DONE)
        status = find_ca(api, options, url == NULL);
    if (status != CTL_DONE)
        return status;
    if (url != NULL) {
        free(api->data);
        api->data = NULL;
    }
    api->curl = ctl_check(curl_easy_init());
    api->headers = make_headers(token);
    return CTL_DONE;
}

void ctl_api_done(struct ctl_api *api)
{
    curl_slist_free_all(api->headers);
    if (api->curl != NULL)
        curl_easy_cleanup(api->curl);
    free(api->url);
    free(api->data);
    free(api->ca_file);
    *api = (struct ctl_api){.curl = NULL};
}
