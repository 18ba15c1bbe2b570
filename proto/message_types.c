#include "message_kind.h"

const ferry__kind ferry__kinds[FERRY__KINDS] = {
    [FERRY_MSG_CREATE_UPLOAD_TASK] = {"create_upload_task", FERRY__TASK},
    [FERRY_MSG_CREATE_UPLOAD_TASK_RSP] = {"create_upload_task_rsp",
                                          FERRY__TASK | FERRY__ANSWER | FERRY__RESULT_OPTIONAL},
    [FERRY_MSG_REPORT_UPLOAD_PROGRESS] = {"report_upload_progress", FERRY__PROGRESS},
    [FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP] = {"report_upload_progress_rsp", FERRY__RESULT},
    [FERRY_MSG_GET_DOWNLOAD_TASK] = {"get_download_task", 0},
    [FERRY_MSG_GET_DOWNLOAD_TASK_RSP] = {"get_download_task_rsp",
                                         FERRY__TASK | FERRY__ANSWER | FERRY__RESULT_OPTIONAL},
    [FERRY_MSG_DOWNLOAD] = {"download", FERRY__TASK | FERRY__ANSWER},
    [FERRY_MSG_REPORT_DOWNLOAD_PROGRESS] = {"report_download_progress", FERRY__PROGRESS},
    [FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP] = {"report_download_progress_rsp", FERRY__RESULT},
    [FERRY_MSG_UPLOAD_RESULT] = {"upload_result", FERRY__REPORT},
};

const char *ferry_proto_err_text(ferry_proto_err err)
{
    switch (err) {
#define X(name, number, text)                                                                     \
    case name:                                                                                    \
        return text;
        FERRY_PROTO_ERR_LIST(X)
#undef X
    }
    return "unknown error";
}

const char *ferry_msg_type_name(ferry_msg_type type)
{
    return (unsigned)type < FERRY__KINDS ? ferry__kinds[type].name : NULL;
}
