/* SPDX-License-Identifier: Apache-2.0 */
/* Template: tables, max pooling, and sums and products of tensors. What is not here goes to the
   reference. See bytes.h. */
#include "bytes.h"

void ISA(ork_table8)(const ork_table_map *map, const uint8_t *table, const uint8_t *in,
                     uint8_t *out, int64_t begin, int64_t end)
{
    const bool gaps = map->in_stride != map->length || map->out_stride != map->length;
    const int64_t rows = gaps ? end - begin : 1;
    const int64_t length = gaps ? map->length : map->length * (end - begin);
    in += begin * map->in_stride;
    out += begin * map->out_stride;
    for (int64_t row = 0; row < rows; row++)
        look_up(table, in + row * map->in_stride, out + row * map->out_stride, length);
}

#define DEFINE_MAX(name, type)                                                                     \
    static void max_##name(type *restrict best, const type *restrict from, int64_t count)          \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++)                                                        \
            best[i] = from[i] > best[i] ? from[i] : best[i];                                       \
    }
DEFINE_MAX(u8, uint8_t)
DEFINE_MAX(i8, int8_t)

/* Not a number stays. */
static void max_f32(float *restrict best, const float *restrict from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        best[i] = ((from[i] > best[i]) | (from[i] != from[i])) ? from[i] : best[i];
}

static void max_part(ork_dtype dtype, void *best, const void *from, int64_t count)
{
    if (dtype == ORK_F32)
        max_f32(best, from, count);
    else if (dtype == ORK_U8)
        max_u8(best, from, count);
    else
        max_i8(best, from, count);
}

static void max_pixel(const ork_pooling *p, const char *image, int64_t y, int64_t x, char *out)
{
    const int64_t size = p->dtype == ORK_F32 ? 4 : 1;
    int64_t ky, lines, kx, columns;
    taps_inside(y, p->kernel_h, p->dilation_h, p->in_h, &ky, &lines);
    taps_inside(x, p->kernel_w, p->dilation_w, p->in_w, &kx, &columns);
    if (lines == 0 || columns == 0) {
        for (int64_t c = 0; p->dtype == ORK_F32 && c < p->channels; c++)
            ((float *)(void *)out)[c] = -INFINITY;
        if (p->dtype != ORK_F32)
            memset(out, p->dtype == ORK_U8 ? 0 : 0x80, (size_t)p->channels);
    }
    for (int64_t i = 0; i < lines * columns; i++) {
        int64_t in_y = y + (ky + i / columns) * p->dilation_h;
        int64_t in_x = x + (kx + i % columns) * p->dilation_w;
        const char *from = image + (in_y * p->in_w + in_x) * p->in_stride * size;
        if (i == 0)
            memcpy(out, from, (size_t)(p->channels * size));
        else
            max_part(p->dtype, out, from, p->channels);
    }
    if (p->table && p->dtype != ORK_F32)
        look_up(p->table, (uint8_t *)out, (uint8_t *)out, p->channels);
}

void ISA(ork_pooling)(const ork_pooling *p, const void *in, void *out, int64_t begin, int64_t end)
{
    if (!p->is_max || p->dtype == ORK_I16) {
        ork_pooling_ref(p, in, out, begin, end);
        return;
    }
    const int64_t size = p->dtype == ORK_F32 ? 4 : 1;
    for (int64_t row = begin; row < end; row++) {
        const char *image =
            (const char *)in + row / p->out_h * p->in_h * p->in_w * p->in_stride * size;
        int64_t y = row % p->out_h * p->stride_h - p->pad_top;
        for (int64_t x = 0; x < p->out_w; x++)
            max_pixel(p, image, y, x * p->stride_w - p->pad_left,
                      (char *)out + (row * p->out_w + x) * p->out_stride * size);
    }
}

static void sum_row_u8(const ork_binary *binary, const requant_lanes *constants, const uint8_t *a,
                       const uint8_t *b, uint8_t *out, int64_t count)
{
    enum { PART = 16 * LANES };
    ork_requant r = binary->requant;
    r.clamp_min = binary->clamp_min;
    r.clamp_max = binary->clamp_max;
    r.table = NULL;
    for (int64_t i = 0; i < count; i += PART) {
        int32_t sums[PART] = {0};
        uint8_t bytes[PART];
        const int64_t part = ork_min64(PART, count - i);
        for (int64_t k = 0; k < part; k++)
            sums[k] = binary->a_weight * (a[i + k] - r.in_zero) +
                      binary->b_weight * (b[i + k] - r.in_zero) + binary->bias;
        requantize_bytes(&r, constants, 2, sums, bytes, round_up(part, 2 * LANES));
        memcpy(out + i, bytes, (size_t)part);
    }
}

static void row_f32(ork_binary_op op, const float *a, const float *b, float *out, int64_t count)
{
    if (op == ORK_BINARY_ADD)
        for (int64_t i = 0; i < count; i++)
            out[i] = a[i] + b[i];
    else if (op == ORK_BINARY_SUB)
        for (int64_t i = 0; i < count; i++)
            out[i] = a[i] - b[i];
    else
        for (int64_t i = 0; i < count; i++)
            out[i] = a[i] * b[i];
}

static bool binary_is_fast(const ork_binary *binary)
{
    const int last = binary->loop.rank - 1;
    for (int k = 0; k < 3; k++) {
        if (binary->loop.stride[k][last] != 1)
            return false;
    }
    if (binary->dtype == ORK_F32)
        return binary->op == ORK_BINARY_ADD || binary->op == ORK_BINARY_SUB ||
               binary->op == ORK_BINARY_MUL;
    return binary->dtype == ORK_U8 && ork_is_chip_sum(binary) &&
           requant_supported(&binary->requant);
}

void ISA(ork_binary)(const ork_binary *binary, const void *a, const void *b, void *out,
                     int64_t begin, int64_t end)
{
    if (!binary_is_fast(binary)) {
        ork_binary_ref(binary, a, b, out, begin, end);
        return;
    }
    const int64_t count = binary->loop.dim[binary->loop.rank - 1];
    requant_lanes constants[2];
    for (int lane = 0; binary->dtype == ORK_U8 && lane < 2 * LANES; lane++)
        requant_set(&constants[lane / LANES], lane % LANES, &binary->requant,
                    binary->requant.multiplier);
    for (int64_t row = begin; row < end; row++) {
        int64_t at[3];
        ork_loop_offsets(&binary->loop, row, at);
        if (binary->dtype == ORK_U8) {
            sum_row_u8(binary, constants, (const uint8_t *)a + at[1], (const uint8_t *)b + at[2],
                       (uint8_t *)out + at[0], count);
            continue;
        }
        float *to = (float *)out + at[0];
        row_f32(binary->op, (const float *)a + at[1], (const float *)b + at[2], to, count);
        activate_row(&binary->activation, to, to, count);
    }
}
