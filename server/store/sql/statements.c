#include "store/sql/statements.h"

#include "api/model.h"

/* the statements and the partial indexes contain these numbers */
_Static_assert(UPLOAD_CREATED == 1 && UPLOAD_UPLOADING == 2 && UPLOAD_STORED == 3 && UPLOAD_DONE == 4, "numbers");
_Static_assert(DEPLOYMENT_ACTIVE == 1 && DEPLOYMENT_FINISHED == 2 && DEPLOYMENT_CANCELLED == 3 && DEPLOYMENT_PAUSED == 4,
               "numbers");
_Static_assert(DOWNLOAD_QUEUED == 1 && DOWNLOAD_OFFERED == 2 && DOWNLOAD_DOWNLOADING == 3, "numbers");

const char *sql_statement_name(statement which)
{
    static const char *const names[] = {
#define X(name, sql) [STMT_##name] = #name,
        STATEMENT_LIST(X)
#undef X
    };

    return names[which];
}
