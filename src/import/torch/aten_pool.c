/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling and resizing. param is the number of spatial axes. */
#include "torch.h"

#include <math.h>

/* The attributes that both pools have at the same places. */
static bool window_attrs(ork_ts *ts, int spatial, const ork_ts_value *kernel,
                         const ork_ts_value *stride, const ork_ts_value *padding, ork_attrs *attrs)
{
    int skip = 2 - spatial;
    int64_t *k = attrs->max_pool2d.kernel.v, *s = attrs->max_pool2d.stride.v;
    int64_t *pad = attrs->max_pool2d.pad.v;
    k[0] = s[0] = 1;
    attrs->max_pool2d.dilation.v[0] = attrs->max_pool2d.dilation.v[1] = 1;
    bool has_stride =
        stride->kind != ORK_TS_NONE && !(ork_ts_is_sequence(stride) && stride->list.count == 0);
    if (!ork_ts_arg_fixed(ts, kernel, spatial, k + skip) ||
        !ork_ts_arg_fixed(ts, has_stride ? stride : kernel, spatial, s + skip) ||
        !ork_ts_arg_fixed(ts, padding, spatial, pad + skip))
        return false;
    pad[2] = pad[0];
    pad[3] = pad[1];
    return true;
}

static ork_ts_value *add_pool(ork_ts *ts, ork_op op, ork_ts_value *x, int spatial,
                              const ork_attrs *attrs)
{
    ork_value *picture = ork_ts_graph_value(ts, x);
    picture = ork_build_to_picture(ts->build, picture, spatial);
    ork_value *y = picture ? ork_build_add1(ts->build, op, attrs, picture) : NULL;
    return ork_ts_tensor(ts, ork_build_from_picture(ts->build, y, spatial, ork_ts_shape(x).rank));
}

ORK_TS_HANDLER(max_pool)
{
    ork_attrs attrs = {0};
    if (!window_attrs(ts, param, arg[1], arg[2], arg[3], &attrs) ||
        !ork_ts_arg_fixed(ts, arg[4], param, attrs.max_pool2d.dilation.v + 2 - param))
        return NULL;
    attrs.max_pool2d.ceil_mode = arg[5]->boolean;
    return add_pool(ts, ORK_OP_MAX_POOL2D, arg[0], param, &attrs);
}

static ork_ts_value *with_indices(ork_ts *ts, ork_ts_value *y)
{
    if (!y)
        return NULL;
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, 2);
    items[0] = y;
    items[1] = ork_ts_text(ts, ORK_TS_UNAVAILABLE, "the positions of maxima");
    return ork_ts_list(ts, ORK_TS_TUPLE, items, 2);
}

ORK_TS_HANDLER(max_pool_with_indices)
{
    return with_indices(ts, ork_ts_op_max_pool(ts, arg, param));
}

ORK_TS_HANDLER(avg_pool)
{
    ork_attrs attrs = {0};
    if (!window_attrs(ts, param, arg[1], arg[2], arg[3], &attrs))
        return NULL;
    attrs.avg_pool2d.ceil_mode = arg[4]->boolean;
    attrs.avg_pool2d.count_include_pad = arg[5]->boolean;
    if (param == 2 && arg[6]->kind != ORK_TS_NONE)
        attrs.avg_pool2d.divisor = ork_ts_as_int(arg[6]);
    return add_pool(ts, ORK_OP_AVG_POOL2D, arg[0], param, &attrs);
}

/* Where the output's size divides the input's, all windows are alike and it is a plain pool. */
static bool divides(const ork_shape *picture, const int64_t size[2])
{
    for (int i = 0; i < 2; i++)
        if (size[i] < 1 || picture->dim[2 + i] % size[i] != 0)
            return false;
    return true;
}

static ork_attrs even_windows(const ork_shape *picture, const int64_t size[2])
{
    ork_attrs attrs = {0};
    for (int i = 0; i < 2; i++) {
        attrs.max_pool2d.kernel.v[i] = attrs.max_pool2d.stride.v[i] = picture->dim[2 + i] / size[i];
        attrs.max_pool2d.dilation.v[i] = 1;
    }
    return attrs;
}

static bool adaptive_size(ork_ts *ts, const ork_ts_value *list, int spatial, int64_t size[2])
{
    size[0] = 1;
    return ork_ts_arg_fixed(ts, list, spatial, size + 2 - spatial);
}

ORK_TS_HANDLER(adaptive_avg_pool)
{
    int64_t size[2];
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    x = ork_build_to_picture(ts->build, x, param);
    if (!x || !adaptive_size(ts, arg[1], param, size))
        return NULL;
    ork_value *y;
    if (divides(&x->type.shape, size)) {
        ork_attrs attrs = even_windows(&x->type.shape, size);
        y = ork_build_add1(ts->build, ORK_OP_AVG_POOL2D, &attrs, x);
    } else {
        ork_attrs attrs = {.adaptive_avg_pool2d.size = {{size[0], size[1]}}};
        y = ork_build_add1(ts->build, ORK_OP_ADAPTIVE_AVG_POOL2D, &attrs, x);
    }
    return ork_ts_tensor(ts,
                         ork_build_from_picture(ts->build, y, param, ork_ts_shape(arg[0]).rank));
}

/* Along one axis: the greatest of each of `size` windows. */
static ork_value *uneven_maxima(ork_ts *ts, ork_value *x, int axis, int64_t size)
{
    enum { MAX_WINDOWS = 4096 };
    int64_t in = x->type.shape.dim[axis];
    if (size < 1 || size > MAX_WINDOWS || in < 1 || ts->steps_left < (size_t)size)
        return ork_build_bad_shape(ts->build, "%lld windows", (long long)size);
    ts->steps_left -= (size_t)size;
    ork_value **parts = ORK_NEW_ARRAY(ts->arena, ork_value *, (size_t)size);
    ork_ints axes = {1, {axis}};
    for (int64_t i = 0; i < size; i++) {
        int64_t end = ((i + 1) * in + size - 1) / size;
        ork_value *window = ork_build_slice(ts->build, x, axis, i * in / size, end, 1);
        parts[i] =
            window ? ork_build_reduce(ts->build, ORK_OP_REDUCE_MAX, window, &axes, true) : NULL;
        if (!parts[i])
            return NULL;
    }
    return ork_build_concat(ts->build, parts, (int)size, axis);
}

ORK_TS_HANDLER(adaptive_max_pool)
{
    int64_t size[2];
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    x = ork_build_to_picture(ts->build, x, param);
    if (!x || !adaptive_size(ts, arg[1], param, size))
        return NULL;
    ork_value *y = x;
    if (divides(&x->type.shape, size)) {
        ork_attrs attrs = even_windows(&x->type.shape, size);
        y = ork_build_add1(ts->build, ORK_OP_MAX_POOL2D, &attrs, x);
    } else {
        for (int i = 0; y && i < 2; i++)
            y = uneven_maxima(ts, y, 2 + i, size[i]);
    }
    y = ork_build_from_picture(ts->build, y, param, ork_ts_shape(arg[0]).rank);
    return with_indices(ts, ork_ts_tensor(ts, y));
}

/* ---- resizing ---- */

enum { NEAREST, BILINEAR };
enum { ASYMMETRIC, HALF_PIXEL, ALIGN_CORNERS };

typedef struct resize {
    int mode, coordinates, spatial;
    const ork_ts_value *size; /* None: scale decides */
    double scale[2];          /* 0: not given */
} resize;

/* One spatial axis: its new size, and the step through the input when the user's factor is not the
   ratio of the sizes. */
static bool resize_axis(ork_ts *ts, int64_t in, double scale, int64_t *size, double *step)
{
    if (*size < 0) {
        double wanted = floor((double)in * scale);
        if (!(wanted >= 1 && wanted < INT32_MAX))
            return ork_build_bad_shape(ts->build, "a scale factor of %g", scale) != NULL;
        *size = (int64_t)wanted;
    }
    *step = scale > 0 && (double)*size != (double)in * scale ? 1.0 / scale : 0;
    return true;
}

static ork_ts_value *add_resize(ork_ts *ts, ork_ts_value *input, const resize *r)
{
    ork_value *x = ork_ts_graph_value(ts, input);
    x = ork_build_to_picture(ts->build, x, r->spatial);
    ork_attrs attrs = {.resize.mode = r->mode, .resize.coordinates = r->coordinates};
    int64_t *size = attrs.resize.size.v;
    size[0] = r->spatial == 1 ? 1 : -1;
    size[1] = -1;
    if (!x || (r->size->kind != ORK_TS_NONE &&
               !ork_ts_arg_fixed(ts, r->size, r->spatial, size + 2 - r->spatial)))
        return NULL;
    double step[2];
    for (int i = 0; i < 2; i++)
        if (!resize_axis(ts, x->type.shape.dim[2 + i], r->scale[i], &size[i], &step[i]))
            return NULL;
    if (r->coordinates != ALIGN_CORNERS) {
        attrs.resize.scale_h = step[0];
        attrs.resize.scale_w = step[1];
    }
    ork_value *y = ork_build_add1(ts->build, ORK_OP_RESIZE, &attrs, x);
    return ork_ts_tensor(
        ts, ork_build_from_picture(ts->build, y, r->spatial, ork_ts_shape(input).rank));
}

static double factor(const ork_ts_value *value)
{
    return ork_ts_is_number(value) ? ork_ts_as_double(value) : 0;
}

static bool take_factors(ork_ts *ts, const ork_ts_value *list, resize *r)
{
    if (list->kind == ORK_TS_NONE)
        return true;
    if (!ork_ts_is_sequence(list) || list->list.count != (size_t)r->spatial)
        return ork_build_unsupported(ts->build, "these scale factors") != NULL;
    for (int i = 0; i < r->spatial; i++)
        r->scale[2 - r->spatial + i] = factor(list->list.items[i]);
    return true;
}

/* (x, size, scale...) */
ORK_TS_HANDLER(nearest)
{
    resize r = {.mode = NEAREST, .coordinates = ASYMMETRIC, .spatial = param, .size = arg[1]};
    for (int i = 0; i < param; i++)
        r.scale[2 - param + i] = factor(arg[2 + i]);
    return add_resize(ts, arg[0], &r);
}

/* (x, size or None, factors or None) */
ORK_TS_HANDLER(nearest_by_factors)
{
    resize r = {.mode = NEAREST, .coordinates = ASYMMETRIC, .spatial = param, .size = arg[1]};
    return take_factors(ts, arg[2], &r) ? add_resize(ts, arg[0], &r) : NULL;
}

/* (x, size, align_corners, scale...) */
ORK_TS_HANDLER(bilinear)
{
    resize r = {.mode = BILINEAR,
                .coordinates = arg[2]->boolean ? ALIGN_CORNERS : HALF_PIXEL,
                .spatial = param,
                .size = arg[1]};
    for (int i = 0; i < param; i++)
        r.scale[2 - param + i] = factor(arg[3 + i]);
    return add_resize(ts, arg[0], &r);
}

ORK_TS_HANDLER(bilinear_by_factors)
{
    resize r = {.mode = BILINEAR,
                .coordinates = arg[2]->boolean ? ALIGN_CORNERS : HALF_PIXEL,
                .spatial = param,
                .size = arg[1]};
    return take_factors(ts, arg[3], &r) ? add_resize(ts, arg[0], &r) : NULL;
}
