/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MARK = 0x574b524f /* "ORKW" */, SLICE = 200 /* milliseconds between two questions */ };

bool wire_trouble_is(wire *w, wire_trouble trouble)
{
    if (w->trouble == WIRE_FINE)
        w->trouble = trouble;
    return false;
}

/* ---- sockets ---- */

/* Waits until the socket is ready. In the middle of a frame patience has an end; between frames the
   other end may mostly compute as long as it likes. */
static bool wait_for(wire *w, short events)
{
    struct pollfd poll_fd = {.fd = w->fd, .events = events};
    for (int waited = 0;; waited += SLICE) {
        const int ready = poll(&poll_fd, 1, SLICE);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return wire_trouble_is(w, WIRE_LOST);
        if (w->keep_waiting && !w->keep_waiting(w->ask_user))
            return wire_trouble_is(w, WIRE_CANCELLED);
        if (w->patience > 0 && (w->in_frame || w->hurry) && waited / 1000 >= w->patience)
            return wire_trouble_is(w, WIRE_STALLED);
    }
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static bool read_socket(wire *w, void *to, size_t size)
{
    for (char *at = to; size > 0;) {
        const ssize_t got = recv(w->fd, at, size, MSG_DONTWAIT);
        if (got == 0)
            return wire_trouble_is(w, w->in_frame ? WIRE_LOST : WIRE_CLOSED);
        if (got < 0 && !would_block())
            return wire_trouble_is(w, WIRE_LOST);
        if (got < 0 && !wait_for(w, POLLIN))
            return false;
        if (got < 0)
            continue;
        w->in_frame = true;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* Takes away what has been sent; the number of parts that are left. */
static int advance(struct iovec **parts, int count, size_t sent)
{
    for (; count > 0 && sent >= (*parts)->iov_len; count--, ++*parts)
        sent -= (*parts)->iov_len;
    if (count > 0) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + sent;
        (*parts)->iov_len -= sent;
    }
    return count;
}

static bool write_socket(wire *w, struct iovec *parts, int count)
{
    count = advance(&parts, count, 0);
    while (count > 0) {
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        const ssize_t sent = sendmsg(w->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && !would_block())
            return wire_trouble_is(w, WIRE_LOST);
        if (sent < 0 && !wait_for(w, POLLOUT))
            return false;
        if (sent >= 0)
            count = advance(&parts, count, (size_t)sent);
    }
    return true;
}

wire wire_of_socket(int fd, int patience)
{
    return (wire){.read = read_socket, .write = write_socket, .fd = fd, .patience = patience};
}

/* ---- frames ---- */

static void put_number(uint8_t *to, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(number >> 8 * i);
}

bool wire_send(wire *w, wire_kind kind, const struct iovec *parts, int count)
{
    uint8_t header[WIRE_HEADER];
    struct iovec all[2 * WIRE_MOST_TENSORS + 2];
    uint64_t size = 0;
    if (w->trouble != WIRE_FINE || count >= (int)ORK_COUNT(all))
        return false;
    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
        all[i + 1] = parts[i];
    }
    put_number(header, MARK, 4);
    put_number(header + 4, kind, 4);
    put_number(header + 8, size, 8);
    all[0] = (struct iovec){header, sizeof(header)};
    w->in_frame = true; /* a host that does not read is gone, too */
    const bool good = w->write(w, all, count + 1);
    w->in_frame = false;
    return good;
}

bool wire_send_text(wire *w, wire_kind kind, const ork_str *body)
{
    return wire_send(w, kind, &(struct iovec){body->text, body->length}, body->length ? 1 : 0);
}

bool wire_next(wire *w, uint32_t *kind)
{
    uint8_t header[WIRE_HEADER];
    if (w->trouble != WIRE_FINE || !wire_skip(w))
        return false;
    w->in_frame = false;
    if (!w->read(w, header, sizeof(header)))
        return false;
    ork_reader reader = ork_reader_new((ork_bytes){header, sizeof(header)});
    const uint32_t mark = ork_read_u32(&reader);
    *kind = ork_read_u32(&reader);
    w->left = ork_read_u64(&reader);
    w->in_frame = w->left > 0;
    if (mark == MARK && w->left <= WIRE_MOST_BYTES)
        return true;
    return wire_trouble_is(w, WIRE_GARBLED);
}

bool wire_take(wire *w, void *to, size_t size)
{
    if (w->trouble != WIRE_FINE)
        return false;
    if (size > w->left)
        return wire_trouble_is(w, WIRE_GARBLED);
    w->in_frame = true;
    if (size > 0 && !w->read(w, to, size))
        return false;
    w->left -= size;
    w->in_frame = w->left > 0;
    return true;
}

bool wire_skip(wire *w)
{
    uint8_t room[WIRE_SMALL];
    while (w->left > 0)
        if (!wire_take(w, room, w->left < sizeof(room) ? (size_t)w->left : sizeof(room)))
            return false;
    return true;
}

bool wire_take_small(wire *w, uint8_t room[WIRE_SMALL], ork_reader *reader)
{
    if (w->left > WIRE_SMALL)
        return wire_trouble_is(w, WIRE_GARBLED);
    const size_t size = (size_t)w->left;
    *reader = ork_reader_new((ork_bytes){room, size});
    return wire_take(w, room, size);
}

/* ---- fields ---- */

static void put(ork_str *body, uint64_t number, size_t size)
{
    uint8_t bytes[8];
    put_number(bytes, number, size);
    ork_str_append(body, (const char *)bytes, size);
}

void wire_put_u8(ork_str *body, uint8_t number)
{
    put(body, number, 1);
}

void wire_put_u32(ork_str *body, uint32_t number)
{
    put(body, number, 4);
}

void wire_put_u64(ork_str *body, uint64_t number)
{
    put(body, number, 8);
}

void wire_put_text(ork_str *body, const char *text)
{
    const size_t length = ork_min_size(strlen(text), WIRE_TEXT - 1);
    put(body, length, 2);
    ork_str_append(body, text, length);
}

void wire_get_text(ork_reader *reader, char text[WIRE_TEXT])
{
    const size_t length = ork_read_u16(reader);
    const uint8_t *bytes = ork_read_bytes(reader, length);
    text[0] = '\0';
    if (!bytes)
        return;
    if (length >= WIRE_TEXT) {
        reader->failed = true;
        return;
    }
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(bytes[i] < ' ' || bytes[i] == 0x7f ? '?' : bytes[i]);
    text[length] = '\0';
}
