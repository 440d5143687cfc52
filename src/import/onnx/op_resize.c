/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing. What torch exports, and pictures usually need, is the graph's own operator; all other
   ways are a choice of entries, or a product with a matrix of weights, along each axis. */
#include "onnx.h"

#include <math.h>
#include <string.h>

enum { NEAREST, LINEAR, CUBIC };
static const char *const modes[] = {"nearest", "linear", "cubic"};
enum { ASYMMETRIC, HALF_PIXEL, ALIGN_CORNERS, PYTORCH_HALF_PIXEL, TF_NEAREST, TF_CROP, SYMMETRIC };
static const char *const coordinates[] = {
    "asymmetric",           "half_pixel",         "align_corners",       "pytorch_half_pixel",
    "tf_half_pixel_for_nn", "tf_crop_and_resize", "half_pixel_symmetric"};
enum { FLOOR, PREFER_FLOOR, PREFER_CEIL, CEIL };
static const char *const roundings[] = {"floor", "round_prefer_floor", "round_prefer_ceil", "ceil"};
enum { STRETCH, NOT_LARGER, NOT_SMALLER };
static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};

typedef struct resizing {
    ork_onnx *onnx;
    int mode, coordinate, rounding;
    bool excludes_outside, antialias;
    double cubic_a, outside;
    int64_t size[ORK_MAX_RANK];
    double scale[ORK_MAX_RANK];                    /* outputs per input */
    double begin[ORK_MAX_RANK], end[ORK_MAX_RANK]; /* of the part that TF_CROP takes, 0 to 1 */
} resizing;

/* ---- reading --------------------------------------------------------------------------- */

/* Where the versions keep factors and sizes. */
typedef struct sources {
    int scales, sizes, region; /* inputs; 0: there is none */
} sources;

static sources sources_of(int version)
{
    return version >= 11 ? (sources){2, 3, 1} : version >= 9 ? (sources){1, 0, 0} : (sources){0};
}

static bool has_elements(const ork_onnx_call *call, int input)
{
    return input > 0 && input < call->input_count && call->in[input] &&
           ork_shape_count(&call->in[input]->type.shape) > 0;
}

/* Numbers of a constant input, one for each of `count` axes. */
static bool take_numbers(ork_onnx *onnx, const ork_onnx_call *call, int input, int count,
                         double *numbers)
{
    if (!ork_onnx_must_be_constant(onnx, call, input))
        return false;
    const ork_value *value = call->in[input];
    if (ork_shape_count(&value->type.shape) != count)
        return ork_build_bad_shape(onnx->build, "%lld numbers for %d axes",
                                   (long long)ork_shape_count(&value->type.shape), count) != NULL;
    for (int i = 0; i < count; i++)
        numbers[i] = ork_element_get(value->type.dtype, value->data, i);
    return true;
}

static bool take_scales(ork_onnx *onnx, const ork_onnx_call *call, int input, int count,
                        double *numbers)
{
    if (input > 0)
        return take_numbers(onnx, call, input, count, numbers);
    const ork_onnx_attribute *a = ork_onnx_attribute_of(call, "scales");
    if (!a || a->numbers.count != (size_t)count)
        return ork_build_bad_shape(onnx->build, "scales for other than %d axes", count) != NULL;
    for (int i = 0; i < count; i++)
        numbers[i] = (double)a->numbers.items[i];
    return true;
}

/* One factor for all axes, so that nothing is distorted. */
static void keep_proportions(const ork_shape *shape, const ork_ints *axes, int policy,
                             double *numbers)
{
    double factor = policy == NOT_LARGER ? INFINITY : 0;
    for (int i = 0; i < axes->count; i++) {
        double own = numbers[i] / (double)shape->dim[axes->v[i]];
        factor = policy == NOT_LARGER ? fmin(factor, own) : fmax(factor, own);
    }
    for (int i = 0; i < axes->count; i++)
        numbers[i] = floor(factor * (double)shape->dim[axes->v[i]] + 0.5);
}

static bool take_sizes(resizing *r, const ork_onnx_call *call, const sources *from,
                       const ork_ints *axes)
{
    double numbers[ORK_MAX_RANK];
    const ork_shape *shape = &call->in[0]->type.shape;
    bool by_size = has_elements(call, from->sizes);
    int policy;
    if (!(by_size ? take_numbers(r->onnx, call, from->sizes, axes->count, numbers)
                  : take_scales(r->onnx, call, from->scales, axes->count, numbers)) ||
        !ork_onnx_choice(r->onnx, call, "keep_aspect_ratio_policy", policies, ORK_COUNT(policies),
                         STRETCH, &policy))
        return false;
    if (by_size && policy != STRETCH)
        keep_proportions(shape, axes, policy, numbers);
    for (int i = 0; i < axes->count; i++) {
        int64_t axis = axes->v[i];
        double in = (double)shape->dim[axis];
        double size = by_size ? numbers[i] : floor(in * numbers[i]);
        if (!(size >= 1 && size <= INT32_MAX) || in < 1)
            return ork_build_bad_shape(r->onnx->build, "%g elements to %g", in, size) != NULL;
        r->size[axis] = (int64_t)size;
        r->scale[axis] = by_size ? size / in : numbers[i];
    }
    return true;
}

static bool take_region(resizing *r, const ork_onnx_call *call, int input, const ork_ints *axes)
{
    double numbers[2 * ORK_MAX_RANK];
    if (r->coordinate != TF_CROP)
        return true;
    if (!take_numbers(r->onnx, call, input, 2 * axes->count, numbers))
        return false;
    for (int i = 0; i < axes->count; i++) {
        r->begin[axes->v[i]] = numbers[i];
        r->end[axes->v[i]] = numbers[axes->count + i];
    }
    return true;
}

static bool take_ways(resizing *r, const ork_onnx_call *call, int version)
{
    bool old = version < 11;
    r->excludes_outside = ork_onnx_int(call, "exclude_outside", 0) != 0;
    r->antialias = ork_onnx_int(call, "antialias", 0) != 0;
    r->cubic_a = ork_onnx_float(call, "cubic_coeff_a", -0.75);
    r->outside = ork_onnx_float(call, "extrapolation_value", 0.0);
    const char *mode = ork_onnx_text(r->onnx, call, "mode", "nearest");
    r->mode = LINEAR; /* an older name */
    return (!strcmp(mode, "bilinear") ||
            ork_onnx_choice(r->onnx, call, "mode", modes, ORK_COUNT(modes), NEAREST, &r->mode)) &&
           ork_onnx_choice(r->onnx, call, "coordinate_transformation_mode", coordinates,
                           ORK_COUNT(coordinates), old ? ASYMMETRIC : HALF_PIXEL, &r->coordinate) &&
           ork_onnx_choice(r->onnx, call, "nearest_mode", roundings, ORK_COUNT(roundings),
                           old ? FLOOR : PREFER_FLOOR, &r->rounding);
}

static bool read(ork_onnx *onnx, const ork_onnx_call *call, int version, resizing *r)
{
    ork_ints axes;
    const ork_shape *shape = &call->in[0]->type.shape;
    sources from = sources_of(version);
    *r = (resizing){.onnx = onnx};
    for (int i = 0; i < shape->rank; i++) {
        r->size[i] = shape->dim[i];
        r->scale[i] = r->end[i] = 1.0;
    }
    return ork_onnx_ints(onnx, call, "axes", &axes) &&
           ork_onnx_axes(onnx, &axes, shape->rank, true) && take_ways(r, call, version) &&
           take_sizes(r, call, &from, &axes) && take_region(r, call, from.region, &axes);
}

/* ---- along one axis -------------------------------------------------------------------- */

/* Where output `o` lies in the input. */
static double place_of(const resizing *r, int axis, int64_t in, int64_t o)
{
    double x = (double)o, scale = r->scale[axis], size = (double)r->size[axis];
    double length = (double)in, half = (x + 0.5) / scale - 0.5;
    switch (r->coordinate) {
    case ASYMMETRIC:
        return x / scale;
    case ALIGN_CORNERS:
        return size > 1 ? x * (length - 1) / (size - 1) : 0;
    case PYTORCH_HALF_PIXEL:
        return size > 1 ? half : 0;
    case TF_NEAREST:
        return (x + 0.5) / scale;
    case TF_CROP:
        return size > 1 ? r->begin[axis] * (length - 1) +
                              x * (r->end[axis] - r->begin[axis]) * (length - 1) / (size - 1)
                        : 0.5 * (r->begin[axis] + r->end[axis]) * (length - 1);
    case SYMMETRIC: /* the middle stays, though the size was rounded */
        return length / 2 * (1 - size / (scale * length)) + half;
    default:
        return half;
    }
}

static bool is_outside(const resizing *r, double place, int64_t in)
{
    return r->coordinate == TF_CROP && (place < 0 || place > (double)(in - 1));
}

static int64_t nearest(const resizing *r, double place, int64_t in)
{
    double rounded = r->rounding == FLOOR          ? floor(place)
                     : r->rounding == CEIL         ? ceil(place)
                     : r->rounding == PREFER_FLOOR ? ceil(place - 0.5)
                                                   : floor(place + 0.5);
    return (int64_t)fmin(fmax(rounded, 0), (double)(in - 1));
}

static ork_value *choose_nearest(const resizing *r, ork_value *x, int axis)
{
    int64_t in = x->type.shape.dim[axis];
    ork_shape length = ork_shape_of(1, &r->size[axis]);
    void *data;
    ork_value *index = ork_build_constant(r->onnx->build, ORK_I64, &length, &data);
    for (int64_t o = 0; index && o < r->size[axis]; o++)
        ((int64_t *)data)[o] = nearest(r, place_of(r, axis, in, o), in);
    ork_attrs attrs = {.gather.axis = axis};
    ork_value *inputs[] = {x, index};
    return ork_build_add(r->onnx->build, ORK_OP_GATHER, &attrs, inputs, 2);
}

/* Keys, "Cubic convolution interpolation for digital image processing", 1981. */
static double weight_at(const resizing *r, double distance)
{
    double x = fabs(distance), a = r->cubic_a;
    if (r->mode == LINEAR)
        return x < 1 ? 1 - x : 0;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* What each input adds to one output. When making smaller, antialiasing widens the window. */
static void add_weights(const resizing *r, double place, double widening, int64_t in, float *row)
{
    double reach = (r->mode == LINEAR ? 1 : 2) * widening, sum = 0;
    int64_t first = (int64_t)ceil(place - reach), last = (int64_t)floor(place + reach);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t k = first; k <= last; k++) {
            double weight = weight_at(r, (place - (double)k) / widening);
            bool inside = k >= 0 && k < in;
            if (r->excludes_outside && !inside)
                continue;
            if (pass == 0)
                sum += weight;
            else
                row[k < 0 ? 0 : k >= in ? in - 1 : k] += (float)(weight / (sum != 0 ? sum : 1));
        }
}

/* [outputs, inputs] */
static ork_value *weights_of(const resizing *r, int64_t in, int axis)
{
    ork_shape shape = ork_shape_of(2, (int64_t[]){r->size[axis], in});
    double widening = r->antialias && r->scale[axis] < 1 ? 1 / r->scale[axis] : 1;
    void *data;
    ork_value *matrix = ork_build_constant(r->onnx->build, ORK_F32, &shape, &data);
    if (matrix)
        memset(data, 0, (size_t)ork_shape_count(&shape) * sizeof(float));
    for (int64_t o = 0; matrix && o < r->size[axis]; o++) {
        double place = place_of(r, axis, in, o);
        if (fabs(place) < INT32_MAX && !is_outside(r, place, in))
            add_weights(r, place, widening, in, (float *)data + o * in);
    }
    return matrix;
}

/* The axis goes to the end, where the product is. */
static ork_value *weigh(const resizing *r, ork_value *x, int axis)
{
    ork_build *build = r->onnx->build;
    int perm[ORK_MAX_RANK], last = x->type.shape.rank - 1;
    ork_value *weights = weights_of(r, x->type.shape.dim[axis], axis);
    for (int i = 0; i <= last; i++)
        perm[i] = i == axis ? last : i == last ? axis : i;
    if (axis != last)
        x = ork_build_transpose(build, x, perm);
    x = ork_build_add2(build, ORK_OP_LINEAR, x, weights);
    return axis != last && x ? ork_build_transpose(build, x, perm) : x;
}

/* Outputs that lie outside of the input get the number for it. */
static ork_value *fill_outside(const resizing *r, ork_value *x, const ork_shape *in, int axis)
{
    ork_shape shape = {.rank = x->type.shape.rank - axis, .dim = {r->size[axis]}};
    bool any = false;
    void *data;
    for (int i = 1; i < shape.rank; i++)
        shape.dim[i] = 1;
    ork_value *outside = ork_build_constant(r->onnx->build, ORK_BOOL, &shape, &data);
    for (int64_t o = 0; outside && o < r->size[axis]; o++) {
        bool is = is_outside(r, place_of(r, axis, in->dim[axis], o), in->dim[axis]);
        ((uint8_t *)data)[o] = is;
        any |= is;
    }
    ork_value *inputs[] = {outside, ork_onnx_number_like(r->onnx, x, r->outside), x};
    return any ? ork_build_add(r->onnx->build, ORK_OP_WHERE, NULL, inputs, 3) : x;
}

static ork_value *along_axes(const resizing *r, ork_value *x)
{
    ork_shape in = x->type.shape;
    ork_dtype dtype = x->type.dtype;
    if (r->mode != NEAREST)
        x = ork_build_cast(r->onnx->build, x, ORK_F32);
    for (int i = 0; x && i < in.rank; i++)
        if (r->size[i] != in.dim[i] || r->scale[i] != 1.0 || r->coordinate == TF_CROP)
            x = r->mode == NEAREST ? choose_nearest(r, x, i) : weigh(r, x, i);
    for (int i = 0; x && r->coordinate == TF_CROP && i < in.rank; i++)
        x = fill_outside(r, x, &in, i);
    return ork_build_cast(r->onnx->build, x, dtype);
}

/* ---- the graph's own operator ---------------------------------------------------------- */

static bool is_picture(const resizing *r, const ork_type *type)
{
    const ork_shape *shape = &type->shape;
    if (shape->rank != 4 || r->size[0] != shape->dim[0] || r->size[1] != shape->dim[1] ||
        type->dtype != ORK_F32 || r->antialias)
        return false;
    bool corners_fit = r->coordinate <= ALIGN_CORNERS ||
                       (r->coordinate == PYTORCH_HALF_PIXEL && r->size[2] > 1 && r->size[3] > 1);
    if (r->mode == NEAREST)
        return r->coordinate == ASYMMETRIC && r->rounding == FLOOR;
    return r->mode == LINEAR && corners_fit && !r->excludes_outside;
}

static ork_value *resize_picture(const resizing *r, ork_value *x)
{
    ork_attrs attrs = {0};
    attrs.resize.mode = r->mode;
    attrs.resize.coordinates = r->coordinate == PYTORCH_HALF_PIXEL ? HALF_PIXEL : r->coordinate;
    attrs.resize.size.v[0] = r->size[2];
    attrs.resize.size.v[1] = r->size[3];
    attrs.resize.scale_h = 1.0 / r->scale[2];
    attrs.resize.scale_w = 1.0 / r->scale[3];
    return ork_build_add1(r->onnx->build, ORK_OP_RESIZE, &attrs, x);
}

/* param: the version whose inputs the row has. */
ORK_ONNX_HANDLER(resize)
{
    resizing r;
    ork_value *x = call->in[0];
    if (!read(onnx, call, param, &r))
        return false;
    return ork_onnx_result(call,
                           is_picture(&r, &x->type) ? resize_picture(&r, x) : along_axes(&r, x));
}

/* ---- samples --------------------------------------------------------------------------- */

/* From version 20 on the modes have other names. */
ORK_ONNX_HANDLER(grid_sample)
{
    static const char *const names[] = {"bilinear", "nearest", "bicubic", "linear", "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    int mode, padding;
    if (!ork_onnx_choice(onnx, call, "mode", names, ORK_COUNT(names), 0, &mode) ||
        !ork_onnx_choice(onnx, call, "padding_mode", paddings, ORK_COUNT(paddings), 0, &padding))
        return false;
    ork_grid grid = {.mode = (ork_grid_mode)(mode < 3    ? mode
                                             : mode == 3 ? 0
                                                         : 2),
                     .padding = (ork_grid_padding)padding,
                     .align_corners = ork_onnx_int(call, "align_corners", 0) != 0};
    return ork_onnx_result(call,
                           ork_build_grid_sample(onnx->build, call->in[0], call->in[1], &grid));
}
