#include "dialect.h"

const char *const sq_statements[STMT_COUNT] = {
#define X(name, sql) [STMT_##name] = sql,
    STATEMENT_LIST(X)
#undef X
};
