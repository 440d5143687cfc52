/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static void set(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value));
}

void socket_prepare(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 20);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

bool socket_split(const char *address, char host[256], char port[8])
{
    const char *colon = strrchr(address, ':');
    const size_t length = colon ? (size_t)(colon - address) : 0;
    if (length < 1 || length > 255 || strlen(colon + 1) < 1 || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    memcpy(host, address, length);
    host[length] = '\0';
    strcpy(port, colon + 1);
    return true;
}
