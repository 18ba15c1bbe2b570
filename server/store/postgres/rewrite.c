#include "rewrite.h"

#include "base/alloc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETER_MAX = 3 }; /* characters of "$40" */

static bool begins_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static void look_at(const char *sql, struct pgs_text *text)
{
    bool inserts = begins_with(sql, "INSERT");

    text->selects = begins_with(sql, "SELECT");
    text->reads = begins_with(sql, "SELECT") || begins_with(sql, "WITH") || strstr(sql, " RETURNING ") != NULL;
    text->selects_values = inserts && strstr(sql, " SELECT ") != NULL;
    text->may_exist = inserts && strstr(sql, "ON CONFLICT") == NULL;
}

/* The parameter at *at, which is moved behind it. */
static unsigned read_parameter(const char **at, unsigned last)
{
    char *end;
    unsigned long number;

    ++*at;
    if (isdigit((unsigned char)**at) == 0)
        return last + 1;
    number = strtoul(*at, &end, 10);
    *at = end;
    return number <= PGS_PARAMETERS_MAX ? (unsigned)number : PGS_PARAMETERS_MAX + 1;
}

ferry_err pgs_rewrite(const char *sql, struct pgs_text *ret_text)
{
    struct pgs_text text = {.sql = ferry_malloc(strlen(sql) * PARAMETER_MAX + 1)};
    bool quoted = false;
    size_t len = 0;

    if (text.sql == NULL)
        return FERRY_E_NOMEM;
    look_at(sql, &text);
    while (*sql != '\0') {
        unsigned number;

        quoted = *sql == '\'' ? !quoted : quoted;
        if (*sql != '?' || quoted) {
            text.sql[len++] = *sql++;
            continue;
        }
        number = read_parameter(&sql, text.last);
        if (number == 0 || number > PGS_PARAMETERS_MAX) {
            free(text.sql);
            return FERRY_E_ARG;
        }
        len += (size_t)snprintf(text.sql + len, PARAMETER_MAX + 1, "$%u", number);
        text.is_named[number] = true;
        text.last = number > text.last ? number : text.last;
    }
    text.sql[len] = '\0';
    *ret_text = text;
    return FERRY_OK;
}
