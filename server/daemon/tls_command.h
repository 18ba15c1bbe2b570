/**
 * @file tls_command.h
 * @brief `ferryd tls init` and `ferryd tls device`: certificates for a first deployment.
 */
#ifndef DAEMON_TLS_COMMAND_H
#define DAEMON_TLS_COMMAND_H

/** @brief Runs what stands behind "ferryd tls"; argv[0] is "tls". Gives the exit status. */
int tls_command(int argc, char **argv);

#endif
