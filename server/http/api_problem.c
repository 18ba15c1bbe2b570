#include "api_problem.h"

#include "proto/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct api_problem_info problems[API_PROBLEM_COUNT] = {
#define X(name, code, status, text) [name] = {code, status, text},
    API_PROBLEM_LIST(X)
#undef X
};

static const struct {
    unsigned status;
    const char *phrase;
} phrases[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

/* A text that was cut may end inside a character, which no JSON writer takes. */
static void end_at_character(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && !ferry_utf8_valid((ferry_text){.ptr = text, .len = len}))
        len--;
    text[len] = '\0';
}

bool api_fault_set(struct api_fault *fault, api_problem problem, const char *field, const char *format, ...)
{
    va_list args;

    fault->problem = problem;
    fault->retry_after_s = 0;
    (void)snprintf(fault->field, sizeof fault->field, "%s", field);
    end_at_character(fault->field);
    va_start(args, format);
    (void)vsnprintf(fault->detail, sizeof fault->detail, format, args);
    va_end(args);
    end_at_character(fault->detail);
    return false;
}

const struct api_problem_info *api_problem_info(api_problem problem)
{
    return &problems[problem];
}

api_problem api_problem_of(ferry_err err)
{
    switch (err) {
    case FERRY_E_ARG:
    case FERRY_E_FORMAT:
        return API_INVALID_FIELD;
    case FERRY_E_SIZE:
        return API_BAD_LENGTH;
    case FERRY_E_DIGEST:
        return API_BAD_DIGEST;
    case FERRY_E_NOT_FOUND:
        return API_NOT_FOUND;
    case FERRY_E_EXISTS:
        return API_EXISTS;
    case FERRY_E_STATE:
    case FERRY_E_EXPIRED:
        return API_CONFLICT;
    case FERRY_E_STALE:
        return API_PRECONDITION;
    case FERRY_E_QUOTA:
        return API_QUOTA;
    case FERRY_E_FULL:
        return API_STORAGE_FULL;
    case FERRY_E_BUSY:
    case FERRY_E_AGAIN:
    case FERRY_E_LIMIT:
    case FERRY_E_NOMEM:
    case FERRY_E_TIMEOUT:
        return API_BUSY;
    case FERRY_E_CLOSED:
    case FERRY_E_READONLY:
    case FERRY_E_NETWORK:
        return API_UNAVAILABLE;
    case FERRY_OK:
    case FERRY_E_IO:
    case FERRY_E_DENIED:
    case FERRY_E_CORRUPT:
    case FERRY_E_UNSUPPORTED:
    case FERRY_E_VERSION:
        break;
    }
    return API_INTERNAL;
}

const char *api_status_phrase(unsigned status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Error";
}
