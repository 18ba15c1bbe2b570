/**
 * @file least_privilege.h
 * @brief What ferryd gives up before it does anything, whoever started it. The broker inherits it.
 */
#ifndef DAEMON_LEAST_PRIVILEGE_H
#define DAEMON_LEAST_PRIVILEGE_H

/**
 * @brief From now on: files are made for their owner alone, nothing of the memory is ever in a core dump, and no
 * program gains rights by being started. What the system does not let us give up is logged and kept.
 */
void least_privilege(void);

#endif
