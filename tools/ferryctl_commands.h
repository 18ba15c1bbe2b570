/**
 * @file ferryctl_commands.h
 * @brief The commands of ferryctl: one table drives the parsing and --help.
 */
#ifndef TOOLS_FERRYCTL_COMMANDS_H
#define TOOLS_FERRYCTL_COMMANDS_H

#include "ferryctl_api.h"
#include "ferryctl_args.h"

/** @brief What a command works with. */
struct ctl {
    struct ctl_api api;
    const struct ctl_options *options;
    const char *const *words; /**< after the names of the command */
    size_t word_count;
};

/** @brief Among the options of a command: it asks no platform. */
#define CTL_HERE (UINT64_C(1) << 63)

struct ctl_command {
    const char *group; /**< "product" */
    const char *verb;  /**< "add"; null when the group is the whole command */
    const char *words; /**< "P FILE", as --help shows them */
    size_t words_min, words_max;
    uint64_t options;  /**< CTL_O_... besides the common ones, and CTL_HERE */
    const char *help;
    enum ctl_exit (*run)(struct ctl *ctl);
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

enum ctl_exit ctl_product_add(struct ctl *ctl);
enum ctl_exit ctl_product_list(struct ctl *ctl);
enum ctl_exit ctl_product_show(struct ctl *ctl);
enum ctl_exit ctl_product_rm(struct ctl *ctl);
enum ctl_exit ctl_product_open(struct ctl *ctl);
enum ctl_exit ctl_product_close(struct ctl *ctl);

enum ctl_exit ctl_device_add(struct ctl *ctl);
enum ctl_exit ctl_device_import(struct ctl *ctl);
enum ctl_exit ctl_device_list(struct ctl *ctl);
enum ctl_exit ctl_device_show(struct ctl *ctl);
enum ctl_exit ctl_device_presence(struct ctl *ctl);
enum ctl_exit ctl_device_rm(struct ctl *ctl);
enum ctl_exit ctl_device_disable(struct ctl *ctl);
enum ctl_exit ctl_device_enable(struct ctl *ctl);
enum ctl_exit ctl_device_rotate(struct ctl *ctl);
enum ctl_exit ctl_device_tag(struct ctl *ctl);

enum ctl_exit ctl_resource_add(struct ctl *ctl);
enum ctl_exit ctl_resource_list(struct ctl *ctl);
enum ctl_exit ctl_resource_uploads(struct ctl *ctl);
enum ctl_exit ctl_resource_abandon(struct ctl *ctl);
enum ctl_exit ctl_resource_show(struct ctl *ctl);
enum ctl_exit ctl_resource_describe(struct ctl *ctl);
enum ctl_exit ctl_resource_get(struct ctl *ctl);
enum ctl_exit ctl_resource_rm(struct ctl *ctl);

enum ctl_exit ctl_deploy(struct ctl *ctl);
enum ctl_exit ctl_deployment_list(struct ctl *ctl);
enum ctl_exit ctl_deployment_show(struct ctl *ctl);
enum ctl_exit ctl_deployment_causes(struct ctl *ctl);
enum ctl_exit ctl_deployment_watch(struct ctl *ctl);
enum ctl_exit ctl_deployment_progress(struct ctl *ctl);
enum ctl_exit ctl_deployment_reports(struct ctl *ctl);
enum ctl_exit ctl_deployment_cancel(struct ctl *ctl);
enum ctl_exit ctl_deployment_pause(struct ctl *ctl);
enum ctl_exit ctl_deployment_resume(struct ctl *ctl);
enum ctl_exit ctl_deployment_retry(struct ctl *ctl);

enum ctl_exit ctl_upload_list(struct ctl *ctl);
enum ctl_exit ctl_upload_show(struct ctl *ctl);
enum ctl_exit ctl_upload_reports(struct ctl *ctl);
enum ctl_exit ctl_upload_get(struct ctl *ctl);
enum ctl_exit ctl_upload_rm(struct ctl *ctl);

enum ctl_exit ctl_object_verify(struct ctl *ctl);

enum ctl_exit ctl_statistics(struct ctl *ctl);
enum ctl_exit ctl_quota_list(struct ctl *ctl);
enum ctl_exit ctl_quota_show(struct ctl *ctl);
enum ctl_exit ctl_quota_set(struct ctl *ctl);
enum ctl_exit ctl_quota_reset(struct ctl *ctl);

enum ctl_exit ctl_token_add(struct ctl *ctl);
enum ctl_exit ctl_token_list(struct ctl *ctl);
enum ctl_exit ctl_token_rm(struct ctl *ctl);

enum ctl_exit ctl_user_add(struct ctl *ctl);
enum ctl_exit ctl_user_list(struct ctl *ctl);
enum ctl_exit ctl_user_passwd(struct ctl *ctl);
enum ctl_exit ctl_user_rm(struct ctl *ctl);

enum ctl_exit ctl_webhook_add(struct ctl *ctl);
enum ctl_exit ctl_webhook_list(struct ctl *ctl);
enum ctl_exit ctl_webhook_show(struct ctl *ctl);
enum ctl_exit ctl_webhook_change(struct ctl *ctl);
enum ctl_exit ctl_webhook_resume(struct ctl *ctl);
enum ctl_exit ctl_webhook_rm(struct ctl *ctl);

enum ctl_exit ctl_events(struct ctl *ctl);
enum ctl_exit ctl_audit_list(struct ctl *ctl);
enum ctl_exit ctl_audit_verify(struct ctl *ctl);

enum ctl_exit ctl_store_copy(struct ctl *ctl);
enum ctl_exit ctl_status(struct ctl *ctl);
enum ctl_exit ctl_settings(struct ctl *ctl);

/** @brief Fetches the bytes of an upload or resource ("uploads", "resources") to --output. */
enum ctl_exit ctl_get_content(struct ctl *ctl, const char *kind, const json_t *object);

void ctl_pause_ms(unsigned ms);

/** @brief Prints the reports at path, which it frees. */
enum ctl_exit ctl_print_reports(struct ctl *ctl, char *path);

/** @brief Follows a deployment until it has ended; CTL_FAILED unless every device has its file. */
enum ctl_exit ctl_follow(struct ctl *ctl, const char *id);

/** @brief "P/D" in two parts of at most FERRY_IDENT_MAX characters; false with a message. */
struct ctl_device_name {
    char product[65];
    char device[65];
};
bool ctl_device_name(const char *text, struct ctl_device_name *ret_name);

#endif
