/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling and resizing over three axes. Convolutions are in aten_conv.c. */
#include "torch.h"

/* (x, kernel, stride, padding) */
static bool take_window(ork_ts *ts, ork_ts_value **arg, ork_volume *v)
{
    const ork_ts_value *stride = arg[2];
    bool has_stride =
        stride->kind != ORK_TS_NONE && !(ork_ts_is_sequence(stride) && stride->list.count == 0);
    if (!ork_ts_arg_fixed(ts, arg[1], 3, v->kernel) ||
        !ork_ts_arg_fixed(ts, has_stride ? stride : arg[1], 3, v->stride) ||
        !ork_ts_arg_fixed(ts, arg[3], 3, v->pad))
        return false;
    for (int i = 0; i < 3; i++) {
        v->pad[3 + i] = v->pad[i];
        v->dilation[i] = 1;
    }
    return true;
}

/* (x, kernel, stride, padding, dilation, ceil_mode) */
ORK_TS_HANDLER(max_pool3d)
{
    ork_volume v = {0};
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    if (!x || !take_window(ts, arg, &v) || !ork_ts_arg_fixed(ts, arg[4], 3, v.dilation))
        return NULL;
    v.ceil_mode = arg[5]->boolean;
    return ork_ts_tensor(ts, ork_build_pool3d(ts->build, ORK_OP_MAX_POOL2D, x, &v));
}

/* (x, kernel, stride, padding, ceil_mode, count_include_pad, divisor) */
ORK_TS_HANDLER(avg_pool3d)
{
    ork_volume v = {0};
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    if (!x || !take_window(ts, arg, &v))
        return NULL;
    v.ceil_mode = arg[4]->boolean;
    v.count_include_pad = arg[5]->boolean;
    v.divisor = arg[6]->kind == ORK_TS_NONE ? 0 : ork_ts_as_int(arg[6]);
    return ork_ts_tensor(ts, ork_build_pool3d(ts->build, ORK_OP_AVG_POOL2D, x, &v));
}

/* ---- by planes and columns, with the operator over two axes ---- */

static ork_ts_value *sizes(ork_ts *ts, int64_t first, int64_t second)
{
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, 2);
    items[0] = ork_ts_int(ts, first);
    items[1] = ork_ts_int(ts, second);
    return ork_ts_list(ts, ORK_TS_LIST, items, 2);
}

/* An operator over H and W whose sizes come out as wanted. */
typedef ork_ts_value *(*plane_fn)(ork_ts *ts, ork_ts_value *x, const int64_t size[2],
                                  const void *options);

static ork_ts_value *by_planes(ork_ts *ts, ork_ts_value *input, const int64_t size[3],
                               plane_fn function, const void *options)
{
    ork_value *x = ork_ts_graph_value(ts, input), *planes = ork_build_planes(ts->build, x);
    ork_ts_value *y = planes ? function(ts, ork_ts_tensor(ts, planes), size + 1, options) : NULL;
    planes = y ? ork_ts_graph_value(ts, y) : NULL;
    ork_value *columns = ork_build_columns(ts->build, planes);
    if (!columns)
        return NULL;
    int64_t deep[] = {size[0], columns->type.shape.dim[3]};
    y = function(ts, ork_ts_tensor(ts, columns), deep, options);
    columns = y ? ork_ts_graph_value(ts, y) : NULL;
    return ork_ts_tensor(
        ts, ork_build_from_columns(ts->build, columns, planes, x ? &x->type.shape : NULL));
}

static ork_ts_value *adaptive_mean(ork_ts *ts, ork_ts_value *x, const int64_t size[2],
                                   const void *options)
{
    (void)options;
    ork_ts_value *all[] = {x, sizes(ts, size[0], size[1])};
    return ork_ts_op_adaptive_avg_pool(ts, all, 2);
}

static ork_ts_value *adaptive_maximum(ork_ts *ts, ork_ts_value *x, const int64_t size[2],
                                      const void *options)
{
    (void)options;
    ork_ts_value *all[] = {x, sizes(ts, size[0], size[1])};
    ork_ts_value *both = ork_ts_op_adaptive_max_pool(ts, all, 2);
    return both ? both->list.items[0] : NULL;
}

/* (x, size) */
ORK_TS_HANDLER(adaptive_avg_pool3d)
{
    int64_t size[3];
    return ork_ts_arg_fixed(ts, arg[1], 3, size) ? by_planes(ts, arg[0], size, adaptive_mean, NULL)
                                                 : NULL;
}

/* Maxima, and where they are, which cannot be used. */
static ork_ts_value *without_places(ork_ts *ts, ork_ts_value *y)
{
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, 2);
    items[0] = y;
    items[1] = ork_ts_text(ts, ORK_TS_UNAVAILABLE, "the places of maxima over three axes");
    return y ? ork_ts_list(ts, ORK_TS_TUPLE, items, 2) : NULL;
}

ORK_TS_HANDLER(adaptive_max_pool3d)
{
    int64_t size[3];
    if (!ork_ts_arg_fixed(ts, arg[1], 3, size))
        return NULL;
    return without_places(ts, by_planes(ts, arg[0], size, adaptive_maximum, NULL));
}

ORK_TS_HANDLER(max_pool3d_with_indices)
{
    return without_places(ts, ork_ts_op_max_pool3d(ts, arg, 0));
}

/* ---- resizing ---- */

typedef struct resizing {
    int mode; /* 0 nearest, 1 nearest_exact, 2 linear */
    bool align_corners;
} resizing;

/* Factors are taken as the ratio of the sizes, along which torch' own differ by a rounding. */
static ork_ts_value *resize_plane(ork_ts *ts, ork_ts_value *x, const int64_t size[2],
                                  const void *options)
{
    const resizing *r = options;
    ork_ts_value *none = ork_ts_new(ts, ORK_TS_NONE);
    ork_ts_value *wanted = sizes(ts, size[0], size[1]);
    ork_ts_value *linear[] = {x, wanted, ork_ts_bool(ts, r->align_corners), none, none};
    ork_ts_value *nearest[] = {x, wanted, none, none};
    if (r->mode == 2)
        return ork_ts_op_bilinear(ts, linear, 2);
    return r->mode == 1 ? ork_ts_op_nearest_exact(ts, nearest, 2)
                        : ork_ts_op_nearest(ts, nearest, 2);
}

/* The sizes, or factors of the sizes of x, whichever is not None. */
static bool take_sizes(ork_ts *ts, ork_ts_value *x, const ork_ts_value *size,
                       const ork_ts_value *factors, int64_t out[3])
{
    ork_shape shape = ork_ts_shape(x);
    if (size->kind != ORK_TS_NONE)
        return ork_ts_arg_fixed(ts, size, 3, out);
    if (!ork_ts_is_sequence(factors) || factors->list.count != 3 || shape.rank < 4)
        return ork_build_unsupported(ts->build, "these scale factors") != NULL;
    for (int i = 0; i < 3; i++) {
        const ork_ts_value *factor = factors->list.items[i];
        double in = (double)shape.dim[shape.rank - 3 + i];
        double wanted = ork_ts_is_number(factor) ? in * ork_ts_as_double(factor) : 0;
        if (!(wanted >= 1 && wanted < INT32_MAX))
            return ork_build_bad_shape(ts->build, "a size of %g", wanted) != NULL;
        out[i] = (int64_t)wanted;
        if (wanted != (double)out[i])
            return ork_build_unsupported(ts->build, "factors that do not give whole sizes") != NULL;
    }
    return true;
}

/* (x, size, factors); param is the mode. */
ORK_TS_HANDLER(resize3d)
{
    int64_t size[3];
    resizing r = {.mode = param};
    return take_sizes(ts, arg[0], arg[1], arg[2], size)
               ? by_planes(ts, arg[0], size, resize_plane, &r)
               : NULL;
}

/* (x, size, align_corners, factors) */
ORK_TS_HANDLER(trilinear)
{
    int64_t size[3];
    resizing r = {.mode = 2, .align_corners = arg[2]->boolean};
    return take_sizes(ts, arg[0], arg[1], arg[3], size)
               ? by_planes(ts, arg[0], size, resize_plane, &r)
               : NULL;
}
