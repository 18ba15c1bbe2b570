#include "api_console.h"

#include "api_handlers.h"
#include "base/alloc.h"

#include <string.h>

const char api_console_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const struct api_console_file *api_console_find(const struct api_console_file *files, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    }
    return NULL;
}

bool api_console_is_known(const char *if_none_match, const char *etag)
{
    size_t len = strlen(etag);

    if (if_none_match == NULL)
        return false;
    if (strcmp(if_none_match, "*") == 0)
        return true;
    /* An ETag of ours has quotes at both ends, so that a part of another one never looks like it; W/ may precede. */
    const char *found = strstr(if_none_match, etag);
    return found != NULL && (found[len] == '\0' || strchr(", \t", found[len]) != NULL);
}

static bool add_headers(struct MHD_Response *response, const struct api_console_file *file)
{
    const char *const headers[][2] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, file->type},
        {MHD_HTTP_HEADER_ETAG, file->etag},
        {MHD_HTTP_HEADER_CACHE_CONTROL, file->name[0] == '\0' ? "no-cache" : "public, max-age=31536000, immutable"},
        {"Content-Security-Policy", api_console_policy},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
    };

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (MHD_add_response_header(response, headers[i][0], headers[i][1]) != MHD_YES)
            return false;
    }
    return true;
}

static void send_file(struct api_request *r, const char *name)
{
    const struct api_console_file *file = api_console_find(api_console_files, api_console_files_count, name);

    if (file == NULL) {
        api_reply_problem(r, API_NO_ROUTE, NULL);
        return;
    }
    bool known = api_console_is_known(api_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), file->etag);
    /* The library wants a pointer that it could free, but does not. */
    union {
        const unsigned char *in;
        void *out;
    } data = {.in = file->bytes};
    ferry_cleanup(MHD_destroy_response) struct MHD_Response *response =
        MHD_create_response_from_buffer(known ? 0 : file->len, data.out, MHD_RESPMEM_PERSISTENT);
    if (response == NULL || !add_headers(response, file))
        api_reply_err(r, FERRY_E_NOMEM, NULL);
    else
        api_reply_response(r, known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, FERRY_TAKE(response));
}

void api_console_page(struct api_request *r)
{
    send_file(r, "");
}

void api_console_asset(struct api_request *r)
{
    send_file(r, api_param(r, "file"));
}
