#include "api_routes.h"

#include "api_handlers.h"
#include "api_query.h"

#define V1 "/api/v1"
#define READ .role = API_ROLE_VIEWER
#define CHANGE .role = API_ROLE_OPERATOR
#define ADMIN .role = API_ROLE_ADMIN
#define OPEN .role = API_ROLE_OPEN, .scope = API_SCOPE_NONE
#define OF_PRODUCT .scope = API_SCOPE_PRODUCT
#define A_LIST .scope = API_SCOPE_LIST
#define A_GRANT .scope = API_SCOPE_GRANT
#define ONCE .once = true
#define OF_ALL .scope = API_SCOPE_PLATFORM
#define JSON_BODY .body_max = FERRY_API_BODY_MAX, .body_values_max = API_BODY_VALUES_MAX

const struct api_route api_routes[] = {
    {"GET", V1 "/products", READ, A_LIST, .query = API_Q_PAGE_BY_NAME, .run = api_product_list},
    {"POST", V1 "/products", CHANGE, A_GRANT, ONCE, JSON_BODY, .run = api_product_add},
    {"GET", V1 "/products/{product}", READ, OF_PRODUCT, .run = api_product_get},
    {"DELETE", V1 "/products/{product}", CHANGE, OF_PRODUCT, .run = api_product_remove},

    {"POST", V1 "/products/{product}/secret", CHANGE, OF_PRODUCT, ONCE, .run = api_product_secret_new},
    {"DELETE", V1 "/products/{product}/secret", CHANGE, OF_PRODUCT, .run = api_product_secret_remove},

    {"GET", V1 "/devices", READ, OF_PRODUCT, .query = API_Q_LIMIT | API_Q_CURSOR_NAME | API_Q_SORT_DEVICES | API_Q_DEVICE_PREFIX | API_Q_TAG | API_Q_ONLINE,
     .query_required = API_Q_PRODUCT,
     .run = api_device_list},
    {"POST", V1 "/devices", CHANGE, OF_PRODUCT, ONCE, JSON_BODY, .run = api_device_add},
    {"POST", V1 "/devices/import", CHANGE, OF_PRODUCT, .query_required = API_Q_PRODUCT, .stream = &api_import_stream,
     .run = api_device_import},
    {"GET", V1 "/devices/{product}/{device}", READ, OF_PRODUCT, .run = api_device_get},
    {"PATCH", V1 "/devices/{product}/{device}", CHANGE, OF_PRODUCT, JSON_BODY, .run = api_device_change},
    {"DELETE", V1 "/devices/{product}/{device}", CHANGE, OF_PRODUCT, .run = api_device_remove},
    {"GET", V1 "/devices/{product}/{device}/presence", READ, OF_PRODUCT, .query = API_Q_LIMIT | API_Q_CURSOR_SEQ,
     .run = api_device_presence},
    {"POST", V1 "/devices/{product}/{device}/secret", CHANGE, OF_PRODUCT, ONCE, JSON_BODY, .run = api_device_rotate},

    {"GET", V1 "/resources", READ, A_LIST, .query = API_Q_PAGE_BY_ID | API_Q_SORT_RESOURCES | API_Q_PRODUCT | API_Q_NAME | API_Q_NAME_PREFIX,
     .run = api_resource_list},
    {"POST", V1 "/resources", CHANGE, OF_PRODUCT, ONCE, .query = API_Q_DESCRIPTION, .query_required = API_Q_PRODUCT | API_Q_NAME,
     .stream = &api_resource_stream,
     .run = api_resource_add},
    {"GET", V1 "/resources/{resource}", READ, OF_PRODUCT, .run = api_resource_get},
    {"PATCH", V1 "/resources/{resource}", CHANGE, OF_PRODUCT, JSON_BODY, .run = api_resource_change},
    {"DELETE", V1 "/resources/{resource}", CHANGE, OF_PRODUCT, .run = api_resource_remove},
    {"GET", V1 "/resources/{resource}/content", READ, OF_PRODUCT, .run = api_resource_content},

    {"GET", V1 "/resource-uploads", READ, A_LIST, .query = API_Q_LIMIT | API_Q_CURSOR_ID | API_Q_SORT_TIME | API_Q_PRODUCT,
     .run = api_resource_upload_list},
    {"POST", V1 "/resource-uploads", CHANGE, OF_PRODUCT, ONCE, JSON_BODY, .run = api_resource_upload_add},
    {"GET", V1 "/resource-uploads/{upload}", READ, OF_PRODUCT, .run = api_resource_upload_get},
    {"GET", V1 "/resource-uploads/{upload}/direct", CHANGE, OF_PRODUCT, .run = api_resource_upload_direct},
    {"PATCH", V1 "/resource-uploads/{upload}", CHANGE, OF_PRODUCT, .stream = &api_resource_upload_stream,
     .run = api_resource_upload_bytes},
    {"DELETE", V1 "/resource-uploads/{upload}", CHANGE, OF_PRODUCT, .run = api_resource_upload_remove},

    {"GET", V1 "/deployments", READ, A_LIST,
     .query = API_Q_PAGE_BY_ID | API_Q_SORT_DEPLOYMENTS | API_Q_PRODUCT | API_Q_DEPLOYMENT_STATE | API_Q_COUNTS,
     .run = api_deployment_list},
    {"POST", V1 "/deployments", CHANGE, OF_PRODUCT, ONCE, .body_max = API_DEPLOY_BODY_MAX,
     .body_values_max = API_DEPLOY_DEVICES_MAX + API_BODY_VALUES_MAX, .run = api_deployment_add},
    {"GET", V1 "/deployments/{deployment}", READ, OF_PRODUCT, .run = api_deployment_get},
    {"GET", V1 "/deployments/{deployment}/causes", READ, OF_PRODUCT, .run = api_deployment_causes},
    {"GET", V1 "/deployments/{deployment}/progress", READ, OF_PRODUCT, .query = API_Q_LIMIT,
     .run = api_deployment_progress},
    {"POST", V1 "/deployments/{deployment}/cancel", CHANGE, OF_PRODUCT, .run = api_deployment_cancel},
    {"POST", V1 "/deployments/{deployment}/pause", CHANGE, OF_PRODUCT, .run = api_deployment_pause},
    {"POST", V1 "/deployments/{deployment}/resume", CHANGE, OF_PRODUCT, .run = api_deployment_resume},
    {"POST", V1 "/deployments/{deployment}/retry", CHANGE, OF_PRODUCT,
     .query = API_Q_DOWNLOAD_STATE | API_Q_RESULT_CODE | API_Q_RESULT_MSG, .run = api_deployment_retry},
    {"GET", V1 "/deployments/{deployment}/tasks", READ, OF_PRODUCT,
     .query = API_Q_PAGE_BY_ID | API_Q_SORT_TASKS | API_Q_DEVICE | API_Q_DOWNLOAD_STATE, .run = api_download_list},
    {"GET", V1 "/deployments/{deployment}/tasks/{task}", READ, OF_PRODUCT, .run = api_download_get},
    {"GET", V1 "/deployments/{deployment}/tasks/{task}/reports", READ, OF_PRODUCT, .query = API_Q_PAGE_BY_NUMBER,
     .run = api_download_reports},
    {"POST", V1 "/deployments/{deployment}/tasks/{task}/cancel", CHANGE, OF_PRODUCT, .run = api_download_cancel},
    {"POST", V1 "/deployments/{deployment}/tasks/{task}/retry", CHANGE, OF_PRODUCT, .run = api_download_retry},

    {"GET", V1 "/downloads", READ, OF_PRODUCT, .query = API_Q_PAGE_BY_ID | API_Q_SORT_TIME | API_Q_DOWNLOAD_STATE,
     .query_required = API_Q_PRODUCT | API_Q_DEVICE, .run = api_device_download_list},

    {"GET", V1 "/uploads", READ, A_LIST,
     .query = API_Q_PAGE_BY_ID | API_Q_SORT_TASKS | API_Q_PRODUCT | API_Q_DEVICE | API_Q_NAME_PREFIX | API_Q_UPLOAD_STATE,
     .run = api_upload_list},
    {"GET", V1 "/uploads/{upload}", READ, OF_PRODUCT, .run = api_upload_get},
    {"DELETE", V1 "/uploads/{upload}", CHANGE, OF_PRODUCT, .run = api_upload_remove},
    {"GET", V1 "/uploads/{upload}/reports", READ, OF_PRODUCT, .query = API_Q_PAGE_BY_NUMBER, .run = api_upload_reports},
    {"GET", V1 "/uploads/{upload}/content", READ, OF_PRODUCT, .run = api_upload_content},

    {"POST", "/mqtt/auth", OPEN, JSON_BODY, .form = true, .run = api_mqtt_auth},
    {"POST", "/mqtt/acl", OPEN, JSON_BODY, .form = true, .run = api_mqtt_acl},

    {"POST", V1 "/session", OPEN, .body_max = API_SMALL_BODY_MAX, .body_values_max = API_BODY_VALUES_MAX, .slow = true,
     .run = api_session_add},
    {"GET", V1 "/session", READ, .scope = API_SCOPE_NONE, .run = api_session_get},
    {"DELETE", V1 "/session", READ, .scope = API_SCOPE_NONE, .run = api_session_remove},

    {"GET", V1 "/tokens", ADMIN, A_LIST, .query = API_Q_PAGE_BY_NAME, .run = api_token_list},
    {"POST", V1 "/tokens", ADMIN, A_GRANT, ONCE, JSON_BODY, .run = api_token_add},
    {"GET", V1 "/tokens/{token}", ADMIN, OF_PRODUCT, .run = api_token_get},
    {"DELETE", V1 "/tokens/{token}", ADMIN, OF_PRODUCT, .run = api_token_remove},

    {"GET", V1 "/users", ADMIN, A_LIST, .query = API_Q_PAGE_BY_NAME, .run = api_user_list},
    {"POST", V1 "/users", ADMIN, A_GRANT, ONCE, JSON_BODY, .slow = true, .run = api_user_add},
    {"GET", V1 "/users/{user}", ADMIN, OF_PRODUCT, .run = api_user_get},
    {"PATCH", V1 "/users/{user}", ADMIN, OF_PRODUCT, JSON_BODY, .slow = true, .run = api_user_change},
    {"DELETE", V1 "/users/{user}", ADMIN, OF_PRODUCT, .run = api_user_remove},

    {"GET", V1 "/audit", ADMIN, A_LIST, .query = API_Q_PAGE_OF_AUDIT | API_Q_PRODUCT, .run = api_audit_list},
    {"GET", V1 "/audit/head", ADMIN, OF_ALL, .run = api_audit_head},

    {"GET", V1 "/events", READ, A_LIST, .query = API_Q_PRODUCT | API_Q_DEVICE | API_Q_EVENT_TYPE | API_Q_AFTER | API_Q_FOLLOW,
     .run = api_events},

    {"GET", V1 "/webhooks", ADMIN, OF_ALL, .query = API_Q_LIMIT | API_Q_CURSOR_ID | API_Q_SORT_TIME, .run = api_webhook_list},
    {"POST", V1 "/webhooks", ADMIN, OF_ALL, ONCE, JSON_BODY, .run = api_webhook_add},
    {"GET", V1 "/webhooks/{webhook}", ADMIN, OF_ALL, .run = api_webhook_get},
    {"PATCH", V1 "/webhooks/{webhook}", ADMIN, OF_ALL, JSON_BODY, .run = api_webhook_change},
    {"DELETE", V1 "/webhooks/{webhook}", ADMIN, OF_ALL, .run = api_webhook_remove},
    {"POST", V1 "/webhooks/{webhook}/secret", ADMIN, OF_ALL, ONCE, JSON_BODY, .run = api_webhook_rotate},
    {"POST", V1 "/webhooks/{webhook}/resume", ADMIN, OF_ALL, JSON_BODY, .run = api_webhook_resume},

    {"GET", V1 "/quota", READ, OF_ALL, .query = API_Q_LIMIT | API_Q_CURSOR_NAME | API_Q_SORT_PRODUCT, .run = api_quota_list},
    {"GET", V1 "/quota/{product}", READ, OF_PRODUCT, .run = api_quota_get},
    {"PUT", V1 "/quota/{product}", ADMIN, OF_ALL, JSON_BODY, .run = api_quota_set}, /* not by whom it binds */
    {"DELETE", V1 "/quota/{product}", ADMIN, OF_ALL, .run = api_quota_reset},
    {"GET", V1 "/quota/{product}/{device}", READ, OF_PRODUCT, .run = api_quota_device},

    {"GET", V1 "/objects/verify", READ, OF_ALL, .run = api_verify_get},
    {"POST", V1 "/objects/verify", ADMIN, OF_ALL, JSON_BODY, .run = api_verify_begin},
    {"DELETE", V1 "/objects/verify", ADMIN, OF_ALL, .run = api_verify_end},

    {"GET", V1 "/statistics", READ, A_LIST, .query = API_Q_PRODUCT | API_Q_SINCE | API_Q_UNTIL | API_Q_STEP,
     .run = api_statistics_get},
    {"GET", V1 "/status", READ, OF_ALL, .run = api_status_get},
    {"GET", V1 "/settings", ADMIN, OF_ALL, .run = api_settings_get},
    {"GET", V1 "/openapi.yaml", OPEN, .run = api_openapi},
    {"GET", "/metrics", READ, OF_ALL, .run = api_metrics},
    {"GET", "/healthz", OPEN, .run = api_healthz},
    {"GET", "/readyz", OPEN, .run = api_readyz},
    {"GET", "/", OPEN, .run = api_console_page},
    {"GET", "/assets/{file}", OPEN, .run = api_console_asset},
};

const size_t api_routes_count = sizeof api_routes / sizeof api_routes[0];
