/* SPDX-License-Identifier: Apache-2.0 */
/* The host's part of sockets: it alone knows names, so that the board's program can do without. */
#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool wait_connected(int fd, int seconds)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    int error = ETIMEDOUT;
    socklen_t size = sizeof(error);
    int ready;
    do
        ready = poll(&poll_fd, 1, seconds * 1000);
    while (ready < 0 && errno == EINTR);
    if (ready > 0)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    return error == 0;
}

static int connect_one(const struct addrinfo *to, int seconds)
{
    const int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 ||
        (errno == EINPROGRESS && wait_connected(fd, seconds))) {
        socket_prepare(fd);
        return fd;
    }
    const int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

int socket_connect(const char *host, const char *port, int seconds)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int fd = -1;
    if (getaddrinfo(host, port, &hints, &list) != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    for (const struct addrinfo *to = list; to && fd < 0; to = to->ai_next)
        fd = connect_one(to, seconds);
    const int reason = errno;
    freeaddrinfo(list);
    errno = reason;
    return fd;
}
