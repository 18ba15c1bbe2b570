#include "objects/s3.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

__attribute__((format(printf, 2, 3))) static ferry_err refuse(char problem[OBJECTS_S3_PROBLEM_SIZE], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(problem, OBJECTS_S3_PROBLEM_SIZE, format, args);
    va_end(args);
    return FERRY_E_ARG;
}

static bool only(const char *text, const char *allowed)
{
    return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool copy(const char *from, size_t len, char *out, size_t size)
{
    if (len >= size)
        return false;
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

/* "http[s]://host[:port]", without the port that goes without saying: no Host header has it. */
static bool endpoint_valid(char *url)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    if (!tls && strncmp(url, "http://", 7) != 0)
        return false;
    char *host = url + (tls ? 8 : 7);
    if (!only(host, ALNUM ".-_:[]"))
        return false;
    char *port = host[0] == '[' ? strstr(host, "]:") : strchr(host, ':');
    if (port == NULL)
        return true;
    port += *port == ']';
    if (port == host || !only(port + 1, "0123456789"))
        return false;
    if (strcmp(port + 1, tls ? "443" : "80") == 0)
        *port = '\0';
    return true;
}

/* --- the parameters, in a table ------------------------------------------------------------------- */

static bool take_region(struct objects_s3_address *a, const char *value)
{
    return only(value, ALNUM "-_.") && copy(value, strlen(value), a->region, sizeof a->region);
}

static bool take_endpoint(struct objects_s3_address *a, const char *value)
{
    return copy(value, strlen(value), a->endpoint, sizeof a->endpoint) && endpoint_valid(a->endpoint);
}

static bool take_public_endpoint(struct objects_s3_address *a, const char *value)
{
    return copy(value, strlen(value), a->public_endpoint, sizeof a->public_endpoint) && endpoint_valid(a->public_endpoint);
}

static bool take_style(struct objects_s3_address *a, const char *value)
{
    a->path_style = strcmp(value, "path") == 0;
    return a->path_style || strcmp(value, "host") == 0;
}

static bool take_signature(struct objects_s3_address *a, const char *value)
{
    a->cos = strcmp(value, "cos") == 0;
    return a->cos || strcmp(value, "v4") == 0;
}

static bool take_urls(struct objects_s3_address *a, const char *value)
{
    a->own_urls = strcmp(value, "own") == 0;
    return a->own_urls || strcmp(value, "presigned") == 0;
}

static bool take_ca(struct objects_s3_address *a, const char *value)
{
    return value[0] != '\0' && copy(value, strlen(value), a->ca_file, sizeof a->ca_file);
}

static const struct {
    const char *name;
    bool (*take)(struct objects_s3_address *a, const char *value);
    const char *form;
} parameters[] = {
    {"endpoint", take_endpoint, "http[s]://host[:port], without a path"},
    {"public-endpoint", take_public_endpoint, "http[s]://host[:port], without a path"},
    {"region", take_region, "a name such as us-east-1"},
    {"style", take_style, "path (the bucket is in the path) or host (it is in the host)"},
    {"signature", take_signature, "v4 or cos"},
    {"urls", take_urls, "presigned (devices reach the store) or own (files go through ferryd)"},
    {"ca", take_ca, "a file"},
};
enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };

static ferry_err take_parameter(struct objects_s3_address *a, const char *text, size_t len, bool given[PARAMETERS],
                                char problem[OBJECTS_S3_PROBLEM_SIZE])
{
    char pair[OBJECTS_S3_PATH_MAX + 32];
    if (!copy(text, len, pair, sizeof pair))
        return refuse(problem, "a parameter is too long");
    char *equal = strchr(pair, '=');
    if (equal != NULL)
        *equal = '\0';
    for (size_t i = 0; i < PARAMETERS; i++) {
        if (strcmp(pair, parameters[i].name) != 0)
            continue;
        given[i] = true;
        if (equal == NULL || !parameters[i].take(a, equal + 1))
            return refuse(problem, "%s: write %s", pair, parameters[i].form);
        return FERRY_OK;
    }
    return refuse(problem, "there is no such parameter as the one after the ? or &: write endpoint, public-endpoint, region, "
                           "style, signature, urls or ca");
}

static ferry_err take_parameters(struct objects_s3_address *a, const char *text, bool given[PARAMETERS],
                                 char problem[OBJECTS_S3_PROBLEM_SIZE])
{
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK && *text != '\0') {
        size_t len = strcspn(text, "&");
        err = take_parameter(a, text, len, given, problem);
        text += len + (text[len] == '&');
    }
    return err;
}

static ferry_err take_place(struct objects_s3_address *a, const char *text, size_t len, char problem[OBJECTS_S3_PROBLEM_SIZE])
{
    const char *slash = memchr(text, '/', len);
    size_t bucket_len = slash != NULL ? (size_t)(slash - text) : len;
    if (memchr(text, '@', len) != NULL)
        return refuse(problem, "keys do not belong there: put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a file");
    if (!copy(text, bucket_len, a->bucket, sizeof a->bucket) || !only(a->bucket, ALNUM ".-_"))
        return refuse(problem, "write s3://BUCKET[/PREFIX]: a bucket has 1 to %d letters, digits, dots and hyphens", OBJECTS_S3_BUCKET_MAX);
    if (slash == NULL || bucket_len + 1 == len)
        return FERRY_OK;
    size_t prefix_len = len - bucket_len - 1;
    bool ends = slash[prefix_len] == '/';
    if (!copy(slash + 1, prefix_len, a->prefix, sizeof a->prefix - 1) || a->prefix[0] == '/' || !only(a->prefix, ALNUM "-_./=+ ()!*'"))
        return refuse(problem, "a prefix has up to %d letters, digits and -_./", OBJECTS_S3_PREFIX_MAX - 1);
    if (!ends) {
        a->prefix[prefix_len] = '/';
        a->prefix[prefix_len + 1] = '\0';
    }
    return FERRY_OK;
}

static void fill_in(struct objects_s3_address *a, bool endpoint_given, bool style_given, bool public_given)
{
    if (!endpoint_given)
        (void)snprintf(a->endpoint, sizeof a->endpoint, a->cos ? "https://cos.%s.myqcloud.com" : "https://s3.%s.amazonaws.com",
                       a->region);
    if (!style_given)
        a->path_style = endpoint_given;
    if (!public_given)
        memcpy(a->public_endpoint, a->endpoint, sizeof a->public_endpoint);
}

ferry_err objects_s3_address_parse(const char *text, struct objects_s3_address *ret_address,
                                   char reterr_problem[OBJECTS_S3_PROBLEM_SIZE])
{
    static const char scheme[] = "s3://";
    struct objects_s3_address a = {.region = "us-east-1"};
    bool given[PARAMETERS] = {false};
    if (strncmp(text, scheme, sizeof scheme - 1) != 0)
        return refuse(reterr_problem, "write s3://BUCKET[/PREFIX]");
    text += sizeof scheme - 1;
    size_t place_len = strcspn(text, "?");
    ferry_err err = take_place(&a, text, place_len, reterr_problem);
    if (err == FERRY_OK && text[place_len] == '?')
        err = take_parameters(&a, text + place_len + 1, given, reterr_problem);
    if (err != FERRY_OK)
        return err;
    fill_in(&a, given[0], given[3], given[1]);
    *ret_address = a;
    return FERRY_OK;
}
