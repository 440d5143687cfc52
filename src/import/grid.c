/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of pictures at places that are computed. Each sample is a weighted sum of pixels, which
   are gathered by their number. */
#include "build.h"

#include <string.h>

/* A picture laid out as rows of channels, one for each pixel, and where the samples lie. */
typedef struct sampler {
    ork_build *build;
    const ork_grid_sample *options;
    int64_t size[2];  /* height, width */
    ork_value *rows;  /* [N height width, C] */
    ork_value *first; /* number of the first pixel of each sample's picture: [N, 1, 1] */
    ork_shape places; /* [N, height out, width out] */
} sampler;

static ork_value *with_number(sampler *s, ork_op op, ork_value *x, double number)
{
    return x ? ork_build_add2(s->build, op, x, ork_build_scalar(s->build, x->type.dtype, number))
             : NULL;
}

static ork_value *function(sampler *s, ork_op op, ork_value *x)
{
    return ork_build_add1(s->build, op, NULL, x);
}

static ork_value *clipped(sampler *s, ork_value *x, double low, double high)
{
    ork_attrs attrs = {.clip.low = low, .clip.high = high};
    return ork_build_add1(s->build, ORK_OP_CLIP, &attrs, x);
}

/* Mirrored at `low` and `high` until it lies between them. */
static ork_value *reflected(sampler *s, ork_value *x, double low, double high)
{
    double span = high - low;
    if (span <= 0)
        return with_number(s, ORK_OP_MUL, x, 0);
    x = function(s, ORK_OP_ABS, with_number(s, ORK_OP_SUB, x, low));
    x = with_number(s, ORK_OP_REMAINDER, x, 2 * span);
    x = function(s, ORK_OP_ABS, with_number(s, ORK_OP_SUB, x, span)); /* span at both ends */
    x = function(s, ORK_OP_NEG, with_number(s, ORK_OP_SUB, x, span));
    return with_number(s, ORK_OP_ADD, x, low);
}

/* Where it is asked for beyond the edge, as it is told to be continued there. */
static ork_value *continued(sampler *s, ork_value *x, int axis)
{
    double last = (double)s->size[axis] - 1;
    bool corners = s->options->align_corners;
    if (s->options->padding == ORK_GRID_REFLECTION)
        x = reflected(s, x, corners ? 0 : -0.5, corners ? last : last + 0.5);
    return s->options->padding == ORK_GRID_ZEROS ? x : clipped(s, x, 0, last);
}

/* Pixels from -1 to 1. */
static ork_value *to_pixels(sampler *s, ork_value *grid, int axis)
{
    double size = (double)s->size[axis];
    ork_value *x = ork_build_slice(s->build, grid, 3, 1 - axis, 2 - axis, 1);
    x = ork_build_reshape(s->build, x, &s->places);
    x = with_number(s, ORK_OP_ADD, x, 1);
    x = with_number(s, ORK_OP_MUL, x, s->options->align_corners ? (size - 1) / 2 : size / 2);
    return s->options->align_corners ? x : with_number(s, ORK_OP_SUB, x, 0.5);
}

/* 1 where a pixel exists, else 0. */
static ork_value *is_inside(sampler *s, ork_value *x, int axis)
{
    ork_value *low = with_number(s, ORK_OP_GREATER_EQUAL, x, 0);
    ork_value *high = with_number(s, ORK_OP_LESS_EQUAL, x, (double)s->size[axis] - 1);
    return ork_build_cast(s->build, ork_build_add2(s->build, ORK_OP_LOGICAL_AND, low, high),
                          ORK_F32);
}

/* Whole numbers of pixels along both axes to [N, height, width, C], times their weights. */
static ork_value *pixels(sampler *s, ork_value *y, ork_value *x, ork_value *weight)
{
    ork_shape wide = s->places;
    wide.dim[wide.rank++] = 1;
    if (s->options->padding == ORK_GRID_ZEROS) {
        weight = ork_build_add2(s->build, ORK_OP_MUL, weight, is_inside(s, y, 0));
        weight = ork_build_add2(s->build, ORK_OP_MUL, weight, is_inside(s, x, 1));
    }
    y = ork_build_cast(s->build, clipped(s, y, 0, (double)s->size[0] - 1), ORK_I64);
    x = ork_build_cast(s->build, clipped(s, x, 0, (double)s->size[1] - 1), ORK_I64);
    ork_value *index = with_number(s, ORK_OP_MUL, y, (double)s->size[1]);
    index = ork_build_add2(s->build, ORK_OP_ADD, index, x);
    index = ork_build_add2(s->build, ORK_OP_ADD, index, s->first);
    ork_attrs attrs = {.gather.axis = 0};
    ork_value *inputs[] = {s->rows, index};
    ork_value *taken = ork_build_add(s->build, ORK_OP_GATHER, &attrs, inputs, 2);
    return ork_build_add2(s->build, ORK_OP_MUL, taken, ork_build_reshape(s->build, weight, &wide));
}

/* ---- weights of the pixels around a place ---- */

/* a ((x - 5) x + 8) x - 4 a of a distance from 1 to 2, or ((a + 2) x - a - 3) x^2 + 1 below: Keys,
   "Cubic convolution interpolation for digital image processing", 1981. */
static ork_value *cubic_weight(sampler *s, ork_value *x, bool far)
{
    const double a = -0.75;
    ork_value *y = with_number(s, ORK_OP_MUL, x, far ? a : a + 2);
    y = with_number(s, ORK_OP_SUB, y, far ? 5 * a : a + 3);
    y = ork_build_add2(s->build, ORK_OP_MUL, y, x);
    if (far)
        y = with_number(s, ORK_OP_ADD, y, 8 * a);
    y = ork_build_add2(s->build, ORK_OP_MUL, y, x);
    return with_number(s, ORK_OP_SUB, y, far ? 4 * a : -1);
}

/* Of pixel k: 0 is the one before the place, 1 the one behind it. `part` is how far the place lies
   behind pixel 0. */
static ork_value *weight_of(sampler *s, ork_value *part, int k)
{
    ork_value *distance = k <= 0 ? with_number(s, ORK_OP_SUB, part, k)
                                 : function(s, ORK_OP_NEG, with_number(s, ORK_OP_SUB, part, k));
    if (s->options->mode == ORK_GRID_CUBIC)
        return cubic_weight(s, distance, k < 0 || k > 1);
    return function(s, ORK_OP_NEG, with_number(s, ORK_OP_SUB, distance, 1));
}

static ork_value *around(sampler *s, ork_value *y, ork_value *x)
{
    bool cubic = s->options->mode == ORK_GRID_CUBIC;
    ork_value *at[2] = {y, x}, *whole[2], *part[2], *sum = NULL;
    for (int i = 0; i < 2; i++) {
        whole[i] = at[i] ? function(s, ORK_OP_FLOOR, at[i]) : NULL;
        part[i] = ork_build_add2(s->build, ORK_OP_SUB, at[i], whole[i]);
    }
    for (int v = cubic ? -1 : 0; v <= (cubic ? 2 : 1); v++)
        for (int h = cubic ? -1 : 0; h <= (cubic ? 2 : 1); h++) {
            ork_value *row = with_number(s, ORK_OP_ADD, whole[0], v);
            ork_value *column = with_number(s, ORK_OP_ADD, whole[1], h);
            if (cubic) { /* places near the edge look beyond it */
                row = row ? continued(s, row, 0) : NULL;
                column = column ? continued(s, column, 1) : NULL;
            }
            ork_value *weight = ork_build_add2(s->build, ORK_OP_MUL, weight_of(s, part[0], v),
                                               weight_of(s, part[1], h));
            ork_value *term = row && column ? pixels(s, row, column, weight) : NULL;
            sum = sum ? ork_build_add2(s->build, ORK_OP_ADD, sum, term) : term;
            if (!sum)
                return NULL;
        }
    return sum;
}

static ork_value *nearest(sampler *s, ork_value *y, ork_value *x)
{
    ork_value *one = ork_build_filled(s->build, ORK_F32, &s->places, 1);
    return y && x ? pixels(s, function(s, ORK_OP_ROUND, y), function(s, ORK_OP_ROUND, x), one)
                  : NULL;
}

/* ---- the whole ---- */

static bool start(sampler *s, ork_value *x, const ork_value *grid)
{
    static const int channels_last[] = {0, 2, 3, 1};
    const ork_shape shape = x->type.shape, *g = &grid->type.shape;
    if (shape.rank != 4 || g->rank != 4 || g->dim[0] != shape.dim[0] || g->dim[3] != 2 ||
        ork_shape_count(&shape) == 0)
        return ork_build_bad_shape(s->build, "a grid that does not fit its picture") != NULL;
    memcpy(s->size, shape.dim + 2, sizeof(s->size));
    s->places = ork_shape_of(3, g->dim);
    int64_t count = shape.dim[2] * shape.dim[3];
    ork_shape batch = ork_shape_of(3, (int64_t[]){shape.dim[0], 1, 1});
    void *data;
    s->first = ork_build_constant(s->build, ORK_I64, &batch, &data);
    for (int64_t i = 0; s->first && i < shape.dim[0]; i++)
        ((int64_t *)data)[i] = i * count;
    s->rows = ork_build_reshape_to(s->build, ork_build_transpose(s->build, x, channels_last), 2,
                                   (int64_t[]){shape.dim[0] * count, shape.dim[1]});
    return s->first && s->rows;
}

ork_value *ork_build_grid_sample(ork_build *build, ork_value *x, ork_value *grid,
                                 const ork_grid_sample *options)
{
    static const int channels_first[] = {0, 3, 1, 2};
    sampler s = {.build = build, .options = options};
    if (!x || !grid || !start(&s, x, grid))
        return NULL;
    ork_value *at[2];
    for (int i = 0; i < 2; i++) {
        at[i] = to_pixels(&s, grid, i);
        if (at[i] && options->mode != ORK_GRID_CUBIC)
            at[i] = continued(&s, at[i], i);
    }
    ork_value *y =
        options->mode == ORK_GRID_NEAREST ? nearest(&s, at[0], at[1]) : around(&s, at[0], at[1]);
    return y ? ork_build_transpose(build, y, channels_first) : NULL;
}
