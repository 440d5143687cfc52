/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling and resizing. param is the number of spatial axes. */
#include "torch.h"

#include <math.h>

/* The attributes that both pools have at the same places. */
static bool window_attrs(ork_torch *torch, int spatial, const ork_torch_value *kernel,
                         const ork_torch_value *stride, const ork_torch_value *padding,
                         ork_attrs *attrs)
{
    int skip = 2 - spatial;
    int64_t *k = attrs->max_pool2d.kernel.v, *s = attrs->max_pool2d.stride.v;
    int64_t *pad = attrs->max_pool2d.pad.v;
    k[0] = s[0] = 1;
    attrs->max_pool2d.dilation.v[0] = attrs->max_pool2d.dilation.v[1] = 1;
    bool has_stride = stride->kind != ORK_TORCH_NONE &&
                      !(ork_torch_is_sequence(stride) && stride->list.count == 0);
    if (!ork_torch_arg_fixed(torch, kernel, spatial, k + skip) ||
        !ork_torch_arg_fixed(torch, has_stride ? stride : kernel, spatial, s + skip) ||
        !ork_torch_arg_fixed(torch, padding, spatial, pad + skip))
        return false;
    pad[2] = pad[0];
    pad[3] = pad[1];
    return true;
}

static ork_torch_value *add_pool(ork_torch *torch, ork_op op, ork_torch_value *x, int spatial,
                                 const ork_attrs *attrs)
{
    ork_value *picture = ork_torch_graph_value(torch, x);
    picture = ork_build_to_picture(torch->build, picture, spatial);
    ork_value *y = picture ? ork_build_add1(torch->build, op, attrs, picture) : NULL;
    return ork_torch_tensor(
        torch, ork_build_from_picture(torch->build, y, spatial, ork_torch_shape(x).rank));
}

ORK_TORCH_HANDLER(max_pool)
{
    ork_attrs attrs = {0};
    if (!window_attrs(torch, param, arg[1], arg[2], arg[3], &attrs) ||
        !ork_torch_arg_fixed(torch, arg[4], param, attrs.max_pool2d.dilation.v + 2 - param))
        return NULL;
    attrs.max_pool2d.ceil_mode = arg[5]->boolean;
    return add_pool(torch, ORK_OP_MAX_POOL2D, arg[0], param, &attrs);
}

static ork_torch_value *with_places(ork_torch *torch, ork_torch_value *y, ork_value *places)
{
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, 2);
    ork_shape shape = y ? ork_torch_shape(y) : (ork_shape){0};
    items[0] = y;
    items[1] = ork_torch_tensor(torch, ork_build_reshape(torch->build, y ? places : NULL, &shape));
    return items[1] ? ork_torch_list(torch, ORK_TORCH_TUPLE, items, 2) : NULL;
}

/* Where in their plane the maxima are. Nothing is left of it in the graph when nobody uses it. */
ORK_TORCH_HANDLER(max_pool_with_indices)
{
    ork_attrs attrs = {0};
    ork_torch_value *y = ork_torch_op_max_pool(torch, arg, param);
    ork_value *x =
        y ? ork_build_to_picture(torch->build, ork_torch_graph_value(torch, arg[0]), param) : NULL;
    if (!x || !window_attrs(torch, param, arg[1], arg[2], arg[3], &attrs) ||
        !ork_torch_arg_fixed(torch, arg[4], param, attrs.max_pool2d.dilation.v + 2 - param))
        return NULL;
    ork_shape out = ork_torch_shape(y);
    ork_windows w;
    for (int i = 0; i < 2; i++) {
        w.in[i] = x->type.shape.dim[2 + i];
        w.out[i] = param == 1 && i == 0 ? 1 : out.dim[out.rank - 2 + i];
        w.kernel[i] = attrs.max_pool2d.kernel.v[i];
        w.stride[i] = attrs.max_pool2d.stride.v[i];
        w.dilation[i] = attrs.max_pool2d.dilation.v[i];
        w.pad[i] = attrs.max_pool2d.pad.v[i];
    }
    w.kernel[0] = param == 1 ? 1 : w.kernel[0];
    ork_value *windows = ork_build_window_places(torch->build, &w);
    return with_places(torch, y,
                       windows ? ork_build_window_maxima(torch->build, x, windows) : NULL);
}

ORK_TORCH_HANDLER(avg_pool)
{
    ork_attrs attrs = {0};
    if (!window_attrs(torch, param, arg[1], arg[2], arg[3], &attrs))
        return NULL;
    attrs.avg_pool2d.ceil_mode = arg[4]->boolean;
    attrs.avg_pool2d.count_include_pad = arg[5]->boolean;
    if (param == 2 && arg[6]->kind != ORK_TORCH_NONE)
        attrs.avg_pool2d.divisor = ork_torch_as_int(arg[6]);
    return add_pool(torch, ORK_OP_AVG_POOL2D, arg[0], param, &attrs);
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

static bool adaptive_size(ork_torch *torch, const ork_torch_value *list, int spatial,
                          int64_t size[2])
{
    size[0] = 1;
    return ork_torch_arg_fixed(torch, list, spatial, size + 2 - spatial);
}

ORK_TORCH_HANDLER(adaptive_avg_pool)
{
    int64_t size[2];
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    x = ork_build_to_picture(torch->build, x, param);
    if (!x || !adaptive_size(torch, arg[1], param, size))
        return NULL;
    ork_value *y;
    if (divides(&x->type.shape, size)) {
        ork_attrs attrs = even_windows(&x->type.shape, size);
        y = ork_build_add1(torch->build, ORK_OP_AVG_POOL2D, &attrs, x);
    } else {
        ork_attrs attrs = {.adaptive_avg_pool2d.size = {{size[0], size[1]}}};
        y = ork_build_add1(torch->build, ORK_OP_ADAPTIVE_AVG_POOL2D, &attrs, x);
    }
    return ork_torch_tensor(
        torch, ork_build_from_picture(torch->build, y, param, ork_torch_shape(arg[0]).rank));
}

static int64_t window_begin(int64_t in, int64_t out, int64_t at)
{
    return at * in / out;
}

static int64_t window_end(int64_t in, int64_t out, int64_t at)
{
    return ((at + 1) * in + out - 1) / out;
}

/* Along one axis: the greatest of each of `size` windows. */
static ork_value *uneven_maxima(ork_torch *torch, ork_value *x, int axis, int64_t size)
{
    enum { MAX_WINDOWS = 4096 };
    int64_t in = x->type.shape.dim[axis];
    if (size < 1 || size > MAX_WINDOWS || in < 1 || torch->steps_left < (size_t)size)
        return ork_build_bad_shape(torch->build, "%lld windows", (long long)size);
    torch->steps_left -= (size_t)size;
    ork_value **parts = ORK_NEW_ARRAY(torch->arena, ork_value *, (size_t)size);
    ork_ints axes = {1, {axis}};
    for (int64_t i = 0; i < size; i++) {
        int64_t begin = window_begin(in, size, i), end = window_end(in, size, i);
        ork_value *window = ork_build_slice(torch->build, x, axis, begin, end, 1);
        parts[i] =
            window ? ork_build_reduce(torch->build, ORK_OP_REDUCE_MAX, window, &axes, true) : NULL;
        if (!parts[i])
            return NULL;
    }
    return ork_build_concat(torch->build, parts, (int)size, axis);
}

static int64_t largest_window(int64_t in, int64_t out)
{
    int64_t largest = 0;
    for (int64_t i = 0; i < out; i++) {
        int64_t size = window_end(in, out, i) - window_begin(in, out, i);
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* [taps, windows], as ork_build_window_places, for windows of different sizes. */
static ork_value *uneven_places(ork_torch *torch, const int64_t in[2], const int64_t out[2])
{
    int64_t height = largest_window(in[0], out[0]), width = largest_window(in[1], out[1]);
    ork_shape shape = ork_shape_of(2, (int64_t[]){height * width, out[0] * out[1]});
    void *data;
    ork_value *places = ork_build_constant(torch->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; places && i < ork_shape_count(&shape); i++) {
        int64_t tap = i / shape.dim[1], window = i % shape.dim[1];
        int64_t y = window_begin(in[0], out[0], window / out[1]) + tap / width;
        int64_t x = window_begin(in[1], out[1], window % out[1]) + tap % width;
        bool inside = y < window_end(in[0], out[0], window / out[1]) &&
                      x < window_end(in[1], out[1], window % out[1]);
        ((int64_t *)data)[i] = inside ? y * in[1] + x : -1;
    }
    return places;
}

ORK_TORCH_HANDLER(adaptive_max_pool)
{
    int64_t size[2];
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    x = ork_build_to_picture(torch->build, x, param);
    if (!x || !adaptive_size(torch, arg[1], param, size))
        return NULL;
    ork_value *y = x;
    if (divides(&x->type.shape, size)) {
        ork_attrs attrs = even_windows(&x->type.shape, size);
        y = ork_build_add1(torch->build, ORK_OP_MAX_POOL2D, &attrs, x);
    } else {
        for (int i = 0; y && i < 2; i++)
            y = uneven_maxima(torch, y, 2 + i, size[i]);
    }
    y = ork_build_from_picture(torch->build, y, param, ork_torch_shape(arg[0]).rank);
    ork_value *windows = y ? uneven_places(torch, x->type.shape.dim + 2, size) : NULL;
    return with_places(torch, ork_torch_tensor(torch, y),
                       windows ? ork_build_window_maxima(torch->build, x, windows) : NULL);
}

/* ---- resizing ---- */

enum { NEAREST, BILINEAR };
enum { ASYMMETRIC, HALF_PIXEL, ALIGN_CORNERS };

typedef struct resize {
    int mode, coordinates, spatial;
    const ork_torch_value *size; /* None: scale decides */
    double scale[2];             /* 0: not given */
} resize;

/* One spatial axis: its new size, and the step through the input when the user's factor is not the
   ratio of the sizes. */
static bool resize_axis(ork_torch *torch, int64_t in, double scale, int64_t *size, double *step)
{
    if (*size < 0) {
        double wanted = floor((double)in * scale);
        if (!(wanted >= 1 && wanted < INT32_MAX))
            return ork_build_bad_shape(torch->build, "a scale factor of %g", scale) != NULL;
        *size = (int64_t)wanted;
    }
    *step = scale > 0 && (double)*size != (double)in * scale ? 1.0 / scale : 0;
    return true;
}

static ork_torch_value *add_resize(ork_torch *torch, ork_torch_value *input, const resize *r)
{
    ork_value *x = ork_torch_graph_value(torch, input);
    x = ork_build_to_picture(torch->build, x, r->spatial);
    ork_attrs attrs = {.resize.mode = r->mode, .resize.coordinates = r->coordinates};
    int64_t *size = attrs.resize.size.v;
    size[0] = r->spatial == 1 ? 1 : -1;
    size[1] = -1;
    if (!x || (r->size->kind != ORK_TORCH_NONE &&
               !ork_torch_arg_fixed(torch, r->size, r->spatial, size + 2 - r->spatial)))
        return NULL;
    double step[2];
    for (int i = 0; i < 2; i++)
        if (!resize_axis(torch, x->type.shape.dim[2 + i], r->scale[i], &size[i], &step[i]))
            return NULL;
    if (r->coordinates != ALIGN_CORNERS) {
        attrs.resize.scale_h = step[0];
        attrs.resize.scale_w = step[1];
    }
    ork_value *y = ork_build_add1(torch->build, ORK_OP_RESIZE, &attrs, x);
    return ork_torch_tensor(
        torch, ork_build_from_picture(torch->build, y, r->spatial, ork_torch_shape(input).rank));
}

static double factor(const ork_torch_value *value)
{
    return ork_torch_is_number(value) ? ork_torch_as_double(value) : 0;
}

static bool take_factors(ork_torch *torch, const ork_torch_value *list, resize *r)
{
    if (list->kind == ORK_TORCH_NONE)
        return true;
    if (!ork_torch_is_sequence(list) || list->list.count != (size_t)r->spatial)
        return ork_build_unsupported(torch->build, "these scale factors") != NULL;
    for (int i = 0; i < r->spatial; i++)
        r->scale[2 - r->spatial + i] = factor(list->list.items[i]);
    return true;
}

/* (x, size, scale...) */
ORK_TORCH_HANDLER(nearest)
{
    resize r = {.mode = NEAREST, .coordinates = ASYMMETRIC, .spatial = param, .size = arg[1]};
    for (int i = 0; i < param; i++)
        r.scale[2 - param + i] = factor(arg[2 + i]);
    return add_resize(torch, arg[0], &r);
}

/* (x, size or None, factors or None) */
ORK_TORCH_HANDLER(nearest_by_factors)
{
    resize r = {.mode = NEAREST, .coordinates = ASYMMETRIC, .spatial = param, .size = arg[1]};
    return take_factors(torch, arg[2], &r) ? add_resize(torch, arg[0], &r) : NULL;
}

/* One axis, each element the one whose centre is nearest. */
static ork_value *nearest_centres(ork_torch *torch, ork_value *x, int axis, int64_t size,
                                  double scale)
{
    int64_t in = x->type.shape.dim[axis];
    double step = scale > 0 ? 1 / scale : (double)in / (double)size;
    ork_shape shape = ork_shape_of(1, &size);
    void *data;
    ork_value *index = ork_build_constant(torch->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; index && i < size; i++)
        ((int64_t *)data)[i] = (int64_t)fmin(floor(((double)i + 0.5) * step), (double)(in - 1));
    return ork_build_gather(torch->build, x, axis, index);
}

/* By whole factors it is the same as plain nearest, which chips have. */
static ork_torch_value *add_nearest_exact(ork_torch *torch, ork_torch_value *input, const resize *r)
{
    ork_value *x =
        ork_build_to_picture(torch->build, ork_torch_graph_value(torch, input), r->spatial);
    int64_t size[2] = {r->spatial == 1 ? 1 : -1, -1};
    if (!x || (r->size->kind != ORK_TORCH_NONE &&
               !ork_torch_arg_fixed(torch, r->size, r->spatial, size + 2 - r->spatial)))
        return NULL;
    bool whole = true;
    for (int i = 0; i < 2; i++) {
        double step;
        if (!resize_axis(torch, x->type.shape.dim[2 + i], r->scale[i], &size[i], &step))
            return NULL;
        whole = whole && step == 0 && size[i] % x->type.shape.dim[2 + i] == 0;
    }
    if (whole)
        return add_resize(torch, input, r);
    for (int i = 0; x && i < 2; i++)
        x = nearest_centres(torch, x, 2 + i, size[i], r->scale[i]);
    return ork_torch_tensor(
        torch, ork_build_from_picture(torch->build, x, r->spatial, ork_torch_shape(input).rank));
}

/* (x, size, scale...) */
ORK_TORCH_HANDLER(nearest_exact)
{
    resize r = {.mode = NEAREST, .coordinates = ASYMMETRIC, .spatial = param, .size = arg[1]};
    for (int i = 0; i < param; i++)
        r.scale[2 - param + i] = factor(arg[2 + i]);
    return add_nearest_exact(torch, arg[0], &r);
}

/* (x, size or None, factors or None) */
ORK_TORCH_HANDLER(nearest_exact_by_factors)
{
    resize r = {.mode = NEAREST, .coordinates = ASYMMETRIC, .spatial = param, .size = arg[1]};
    return take_factors(torch, arg[2], &r) ? add_nearest_exact(torch, arg[0], &r) : NULL;
}

/* (x, size, align_corners, scale...) */
ORK_TORCH_HANDLER(bilinear)
{
    resize r = {.mode = BILINEAR,
                .coordinates = arg[2]->boolean ? ALIGN_CORNERS : HALF_PIXEL,
                .spatial = param,
                .size = arg[1]};
    for (int i = 0; i < param; i++)
        r.scale[2 - param + i] = factor(arg[3 + i]);
    return add_resize(torch, arg[0], &r);
}

ORK_TORCH_HANDLER(bilinear_by_factors)
{
    resize r = {.mode = BILINEAR,
                .coordinates = arg[2]->boolean ? ALIGN_CORNERS : HALF_PIXEL,
                .spatial = param,
                .size = arg[1]};
    return take_factors(torch, arg[3], &r) ? add_resize(torch, arg[0], &r) : NULL;
}
