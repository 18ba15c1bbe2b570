#include "message_table.h"

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

#define ANY 0xff
#define AT(member) offsetof(ferry_msg, member)

const ferry__field ferry__fields[FERRY__FIELDS] = {
    {"type", FERRY__FIELD_TYPE, ANY, 0, 0},
    {"size", FERRY__FIELD_WHOLE, FERRY__TASK, AT(size), FERRY_HAS_SIZE},
    {"name", FERRY__FIELD_TEXT, FERRY__TASK | FERRY__PROGRESS, AT(name), 0},
    {"md5sum", FERRY__FIELD_HEX, FERRY__TASK | FERRY__PROGRESS, AT(md5sum), 0},
    {"url", FERRY__FIELD_TEXT, FERRY__ANSWER, AT(url), 0},
    {"report", FERRY__FIELD_OBJECT, FERRY__REPORT, FERRY__IN_REPORT, 0},
    {"progress", FERRY__FIELD_OBJECT, FERRY__REPORT | FERRY__PROGRESS, FERRY__IN_PROGRESS, 0},
    {"state", FERRY__FIELD_STATE, FERRY__PROGRESS, AT(state), 0},
    {"percent", FERRY__FIELD_INT, FERRY__PROGRESS, AT(percent), FERRY_HAS_PERCENT},
    {"result_code", FERRY__FIELD_INT, FERRY__RESULT | FERRY__PROGRESS | FERRY__REPORT, AT(result_code),
     FERRY_HAS_RESULT_CODE},
    {"result_msg", FERRY__FIELD_TEXT, FERRY__RESULT | FERRY__PROGRESS, AT(result_msg), 0},
    {"sha256", FERRY__FIELD_HEX, FERRY__EXTENSION, AT(sha256), 0},
    {"expires", FERRY__FIELD_WHOLE, FERRY__EXTENSION, AT(expires), FERRY_HAS_EXPIRES},
    {"request_id", FERRY__FIELD_TEXT, FERRY__EXTENSION, AT(request_id), 0},
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
