/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sockets of both ends; private to this folder. */
#ifndef ORK_DEVICE_SOCKET_H
#define ORK_DEVICE_SOCKET_H

#include "../base/base.h"

/* Connects within `seconds`; -1 with errno set. host: a name or an address. */
int socket_connect(const char *host, const char *port, int seconds);
/* Small frames leave at once; a silent end that has vanished is noticed within a minute. */
void socket_prepare(int fd);
/* Splits "HOST:PORT" at the last colon. False when there is no such thing in it. */
bool socket_split(const char *address, char host[256], char port[8]);

#endif
