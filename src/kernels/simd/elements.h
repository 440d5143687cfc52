/* SPDX-License-Identifier: Apache-2.0 */
/* Template: tables, and sums and products of tensors. What is not here goes to the reference. See
   bytes.h. */
#include "bytes.h"

#include <stdlib.h>

/* Short rows of bytes with gaps between them are brought together first: a few pixels fill a
   vector. So many bytes at once. */
enum { TOGETHER_BYTES = 2048, SHORT_ROW = 256 };

/* Rows that are done together: 0 where they are long, and at most `most`. */
static int64_t rows_together(int64_t length, int64_t most)
{
    return length > 0 && length < SHORT_ROW ? ork_min64(most, TOGETHER_BYTES / length) : 0;
}

/* `rows` rows without gaps: those of `from`, or copied to `buffer`. */
static const uint8_t *close_rows(const uint8_t *from, int64_t stride, int64_t rows, int64_t length,
                                 uint8_t *buffer)
{
    if (stride == length)
        return from;
    copy_pixels(false, buffer, length, from, stride, rows, length);
    return buffer;
}

void ISA(ork_table8)(const ork_table_map *map, const uint8_t *table, const uint8_t *in,
                     uint8_t *out, int64_t begin, int64_t end)
{
    uint8_t buffer[TOGETHER_BYTES];
    const bool gaps = map->in_stride != map->length || map->out_stride != map->length;
    if (!gaps) {
        look_up(table, in + begin * map->length, out + begin * map->length,
                map->length * (end - begin));
        return;
    }
    for (int64_t row = begin, rows; row < end; row += rows) {
        const uint8_t *from = in + row * map->in_stride;
        uint8_t *to = out + row * map->out_stride;
        rows = ork_max64(1, rows_together(map->length, end - row));
        if (rows == 1) {
            look_up(table, from, to, map->length);
            continue;
        }
        from = close_rows(from, map->in_stride, rows, map->length, buffer);
        look_up(table, from, buffer, rows * map->length);
        copy_pixels(false, to, map->out_stride, buffer, map->length, rows, map->length);
    }
}

static void sum_part_u8(const ork_binary *binary, const ork_requant *r,
                        const requant_lanes *constants, const uint8_t *a, const uint8_t *b,
                        uint8_t *out, int64_t count)
{
    enum { PART = 16 * LANES };
    for (int64_t i = 0; i < count; i += PART) {
        int32_t sums[PART] = {0};
        uint8_t bytes[PART];
        const int64_t part = ork_min64(PART, count - i);
        for (int64_t k = 0; k < part; k++)
            sums[k] = binary->a_weight * (a[i + k] - r->in_zero) +
                      binary->b_weight * (b[i + k] - r->in_zero) + binary->bias;
        requantize_bytes(r, constants, 2, sums, bytes, round_up(part, 2 * LANES));
        memcpy(out + i, bytes, (size_t)part);
    }
}

#if defined(HAS_QUICK_REQUANTIZE)
/* As many bytes as a vector has, `count` of which are stored. The sum of int16 products is exact:
   weights have 8 bits and a sign. */
ALWAYS_INLINE bool sum_vector_u8(const ork_binary *binary, const ork_requant *r,
                                 const requant_lanes *constants, ivec a, ivec b, uint8_t *out,
                                 int64_t count)
{
    const uint32_t zero = (uint32_t)(binary->a_weight + binary->b_weight) * (uint32_t)r->in_zero;
    const ivec bias = ivec_of((int32_t)((uint32_t)binary->bias - zero));
    const ivec weights =
        ivec_of((int32_t)((uint32_t)binary->b_weight << 16 | (binary->a_weight & 0xffff)));
    ivec sums[4], bytes;
    pair_bytes(a, b, sums);
    for (int v = 0; v < 4; v++)
        sums[v] = madd(bias, sums[v], weights);
    const bool good = requantize_rows(r, constants, sums, 1, 4, false, false, &bytes);
    if (good)
        store_bytes(bytes, 4, 1, out, 0, count);
    return good;
}

static void sum_row_u8(const ork_binary *binary, const ork_requant *r,
                       const requant_lanes *constants, const uint8_t *a, const uint8_t *b,
                       uint8_t *out, int64_t count)
{
    enum { BYTES = 4 * LANES };
    for (int64_t i = 0; i < count; i += BYTES) {
        const int64_t part = ork_min64(BYTES, count - i);
        if (!sum_vector_u8(binary, r, constants, load_part(a + i, part), load_part(b + i, part),
                           out + i, part))
            sum_part_u8(binary, r, constants, a + i, b + i, out + i, part);
    }
}
#else
    #define sum_row_u8 sum_part_u8
#endif

/* Products as the reference makes them: binary64, rounded half to even. */
static void product_exact_u8(const ork_binary *binary, const uint8_t *restrict a,
                             const uint8_t *restrict b, uint8_t *restrict out, int64_t count)
{
    const double a_step = ork_quant_step64(&binary->a_quant);
    const double b_step = ork_quant_step64(&binary->b_quant);
    const double out_step = ork_quant_step64(&binary->out_quant);
    const int32_t a_zero = binary->a_quant.zero_point, b_zero = binary->b_quant.zero_point;
    const double zero = binary->out_quant.zero_point;
    const double low = binary->clamp_min, high = binary->clamp_max;
    for (int64_t i = 0; i < count; i++) {
        double value = rint((a[i] - a_zero) * a_step * ((b[i] - b_zero) * b_step) / out_step);
        value += zero;
        value = value > low ? value : low;
        out[i] = (uint8_t)(int32_t)(value < high ? value : high);
    }
}

/* The same in floats, whose errors are less than the margin where results are not clamped; false
   when one is that near to a tie. */
static bool product_quick_u8(const ork_binary *binary, float factor, const uint8_t *restrict a,
                             const uint8_t *restrict b, uint8_t *restrict out, int64_t count)
{
    const float margin = 1e-4f, most = 600.0f;
    const int32_t a_zero = binary->a_quant.zero_point, b_zero = binary->b_quant.zero_point;
    const int32_t zero = binary->out_quant.zero_point;
    const int32_t low = binary->clamp_min, high = binary->clamp_max;
    int32_t doubtful = 0;
    for (int64_t i = 0; i < count; i++) {
        float value = (float)((a[i] - a_zero) * (b[i] - b_zero)) * factor;
        value = value > -most ? value : -most;
        value = value < most ? value : most;
        const float whole = rintf(value);
        doubtful |= fabsf(value - whole) > 0.5f - margin;
        int32_t q = (int32_t)whole + zero;
        q = q > low ? q : low;
        out[i] = (uint8_t)(q < high ? q : high);
    }
    return !doubtful;
}

static void product_row_u8(const ork_binary *binary, const uint8_t *a, const uint8_t *b,
                           uint8_t *out, int64_t count)
{
    enum { PART = 64 };
    const float factor =
        (float)(ork_quant_step64(&binary->a_quant) * ork_quant_step64(&binary->b_quant) /
                ork_quant_step64(&binary->out_quant));
    uint8_t made[PART];
    int64_t i = 0;
    for (; i + PART <= count; i += PART) {
        if (!product_quick_u8(binary, factor, a + i, b + i, made, PART))
            product_exact_u8(binary, a + i, b + i, made, PART);
        memcpy(out + i, made, PART);
    }
    if (i < count && !product_quick_u8(binary, factor, a + i, b + i, made, count - i))
        product_exact_u8(binary, a + i, b + i, made, count - i);
    memcpy(out + i, made, (size_t)(count - i));
    if (binary->table)
        look_up(binary->table, out, out, count);
}

static void bytes_row(const ork_binary *binary, const ork_requant *r,
                      const requant_lanes *constants, const uint8_t *a, const uint8_t *b,
                      uint8_t *out, int64_t count)
{
    if (binary->op == ORK_BINARY_MUL)
        product_row_u8(binary, a, b, out, count);
    else
        sum_row_u8(binary, r, constants, a, b, out, count);
}

/* Rows of u8 from offsets `at` on, as many as can be done together, at most `most`; returns how
   many. They lie along the last dimension but one. */
static int64_t bytes_rows(const ork_binary *binary, const ork_requant *r,
                          const requant_lanes *constants, const uint8_t *a, const uint8_t *b,
                          uint8_t *out, int64_t most)
{
    uint8_t buffers[3][TOGETHER_BYTES];
    const ork_loop *loop = &binary->loop;
    const int64_t count = loop->dim[loop->rank - 1], rows = rows_together(count, most);
    if (rows <= 1) {
        bytes_row(binary, r, constants, a, b, out, count);
        return 1;
    }
    const int along = loop->rank - 2;
    a = close_rows(a, loop->stride[1][along], rows, count, buffers[0]);
    b = close_rows(b, loop->stride[2][along], rows, count, buffers[1]);
    bytes_row(binary, r, constants, a, b, buffers[2], rows * count);
    copy_pixels(false, out, loop->stride[0][along], buffers[2], count, rows, count);
    return rows;
}

/* Offsets of a row; those of the row before are moved on where the dimension goes on. */
static inline void next_row(const ork_loop *loop, int64_t row, bool first,
                            int64_t at[ORK_LOOP_OPERANDS])
{
    const int along = loop->rank - 2;
    if (first || along < 0 || row % loop->dim[along] == 0)
        ork_loop_offsets(loop, row, at);
    else
        for (int k = 0; k < 3; k++)
            at[k] += loop->stride[k][along];
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

/* Of dynamic fixed points, whose steps are powers of two; as the reference does it, in binary64. */
#define DEFINE_FIXED(name, expression)                                                             \
    static void fixed_##name(const ork_binary *binary, const int16_t *restrict a,                  \
                             const int16_t *restrict b, int16_t *restrict out, int64_t count)      \
    {                                                                                              \
        const double a_step = ork_quant_step64(&binary->a_quant);                                  \
        const double b_step = ork_quant_step64(&binary->b_quant);                                  \
        const double factor = 1.0 / ork_quant_step64(&binary->out_quant);                          \
        const double low = binary->clamp_min, high = binary->clamp_max;                            \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const double x = a[i] * a_step, y = b[i] * b_step;                                     \
            double value = rint((expression)*factor);                                              \
            value = value > low ? value : low;                                                     \
            out[i] = (int16_t)(int32_t)(value < high ? value : high);                              \
        }                                                                                          \
    }
DEFINE_FIXED(add, x + y)
DEFINE_FIXED(sub, x - y)
DEFINE_FIXED(mul, (x)*y)

static void row_i16(const ork_binary *binary, const int16_t *a, const int16_t *b, int16_t *out,
                    int64_t count)
{
    if (binary->op == ORK_BINARY_ADD)
        fixed_add(binary, a, b, out, count);
    else if (binary->op == ORK_BINARY_SUB)
        fixed_sub(binary, a, b, out, count);
    else
        fixed_mul(binary, a, b, out, count);
}

static bool is_dfp16(const ork_quant *quant)
{
    return quant->scheme == ORK_SCHEME_DFP && abs(quant->fraction_length) < 200;
}

/* With a scale that no product or quotient of such ones makes infinite. */
static bool is_affine8(const ork_quant *quant)
{
    return quant->scheme == ORK_SCHEME_AFFINE && quant->scale > 1e-12f && quant->scale < 1e12f &&
           quant->zero_point >= 0 && quant->zero_point <= UINT8_MAX;
}

static bool binary_is_fast(const ork_binary *binary)
{
    const int last = binary->loop.rank - 1;
    for (int k = 0; k < 3; k++) {
        if (binary->loop.stride[k][last] != 1)
            return false;
    }
    const bool usual = binary->op == ORK_BINARY_ADD || binary->op == ORK_BINARY_SUB ||
                       binary->op == ORK_BINARY_MUL;
    if (binary->dtype == ORK_F32)
        return usual;
    if (binary->dtype == ORK_I16)
        return usual && is_dfp16(&binary->a_quant) && is_dfp16(&binary->b_quant) &&
               is_dfp16(&binary->out_quant);
    if (binary->op == ORK_BINARY_MUL)
        return binary->dtype == ORK_U8 && is_affine8(&binary->a_quant) &&
               is_affine8(&binary->b_quant) && is_affine8(&binary->out_quant);
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
    ork_requant r = binary->requant;
    r.clamp_min = binary->clamp_min;
    r.clamp_max = binary->clamp_max;
    r.table = binary->table;
    requant_lanes constants[2];
    for (int lane = 0; binary->dtype == ORK_U8 && lane < 2 * LANES; lane++)
        requant_set(&constants[lane / LANES], lane % LANES, &r, r.multiplier);
    int64_t at[ORK_LOOP_OPERANDS];
    const int64_t line = binary->loop.rank > 1 ? binary->loop.dim[binary->loop.rank - 2] : 1;
    for (int64_t row = begin; binary->dtype == ORK_U8 && row < end;) {
        ork_loop_offsets(&binary->loop, row, at);
        row += bytes_rows(binary, &r, constants, (const uint8_t *)a + at[1],
                          (const uint8_t *)b + at[2], (uint8_t *)out + at[0],
                          ork_min64(end - row, line - row % line));
    }
    for (int64_t row = begin; binary->dtype != ORK_U8 && row < end; row++) {
        next_row(&binary->loop, row, row == begin, at);
        if (binary->dtype == ORK_I16) {
            row_i16(binary, (const int16_t *)a + at[1], (const int16_t *)b + at[2],
                    (int16_t *)out + at[0], count);
            continue;
        }
        float *to = (float *)out + at[0];
        row_f32(binary->op, (const float *)a + at[1], (const float *)b + at[2], to, count);
        activate_row(&binary->activation, to, to, count);
    }
}
