/**
 * @file api_handlers.h
 * @brief What the routes do, one function each; api_routes.c says which is whose.
 */
#ifndef HTTP_API_HANDLERS_H
#define HTTP_API_HANDLERS_H

#include "api_request.h"

enum {
    API_DEPLOY_BODY_MAX = 8 << 20,   /**< bytes: room for a hundred thousand of the longest names */
    API_DEPLOY_DEVICES_MAX = 100000, /**< names in one order; more go with "all" or several orders */
    API_BODY_VALUES_MAX = 1024,      /**< values in any other body */
    API_SMALL_BODY_MAX = 16384,      /**< bytes of a body from somebody who is not known yet */
    API_SCOPE_PRODUCTS_MAX = 256,    /**< products of one token or user */
    API_TOKEN_LIFE_MAX_S = 10 * 366 * 86400,
};

extern const struct api_stream_ops api_resource_stream, api_import_stream;

void api_product_add(struct api_request *r);
void api_product_list(struct api_request *r);
void api_webhook_list(struct api_request *r);
void api_webhook_add(struct api_request *r);
void api_webhook_get(struct api_request *r);
void api_webhook_change(struct api_request *r);
void api_webhook_remove(struct api_request *r);
void api_webhook_rotate(struct api_request *r);
void api_webhook_resume(struct api_request *r);

void api_quota_list(struct api_request *r);
void api_quota_get(struct api_request *r);
void api_quota_set(struct api_request *r);
void api_quota_reset(struct api_request *r);
void api_quota_device(struct api_request *r);

void api_product_get(struct api_request *r);
void api_product_remove(struct api_request *r);

void api_device_add(struct api_request *r);
void api_device_import(struct api_request *r);
/** @brief Forgets a list that is on its way. Accepts a request without one. */
void api_import_free(struct api_request *r);
void api_device_list(struct api_request *r);
void api_device_get(struct api_request *r);
void api_device_presence(struct api_request *r);
void api_device_change(struct api_request *r);
void api_device_remove(struct api_request *r);

void api_device_rotate(struct api_request *r);
void api_product_secret_new(struct api_request *r);
void api_product_secret_remove(struct api_request *r);

void api_resource_add(struct api_request *r);
void api_resource_list(struct api_request *r);
void api_resource_get(struct api_request *r);
void api_resource_content(struct api_request *r);
/** @brief How a deployment went that the caller may see. */
void api_progress_answer(struct api_request *r, const struct deployment *d);
void api_deployment_progress(struct api_request *r);
/** @brief The reports of a task that the caller may see. */
void api_reports_answer(struct api_request *r, const ferry_id *task);
void api_upload_reports(struct api_request *r);
void api_download_reports(struct api_request *r);

void api_resource_change(struct api_request *r);
void api_resource_remove(struct api_request *r);

extern const struct api_stream_ops api_resource_upload_stream;
void api_resource_upload_add(struct api_request *r);
void api_resource_upload_list(struct api_request *r);
void api_resource_upload_get(struct api_request *r);
void api_resource_upload_direct(struct api_request *r);
void api_resource_upload_bytes(struct api_request *r);
void api_resource_upload_remove(struct api_request *r);

void api_deployment_add(struct api_request *r);
void api_deployment_list(struct api_request *r);
void api_deployment_get(struct api_request *r);
void api_deployment_causes(struct api_request *r);
void api_deployment_cancel(struct api_request *r);
void api_deployment_pause(struct api_request *r);
void api_deployment_resume(struct api_request *r);
void api_deployment_retry(struct api_request *r);
void api_download_list(struct api_request *r);
void api_device_download_list(struct api_request *r);
void api_download_get(struct api_request *r);
void api_download_cancel(struct api_request *r);
void api_download_retry(struct api_request *r);

void api_upload_list(struct api_request *r);
void api_upload_get(struct api_request *r);
void api_upload_content(struct api_request *r);
void api_upload_remove(struct api_request *r);

void api_session_add(struct api_request *r);
void api_session_get(struct api_request *r);
void api_session_remove(struct api_request *r);

void api_token_add(struct api_request *r);
void api_token_list(struct api_request *r);
void api_token_get(struct api_request *r);
void api_token_remove(struct api_request *r);

void api_user_add(struct api_request *r);
void api_user_list(struct api_request *r);
void api_user_get(struct api_request *r);
void api_user_change(struct api_request *r);
void api_user_remove(struct api_request *r);

void api_audit_list(struct api_request *r);
void api_audit_head(struct api_request *r);

void api_events(struct api_request *r);

/** @brief The list (null: all) as a scope that the caller may give; false with a reply. */
bool api_take_scope(struct api_request *r, json_t *products, char scope[SCOPE_SIZE]);

void api_mqtt_auth(struct api_request *r);
void api_mqtt_acl(struct api_request *r);

void api_verify_get(struct api_request *r);
void api_verify_begin(struct api_request *r);
void api_verify_end(struct api_request *r);

void api_statistics_get(struct api_request *r);
void api_status_get(struct api_request *r);
void api_settings_get(struct api_request *r);
void api_metrics(struct api_request *r);
void api_healthz(struct api_request *r);
void api_readyz(struct api_request *r);
void api_openapi(struct api_request *r);

void api_console_page(struct api_request *r);
void api_console_asset(struct api_request *r);

#endif
