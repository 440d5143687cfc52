/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that frameworks have as one operator and the graph as several. */
#include "build.h"

static bool has_channels(ork_build *build, const ork_value *value, int64_t channels)
{
    if (value->type.shape.rank == 1 && value->type.shape.dim[0] == channels)
        return true;
    ork_build_bad_shape(build, "a parameter does not have %lld channels", (long long)channels);
    return false;
}

/* Inputs with fewer than 4 axes get them, so that a convolution in front, which works on 4, can
   take the scale. */
ork_value *ork_build_batch_norm(ork_build *build, ork_value *x, ork_value *const parameters[4],
                                double epsilon)
{
    static const double standard[] = {1, 0, 0, 1};
    ork_value *inputs[5];
    if (!x || x->type.shape.rank < 2)
        return x ? ork_build_bad_shape(build, "an input without channels") : NULL;
    ork_shape shape = x->type.shape, channels = ork_shape_of(1, &shape.dim[1]);
    for (int i = 0; i < 4; i++) {
        inputs[1 + i] = parameters[i] ? parameters[i]
                                      : ork_build_filled(build, ORK_F32, &channels, standard[i]);
        if (!inputs[1 + i] || !has_channels(build, inputs[1 + i], shape.dim[1]))
            return NULL;
    }
    int64_t dims[] = {shape.dim[0], shape.dim[1], 1, shape.rank == 3 ? shape.dim[2] : 1};
    inputs[0] = shape.rank < 4 ? ork_build_reshape_to(build, x, 4, dims) : x;
    ork_attrs attrs = {.batch_norm.epsilon = epsilon};
    ork_value *y = ork_build_add(build, ORK_OP_BATCH_NORM, &attrs, inputs, 5);
    return ork_build_reshape(build, y, &shape);
}

ork_value *ork_build_scale_and_shift(ork_build *build, ork_value *x, ork_value *weight,
                                     ork_value *bias)
{
    if (!x)
        return NULL;
    ork_shape shape = {.rank = x->type.shape.rank - 1};
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = i == 0 ? x->type.shape.dim[1] : 1;
    if (weight)
        x = ork_build_add2(build, ORK_OP_MUL, x, ork_build_reshape(build, weight, &shape));
    if (bias)
        x = ork_build_add2(build, ORK_OP_ADD, x, ork_build_reshape(build, bias, &shape));
    return x;
}

/* A layer norm over all that a group holds. */
ork_value *ork_build_group_norm(ork_build *build, ork_value *x, int64_t groups, ork_value *weight,
                                ork_value *bias, double epsilon)
{
    if (!x || x->type.shape.rank < 2)
        return x ? ork_build_bad_shape(build, "an input without channels") : NULL;
    ork_shape shape = x->type.shape;
    if (groups < 1 || shape.dim[1] % groups != 0 || ork_shape_count(&shape) == 0)
        return ork_build_bad_shape(build, "%lld channels in %lld groups", (long long)shape.dim[1],
                                   (long long)groups);
    int64_t rows = shape.dim[0] * groups;
    int64_t dims[] = {rows, ork_shape_count(&shape) / rows};
    ork_attrs attrs = {.layer_norm.axes = 1, .layer_norm.epsilon = epsilon};
    ork_value *y =
        ork_build_add1(build, ORK_OP_LAYER_NORM, &attrs, ork_build_reshape_to(build, x, 2, dims));
    return ork_build_scale_and_shift(build, ork_build_reshape(build, y, &shape), weight, bias);
}
