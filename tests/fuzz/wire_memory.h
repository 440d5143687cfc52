/* SPDX-License-Identifier: Apache-2.0 */
/* A wire whose other end has said all that it will say, and does not listen. */
#ifndef ORK_FUZZ_WIRE_MEMORY_H
#define ORK_FUZZ_WIRE_MEMORY_H

#include "device/wire.h"

#include <stdlib.h>
#include <string.h>

typedef struct memory {
    const uint8_t *data;
    size_t size;
    size_t frames, written; /* what was sent */
} memory;

static bool memory_read(wire *w, void *to, size_t size)
{
    memory *m = w->user;
    if (size > m->size)
        return wire_trouble_is(w, m->size || w->in_frame ? WIRE_LOST : WIRE_CLOSED);
    memcpy(to, m->data, size);
    m->data += size;
    m->size -= size;
    return true;
}

/* Reads every byte that is sent, so that a sanitizer sees one that is not there. */
static bool memory_write(wire *w, struct iovec *parts, int count)
{
    memory *m = w->user;
    unsigned sum = 0;
    for (int i = 0; i < count; i++) {
        for (size_t k = 0; k < parts[i].iov_len; k++)
            sum += ((const uint8_t *)parts[i].iov_base)[k];
        m->written += parts[i].iov_len;
    }
    m->frames++;
    m->written += sum == 0xffffffffu;
    return true;
}

static inline wire wire_of_memory(memory *m)
{
    return (wire){.read = memory_read, .write = memory_write, .user = m, .fd = -1};
}

/* ---- frames for fuzzers ---- */

/* Bytes that begin with '#' are pieces of a conversation: u8 kind, u16 length and so many bytes of
   body, which get the header of a frame. Everything else is what the other end sends, as it is. */
static inline void put_frame(ork_str *out, uint8_t kind, const void *body, size_t size)
{
    ork_str_append(out, "ORKW", 4);
    wire_put_u32(out, kind);
    wire_put_u64(out, size);
    ork_str_append(out, body, size);
}

#endif
