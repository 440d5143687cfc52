/* SPDX-License-Identifier: Apache-2.0 */
/* Template: pooling, all channels of a tap at once. Averages of i16, and maxima of it that change
   their scale, go to the reference. See bytes.h; a set with max_bytes(a, b) for unsigned ones
   defines HAS_MAX_BYTES. */
#include "bytes.h"

/* The taps of a window inside the picture: the first of them, and distances in elements. */
typedef struct pool_window {
    const char *first;
    int64_t lines, columns, line_step, column_step, divisor;
} pool_window;

static pool_window pool_window_of(const ork_pooling *p, const char *image, int64_t y, int64_t x)
{
    const int64_t size = (int64_t)ork_dtype_table[p->dtype].size;
    int64_t ky, kx;
    pool_window w = {.line_step = p->dilation_h * p->in_w * p->in_stride,
                     .column_step = p->dilation_w * p->in_stride};
    taps_inside(y, p->kernel_h, p->dilation_h, p->in_h, &ky, &w.lines);
    taps_inside(x, p->kernel_w, p->dilation_w, p->in_w, &kx, &w.columns);
    w.divisor = ork_average_divisor(p, y, x, w.lines * w.columns);
    y += ky * p->dilation_h;
    x += kx * p->dilation_w;
    w.first = image;
    if (w.lines > 0 && w.columns > 0)
        w.first += (y * p->in_w + x) * p->in_stride * size;
    return w;
}

#define DEFINE_MAX(name, type)                                                                     \
    static void max_##name(type *restrict best, const type *restrict from, int64_t count)          \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++)                                                        \
            best[i] = from[i] > best[i] ? from[i] : best[i];                                       \
    }
DEFINE_MAX(u8, uint8_t)
DEFINE_MAX(i8, int8_t)
DEFINE_MAX(i16, int16_t)

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
    else if (dtype == ORK_I8)
        max_i8(best, from, count);
    else
        max_i16(best, from, count);
}

#if defined(HAS_MAX_BYTES)
/* A vector of channels at a time, which stays in a register from tap to tap. */
static void max_taps_u8(const pool_window *w, int64_t channels, uint8_t *to)
{
    enum { BYTES = 4 * LANES };
    const uint8_t *first = (const uint8_t *)w->first;
    for (int64_t c = 0; c < channels; c += BYTES) {
        const int64_t part = ork_min64(BYTES, channels - c);
        ivec best = load_part(first + c, part);
        for (int64_t y = 0; y < w->lines; y++)
            for (int64_t x = 0; x < w->columns; x++)
                best = max_bytes(
                    best, load_part(first + c + y * w->line_step + x * w->column_step, part));
        if (part == BYTES)
            ivec_store_bytes(to + c, best);
        else
            memcpy(to + c, &best, (size_t)part);
    }
}
#endif

/* The maximum of nothing. */
static void max_of_none(const ork_pooling *p, void *out)
{
    for (int64_t c = 0; c < p->channels; c++) {
        if (p->dtype == ORK_F32)
            ((float *)out)[c] = -INFINITY;
        else
            ork_store_int(p->dtype, out, c, (int32_t)ork_dtype_table[p->dtype].min);
    }
}

static void max_pixel(const ork_pooling *p, const pool_window *w, char *out)
{
    const int64_t size = (int64_t)ork_dtype_table[p->dtype].size;
    int64_t taps = w->lines * w->columns;
    if (taps == 0)
        max_of_none(p, out);
#if defined(HAS_MAX_BYTES)
    if (taps > 0 && p->dtype == ORK_U8) {
        max_taps_u8(w, p->channels, (uint8_t *)out);
        taps = 0;
    }
#endif
    for (int64_t i = 0; i < taps; i++) {
        const char *from =
            w->first + (i / w->columns * w->line_step + i % w->columns * w->column_step) * size;
        if (i == 0)
            memcpy(out, from, (size_t)(p->channels * size));
        else
            max_part(p->dtype, out, from, p->channels);
    }
    if (p->table && size == 1)
        look_up(p->table, (uint8_t *)out, (uint8_t *)out, p->channels);
}

enum { POOL_PART = 8 * LANES }; /* channels summed at a time */

#define DEFINE_SUM(name, type, sum_type)                                                           \
    static void sum_##name(const pool_window *w, int64_t first, int64_t count, sum_type *sums)     \
    {                                                                                              \
        for (int64_t i = 0; i < w->lines; i++) {                                                   \
            for (int64_t k = 0; k < w->columns; k++) {                                             \
                const type *from = (const type *)(const void *)w->first + first +                  \
                                   i * w->line_step + k * w->column_step;                          \
                for (int64_t c = 0; c < count; c++) {                                              \
                    const sum_type more = (sum_type)from[c];                                       \
                    sums[c] += more;                                                               \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
DEFINE_SUM(u8, uint8_t, uint32_t)
DEFINE_SUM(i8, int8_t, uint32_t)
DEFINE_SUM(f32, float, double)

/* In binary64, as the reference does: the same bits. */
static void average_pixel_f32(const ork_pooling *p, const pool_window *w, float *out)
{
    for (int64_t c = 0; c < p->channels; c += POOL_PART) {
        const int64_t count = ork_min64(POOL_PART, p->channels - c);
        double sums[POOL_PART] = {0};
        sum_f32(w, c, count, sums);
        for (int64_t i = 0; i < count; i++)
            out[c + i] = (float)(sums[i] / (double)w->divisor);
    }
}

/* Sums of 8-bit types wrap at 32 bits, as those of a convolution. */
static void average_pixel_bytes(const ork_pooling *p, const requant_lanes *constants,
                                uint32_t weight, const pool_window *w, uint8_t *out)
{
    const uint32_t zero = (uint32_t)(w->lines * w->columns) * (uint32_t)p->requant.in_zero;
    ork_requant r = p->requant;
    r.table = NULL;
    for (int64_t c = 0; c < p->channels; c += POOL_PART) {
        const int64_t count = ork_min64(POOL_PART, p->channels - c);
        uint32_t sums[POOL_PART] = {0};
        uint8_t bytes[POOL_PART];
        if (p->dtype == ORK_U8)
            sum_u8(w, c, count, sums);
        else
            sum_i8(w, c, count, sums);
        for (int i = 0; i < POOL_PART; i++)
            sums[i] = (sums[i] - zero) * weight;
        requantize_bytes(&r, constants, 2, (const int32_t *)sums, bytes,
                         round_up(count, 2 * LANES));
        memcpy(out + c, bytes, (size_t)count);
    }
}

static bool pooling_is_fast(const ork_pooling *p)
{
    if (p->dtype == ORK_I16)
        return p->is_max && (p->in_quant.scheme != ORK_SCHEME_DFP ||
                             p->in_quant.fraction_length == p->out_quant.fraction_length);
    return p->is_max || p->dtype == ORK_F32 || requant_supported(&p->requant);
}

void ISA(ork_pooling)(const ork_pooling *p, const void *in, void *out, int64_t begin, int64_t end)
{
    if (!pooling_is_fast(p)) {
        ork_pooling_ref(p, in, out, begin, end);
        return;
    }
    const int64_t size = (int64_t)ork_dtype_table[p->dtype].size;
    const bool bytes = !p->is_max && p->dtype != ORK_F32;
    requant_lanes constants[2];
    int32_t fraction, weight = 0;
    if (bytes)
        weight = ork_average_weight(p->requant.rule,
                                    p->divisor ? p->divisor : p->kernel_h * p->kernel_w, &fraction);
    for (int lane = 0; bytes && lane < 2 * LANES; lane++)
        requant_set(&constants[lane / LANES], lane % LANES, &p->requant, p->requant.multiplier);
    for (int64_t row = begin; row < end; row++) {
        const char *image =
            (const char *)in + row / p->out_h * p->in_h * p->in_w * p->in_stride * size;
        const int64_t y = row % p->out_h * p->stride_h - p->pad_top;
        for (int64_t x = 0; x < p->out_w; x++) {
            const pool_window w = pool_window_of(p, image, y, x * p->stride_w - p->pad_left);
            char *to = (char *)out + (row * p->out_w + x) * p->out_stride * size;
            if (p->is_max)
                max_pixel(p, &w, to);
            else if (bytes)
                average_pixel_bytes(p, constants, (uint32_t)weight, &w, (uint8_t *)to);
            else
                average_pixel_f32(p, &w, (float *)(void *)to);
        }
    }
}
