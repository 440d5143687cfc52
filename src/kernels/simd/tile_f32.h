/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the matrix product under the f32 convolutions. A tile is a few rows by one panel of 1
   to F32_VECTORS vectors of columns, with one register for each sum; wide tiles of few rows come
   nearest to the peak, because a number that all columns share costs a load of its own. See
   lanes.h; the set's file defines SUM_REGISTERS, those that a tile may fill: 12 or 24. */
#ifndef ORK_KERNELS_TILE_F32_H
#define ORK_KERNELS_TILE_F32_H

#include "lines.h"

enum { F32_VECTORS = SUM_REGISTERS / 6, F32_ROWS = 12 };

/* Most rows of a tile of panels of `vectors`. */
static inline int64_t f32_rows(int64_t vectors)
{
    return ork_min64(F32_ROWS, SUM_REGISTERS / vectors);
}

/* out = activation(bias + left right), row by row; `channels` of each row are stored. */
typedef struct f32_product {
    window_runs runs;          /* of a row of the left side */
    const float *right, *bias; /* [k][vectors LANES]; [vectors LANES] */
    const ork_activation *activation;
    int64_t channels;
} f32_product;

/* The activations that are bounds, which cost nothing beside storing; false for others. */
static inline bool f32_bounds(const ork_activation *f, float *low, float *high)
{
    *low = f->op == ORK_UNARY_CLIP ? f->alpha : f->op == ORK_UNARY_RELU ? 0.0f : -INFINITY;
    *high = f->op == ORK_UNARY_CLIP ? f->beta : INFINITY;
    return f->op == ORK_UNARY_IDENTITY || f->op == ORK_UNARY_RELU || f->op == ORK_UNARY_CLIP;
}

/* `channels` floats of vectors. */
ALWAYS_INLINE void f32_store(float *out, const vec *values, int vectors, int64_t channels)
{
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        if (channels >= (v + 1) * LANES)
            vec_store(out + v * LANES, values[v]);
        else if (channels > v * LANES)
            vec_store_part(out + v * LANES, values[v], channels - v * LANES);
    }
}

/* Activates a tile that is no longer in registers and stores it. */
ALWAYS_INLINE void f32_finish(const f32_product *p, float *tile, const int rows, const int vectors,
                              float *const *out)
{
    const bool is_silu =
        p->activation->op == ORK_UNARY_SILU; /* most networks of our kind have it */
    if (!is_silu)
        activate_vectors(p->activation, tile, rows * vectors * LANES);
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++, tile += LANES) {
            const int64_t channels = p->channels - v * LANES;
            const vec value = is_silu ? vec_silu(vec_load(tile)) : vec_load(tile);
            if (channels >= LANES)
                vec_store(out[r] + v * LANES, value);
            else if (channels > 0)
                vec_store_part(out[r] + v * LANES, value, channels);
        }
    }
}

/* Row r of the product stands at out[r]. */
ALWAYS_INLINE void f32_tile(const int rows, const int vectors, const f32_product *p,
                            const float *const *left, float *const *out)
{
    vec sum[F32_ROWS][F32_VECTORS];
    const float *right = p->right;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sum[r][v] = vec_load(p->bias + v * LANES);
    }
    for (int64_t run = 0; run < p->runs.lines * p->runs.columns; run++) {
        const int64_t offset =
            run / p->runs.columns * p->runs.line_step + run % p->runs.columns * p->runs.column_step;
        const float *row[F32_ROWS];
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
            row[r] = left[r] + offset;
        for (int64_t i = 0; i < p->runs.length; i++, right += vectors * LANES) {
            vec w[F32_VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                w[v] = vec_load(right + v * LANES);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                const vec x = vec_of(row[r][i]);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++)
                    sum[r][v] = vec_fma(sum[r][v], x, w[v]);
            }
        }
    }
    float low, high;
    if (f32_bounds(p->activation, &low, &high)) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[r][v] = vec_min(vec_of(high), vec_max(vec_of(low), sum[r][v]));
            f32_store(out[r], sum[r], vectors, p->channels);
        }
        return;
    }
    float tile[F32_ROWS * F32_VECTORS * LANES] __attribute__((aligned(64)));
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            vec_store(tile + (r * vectors + v) * LANES, sum[r][v]);
    }
    f32_finish(p, tile, rows, vectors, out);
}

typedef void f32_tile_fn(const f32_product *, const float *const *, float *const *);
#define F32_TILE(vectors, rows)                                                                    \
    static void f32_tile_##vectors##_##rows(const f32_product *p, const float *const *left,        \
                                            float *const *out)                                     \
    {                                                                                              \
        f32_tile(rows, vectors, p, left, out);                                                     \
    }
#define F32_NAME(vectors, rows) [vectors][rows] = f32_tile_##vectors##_##rows,
#define F32_TO_6(tile, vectors)                                                                    \
    tile(vectors, 1) tile(vectors, 2) tile(vectors, 3) tile(vectors, 4) tile(vectors, 5)           \
        tile(vectors, 6)
#define F32_TO_8(tile, vectors) F32_TO_6(tile, vectors) tile(vectors, 7) tile(vectors, 8)
#define F32_TO_12(tile, vectors)                                                                   \
    F32_TO_8(tile, vectors)                                                                        \
    tile(vectors, 9) tile(vectors, 10) tile(vectors, 11) tile(vectors, 12)
#if SUM_REGISTERS == 24
    #define F32_EACH(tile) F32_TO_12(tile, 1) F32_TO_12(tile, 2) F32_TO_8(tile, 3) F32_TO_6(tile, 4)
#else
    #define F32_EACH(tile) F32_TO_12(tile, 1) F32_TO_6(tile, 2)
#endif
F32_EACH(F32_TILE)
static f32_tile_fn *const f32_tiles[F32_VECTORS + 1][F32_ROWS + 1] = {F32_EACH(F32_NAME)};

#endif
