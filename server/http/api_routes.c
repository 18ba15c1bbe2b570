#include "api_routes.h"

#include "api_handlers.h"
#include "api_query.h"

#define V1 "/api/v1"
#define READ .role = API_ROLE_VIEWER
#define CHANGE .role = API_ROLE_OPERATOR
#define JSON_BODY .body_max = FERRY_API_BODY_MAX, .body_values_max = API_BODY_VALUES_MAX

const struct api_route api_routes[] = {
    {"GET", V1 "/products", READ, .query = API_Q_PAGE_BY_NAME, .run = api_product_list},
    {"POST", V1 "/products", CHANGE, JSON_BODY, .run = api_product_add},
    {"GET", V1 "/products/{product}", READ, .run = api_product_get},
    {"DELETE", V1 "/products/{product}", CHANGE, .run = api_product_remove},

    {"GET", V1 "/devices", READ, .query = API_Q_PAGE_BY_NAME | API_Q_DEVICE_PREFIX, .query_required = API_Q_PRODUCT,
     .run = api_device_list},
    {"POST", V1 "/devices", CHANGE, JSON_BODY, .run = api_device_add},
    {"GET", V1 "/devices/{product}/{device}", READ, .run = api_device_get},
    {"PATCH", V1 "/devices/{product}/{device}", CHANGE, JSON_BODY, .run = api_device_change},
    {"DELETE", V1 "/devices/{product}/{device}", CHANGE, .run = api_device_remove},

    {"GET", V1 "/resources", READ, .query = API_Q_PAGE_BY_ID | API_Q_PRODUCT | API_Q_NAME | API_Q_NAME_PREFIX,
     .run = api_resource_list},
    {"POST", V1 "/resources", CHANGE, .query_required = API_Q_PRODUCT | API_Q_NAME, .stream = &api_resource_stream,
     .run = api_resource_add},
    {"GET", V1 "/resources/{resource}", READ, .run = api_resource_get},
    {"DELETE", V1 "/resources/{resource}", CHANGE, .run = api_resource_remove},
    {"GET", V1 "/resources/{resource}/content", READ, .run = api_resource_content},

    {"GET", V1 "/deployments", READ,
     .query = API_Q_PAGE_BY_ID | API_Q_PRODUCT | API_Q_DEPLOYMENT_STATE | API_Q_COUNTS, .run = api_deployment_list},
    {"POST", V1 "/deployments", CHANGE, .body_max = API_DEPLOY_BODY_MAX,
     .body_values_max = API_DEPLOY_DEVICES_MAX + API_BODY_VALUES_MAX, .run = api_deployment_add},
    {"GET", V1 "/deployments/{deployment}", READ, .run = api_deployment_get},
    {"POST", V1 "/deployments/{deployment}/cancel", CHANGE, .run = api_deployment_cancel},
    {"POST", V1 "/deployments/{deployment}/retry", CHANGE, .run = api_deployment_retry},
    {"GET", V1 "/deployments/{deployment}/tasks", READ,
     .query = API_Q_PAGE_BY_ID | API_Q_DEVICE | API_Q_DOWNLOAD_STATE, .run = api_download_list},
    {"GET", V1 "/deployments/{deployment}/tasks/{task}", READ, .run = api_download_get},
    {"POST", V1 "/deployments/{deployment}/tasks/{task}/cancel", CHANGE, .run = api_download_cancel},
    {"POST", V1 "/deployments/{deployment}/tasks/{task}/retry", CHANGE, .run = api_download_retry},

    {"GET", V1 "/uploads", READ,
     .query = API_Q_PAGE_BY_ID | API_Q_PRODUCT | API_Q_DEVICE | API_Q_NAME_PREFIX | API_Q_UPLOAD_STATE,
     .run = api_upload_list},
    {"GET", V1 "/uploads/{upload}", READ, .run = api_upload_get},
    {"DELETE", V1 "/uploads/{upload}", CHANGE, .run = api_upload_remove},
    {"GET", V1 "/uploads/{upload}/content", READ, .run = api_upload_content},

    {"GET", V1 "/status", READ, .run = api_status_get},
    {"GET", V1 "/openapi.yaml", API_ROLE_OPEN, .run = api_openapi},
    {"GET", "/metrics", READ, .run = api_metrics},
    {"GET", "/healthz", API_ROLE_OPEN, .run = api_healthz},
    {"GET", "/readyz", API_ROLE_OPEN, .run = api_readyz},
};

const size_t api_routes_count = sizeof api_routes / sizeof api_routes[0];
