/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling and resizing over three axes. Convolutions are in aten_conv.c. */
#include "torch.h"

/* (x, kernel, stride, padding) */
static bool take_window(ork_torch *torch, ork_torch_value **arg, ork_volume *v)
{
    const ork_torch_value *stride = arg[2];
    bool has_stride = stride->kind != ORK_TORCH_NONE &&
                      !(ork_torch_is_sequence(stride) && stride->list.count == 0);
    if (!ork_torch_arg_fixed(torch, arg[1], 3, v->kernel) ||
        !ork_torch_arg_fixed(torch, has_stride ? stride : arg[1], 3, v->stride) ||
        !ork_torch_arg_fixed(torch, arg[3], 3, v->pad))
        return false;
    for (int i = 0; i < 3; i++) {
        v->pad[3 + i] = v->pad[i];
        v->dilation[i] = 1;
    }
    return true;
}

/* (x, kernel, stride, padding, dilation, ceil_mode) */
ORK_TORCH_HANDLER(max_pool3d)
{
    ork_volume v = {0};
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !take_window(torch, arg, &v) || !ork_torch_arg_fixed(torch, arg[4], 3, v.dilation))
        return NULL;
    v.ceil_mode = arg[5]->boolean;
    return ork_torch_tensor(torch, ork_build_pool3d(torch->build, ORK_OP_MAX_POOL2D, x, &v));
}

/* (x, kernel, stride, padding, ceil_mode, count_include_pad, divisor) */
ORK_TORCH_HANDLER(avg_pool3d)
{
    ork_volume v = {0};
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !take_window(torch, arg, &v))
        return NULL;
    v.ceil_mode = arg[4]->boolean;
    v.count_include_pad = arg[5]->boolean;
    v.divisor = arg[6]->kind == ORK_TORCH_NONE ? 0 : ork_torch_as_int(arg[6]);
    return ork_torch_tensor(torch, ork_build_pool3d(torch->build, ORK_OP_AVG_POOL2D, x, &v));
}

/* ---- by planes and columns, with the operator over two axes ---- */

static ork_torch_value *sizes(ork_torch *torch, int64_t first, int64_t second)
{
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, 2);
    items[0] = ork_torch_int(torch, first);
    items[1] = ork_torch_int(torch, second);
    return ork_torch_list(torch, ORK_TORCH_LIST, items, 2);
}

/* An operator over H and W whose sizes come out as wanted. */
typedef ork_torch_value *(*plane_fn)(ork_torch *torch, ork_torch_value *x, const int64_t size[2],
                                     const void *options);

static ork_torch_value *by_planes(ork_torch *torch, ork_torch_value *input, const int64_t size[3],
                                  plane_fn function, const void *options)
{
    ork_value *x = ork_torch_graph_value(torch, input), *planes = ork_build_planes(torch->build, x);
    ork_torch_value *y =
        planes ? function(torch, ork_torch_tensor(torch, planes), size + 1, options) : NULL;
    planes = y ? ork_torch_graph_value(torch, y) : NULL;
    ork_value *columns = ork_build_columns(torch->build, planes);
    if (!columns)
        return NULL;
    int64_t deep[] = {size[0], columns->type.shape.dim[3]};
    y = function(torch, ork_torch_tensor(torch, columns), deep, options);
    columns = y ? ork_torch_graph_value(torch, y) : NULL;
    return ork_torch_tensor(
        torch, ork_build_from_columns(torch->build, columns, planes, x ? &x->type.shape : NULL));
}

static ork_torch_value *adaptive_mean(ork_torch *torch, ork_torch_value *x, const int64_t size[2],
                                      const void *options)
{
    (void)options;
    ork_torch_value *all[] = {x, sizes(torch, size[0], size[1])};
    return ork_torch_op_adaptive_avg_pool(torch, all, 2);
}

static ork_torch_value *adaptive_maximum(ork_torch *torch, ork_torch_value *x,
                                         const int64_t size[2], const void *options)
{
    (void)options;
    ork_torch_value *all[] = {x, sizes(torch, size[0], size[1])};
    ork_torch_value *both = ork_torch_op_adaptive_max_pool(torch, all, 2);
    return both ? both->list.items[0] : NULL;
}

/* (x, size) */
ORK_TORCH_HANDLER(adaptive_avg_pool3d)
{
    int64_t size[3];
    return ork_torch_arg_fixed(torch, arg[1], 3, size)
               ? by_planes(torch, arg[0], size, adaptive_mean, NULL)
               : NULL;
}

/* Maxima, and where they are, which cannot be used. */
static ork_torch_value *without_places(ork_torch *torch, ork_torch_value *y)
{
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, 2);
    items[0] = y;
    items[1] = ork_torch_text(torch, ORK_TORCH_UNAVAILABLE, "the places of maxima over three axes");
    return y ? ork_torch_list(torch, ORK_TORCH_TUPLE, items, 2) : NULL;
}

ORK_TORCH_HANDLER(adaptive_max_pool3d)
{
    int64_t size[3];
    if (!ork_torch_arg_fixed(torch, arg[1], 3, size))
        return NULL;
    return without_places(torch, by_planes(torch, arg[0], size, adaptive_maximum, NULL));
}

ORK_TORCH_HANDLER(max_pool3d_with_indices)
{
    return without_places(torch, ork_torch_op_max_pool3d(torch, arg, 0));
}

/* ---- resizing ---- */

typedef struct resizing {
    int mode; /* 0 nearest, 1 nearest_exact, 2 linear */
    bool align_corners;
} resizing;

/* Factors are taken as the ratio of the sizes, along which torch' own differ by a rounding. */
static ork_torch_value *resize_plane(ork_torch *torch, ork_torch_value *x, const int64_t size[2],
                                     const void *options)
{
    const resizing *r = options;
    ork_torch_value *none = ork_torch_new(torch, ORK_TORCH_NONE);
    ork_torch_value *wanted = sizes(torch, size[0], size[1]);
    ork_torch_value *linear[] = {x, wanted, ork_torch_bool(torch, r->align_corners), none, none};
    ork_torch_value *nearest[] = {x, wanted, none, none};
    if (r->mode == 2)
        return ork_torch_op_bilinear(torch, linear, 2);
    return r->mode == 1 ? ork_torch_op_nearest_exact(torch, nearest, 2)
                        : ork_torch_op_nearest(torch, nearest, 2);
}

/* The sizes, or factors of the sizes of x, whichever is not None. */
static bool take_sizes(ork_torch *torch, ork_torch_value *x, const ork_torch_value *size,
                       const ork_torch_value *factors, int64_t out[3])
{
    ork_shape shape = ork_torch_shape(x);
    if (size->kind != ORK_TORCH_NONE)
        return ork_torch_arg_fixed(torch, size, 3, out);
    if (!ork_torch_is_sequence(factors) || factors->list.count != 3 || shape.rank < 4)
        return ork_build_unsupported(torch->build, "these scale factors") != NULL;
    for (int i = 0; i < 3; i++) {
        const ork_torch_value *factor = factors->list.items[i];
        double in = (double)shape.dim[shape.rank - 3 + i];
        double wanted = ork_torch_is_number(factor) ? in * ork_torch_as_double(factor) : 0;
        if (!(wanted >= 1 && wanted < INT32_MAX))
            return ork_build_bad_shape(torch->build, "a size of %g", wanted) != NULL;
        out[i] = (int64_t)wanted;
        if (wanted != (double)out[i])
            return ork_build_unsupported(torch->build, "factors that do not give whole sizes") !=
                   NULL;
    }
    return true;
}

/* (x, size, factors); param is the mode. */
ORK_TORCH_HANDLER(resize3d)
{
    int64_t size[3];
    resizing r = {.mode = param};
    return take_sizes(torch, arg[0], arg[1], arg[2], size)
               ? by_planes(torch, arg[0], size, resize_plane, &r)
               : NULL;
}

/* (x, size, align_corners, factors) */
ORK_TORCH_HANDLER(trilinear)
{
    int64_t size[3];
    resizing r = {.mode = 2, .align_corners = arg[2]->boolean};
    return take_sizes(torch, arg[0], arg[1], arg[3], size)
               ? by_planes(torch, arg[0], size, resize_plane, &r)
               : NULL;
}
