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

/* Exchanges the parts of two words that the mask and a shift name. */
static inline void exchange(uint64_t *a, uint64_t *b, int shift, uint64_t mask)
{
    const uint64_t both = ((*a >> shift) ^ *b) & mask;
    *b ^= both;
    *a ^= both << shift;
}

/* Byte k of word j becomes byte j of word k: blocks of 4, of 2, of 1 change their places. */
static inline void transpose_block(uint64_t word[8])
{
    for (int i = 0; i < 4; i++)
        exchange(&word[i], &word[i + 4], 32, 0x00000000ffffffff);
    for (int i = 0; i < 8; i += i & 1 ? 3 : 1)
        exchange(&word[i], &word[i + 2], 16, 0x0000ffff0000ffff);
    for (int i = 0; i < 8; i += 2)
        exchange(&word[i], &word[i + 1], 8, 0x00ff00ff00ff00ff);
}

/* Rows of bytes whose elements lie far apart in the input, but next to those of the next row: eight
   of eight at a time. What is left over in a row's end is not done; returns the first of that. */
static int64_t transpose_bytes(const char *in, int64_t in_stride, char *out, int64_t out_step,
                               int64_t count)
{
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t word[8];
        for (int j = 0; j < 8; j++)
            memcpy(&word[j], in + (i + j) * in_stride, 8);
        transpose_block(word);
        for (int j = 0; j < 8; j++)
            memcpy(out + j * out_step + i, &word[j], 8);
    }
    return i;
}

/* `rows` rows of `count` elements; in_step and out_step bytes from one to the next. */
static void copy_rows(const ork_loop *loop, size_t size, const char *in, int64_t in_step, char *out,
                      int64_t out_step, int64_t rows)
{
    const int last = loop->rank - 1;
    const int64_t in_stride = loop->stride[1][last], out_stride = loop->stride[0][last];
    const int64_t count = loop->dim[last], bytes = count * (int64_t)size;
    for (; size == 1 && in_step == 1 && out_stride == 1 && rows >= 8; rows -= 8, in += 8) {
        const int64_t done = transpose_bytes(in, in_stride, out, out_step, count);
        for (int j = 0; j < 8; j++, out += out_step)
            copy_uint8_t(in + j + done * in_stride, in_stride, out + done, 1, count - done);
    }
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
        int64_t at[ORK_LOOP_OPERANDS];
        const int64_t rows = ork_min64(end - row, length - row % length);
        ork_loop_offsets(loop, row, at);
        copy_rows(loop, size, (const char *)in + at[1] * bytes,
                  inner < 0 ? 0 : loop->stride[1][inner] * bytes, (char *)out + at[0] * bytes,
                  inner < 0 ? 0 : loop->stride[0][inner] * bytes, rows);
        row += rows;
    }
}
