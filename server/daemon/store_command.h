/**
 * @file store_command.h
 * @brief `ferryd store copy`: from one machine's SQLite file into the PostgreSQL of many.
 */
#ifndef DAEMON_STORE_COMMAND_H
#define DAEMON_STORE_COMMAND_H

/** @brief Runs what stands behind "ferryd store"; argv[0] is "store". Gives the exit status. */
int store_command(int argc, char **argv);

#endif
