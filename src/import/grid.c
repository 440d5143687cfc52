/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling of a tensor at computed coordinates, as torch's grid_sample and ONNX' GridSample do it:
   Jaderberg et al. 2015, "Spatial Transformer Networks". */
#include "build.h"

enum { MOST_AXES = 3, MOST_TAPS = 4 };

/* One spatial axis. */
typedef struct axis {
    int64_t size;
    ork_value *at[MOST_TAPS];     /* where each tap is, whole numbers as floats */
    ork_value *weight[MOST_TAPS]; /* NULL: 1 */
} axis;

typedef struct sampling {
    ork_build *build;
    const ork_grid *grid;
    int axes, taps; /* taps along each axis */
    axis axis[MOST_AXES];
} sampling;

static ork_value *with_number(sampling *s, ork_op op, ork_value *x, double number)
{
    return ork_build_add2(s->build, op, x, ork_build_scalar(s->build, ORK_F32, number));
}

static ork_value *clipped(sampling *s, ork_value *x, double low, double high)
{
    ork_attrs attrs = {.clip.low = low, .clip.high = high};
    return ork_build_add1(s->build, ORK_OP_CLIP, &attrs, x);
}

/* Back and forth between the ends: pixel centres, or the borders of the outer pixels. */
static ork_value *reflected(sampling *s, ork_value *x, int64_t size)
{
    double low = s->grid->align_corners ? 0 : -0.5;
    double span = (double)size - (s->grid->align_corners ? 1 : 0);
    if (span <= 0)
        return clipped(s, x, 0, 0);
    ork_value *there = with_number(s, ORK_OP_SUB, x, low);
    there = with_number(s, ORK_OP_REMAINDER, there, 2 * span);
    ork_value *width = ork_build_scalar(s->build, ORK_F32, 2 * span);
    ork_value *back = ork_build_add2(s->build, ORK_OP_SUB, width, there);
    x = with_number(s, ORK_OP_ADD, ork_build_add2(s->build, ORK_OP_MINIMUM, there, back), low);
    return clipped(s, x, 0, (double)(size - 1));
}

static ork_value *padded(sampling *s, ork_value *x, int64_t size)
{
    if (s->grid->padding == ORK_GRID_BORDER)
        return clipped(s, x, 0, (double)(size - 1));
    return s->grid->padding == ORK_GRID_REFLECTION ? reflected(s, x, size) : x;
}

/* From -1..1 to pixels. */
static ork_value *pixels(sampling *s, ork_value *x, int64_t size)
{
    bool corners = s->grid->align_corners;
    double factor = (double)(corners ? size - 1 : size) / 2;
    x = with_number(s, ORK_OP_MUL, with_number(s, ORK_OP_ADD, x, 1), factor);
    return corners ? x : with_number(s, ORK_OP_SUB, x, 0.5);
}

/* ((a d + b) d + c) d + e */
static ork_value *polynomial(sampling *s, ork_value *d, const double factors[4])
{
    ork_value *y = with_number(s, ORK_OP_MUL, d, factors[0]);
    for (int i = 1; i < 4; i++) {
        y = with_number(s, ORK_OP_ADD, y, factors[i]);
        y = i < 3 ? ork_build_add2(s->build, ORK_OP_MUL, y, d) : y;
    }
    return y;
}

/* Keys 1981 with torch's a, for the taps from one before to two behind. */
static ork_value *cubic_weight(sampling *s, ork_value *part, int tap)
{
    static const double near[] = {1.25, -2.25, 0, 1}; /* a + 2, -(a + 3), 0, 1 for a = -0.75 */
    static const double far[] = {-0.75, 3.75, -6, 3}; /* a, -5 a, 8 a, -4 a */
    ork_value *distance = part;
    if (tap == 0)
        distance = with_number(s, ORK_OP_ADD, part, 1);
    if (tap >= 2)
        distance = ork_build_add2(s->build, ORK_OP_SUB,
                                  ork_build_scalar(s->build, ORK_F32, tap - 1), part);
    return polynomial(s, distance, tap == 0 || tap == 3 ? far : near);
}

static ork_value *weight_of(sampling *s, ork_value *part, int tap)
{
    if (s->grid->mode == ORK_GRID_CUBIC)
        return cubic_weight(s, part, tap);
    ork_value *one = ork_build_scalar(s->build, ORK_F32, 1);
    return tap == 0 ? ork_build_add2(s->build, ORK_OP_SUB, one, part) : part;
}

static bool set_axis(sampling *s, int k, ork_value *x)
{
    axis *a = &s->axis[k];
    bool is_cubic = s->grid->mode == ORK_GRID_CUBIC;
    x = pixels(s, x, a->size);
    x = is_cubic ? x : padded(s, x, a->size);
    if (!x)
        return false;
    if (s->grid->mode == ORK_GRID_NEAREST) {
        a->at[0] = ork_build_add1(s->build, ORK_OP_ROUND, NULL, x);
        return a->at[0] != NULL;
    }
    ork_value *low = ork_build_add1(s->build, ORK_OP_FLOOR, NULL, x);
    ork_value *part = ork_build_add2(s->build, ORK_OP_SUB, x, low);
    for (int tap = 0; tap < s->taps; tap++) {
        a->at[tap] = with_number(s, ORK_OP_ADD, low, tap - is_cubic);
        a->at[tap] = is_cubic ? padded(s, a->at[tap], a->size) : a->at[tap];
        a->weight[tap] = weight_of(s, part, tap);
        if (!a->at[tap] || !a->weight[tap])
            return false;
    }
    return true;
}

/* 1 inside of the tensor, 0 outside, where padding is zeros. */
static ork_value *inside(sampling *s, const axis *a, int tap)
{
    ork_value *low = with_number(s, ORK_OP_GREATER_EQUAL, a->at[tap], 0);
    ork_value *high = with_number(s, ORK_OP_LESS_EQUAL, a->at[tap], (double)(a->size - 1));
    ork_value *both = ork_build_add2(s->build, ORK_OP_LOGICAL_AND, low, high);
    return ork_build_cast(s->build, both, ORK_F32);
}

static ork_value *product(sampling *s, ork_value *a, ork_value *b)
{
    return a ? ork_build_add2(s->build, ORK_OP_MUL, a, b) : b;
}

/* One corner of the neighbourhood, weighted: [N, C, places]. taps: which along each axis. */
static ork_value *corner(sampling *s, ork_value *x, const int *taps)
{
    ork_value *place = NULL, *weight = NULL;
    const ork_shape *shape = &x->type.shape; /* N, C, elements */
    for (int k = 0; k < s->axes; k++) {
        const axis *a = &s->axis[k];
        if (s->grid->padding == ORK_GRID_ZEROS)
            weight = product(s, weight, inside(s, a, taps[k]));
        if (a->weight[taps[k]])
            weight = product(s, weight, a->weight[taps[k]]);
        ork_value *at = clipped(s, a->at[taps[k]], 0, (double)(a->size - 1));
        at = ork_build_cast(s->build, at, ORK_I64);
        if (place) {
            ork_value *size = ork_build_scalar(s->build, ORK_I64, (double)a->size);
            place = ork_build_add2(s->build, ORK_OP_MUL, place, size);
        }
        place = place ? ork_build_add2(s->build, ORK_OP_ADD, place, at) : at;
        if (!place)
            return NULL;
    }
    int64_t count = place->type.shape.dim[1];
    ork_value *y;
    if (shape->dim[0] == 1) {
        place = ork_build_reshape_to(s->build, place, 1, &count);
        y = ork_build_gather(s->build, x, 2, place);
    } else {
        place = ork_build_reshape_to(s->build, place, 3, (int64_t[]){shape->dim[0], 1, count});
        ork_shape all = ork_shape_of(3, (int64_t[]){shape->dim[0], shape->dim[1], count});
        place = ork_build_expand(s->build, place, &all);
        y = ork_build_gather_elements(s->build, x, 2, place);
    }
    if (!weight)
        return y;
    weight = ork_build_reshape_to(s->build, weight, 3, (int64_t[]){shape->dim[0], 1, count});
    return ork_build_add2(s->build, ORK_OP_MUL, y, weight);
}

static ork_value *sum_of_corners(sampling *s, ork_value *x)
{
    int taps[MOST_AXES] = {0}, k = 0;
    ork_value *sum = NULL;
    while (k < s->axes) {
        ork_value *part = corner(s, x, taps);
        sum = sum ? ork_build_add2(s->build, ORK_OP_ADD, sum, part) : part;
        if (!sum)
            return NULL;
        for (k = 0; k < s->axes && ++taps[k] == s->taps; k++)
            taps[k] = 0;
    }
    return sum;
}

ork_value *ork_build_grid_sample(ork_build *build, ork_value *x, ork_value *places,
                                 const ork_grid *grid)
{
    static const int taps[] = {[ORK_GRID_LINEAR] = 2, [ORK_GRID_NEAREST] = 1, [ORK_GRID_CUBIC] = 4};
    if (!x || !places)
        return NULL;
    ork_shape shape = x->type.shape, wanted = places->type.shape;
    int axes = shape.rank - 2;
    if (axes < 2 || axes > MOST_AXES || wanted.rank != shape.rank ||
        wanted.dim[wanted.rank - 1] != axes || wanted.dim[0] != shape.dim[0] ||
        (grid->mode == ORK_GRID_CUBIC && axes != 2))
        return ork_build_bad_shape(build, "the grid does not fit the tensor");
    sampling s = {.build = build, .grid = grid, .axes = axes, .taps = taps[grid->mode]};
    int64_t count = ork_shape_span(&wanted, 1, wanted.rank - 1);
    places = ork_build_reshape_to(build, places, 3, (int64_t[]){shape.dim[0], count, axes});
    for (int k = 0; k < axes; k++) { /* the last axis comes first in the grid */
        s.axis[k].size = shape.dim[2 + k];
        ork_value *at = ork_build_slice(build, places, 2, axes - 1 - k, axes - k, 1);
        at = ork_build_reshape_to(build, at, 2, (int64_t[]){shape.dim[0], count});
        if (!at || !set_axis(&s, k, at))
            return NULL;
    }
    ork_shape result = wanted;
    result.dim[1] = shape.dim[1];
    for (int k = 0; k < axes; k++)
        result.dim[2 + k] = wanted.dim[1 + k];
    int64_t elements = ork_shape_span(&shape, 2, shape.rank);
    x = ork_build_reshape_to(build, x, 3, (int64_t[]){shape.dim[0], shape.dim[1], elements});
    return ork_build_reshape(build, x ? sum_of_corners(&s, x) : NULL, &result);
}

/* ---- grids of affine transformations ---- */

static double step_of(int64_t size, int64_t at, bool align_corners)
{
    if (align_corners)
        return size > 1 ? 2 * (double)at / (double)(size - 1) - 1 : 0;
    return (2 * (double)at + 1) / (double)size - 1;
}

ork_value *ork_build_affine_grid(ork_build *build, ork_value *theta, const ork_shape *size,
                                 bool align_corners)
{
    int axes = size->rank - 2;
    int64_t count = axes > 0 ? ork_shape_span(size, 2, size->rank) : 0;
    if (!theta || axes < 2 || axes > MOST_AXES || theta->type.shape.rank != 3 ||
        theta->type.shape.dim[1] != axes || theta->type.shape.dim[2] != axes + 1)
        return theta ? ork_build_bad_shape(build, "the transformation does not fit the size")
                     : NULL;
    ork_shape base = ork_shape_of(2, (int64_t[]){axes + 1, count});
    void *data;
    ork_value *points = ork_build_constant(build, ORK_F32, &base, &data);
    for (int64_t i = 0; points && i < count; i++) {
        int64_t rest = i;
        ork_element_set(ORK_F32, data, axes * count + i, 1);
        for (int k = 0; k < axes; k++) { /* the last axis is the first coordinate */
            int64_t extent = size->dim[size->rank - 1 - k];
            ork_element_set(ORK_F32, data, k * count + i,
                            step_of(extent, rest % extent, align_corners));
            rest /= extent;
        }
    }
    ork_value *grid = ork_build_add2(build, ORK_OP_MATMUL, theta, points);
    ork_shape result = {.rank = size->rank, .dim = {size->dim[0]}};
    for (int k = 0; k < axes; k++)
        result.dim[1 + k] = size->dim[2 + k];
    result.dim[size->rank - 1] = axes;
    grid = grid ? ork_build_transpose(build, grid, (int[]){0, 2, 1}) : NULL;
    return ork_build_reshape(build, grid, &result);
}
