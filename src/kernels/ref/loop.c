/* SPDX-License-Identifier: Apache-2.0 */
/* Loops over several dimensions, and the operators that only move elements. */
#include "../internal.h"

#include <assert.h>

static bool one_run(const ork_loop *loop, int first)
{
    for (int k = 0; k < ORK_LOOP_OPERANDS; k++) {
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
        for (int k = 0; k < ORK_LOOP_OPERANDS; k++)
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

void ork_loop_offsets(const ork_loop *loop, int64_t row, int64_t offset[ORK_LOOP_OPERANDS])
{
    memset(offset, 0, ORK_LOOP_OPERANDS * sizeof(*offset));
    for (int i = loop->rank - 2; i >= 0; i--) {
        int64_t index = row % loop->dim[i];
        row /= loop->dim[i];
        for (int k = 0; k < ORK_LOOP_OPERANDS; k++)
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

static void copy_row(size_t size, const char *in, int64_t in_stride, char *out, int64_t out_stride,
                     int64_t count)
{
    if (in_stride == 1 && out_stride == 1)
        memcpy(out, in, (size_t)count * size);
    else if (size == 1)
        copy_uint8_t(in, in_stride, out, out_stride, count);
    else if (size == 2)
        copy_uint16_t(in, in_stride, out, out_stride, count);
    else if (size == 4)
        copy_uint32_t(in, in_stride, out, out_stride, count);
    else
        copy_uint64_t(in, in_stride, out, out_stride, count);
}

void ork_copy_run(const ork_loop *loop, size_t size, const void *in, void *out, int64_t begin,
                  int64_t end)
{
    assert(size == 1 || size == 2 || size == 4 || size == 8);
    int last = loop->rank - 1;
    for (int64_t row = begin; row < end; row++) {
        int64_t at[ORK_LOOP_OPERANDS];
        ork_loop_offsets(loop, row, at);
        copy_row(size, (const char *)in + at[1] * (int64_t)size, loop->stride[1][last],
                 (char *)out + at[0] * (int64_t)size, loop->stride[0][last], loop->dim[last]);
    }
}
