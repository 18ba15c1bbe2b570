#include "ferryctl_commands.h"

#define LIST CTL_O_LIMIT

const struct ctl_command ctl_commands[] = {
    {"product", "add", "P", 1, 1, CTL_O_KEY, "register a product", ctl_product_add},
    {"product", "list", "", 0, 0, LIST, "the products", ctl_product_list},
    {"product", "rm", "P", 1, 1, 0, "remove a product that has nothing left", ctl_product_rm},
    {"product", "open", "P", 1, 1, CTL_O_KEY, "let its devices register themselves; the secret for it is shown this once",
     ctl_product_open},
    {"product", "close", "P", 1, 1, 0, "let no more devices register themselves", ctl_product_close},

    {"device", "add", "P/D", 1, 1, CTL_O_DEVICE_INFO | CTL_O_SECRET_FILE | CTL_O_TAG | CTL_O_KEY,
     "register a device; its secret is shown this once", ctl_device_add},
    {"device", "list", "[P]", 0, 1, LIST | CTL_O_PREFIX | CTL_O_TAG | CTL_O_ONLINE | CTL_O_OFFLINE,
     "the devices", ctl_device_list},
    {"device", "show", "P/D", 1, 1, 0, "one device", ctl_device_show},
    {"device", "rm", "P/D", 1, 1, 0, "remove a device and cancel its open tasks", ctl_device_rm},
    {"device", "disable", "P/D", 1, 1, 0, "end a device's connections and transfers and let it in no more", ctl_device_disable},
    {"device", "enable", "P/D", 1, 1, 0, "let a disabled device in again", ctl_device_enable},
    {"device", "tag", "P/D", 1, 1, CTL_O_TAG | CTL_O_UNTAG, "give a device tags, or take them away", ctl_device_tag},
    {"device", "rotate", "P/D", 1, 1, CTL_O_OVERLAP | CTL_O_DEVICE_INFO | CTL_O_SECRET_FILE | CTL_O_KEY,
     "give a device a new secret; it is shown this once", ctl_device_rotate},

    {"resource", "add", "P FILE", 2, 2, CTL_O_NAME | CTL_O_DESCRIPTION | CTL_O_KEY,
     "send a file for the devices of a product; - is standard input", ctl_resource_add},
    {"resource", "list", "[P]", 0, 1, LIST | CTL_O_PREFIX | CTL_O_SINCE, "the files for devices, the newest first",
     ctl_resource_list},
    {"resource", "show", "ID | P NAME", 1, 2, 0, "one file; by name its newest version", ctl_resource_show},
    {"resource", "describe", "ID | P NAME", 1, 2, CTL_O_DESCRIPTION,
     "describe a file in other words; by name its newest version", ctl_resource_describe},
    {"resource", "get", "ID | P NAME", 1, 2, CTL_O_OUTPUT, "fetch a file back", ctl_resource_get},
    {"resource", "rm", "ID | P NAME", 1, 2, CTL_O_ALL_VERSIONS, "remove a file that no deployment refers to",
     ctl_resource_rm},

    {"deploy", NULL, "P NAME", 2, 2,
     CTL_O_DEVICE | CTL_O_DEVICES_FILE | CTL_O_TAG | CTL_O_ALL | CTL_O_RESOURCE_ID | CTL_O_RATE | CTL_O_TIMEOUT | CTL_O_RETRIES | CTL_O_START |
         CTL_O_END | CTL_O_FORCE | CTL_O_WAIT | CTL_O_KEY,
     "deliver the newest version of a file to devices", ctl_deploy},
    {"deployment", "list", "[P]", 0, 1, LIST | CTL_O_STATE | CTL_O_SINCE, "the deployments, the newest first", ctl_deployment_list},
    {"deployment", "show", "ID", 1, 1, LIST | CTL_O_STATE | CTL_O_DEVICE, "a deployment and each device's task",
     ctl_deployment_show},
    {"deployment", "watch", "ID", 1, 1, 0, "show how it goes until it has ended", ctl_deployment_watch},
    {"deployment", "reports", "ID D", 2, 2, LIST, "what a device reported about its task, the newest first",
     ctl_deployment_reports},
    {"deployment", "cancel", "ID", 1, 1, CTL_O_DEVICE, "cancel what has not ended, or one device's task",
     ctl_deployment_cancel},
    {"deployment", "pause", "ID", 1, 1, 0, "offer nothing more; what runs goes on", ctl_deployment_pause},
    {"deployment", "resume", "ID", 1, 1, 0, "go on where it was paused", ctl_deployment_resume},
    {"deployment", "retry", "ID", 1, 1, CTL_O_DEVICE, "try again what has failed, or one device's task",
     ctl_deployment_retry},

    {"upload", "list", "[P | P/D]", 0, 1, LIST | CTL_O_STATE | CTL_O_PREFIX | CTL_O_SINCE, "what devices have sent, the newest first",
     ctl_upload_list},
    {"upload", "show", "ID", 1, 1, 0, "one upload", ctl_upload_show},
    {"upload", "reports", "ID", 1, 1, LIST, "what the device reported about it, the newest first", ctl_upload_reports},
    {"upload", "get", "ID", 1, 1, CTL_O_OUTPUT, "fetch the file and verify it", ctl_upload_get},
    {"upload", "rm", "ID", 1, 1, 0, "remove the file and the task", ctl_upload_rm},

    {"quota", "list", "", 0, 0, LIST, "what products may keep and do keep", ctl_quota_list},
    {"quota", "show", "P | P/D", 1, 1, 0, "limits and use of a product, or of a device", ctl_quota_show},
    {"quota", "set", "P BYTES FILES DEVICE-BYTES DEVICE-FILES", 5, 5, 0,
     "limits of a product's own: all its files, those of each device; 0 is none, k M G T are taken", ctl_quota_set},
    {"quota", "reset", "P", 1, 1, 0, "the limits of ferryd's settings again", ctl_quota_reset},

    {"token", "add", "NAME", 1, 1, CTL_O_ROLE | CTL_O_PRODUCT | CTL_O_EXPIRES | CTL_O_OUTPUT | CTL_O_KEY,
     "make a token; it is shown this once", ctl_token_add},
    {"token", "list", "", 0, 0, LIST, "the tokens and when they were last used", ctl_token_list},
    {"token", "rm", "NAME", 1, 1, 0, "revoke a token, at once", ctl_token_rm},

    {"user", "add", "NAME", 1, 1, CTL_O_ROLE | CTL_O_PRODUCT | CTL_O_KEY, "let somebody log in; the password is asked for",
     ctl_user_add},
    {"user", "list", "", 0, 0, LIST, "who may log in", ctl_user_list},
    {"user", "passwd", "NAME", 1, 1, 0, "give a new password and end the sessions", ctl_user_passwd},
    {"user", "rm", "NAME", 1, 1, 0, "remove a user and end the sessions", ctl_user_rm},

    {"audit", "list", "", 0, 0, LIST | CTL_O_PRODUCT | CTL_O_ACTOR | CTL_O_OBJECT | CTL_O_ACTION | CTL_O_SINCE,
     "who did what, the newest first", ctl_audit_list},
    {"audit", "verify", "[FILE]", 0, 1, CTL_O_ANCHOR,
     "show that no record was changed or taken away; FILE: a kept output of --json audit list", ctl_audit_verify},

    {"events", NULL, "[P | P/D]", 0, 1, CTL_O_TYPE | CTL_O_AFTER | CTL_O_FOLLOW,
     "what changed, as the log of events holds it; or what changes from now on", ctl_events},
    {"status", NULL, "", 0, 0, 0, "how the platform is", ctl_status},
    {"settings", NULL, "", 0, 0, 0, "what ferryd runs with", ctl_settings},
};
const size_t ctl_command_count = sizeof ctl_commands / sizeof ctl_commands[0];
