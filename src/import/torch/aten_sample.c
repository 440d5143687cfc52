/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling at computed places, windows as columns and back. */
#include "torch.h"

/* (x, grid, mode, padding, align_corners); the numbers are those of ork_grid. */
ORK_TORCH_HANDLER(grid_sample)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *places = ork_torch_graph_value(torch, arg[1]);
    int64_t mode = ork_torch_as_int(arg[2]), padding = ork_torch_as_int(arg[3]);
    if (!x || !places || mode < 0 || mode > 2 || padding < 0 || padding > 2)
        return NULL;
    ork_grid grid = {(ork_grid_mode)mode, (ork_grid_padding)padding, arg[4]->boolean};
    return ork_torch_tensor(torch, ork_build_grid_sample(torch->build, x, places, &grid));
}

/* (theta, size, align_corners) */
ORK_TORCH_HANDLER(affine_grid)
{
    ork_shape size;
    ork_value *theta = ork_torch_graph_value(torch, arg[0]);
    if (!theta || !ork_torch_arg_shape(torch, arg[1], &size))
        return NULL;
    return ork_torch_tensor(torch,
                            ork_build_affine_grid(torch->build, theta, &size, arg[2]->boolean));
}

/* (x, places, size): maxima go back to where they were; param is the number of spatial axes. */
ORK_TORCH_HANDLER(max_unpool)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *places = ork_torch_graph_value(torch, arg[1]);
    ork_ints size;
    if (!x || !places || !ork_torch_arg_ints(torch, arg[2], &size))
        return NULL;
    ork_shape shape = x->type.shape;
    int lead = shape.rank - param;
    if (lead < 1 || size.count < param || !ork_shape_equal(&shape, &places->type.shape))
        return ork_build_bad_shape(torch->build, "the places do not fit the values");
    int64_t outer = ork_shape_span(&shape, 0, lead);
    int64_t inner = ork_shape_span(&shape, lead, shape.rank);
    for (int i = 0; i < param; i++)
        shape.dim[lead + i] = size.v[size.count - param + i];
    int64_t seen[] = {outer, inner}, all[] = {outer, ork_shape_span(&shape, lead, shape.rank)};
    ork_shape flat = ork_shape_of(2, all);
    x = ork_build_reshape_to(torch->build, x, 2, seen);
    places = ork_build_reshape_to(torch->build, places, 2, seen);
    places = ork_build_places_along(torch->build, &flat, 1, places);
    ork_value *y = ork_build_filled(torch->build, ORK_F32, &flat, 0);
    y = ork_build_scatter(torch->build, y, places, x, ORK_SCATTER_SET);
    return ork_torch_tensor(torch, ork_build_reshape(torch->build, y, &shape));
}

/* ---- windows ---- */

typedef struct windows_args {
    ork_torch_value *kernel, *dilation, *padding, *stride;
} windows_args;

static bool take_windows(ork_torch *torch, const windows_args *a, const int64_t in[2],
                         ork_windows *w)
{
    if (!ork_torch_arg_fixed(torch, a->kernel, 2, w->kernel) ||
        !ork_torch_arg_fixed(torch, a->dilation, 2, w->dilation) ||
        !ork_torch_arg_fixed(torch, a->padding, 2, w->pad) ||
        !ork_torch_arg_fixed(torch, a->stride, 2, w->stride))
        return false;
    for (int i = 0; i < 2; i++) {
        w->in[i] = in[i];
        bool good = w->kernel[i] > 0 && w->stride[i] > 0 && w->dilation[i] > 0 && w->pad[i] >= 0;
        int64_t room = in[i] + 2 * w->pad[i] - w->dilation[i] * (w->kernel[i] - 1) - 1;
        if (!good || room < 0)
            return ork_build_bad_shape(torch->build,
                                       "the window is larger than the padded input") != NULL;
        w->out[i] = room / w->stride[i] + 1;
    }
    return true;
}

/* Also called unfold. (x, kernel, dilation, padding, stride): [N, C taps, windows] */
ORK_TORCH_HANDLER(im2col)
{
    ork_windows w;
    windows_args a = {arg[1], arg[2], arg[3], arg[4]};
    ork_value *x = ork_build_to_picture(torch->build, ork_torch_graph_value(torch, arg[0]), 2);
    if (!x || !take_windows(torch, &a, x->type.shape.dim + 2, &w))
        return NULL;
    const int64_t *d = x->type.shape.dim;
    ork_value *y = ork_build_windows(torch->build, x, ork_build_window_places(torch->build, &w), 0);
    int64_t dims[] = {d[0], d[1] * w.kernel[0] * w.kernel[1], w.out[0] * w.out[1]};
    bool has_batch = ork_torch_shape(arg[0]).rank == 4;
    return ork_torch_tensor(
        torch, ork_build_reshape_to(torch->build, y, has_batch ? 3 : 2, dims + !has_batch));
}

/* Each tap of a window as a channel of its own: the weight of a transposed convolution. */
static ork_value *one_tap_each(ork_torch *torch, const int64_t kernel[2])
{
    int64_t taps = kernel[0] * kernel[1];
    ork_shape shape = ork_shape_of(4, (int64_t[]){taps, 1, kernel[0], kernel[1]});
    ork_value *weight = ork_build_filled(torch->build, ORK_F32, &shape, 0);
    for (int64_t i = 0; weight && i < taps; i++)
        ork_element_set(ORK_F32, (void *)weight->data, i * taps + i, 1);
    return weight;
}

/* Also called fold: windows are summed where they overlap. (x, size, kernel, dilation, padding,
   stride) */
ORK_TORCH_HANDLER(col2im)
{
    ork_windows w;
    windows_args a = {arg[2], arg[3], arg[4], arg[5]};
    int64_t size[2];
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_fixed(torch, arg[1], 2, size) || !take_windows(torch, &a, size, &w))
        return NULL;
    ork_shape shape = x->type.shape;
    int64_t taps = w.kernel[0] * w.kernel[1], rows = shape.rank == 3 ? shape.dim[0] : 1;
    int64_t channels = shape.rank >= 2 ? shape.dim[shape.rank - 2] / taps : 0;
    ork_attrs attrs = {.conv_transpose2d.groups = 1};
    for (int i = 0; i < 2; i++) {
        attrs.conv_transpose2d.stride.v[i] = w.stride[i];
        attrs.conv_transpose2d.dilation.v[i] = w.dilation[i];
        attrs.conv_transpose2d.pad.v[i] = attrs.conv_transpose2d.pad.v[2 + i] = w.pad[i];
        attrs.conv_transpose2d.output_pad.v[i] =
            (w.in[i] + 2 * w.pad[i] - w.dilation[i] * (w.kernel[i] - 1) - 1) % w.stride[i];
    }
    int64_t dims[] = {rows * channels, taps, w.out[0], w.out[1]};
    ork_value *inputs[] = {ork_build_reshape_to(torch->build, x, 4, dims),
                           one_tap_each(torch, w.kernel)};
    ork_value *y = ork_build_add(torch->build, ORK_OP_CONV_TRANSPOSE2D, &attrs, inputs, 2);
    int64_t result[] = {rows, channels, size[0], size[1]};
    return ork_torch_tensor(
        torch, ork_build_reshape_to(torch->build, y, shape.rank + 1, result + (shape.rank != 3)));
}
