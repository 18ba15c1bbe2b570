/* ferryctl token ..., ferryctl user ... */
#include "ferryctl_commands.h"

#include "base/alloc.h"
#include "base/system.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_SIZE = 1024 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- what tokens and users share ------------------------------------------------------------------------ */

static void set_new(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, ctl_check(value)) != 0)
        (void)ctl_check(NULL);
}

/* Role and products, as the options say. */
static void add_rights(const struct ctl_options *options, json_t *body)
{
    if (options->role != NULL)
        set_new(body, "role", json_string(options->role));
    if (options->product_count == 0)
        return;
    json_t *products = ctl_check(json_array());
    for (size_t i = 0; i < options->product_count; i++) {
        if (json_array_append_new(products, json_string(options->products[i])) != 0)
            (void)ctl_check(NULL);
    }
    set_new(body, "products", products);
}

static enum ctl_exit remove_named(struct ctl *ctl, const char *format, const char *word)
{
    ferry_autofree char *path = ctl_path(format, ctl->words[0]);
    enum ctl_exit status = ctl_api_call(&ctl->api, "DELETE", path, NULL, NULL);

    if (status == CTL_DONE)
        ctl_print_done(ctl->options->json, word, ctl->words[0], word);
    return status;
}

/* --- tokens ------------------------------------------------------------------------------------------------ */

static enum ctl_exit write_token(const char *file, const char *text)
{
    ferry_autofree char *line = ctl_check(ferry_asprintf("%s\n", text));
    ferry_err err = ferry_file_replace(file, line, strlen(line), 0600);

    explicit_bzero(line, strlen(line));
    if (err == FERRY_OK)
        return CTL_DONE;
    return ctl_fail(CTL_FAILED, "cannot write %s: %s. Revoke the token with ferryctl token rm and make it again", file,
                    ferry_err_text(err));
}

enum ctl_exit ctl_token_add(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"Token", "name", CTL_KIND_TEXT},
        {"Role", "role", CTL_KIND_TEXT},
        {"Products", "products", CTL_KIND_LIST},
        {"Expires (UTC)", "expires_at", CTL_KIND_TIME},
        {"Secret", "token", CTL_KIND_TEXT},
    };
    ctl_autojson *token = NULL;

    if (ctl->options->role == NULL)
        return ctl_fail(CTL_USAGE, "say what the token may do: --role viewer, operator or admin");
    ctl_autojson *body = ctl_check(json_pack("{s:s}", "name", ctl->words[0]));
    add_rights(ctl->options, body);
    if (ctl->options->expires_s != 0)
        set_new(body, "expires_in_s", json_integer((json_int_t)ctl->options->expires_s));
    enum ctl_exit status = ctl_api_call(&ctl->api, "POST", "/api/v1/tokens", body, &token);
    const char *text = json_string_value(json_object_get(token, "token"));
    if (status != CTL_DONE)
        return status;
    if (text == NULL)
        return ctl_fail(CTL_NETWORK, "the platform showed no token");
    if (ctl->options->output != NULL && strcmp(ctl->options->output, "-") != 0) {
        status = write_token(ctl->options->output, text);
        (void)json_object_del(token, "token");
    }
    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, token, fields, COUNT(fields));
    if (status == CTL_DONE && !ctl->options->json && ctl->options->output == NULL)
        (void)fputs("Keep the secret: it is not shown again.\n", stderr);
    return status;
}

enum ctl_exit ctl_token_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"TOKEN", "name", CTL_KIND_TEXT},           {"ROLE", "role", CTL_KIND_TEXT},
        {"PRODUCTS", "products", CTL_KIND_LIST},    {"LAST USED (UTC)", "used_at", CTL_KIND_TIME},
        {"EXPIRES (UTC)", "expires_at", CTL_KIND_TIME}, {"CREATED (UTC)", "created_at", CTL_KIND_TIME},
    };

    return ctl_print_list(&ctl->api, ctl_path("/api/v1/tokens"), ctl->options, fields, COUNT(fields), "no tokens");
}

enum ctl_exit ctl_token_rm(struct ctl *ctl)
{
    return remove_named(ctl, "/api/v1/tokens/%s", "revoked");
}

/* --- passwords: from a terminal or standard input, never from the command line ------------------------------- */

static bool read_line(char line[PASSWORD_SIZE])
{
    if (fgets(line, PASSWORD_SIZE, stdin) == NULL)
        return false;
    size_t len = strcspn(line, "\r\n");
    bool whole = line[len] != '\0' || feof(stdin);
    line[len] = '\0';
    return whole;
}

static bool ask(const char *prompt, char line[PASSWORD_SIZE])
{
    struct termios before, silent;

    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return read_line(line);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)fputs(prompt, stderr);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    bool good = read_line(line);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fputc('\n', stderr);
    return good;
}

static enum ctl_exit add_password(json_t *body)
{
    char password[PASSWORD_SIZE] = "", again[PASSWORD_SIZE] = "";
    enum ctl_exit status = CTL_DONE;

    if (!ask("Password (10 characters or more): ", password) || password[0] == '\0')
        status = ctl_fail(CTL_USAGE, "there is no password on standard input: one line of 10 to 256 bytes");
    else if (isatty(STDIN_FILENO) && (!ask("The same again: ", again) || strcmp(password, again) != 0))
        status = ctl_fail(CTL_USAGE, "the two are not the same: nothing was changed");
    json_t *text = status == CTL_DONE ? json_string(password) : NULL;
    if (status == CTL_DONE && text == NULL)
        status = ctl_fail(CTL_USAGE, "the password is no UTF-8");
    if (status == CTL_DONE)
        set_new(body, "password", text);
    explicit_bzero(password, sizeof password);
    explicit_bzero(again, sizeof again);
    return status;
}

/* --- users --------------------------------------------------------------------------------------------------- */

static const struct ctl_field user_fields[] = {
    {"User", "name", CTL_KIND_TEXT},
    {"Role", "role", CTL_KIND_TEXT},
    {"Products", "products", CTL_KIND_LIST},
};

enum ctl_exit ctl_user_add(struct ctl *ctl)
{
    ctl_autojson *user = NULL;

    if (ctl->options->role == NULL)
        return ctl_fail(CTL_USAGE, "say what the user may do: --role viewer, operator or admin");
    ctl_autojson *body = ctl_check(json_pack("{s:s}", "name", ctl->words[0]));
    add_rights(ctl->options, body);
    enum ctl_exit status = add_password(body);
    if (status == CTL_DONE)
        status = ctl_api_call(&ctl->api, "POST", "/api/v1/users", body, &user);
    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, user, user_fields, COUNT(user_fields));
    return status;
}

enum ctl_exit ctl_user_passwd(struct ctl *ctl)
{
    ferry_autofree char *path = ctl_path("/api/v1/users/%s", ctl->words[0]);
    ctl_autojson *body = ctl_check(json_object());
    ctl_autojson *user = NULL;
    enum ctl_exit status = add_password(body);

    if (status == CTL_DONE)
        status = ctl_api_call(&ctl->api, "PATCH", path, body, &user);
    if (status == CTL_DONE)
        ctl_print_done(ctl->options->json, "changed", ctl->words[0], "has a new password and is logged out everywhere");
    return status;
}

enum ctl_exit ctl_user_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"USER", "name", CTL_KIND_TEXT},
        {"ROLE", "role", CTL_KIND_TEXT},
        {"PRODUCTS", "products", CTL_KIND_LIST},
        {"CHANGED (UTC)", "changed_at", CTL_KIND_TIME},
        {"CREATED (UTC)", "created_at", CTL_KIND_TIME},
    };

    return ctl_print_list(&ctl->api, ctl_path("/api/v1/users"), ctl->options, fields, COUNT(fields),
                          "no users: ferryctl user add NAME --role ROLE");
}

enum ctl_exit ctl_user_rm(struct ctl *ctl)
{
    return remove_named(ctl, "/api/v1/users/%s", "removed");
}
