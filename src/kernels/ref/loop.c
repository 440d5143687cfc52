/* SPDX-License-Identifier: Apache-2.0 */
/* Loops over several dimensions, and the operators that only move elements. */
#include "../internal.h"

#include <assert.h>

static bool one_run(const ork_loop *loop, int first)
{
    for (int k = 0; k < 3; k++) {
        if (loop->stride[k][first] != loop->stride[k][first + 1] * loop->dim[first + 1])
            return false;
    }
    return true;
}

static void remove_dim(ork_loop *loop, int at)
{
    loop->rank--;
    for (int i = at; i < loop->rank; i++) {
        loop->dim[i] = loop->dim[i + 1];
        for (int k = 0; k < 3; k++)
            loop->stride[k][i] = loop->stride[k][i + 1];
    }
}

void ork_loop_simplify(ork_loop *loop)
{
    for (int i = loop->rank - 1; i >= 0; i--) {
        if (loop->dim[i] == 1 && loop->rank > 1)
            remove_dim(loop, i);
    }
    for (int i = loop->rank - 2; i >= 0; i--) {
        if (one_run(loop, i)) {
            loop->dim[i + 1] *= loop->dim[i];
            remove_dim(loop, i);
        }
    }
}

int64_t ork_loop_rows(const ork_loop *loop)
{
    int64_t rows = 1;
    for (int i = 0; i + 1 < loop->rank; i++)
        rows *= loop->dim[i];
    return rows;
}

void ork_loop_offsets(const ork_loop *loop, int64_t row, int64_t offset[3])
{
    offset[0] = offset[1] = offset[2] = 0;
    for (int i = loop->rank - 2; i >= 0; i--) {
        int64_t index = row % loop->dim[i];
        row /= loop->dim[i];
        for (int k = 0; k < 3; k++)
            offset[k] += index * loop->stride[k][i];
    }
}

#define DEFINE_COPY(type)                                                                          \
    static void copy_##type(const char *in, int64_t in_stride, char *out, int64_t out_stride,      \
                            int64_t count)                                                         \
    {                                                                                              \
        const type *from = (const type *)(const void *)in;                                         \
        type *to = (type *)(void *)out;                                                            \
        for (int64_t i = 0; i < count; i++)                                                        \
            to[i * out_stride] = from[i * in_stride];                                              \
    }
DEFINE_COPY(uint8_t)
DEFINE_COPY(uint16_t)
DEFINE_COPY(uint32_t)
DEFINE_COPY(uint64_t)

/* Up to 16 bytes by two overlapping moves; a call of memcpy costs more than they do. */
static inline void copy_short(char *to, const char *from, int64_t bytes)
{
    const int64_t part = bytes >= 8 ? 8 : (bytes >= 4 ? 4 : (bytes >= 2 ? 2 : 1));
    char head[8], tail[8];
    if (part == 8) {
        memcpy(head, from, 8);
        memcpy(tail, from + bytes - 8, 8);
        memcpy(to, head, 8);
        memcpy(to + bytes - 8, tail, 8);
    } else if (part == 4) {
        memcpy(head, from, 4);
        memcpy(tail, from + bytes - 4, 4);
        memcpy(to, head, 4);
        memcpy(to + bytes - 4, tail, 4);
    } else if (part == 2) {
        memcpy(head, from, 2);
        memcpy(tail, from + bytes - 2, 2);
        memcpy(to, head, 2);
        memcpy(to + bytes - 2, tail, 2);
    } else if (bytes == 1) {
        *to = *from;
    }
}

/* `rows` rows of `count` elements; in_step and out_step bytes from one to the next. */
static void copy_rows(const ork_loop *loop, size_t size, const char *in, int64_t in_step, char *out,
                      int64_t out_step, int64_t rows)
{
    const int last = loop->rank - 1;
    const int64_t in_stride = loop->stride[1][last], out_stride = loop->stride[0][last];
    const int64_t count = loop->dim[last], bytes = count * (int64_t)size;
    for (; rows > 0; rows--, in += in_step, out += out_step) {
        if (in_stride == 1 && out_stride == 1 && bytes <= 16)
            copy_short(out, in, bytes);
        else if (in_stride == 1 && out_stride == 1)
            memcpy(out, in, (size_t)bytes);
        else if (size == 1)
            copy_uint8_t(in, in_stride, out, out_stride, count);
        else if (size == 2)
            copy_uint16_t(in, in_stride, out, out_stride, count);
        else if (size == 4)
            copy_uint32_t(in, in_stride, out, out_stride, count);
        else
            copy_uint64_t(in, in_stride, out, out_stride, count);
    }
}

void ork_copy_run(const ork_loop *loop, size_t size, const void *in, void *out, int64_t begin,
                  int64_t end)
{
    assert(size == 1 || size == 2 || size == 4 || size == 8);
    const int inner = loop->rank - 2; /* rows along it are a fixed step apart */
    const int64_t length = inner < 0 ? 1 : loop->dim[inner], bytes = (int64_t)size;
    for (int64_t row = begin; row < end;) {
        int64_t at[3];
        const int64_t rows = ork_min64(end - row, length - row % length);
        ork_loop_offsets(loop, row, at);
        copy_rows(loop, size, (const char *)in + at[1] * bytes,
                  inner < 0 ? 0 : loop->stride[1][inner] * bytes, (char *)out + at[0] * bytes,
                  inner < 0 ? 0 : loop->stride[0][inner] * bytes, rows);
        row += rows;
    }
}

static void fill(const ork_padding *p, char *out, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        memcpy(out + i * (int64_t)p->element_size, p->value, p->element_size);
}

/* Index of the input row behind an output row, or -1 when it is all padding. */
static int64_t source_row(const ork_padding *p, int64_t row)
{
    int64_t source = 0, step = 1;
    for (int i = p->rank - 2; i >= 0; i--) {
        int64_t at = row % p->out_dim[i] - p->before[i];
        row /= p->out_dim[i];
        if (at < 0 || at >= p->in_dim[i])
            return -1;
        source += at * step;
        step *= p->in_dim[i];
    }
    return source;
}

void ork_padding_run(const ork_padding *p, const void *in, void *out, int64_t begin, int64_t end)
{
    int last = p->rank - 1;
    int64_t size = (int64_t)p->element_size, length = p->out_dim[last], before = p->before[last];
    int64_t first = ork_min64(length, ork_max64(0, before));
    int64_t stop = ork_max64(first, ork_min64(length, before + p->in_dim[last]));
    for (int64_t row = begin; row < end; row++) {
        char *to = (char *)out + row * length * size;
        int64_t source = source_row(p, row);
        if (source < 0) {
            fill(p, to, length);
            continue;
        }
        fill(p, to, first);
        memcpy(to + first * size,
               (const char *)in + (source * p->in_dim[last] + first - before) * size,
               (size_t)((stop - first) * size));
        fill(p, to + stop * size, length - stop);
    }
}
