#include "dialect.h"

const char *const pgs_statements[STMT_COUNT] = {
#define X(name, sql) [STMT_##name] = sql,
    STATEMENT_LIST(X)
#undef X
};
