/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense convolution of i16 (dfp) as a matrix product of windows (lines.h) and weights,
   with sums as exact as in 64 bits. A weight is 256 times a high part and a low part, both of -128
   to 128, so that products of either can be summed in 32 bits for I16_PAIRS pairs of taps; then
   both sums become one in binary64, which holds any sum that is below 2^53. Larger ones are done in
   64-bit integers. Packed: a flag, then for each group and panel its biases as int64 and as double,
   then weights [pair][high, low][panel][2]. See lanes.h. */
#ifndef ORK_KERNELS_DENSE_I16_H
#define ORK_KERNELS_DENSE_I16_H

#include "bytes.h"
#include "lines.h"

enum {
    I16_VECTORS = SUM_REGISTERS / 12,
    I16_ROWS = 12,
    I16_PAIRS = 254,
    I16_STRIP = 131072, /* elements; see dense_f32.h */
    I16_FLAG_BYTES = 64,
    I16_BIAS_BYTES = 16,  /* of a channel */
    I16_MOST_SHIFT = 500, /* either way */
};

static const int64_t I16_LARGE = (int64_t)1 << 51;

/* Most rows of a tile of panels of `vectors`. */
static inline int64_t i16_rows(int64_t vectors)
{
    return ork_min64(I16_ROWS, SUM_REGISTERS / 2 / vectors);
}

typedef struct i16_layout {
    int64_t pairs, group_in, group_out;
    panels panels; /* of a group */
    line_layout lines;
    size_t vector_bytes; /* of a panel's vector: its biases and weights */
    size_t bytes;        /* 0: too large */
} i16_layout;

static i16_layout i16_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    i16_layout l = {.group_in = s->in_c / s->groups, .group_out = s->out_c / s->groups};
    l.panels = panels_of(l.group_out, I16_VECTORS);
    l.lines = line_layout_of(s, 2, I16_STRIP, l.panels.count > 1);
    l.pairs = s->kernel_h * s->kernel_w * l.lines.depth / 2;
    l.vector_bytes = ork_size_product(LANES * 8, l.pairs + I16_BIAS_BYTES / 8, 1, 1);
    const size_t all = ork_size_product(l.vector_bytes, l.panels.vectors, s->groups, 1);
    l.bytes = all ? all + I16_FLAG_BYTES : 0;
    return l;
}

bool ISA(ork_i16_dense_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    return conv->requant.in_zero == 0 && conv->requant.weight_zero == 0 &&
           !conv->requant.weight_zeros && (s->groups == 1 || s->out_c / s->groups * 2 >= LANES);
}

size_t ISA(ork_i16_dense_packed_bytes)(const ork_conv *conv)
{
    return i16_layout_of(conv).bytes;
}

/* The weight of tap-and-channel k, whose channels are padded; 0 where there is none. */
static int16_t i16_weight(const ork_conv *conv, const i16_layout *l, int64_t group, int64_t o,
                          int64_t k)
{
    const int64_t tap = k / l->lines.depth, channel = k % l->lines.depth;
    if (o >= l->group_out || channel >= l->group_in)
        return 0;
    return centred_weight(conv, group * l->group_out + o, tap * l->group_in + channel);
}

static inline void i16_split(int16_t weight, int16_t *high, int16_t *low)
{
    *low = (int8_t)(uint8_t)((uint16_t)weight & 0xff);
    *high = (int16_t)((weight - *low) / 256);
}

/* Whether a double can scale sums as the rule does. */
static inline bool i16_scales(const ork_requant *r)
{
    return r->rule == ORK_RULE_DFP && r->out_zero == 0 && r->shift < I16_MOST_SHIFT &&
           r->shift > -I16_MOST_SHIFT;
}

/* The weights of one pair of taps for LANES channels. */
static void i16_pack_pair(const ork_conv *conv, const i16_layout *l, int64_t group, int64_t first,
                          int64_t pair, int16_t *high, int16_t *low)
{
    for (int lane = 0; lane < LANES; lane++) {
        for (int odd = 0; odd < 2; odd++) {
            const int16_t weight = i16_weight(conv, l, group, first + lane, 2 * pair + odd);
            const int at = madd_slot(lane, odd);
            i16_split(weight, &high[at], &low[at]);
        }
    }
}

/* Whether all sums, the bias included, are below 2^53. */
static bool i16_pack_biases(const ork_conv *conv, const i16_layout *l, int64_t group, int64_t first,
                            int64_t width, char *to)
{
    bool small = l->pairs < I16_LARGE >> 31;
    int64_t *whole = (int64_t *)(void *)to;
    double *real = (double *)(void *)(to + width * 8);
    for (int64_t i = 0; i < width; i++) {
        const bool inside = conv->bias && first + i < l->group_out;
        whole[i] = inside ? ((const int64_t *)conv->bias)[group * l->group_out + first + i] : 0;
        real[i] = (double)whole[i];
        small = small && whole[i] > -I16_LARGE && whole[i] < I16_LARGE;
    }
    return small;
}

void ISA(ork_i16_dense_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const i16_layout l = i16_layout_of(conv);
    char *to = (char *)packed + I16_FLAG_BYTES;
    bool small = true;
    for (int64_t i = 0; i < s->groups * l.panels.count; i++) {
        const int64_t group = i / l.panels.count, panel = i % l.panels.count;
        const int64_t first = panel_begin(&l.panels, panel) * LANES;
        const int64_t width = panel_vectors(&l.panels, panel) * LANES;
        small = i16_pack_biases(conv, &l, group, first, width, to) && small;
        int16_t *weights = (int16_t *)(void *)(to + width * I16_BIAS_BYTES);
        for (int64_t pair = 0; pair < l.pairs; pair++, weights += 4 * width)
            for (int64_t o = 0; o < width; o += LANES)
                i16_pack_pair(conv, &l, group, first + o, pair, weights + 2 * o,
                              weights + 2 * width + 2 * o);
        to += l.vector_bytes * (size_t)(width / LANES);
    }
    *(int32_t *)packed = small && i16_scales(&conv->requant);
}

size_t ISA(ork_i16_dense_scratch_bytes)(const ork_conv *conv)
{
    const i16_layout l = i16_layout_of(conv);
    return line_scratch_bytes(&l.lines, sizeof(int16_t));
}

/* ---- sums to outputs ---- */

/* Sums of `count` channels from `channel` on. */
static void requantize_i16(const ork_requant *r, int64_t channel, const int64_t *sums, int16_t *out,
                           int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (int16_t)ork_requant_one(r, ork_requant_multiplier(r, channel + i), sums[i]);
}

/* The same of sums that a double holds, scaled already: adding 1.5 2^52 rounds to a whole number,
   half to even, which then stands in the lowest bits. */
ALWAYS_INLINE int16_t round_i16(const ork_requant *r, double scaled)
{
    const double low = r->clamp_min, high = r->clamp_max;
    int64_t bits;
    scaled = scaled < low ? low : scaled;
    scaled = (scaled > high ? high : scaled) + 6755399441055744.0;
    memcpy(&bits, &scaled, sizeof(bits));
    return (int16_t)(uint16_t)((uint64_t)bits & 0xffff);
}

/* What a panel's sums need at the end. */
typedef struct i16_product {
    const ork_requant *requant;
    window_runs runs;
    const int64_t *bias;
    const double *real_bias;
    const int16_t *weights;
    int64_t first, channels; /* the panel's first channel, and how many are stored */
    double scale;            /* 2^-shift */
    bool small;              /* doubles hold the sums */
} i16_product;

static inline i16_product i16_product_of(const ork_conv *conv, bool small)
{
    return (i16_product){.requant = &conv->requant,
                         .small = small,
                         .scale = small ? ldexp(1.0, -conv->requant.shift) : 0};
}

typedef struct i16_sums {
    int32_t high[I16_ROWS * I16_VECTORS * LANES], low[I16_ROWS * I16_VECTORS * LANES];
} i16_sums;

ALWAYS_INLINE int16_t i16_round(const i16_product *p, int32_t high, int32_t low, double bias)
{
    return round_i16(p->requant, high * (256 * p->scale) + (low * p->scale + bias * p->scale));
}

/* One pixel's channels. */
ALWAYS_INLINE void i16_finish(const i16_product *p, const int32_t *high, const int32_t *low,
                              const int width, int16_t *out)
{
    int16_t done[I16_VECTORS * LANES];
    for (int i = 0; i < width; i++)
        done[i] = i16_round(p, high[i], low[i], p->real_bias[i]);
    if (p->channels >= width)
        memcpy(out, done, (size_t)width * sizeof(*out));
    else
        memcpy(out, done, (size_t)p->channels * sizeof(*out));
}

/* Sums of all parts but the last, for products of many taps or sums that no double holds. */
static void i16_add(const i16_sums *sums, int64_t *totals, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        totals[i] = (int64_t)((uint64_t)totals[i] + (uint64_t)((int64_t)sums->high[i] * 256) +
                              (uint64_t)(int64_t)sums->low[i]);
}

static void i16_finish_totals(const i16_product *p, const int64_t *totals, int width, int rows,
                              int16_t *const *out)
{
    int16_t done[I16_VECTORS * LANES];
    for (int r = 0; r < rows; r++, totals += width) {
        if (p->small)
            for (int i = 0; i < width; i++)
                done[i] = round_i16(p->requant, (double)totals[i] * p->scale);
        else
            requantize_i16(p->requant, p->first, totals, done, ork_min64(width, p->channels));
        memcpy(out[r], done, (size_t)ork_min64(width, p->channels) * sizeof(**out));
    }
}

/* ---- the product ---- */

/* Where a product stands in the runs of its windows. */
typedef struct i16_place {
    int64_t run, at; /* `at` pairs into the run */
    const int16_t *weights;
} i16_place;

/* Adds up to I16_PAIRS pairs from `place` on. */
ALWAYS_INLINE void i16_part(const int rows, const int vectors, const i16_product *p,
                            const int16_t *const *left, i16_place *place, i16_sums *sums)
{
    ivec high[I16_ROWS][I16_VECTORS], low[I16_ROWS][I16_VECTORS];
    const int64_t length = p->runs.length / 2, runs = p->runs.lines * p->runs.columns;
    const int16_t *weights = place->weights;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            high[r][v] = low[r][v] = ivec_of(0);
    }
    for (int64_t room = I16_PAIRS; room > 0 && place->run < runs;) {
        const int64_t count = ork_min64(room, length - place->at);
        const int64_t offset = place->run / p->runs.columns * p->runs.line_step +
                               place->run % p->runs.columns * p->runs.column_step + 2 * place->at;
        const int16_t *row[I16_ROWS];
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
            row[r] = left[r] + offset;
        for (int64_t i = 0; i < count; i++, weights += 4 * vectors * LANES) {
            ivec w[2][I16_VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < 2 * vectors; v++)
                w[v / vectors][v % vectors] =
                    ivec_load((const int32_t *)(const void *)(weights + 2 * v * LANES));
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                const ivec x = ivec_of(load_word(row[r] + 2 * i));
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) {
                    high[r][v] = madd(high[r][v], x, w[0][v]);
                    low[r][v] = madd(low[r][v], x, w[1][v]);
                }
            }
        }
        room -= count;
        place->at += count;
        if (place->at == length) {
            place->at = 0;
            place->run++;
        }
    }
    place->weights = weights;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            ivec_store(sums->high + (r * vectors + v) * LANES, high[r][v]);
            ivec_store(sums->low + (r * vectors + v) * LANES, low[r][v]);
        }
    }
}

ALWAYS_INLINE void i16_tile(const int rows, const int vectors, const i16_product *p,
                            const int16_t *const *left, int16_t *const *out)
{
    const int width = vectors * LANES;
    const int64_t pairs = p->runs.lines * p->runs.columns * p->runs.length / 2;
    i16_place place = {.weights = p->weights};
    i16_sums sums;
    i16_part(rows, vectors, p, left, &place, &sums);
    if (pairs <= I16_PAIRS && p->small) {
        for (int r = 0; r < rows; r++)
            i16_finish(p, sums.high + r * width, sums.low + r * width, width, out[r]);
        return;
    }
    int64_t totals[I16_ROWS * I16_VECTORS * LANES];
    for (int i = 0; i < rows * width; i++)
        totals[i] = p->bias[i % width];
    i16_add(&sums, totals, rows * width);
    for (int64_t done = I16_PAIRS; done < pairs; done += I16_PAIRS) {
        i16_part(rows, vectors, p, left, &place, &sums);
        i16_add(&sums, totals, rows * width);
    }
    i16_finish_totals(p, totals, width, rows, out);
}

typedef void i16_tile_fn(const i16_product *, const int16_t *const *, int16_t *const *);
#define I16_TILE(vectors, rows)                                                                    \
    static void i16_tile_##vectors##_##rows(const i16_product *p, const int16_t *const *left,      \
                                            int16_t *const *out)                                   \
    {                                                                                              \
        i16_tile(rows, vectors, p, left, out);                                                     \
    }
#define I16_NAME(vectors, rows) [vectors][rows] = i16_tile_##vectors##_##rows,
#define I16_TO_6(tile, vectors)                                                                    \
    tile(vectors, 1) tile(vectors, 2) tile(vectors, 3) tile(vectors, 4) tile(vectors, 5)           \
        tile(vectors, 6)
#define I16_TO_12(tile, vectors)                                                                   \
    I16_TO_6(tile, vectors)                                                                        \
    tile(vectors, 7) tile(vectors, 8) tile(vectors, 9) tile(vectors, 10) tile(vectors, 11)         \
        tile(vectors, 12)
#if SUM_REGISTERS == 24
    #define I16_EACH(tile) I16_TO_12(tile, 1) I16_TO_6(tile, 2)
#else
    #define I16_EACH(tile) I16_TO_6(tile, 1)
#endif
I16_EACH(I16_TILE)
static i16_tile_fn *const i16_tiles[I16_VECTORS + 1][I16_ROWS + 1] = {I16_EACH(I16_NAME)};

/* All panels of one group for output rows of one image, whose windows begin in `in`. */
static void rows_i16(const ork_conv *conv, const i16_layout *l, int64_t group, const char *packed,
                     bool small, const int16_t *in, int64_t rows, int16_t *out)
{
    const ork_conv_shape *s = &conv->shape;
    i16_product p = i16_product_of(conv, small);
    p.runs = l->lines.runs;
    for (int64_t panel = 0; panel < l->panels.count; panel++) {
        const int64_t first = panel_begin(&l->panels, panel) * LANES;
        const int64_t vectors = panel_vectors(&l->panels, panel), width = vectors * LANES;
        p.bias = (const int64_t *)(const void *)packed;
        p.real_bias = (const double *)(const void *)(packed + width * 8);
        p.weights = (const int16_t *)(const void *)(packed + width * I16_BIAS_BYTES);
        p.first = group * l->group_out + first;
        p.channels = l->group_out - first;
        window_walk walk = window_walk_of(s, &l->lines);
        int16_t *to = out + first;
        for (int64_t rest = rows * s->out_w, taken; rest > 0; rest -= taken) {
            const int16_t *left[I16_ROWS];
            int16_t *right[I16_ROWS];
            taken = next_rows(i16_rows(vectors), rest);
            for (int64_t r = 0; r < taken; r++, to += s->out_stride) {
                left[r] = in + window_walk_next(&walk);
                right[r] = to;
            }
            i16_tiles[vectors][taken](&p, left, right);
        }
        packed += l->vector_bytes * (size_t)vectors;
    }
}

void ISA(ork_i16_dense_run)(const ork_conv *conv, const void *packed, const void *in_data,
                            void *out_data, int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const i16_layout l = i16_layout_of(conv);
    const bool small = *(const int32_t *)packed;
    const size_t group_bytes = l.vector_bytes * (size_t)l.panels.vectors;
    int64_t rows;
    for (int64_t row = begin; row < end; row += rows) {
        const int64_t y = row % s->out_h;
        rows = ork_min64(l.lines.rows, ork_min64(end - row, s->out_h - y));
        for (int64_t group = 0; group < s->groups; group++) {
            const int16_t *image = (const int16_t *)in_data +
                                   row / s->out_h * s->in_h * s->in_w * s->in_stride +
                                   group * l.group_in;
            const int16_t *in = image + y * s->stride_h * s->in_w * s->in_stride;
            if (!l.lines.in_place) {
                copy_lines(s, &l.lines, sizeof(*in), (const char *)image, y, rows, scratch);
                in = scratch;
            }
            rows_i16(conv, &l, group,
                     (const char *)packed + I16_FLAG_BYTES + (size_t)group * group_bytes, small, in,
                     rows,
                     (int16_t *)out_data + row * s->out_w * s->out_stride + group * l.group_out);
        }
    }
}

#endif
