#include "error_map.h"

#include <stddef.h>
#include <string.h>

struct mapping {
    const char *state; /* the whole of it, or its class: the first two */
    ferry_err err;
};

/* The first one that fits; what is missing is FERRY_E_IO. */
static const struct mapping mappings[] = {
    {"00", FERRY_OK},
    {"08P01", FERRY_E_IO}, /* we do not follow the protocol: another connection will not help */
    {"08", FERRY_E_NETWORK},
    {"0A", FERRY_E_UNSUPPORTED},
    {"22", FERRY_E_ARG},
    {"23502", FERRY_E_NOT_FOUND}, /* what is looked up for a column is not there */
    {"23503", FERRY_E_NOT_FOUND},
    {"23505", FERRY_E_EXISTS},
    {"23", FERRY_E_ARG},
    {"25006", FERRY_E_READONLY},
    {"25P03", FERRY_E_NETWORK}, /* nothing was heard from us for too long: the server closes */
    {"28", FERRY_E_DENIED},
    {"3D000", FERRY_E_NOT_FOUND}, /* no such database */
    {"40001", FERRY_E_AGAIN}, /* others were in its way, as in a deadlock */
    {"40003", FERRY_E_NETWORK}, /* it is not known whether it was done */
    {"40P01", FERRY_E_AGAIN},
    {"42501", FERRY_E_DENIED},
    {"42P01", FERRY_E_CORRUPT}, /* our tables are not there, or those with their names are not ours */
    {"42P07", FERRY_E_CORRUPT},
    {"42703", FERRY_E_CORRUPT},
    {"42710", FERRY_E_CORRUPT},
    {"42723", FERRY_E_CORRUPT},
    {"42883", FERRY_E_CORRUPT},
    {"53100", FERRY_E_FULL},
    {"53200", FERRY_E_NOMEM},
    {"53", FERRY_E_BUSY}, /* too many connections, and such */
    {"54", FERRY_E_LIMIT},
    {"55006", FERRY_E_BUSY},
    {"55P03", FERRY_E_BUSY},
    {"57014", FERRY_E_BUSY}, /* took longer than it may */
    {"57P", FERRY_E_NETWORK}, /* the server ends, or begins */
    {"XX001", FERRY_E_CORRUPT},
    {"XX002", FERRY_E_CORRUPT},
};

ferry_err pgs_error_map(const char *sqlstate)
{
    if (sqlstate == NULL)
        return FERRY_E_NETWORK;
    for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++)
        if (strncmp(mappings[i].state, sqlstate, strlen(mappings[i].state)) == 0)
            return mappings[i].err;
    return FERRY_E_IO;
}
