/**
 * @file notify.h
 * @brief What a service tells systemd: the sd_notify(3) protocol is one datagram, no library is needed for it.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/**
 * @brief Sends text ("READY=1", "STATUS=...\nWATCHDOG=1") to whoever started us.
 * @param[in] notify_socket  the value of $NOTIFY_SOCKET; null or empty: nobody waits for it, nothing is sent
 * Blocking: never. Failures are nobody's business: without a listener the service works as well. Any thread.
 */
void ferry_notify(const char *notify_socket, const char *text);

#endif
