#include "dialect.h"

const char *const sq_statements[STMT_COUNT] = {
#define X(name, sql) [STMT_##name] = sql,
    STATEMENT_LIST(X)
#undef X
};

const bool sq_leaves_known[STMT_COUNT] = {
    [STMT_UPLOAD_ADD] = true,   [STMT_UPLOAD_PROGRESS] = true, [STMT_UPLOAD_TOUCH] = true, [STMT_UPLOAD_MOVE] = true,
    [STMT_UPLOAD_END] = true,   [STMT_DOWNLOAD_ADD] = true,    [STMT_DOWNLOAD_TOUCH] = true, [STMT_DOWNLOAD_MOVE] = true,
    [STMT_DOWNLOAD_END] = true, [STMT_REPORT_ADD] = true,      [STMT_REPORT_DROP] = true,  [STMT_EVENT_APPEND] = true,
    [STMT_LATEST_PUT] = true,
};
