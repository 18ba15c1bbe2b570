/**
 * @file plugin_path.h
 * @brief Where ferry_auth.so is.
 */
#ifndef DAEMON_PLUGIN_PATH_H
#define DAEMON_PLUGIN_PATH_H

/**
 * @brief The configured path; else beside this program as it was built or installed; else where it would be installed.
 * It need not be there. Null without memory; the caller frees it.
 */
char *plugin_path_find(const char *configured);

#endif
