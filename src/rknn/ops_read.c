/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of the vendor's operators, read into our attributes. */
#include "internal.h"

#include <string.h>

static const ork_shape *input_shape(const ork_rknn_step *s)
{
    return &s->inputs[0]->type.shape;
}

static bool bad(ork_rknn_step *s, const char *why)
{
    ork_fail(s->diag, ORK_ERR_RKNN_FORMAT, "layer '%s' has parameters that make no sense", s->name);
    return ork_why(s->diag, "%s", why);
}

static bool unsupported(ork_rknn_step *s, const char *why)
{
    ork_fail(s->diag, ORK_ERR_RKNN_OP,
             "layer '%s' uses its operator in a way that is not supported", s->name);
    return ork_why(s->diag, "%s", why);
}

/* A number or a truth, within the bounds of a parameter. */
static int64_t get_int(const ork_json *json, const char *key, int64_t fallback)
{
    bool truth = ork_json_get_bool(json, key, fallback != 0);
    int64_t value = ork_json_get_int(json, key, truth == (fallback != 0) ? fallback : truth);
    return value < -(1 << 24) || value > 1 << 24 ? fallback : value;
}

/* Reads a list from the vendor's order into ours; -1 when it is no list of fair numbers. */
static int get_reversed(const ork_json *json, const char *key, int64_t *values, int most)
{
    const ork_json *list = ork_json_get(json, key);
    size_t count = ork_json_count(list);
    if (count > (size_t)most || !ork_json_is(list, ORK_JSON_ARRAY))
        return -1;
    for (size_t i = 0; i < count; i++) {
        int64_t *value = &values[count - 1 - i];
        if (!ork_json_as_int(ork_json_item(list, i), value) || *value < -(1 << 24) ||
            *value > 1 << 24)
            return -1;
    }
    return (int)count;
}

static bool get_ints(const ork_json *json, const char *key, ork_ints *list)
{
    int count = get_reversed(json, key, list->v, ORK_MAX_RANK);
    list->count = count < 0 ? 0 : count;
    return count >= 0;
}

/* [w, h] into [h, w]; the fallback for both when absent. */
static bool get_pair(const ork_json *json, const char *key, int64_t fallback, int64_t *pair)
{
    pair[0] = pair[1] = fallback;
    return !ork_json_get(json, key) || get_reversed(json, key, pair, 2) == 2;
}

static bool get_pad(const ork_json *json, int64_t *pad)
{
    int64_t v[4] = {0}; /* bottom, top, right, left */
    if (ork_json_get(json, "pad") && get_reversed(json, "pad", v, 4) != 4)
        return false;
    pad[0] = v[1];
    pad[1] = v[3];
    pad[2] = v[0];
    pad[3] = v[2];
    const char *type = ork_json_get_text(json, "pad_type", "VSI_NN_PAD_AUTO");
    return strcmp(type, "VSI_NN_PAD_SAME") != 0;
}

static int64_t get_axis(const ork_rknn_step *s, int64_t fallback)
{
    int64_t axis = get_int(s->params, "axis", fallback);
    if (axis < 0)
        axis += input_shape(s)->rank;
    return input_shape(s)->rank - 1 - axis;
}

static bool read_plain(ork_rknn_step *s)
{
    (void)s;
    return true;
}

/* ---- convolution and matrix products ---- */

/* Filters of a depthwise convolution stand as one filter of many channels. */
static ork_value *turn_depthwise(ork_rknn_step *s, ork_value *weight)
{
    ork_type type = weight->type;
    if (weight->kind != ORK_VALUE_CONSTANT || type.shape.rank != 4 || type.shape.dim[0] != 1)
        return weight;
    type.shape.dim[0] = type.shape.dim[1];
    type.shape.dim[1] = 1;
    if (type.quant.scheme == ORK_SCHEME_PER_CHANNEL && type.quant.axis < 2)
        type.quant.axis = !type.quant.axis;
    return ork_graph_add_constant(s->graph, weight->name, &type, weight->data);
}

static bool read_conv2d(ork_rknn_step *s)
{
    s->attrs.conv2d.groups = get_int(s->params, "group", 1);
    if (s->attrs.conv2d.groups < 1)
        s->attrs.conv2d.groups = 1;
    if (get_int(s->params, "multiplier", 0) > 0) {
        s->attrs.conv2d.groups = input_shape(s)->rank == 4 ? input_shape(s)->dim[1] : 1;
        s->inputs[1] = turn_depthwise(s, s->inputs[1]);
    }
    if (!get_pair(s->params, "stride", 1, s->attrs.conv2d.stride.v) ||
        !get_pair(s->params, "dilation", 1, s->attrs.conv2d.dilation.v) ||
        !get_pad(s->params, s->attrs.conv2d.pad.v))
        return bad(s, "stride, dilation or pad");
    for (int i = 0; i < 2; i++)
        if (s->attrs.conv2d.dilation.v[i] == 0)
            s->attrs.conv2d.dilation.v[i] = 1;
    return true;
}

static bool read_deconv(ork_rknn_step *s)
{
    s->attrs.conv_transpose2d.dilation = (ork_attr_PAIR){{1, 1}};
    s->attrs.conv_transpose2d.groups = get_int(s->params, "group", 1);
    if (s->attrs.conv_transpose2d.groups < 1)
        s->attrs.conv_transpose2d.groups = 1;
    return (get_pair(s->params, "stride", 1, s->attrs.conv_transpose2d.stride.v) &&
            get_pair(s->params, "output_padding", 0, s->attrs.conv_transpose2d.output_pad.v) &&
            get_pad(s->params, s->attrs.conv_transpose2d.pad.v)) ||
           bad(s, "stride, pad or output_padding");
}

/* The vendor's product takes all axes but the batch as one. */
static bool read_fcl(ork_rknn_step *s)
{
    const ork_shape *x = input_shape(s), *weight = &s->inputs[1]->type.shape;
    if (weight->rank != 2 || x->rank < 1 || x->dim[x->rank - 1] == weight->dim[1])
        return true; /* fits, or will be refused by the graph */
    ork_attrs attrs = {.reshape.shape = {.count = 2, .v = {x->dim[0], weight->dim[1]}}};
    ork_type type = s->inputs[0]->type;
    s->inputs[0] = ork_rknn_emit(s, ORK_OP_RESHAPE, &attrs, s->inputs, 1, -1);
    if (!s->inputs[0])
        return false;
    s->inputs[0]->type.quant = type.quant;
    return true;
}

/* Layer with its ReLU: what came out of the layer carries the ReLU's type. */
static bool then_relu(ork_rknn_step *s, ork_op op)
{
    ork_value *layer = ork_rknn_emit(s, op, &s->attrs, s->inputs, s->input_count, 0);
    s->attrs = (ork_attrs){0};
    s->op = ORK_OP_RELU;
    s->inputs[0] = layer;
    s->input_count = 1;
    return layer != NULL;
}

static bool read_conv_relu(ork_rknn_step *s)
{
    return read_conv2d(s) && then_relu(s, ORK_OP_CONV2D);
}

static bool read_fcl_relu(ork_rknn_step *s)
{
    return read_fcl(s) && then_relu(s, ORK_OP_LINEAR);
}

static bool read_matmul(ork_rknn_step *s)
{
    const ork_json *transpose = ork_json_get(s->params, "transpose");
    for (int port = 0; port < 2; port++) {
        const ork_json *flag = ork_json_item(transpose, (size_t)port);
        int64_t number = 0;
        bool truth = false;
        if (!(ork_json_as_int(flag, &number) && number) &&
            !(ork_json_as_bool(flag, &truth) && truth))
            continue;
        ork_value *from = s->inputs[port];
        int rank = from->type.shape.rank;
        ork_attrs attrs = {.transpose.perm = {.count = rank}};
        if (rank < 2)
            return bad(s, "it transposes a vector");
        for (int i = 0; i < rank; i++)
            attrs.transpose.perm.v[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
        s->inputs[port] = ork_rknn_emit(s, ORK_OP_TRANSPOSE, &attrs, &from, 1, -1);
        if (!s->inputs[port])
            return false;
        if (from->type.quant.scheme != ORK_SCHEME_PER_CHANNEL)
            s->inputs[port]->type.quant = from->type.quant;
    }
    return true;
}

/* ---- pooling, normalization ---- */

static bool get_pool(ork_rknn_step *s, int64_t *kernel, int64_t *stride, int64_t *dilation,
                     int64_t *pad, bool *ceil_mode)
{
    *ceil_mode = strcmp(ork_json_get_text(s->params, "round_type", "VSI_NN_ROUND_CEIL"),
                        "VSI_NN_ROUND_CEIL") == 0;
    return (get_pair(s->params, "ksize", 1, kernel) && get_pair(s->params, "stride", 1, stride) &&
            get_pair(s->params, "dilation", 1, dilation) && get_pad(s->params, pad)) ||
           bad(s, "ksize, stride, dilation or pad");
}

static bool read_max_pool(ork_rknn_step *s)
{
    return get_pool(s, s->attrs.max_pool2d.kernel.v, s->attrs.max_pool2d.stride.v,
                    s->attrs.max_pool2d.dilation.v, s->attrs.max_pool2d.pad.v,
                    &s->attrs.max_pool2d.ceil_mode);
}

static bool read_avg_pool_android(ork_rknn_step *s)
{
    return get_pool(s, s->attrs.avg_pool2d.kernel.v, s->attrs.avg_pool2d.stride.v,
                    s->attrs.avg_pool2d.dilation.v, s->attrs.avg_pool2d.pad.v,
                    &s->attrs.avg_pool2d.ceil_mode);
}

static bool read_avg_pool(ork_rknn_step *s)
{
    if (!read_avg_pool_android(s))
        return false;
    for (int i = 0; i < 4; i++)
        s->attrs.avg_pool2d.count_include_pad |= s->attrs.avg_pool2d.pad.v[i] != 0;
    return true;
}

static bool read_batch_norm(ork_rknn_step *s)
{
    s->attrs.batch_norm.epsilon = ork_json_get_double(s->params, "eps", 0.0);
    return true;
}

static bool read_layer_norm(ork_rknn_step *s)
{
    s->attrs.layer_norm.epsilon = ork_json_get_double(s->params, "eps", 0.0);
    s->attrs.layer_norm.axes = 1;
    return get_int(s->params, "axis", 0) == 0 || unsupported(s, "not over the last axis");
}

/* Without an axis the vendor takes channels, or what there is. */
static int64_t softmax_axis(const ork_rknn_step *s)
{
    return get_axis(s, input_shape(s)->rank <= 2 ? 0 : 2);
}

static bool read_softmax(ork_rknn_step *s)
{
    s->attrs.softmax.axis = softmax_axis(s);
    return ork_json_get_double(s->params, "beta", 1.0) == 1.0 || unsupported(s, "beta is not 1");
}

static bool read_log_softmax(ork_rknn_step *s)
{
    s->attrs.log_softmax.axis = softmax_axis(s);
    return true;
}

/* ---- functions of one or two elements ---- */

static bool set_clip(ork_rknn_step *s, double low, double high)
{
    s->attrs.clip.low = low;
    s->attrs.clip.high = high;
    return true;
}

static bool read_clip(ork_rknn_step *s)
{
    return set_clip(s, ork_json_get_double(s->params, "min", 0.0),
                    ork_json_get_double(s->params, "max", 0.0));
}

static bool read_relun(ork_rknn_step *s)
{
    return set_clip(s, ork_json_get_double(s->params, "relu_clamp_bottom", 0.0),
                    ork_json_get_double(s->params, "relu_clamp_top", 6.0));
}

static bool read_relu6(ork_rknn_step *s)
{
    return set_clip(s, 0.0, 6.0);
}

static bool read_relu1(ork_rknn_step *s)
{
    return set_clip(s, -1.0, 1.0);
}

static bool read_leaky_relu(ork_rknn_step *s)
{
    s->attrs.leaky_relu.alpha = ork_json_get_double(s->params, "leaky_ratio", 0.0);
    return true;
}

static bool read_tanh(ork_rknn_step *s)
{
    /* Older files carry zeros for "not scaled". */
    double a = ork_json_get_double(s->params, "scale_a", 1.0);
    double b = ork_json_get_double(s->params, "scale_b", 1.0);
    return ((a == 1.0 || a == 0.0) && (b == 1.0 || b == 0.0)) || unsupported(s, "scaled tanh");
}

static bool read_swish(ork_rknn_step *s)
{
    return ork_json_get_double(s->params, "beta", 1.0) == 1.0 || unsupported(s, "beta is not 1");
}

static bool read_hard_sigmoid(ork_rknn_step *s)
{
    double alpha = ork_json_get_double(s->params, "alpha", 1.0 / 6.0);
    double beta = ork_json_get_double(s->params, "beta", 0.5);
    return ((float)alpha == (float)(1.0 / 6.0) && beta == 0.5) ||
           unsupported(s, "alpha is not 1/6 or beta is not 0.5");
}

static bool read_elu(ork_rknn_step *s)
{
    s->attrs.elu.alpha = ork_json_get_double(s->params, "alpha", 1.0);
    return true;
}

static bool read_gelu(ork_rknn_step *s)
{
    s->attrs.gelu.approximate = get_int(s->params, "approximate", 0) != 0;
    return true;
}

static bool read_softplus(ork_rknn_step *s)
{
    s->attrs.softplus.beta = 1.0;
    s->attrs.softplus.threshold = 20.0;
    return true;
}

static bool read_square(ork_rknn_step *s)
{
    ork_value *both[] = {s->inputs[0], s->inputs[0]};
    s->outputs[0] = ork_rknn_emit(s, ORK_OP_MUL, NULL, both, 2, 0);
    s->is_done = true;
    return s->outputs[0] != NULL;
}

static bool read_identity(ork_rknn_step *s)
{
    s->attrs.reshape.shape.count = input_shape(s)->rank;
    memcpy(s->attrs.reshape.shape.v, input_shape(s)->dim, sizeof(input_shape(s)->dim));
    return true;
}

static bool read_scale_one(ork_rknn_step *s)
{
    return ork_json_get_double(s->params, "scale", 1.0) == 1.0 || unsupported(s, "scale is not 1");
}

static bool read_mod(ork_rknn_step *s)
{
    return get_int(s->params, "fmod", 0) == 0 || unsupported(s, "it takes the dividend's sign");
}

/* ---- reductions, data movement ---- */

static bool read_reduce(ork_rknn_step *s)
{
    ork_ints *axes = &s->attrs.reduce_mean.axes; /* at the same place in all four */
    if (!get_ints(s->params, "axis", axes))
        return bad(s, "axis");
    for (int i = 0; i < axes->count; i++) {
        int64_t axis = axes->v[i] < 0 ? axes->v[i] + input_shape(s)->rank : axes->v[i];
        axes->v[i] = input_shape(s)->rank - 1 - axis;
    }
    s->attrs.reduce_mean.keep_dims = get_int(s->params, "keep_dim", 0) != 0;
    return true;
}

static bool read_concat(ork_rknn_step *s)
{
    s->attrs.concat.axis = get_axis(s, 0);
    return true;
}

static bool read_split(ork_rknn_step *s)
{
    const ork_json *slices = ork_json_get(s->params, "slices");
    const ork_shape *x = input_shape(s);
    int64_t axis = get_axis(s, 0), begin = 0;
    if (axis < 0 || axis >= x->rank || s->output_count < 1)
        return bad(s, "axis");
    ork_attrs attrs = {.slice = {.begin.count = x->rank, .end.count = x->rank}};
    attrs.slice.step.count = x->rank;
    for (int i = 0; i < x->rank; i++) {
        attrs.slice.end.v[i] = x->dim[i];
        attrs.slice.step.v[i] = 1;
    }
    for (int i = 0; i < s->output_count; i++) {
        int64_t size = x->dim[axis] / s->output_count;
        if (ork_json_count(slices) && (!ork_json_as_int(ork_json_item(slices, (size_t)i), &size) ||
                                       size < 0 || size > INT32_MAX))
            return bad(s, "slices");
        attrs.slice.begin.v[axis] = begin;
        attrs.slice.end.v[axis] = begin += size;
        s->outputs[i] = ork_rknn_emit(s, ORK_OP_SLICE, &attrs, s->inputs, 1, i);
        if (!s->outputs[i])
            return false;
    }
    s->is_done = true;
    return true;
}

/* One axis of a slice; bit `bit` of a mask belongs to it. */
static void slice_axis(ork_rknn_step *s, int axis, int bit)
{
    int64_t size = input_shape(s)->dim[axis];
    int64_t *begin = &s->attrs.slice.begin.v[axis], *end = &s->attrs.slice.end.v[axis];
    if (*begin < 0)
        *begin += size;
    if (*end < 0)
        *end += size;
    if (get_int(s->params, "begin_mask", 0) >> bit & 1)
        *begin = 0;
    if (get_int(s->params, "end_mask", 0) >> bit & 1 || *end > size)
        *end = size;
}

static bool read_slice(ork_rknn_step *s)
{
    int rank = input_shape(s)->rank;
    if (!get_ints(s->params, "begin_dims", &s->attrs.slice.begin) ||
        !get_ints(s->params, "end_dims", &s->attrs.slice.end) ||
        !get_ints(s->params, "stride_dims", &s->attrs.slice.step) ||
        s->attrs.slice.begin.count != rank || s->attrs.slice.end.count != rank)
        return bad(s, "begin_dims, end_dims or stride_dims");
    if (get_int(s->params, "shrink_axis_mask", 0) || get_int(s->params, "new_axis_mask", 0))
        return unsupported(s, "it changes the number of axes");
    for (int axis = 0; axis < rank; axis++)
        slice_axis(s, axis, rank - 1 - axis);
    return true;
}

static bool read_reshape(ork_rknn_step *s)
{
    ork_ints *shape = &s->attrs.reshape.shape;
    if (!get_ints(s->params, "size", shape))
        return bad(s, "size");
    int64_t known = 1;
    int open = -1;
    for (int i = 0; i < shape->count; i++) {
        if (shape->v[i] < 0)
            open = i;
        else if (known == 0 || shape->v[i] <= INT32_MAX / known)
            known *= shape->v[i];
        else
            return bad(s, "size");
    }
    if (open >= 0 && known > 0)
        shape->v[open] = ork_shape_count(input_shape(s)) / known;
    return true;
}

static bool read_permute(ork_rknn_step *s)
{
    ork_ints *perm = &s->attrs.transpose.perm;
    if (!get_ints(s->params, "perm", perm))
        return bad(s, "perm");
    for (int i = 0; i < perm->count; i++)
        perm->v[i] = perm->count - 1 - perm->v[i];
    return true;
}

static bool read_expand(ork_rknn_step *s)
{
    return get_ints(s->params, "shape", &s->attrs.expand.shape) || bad(s, "shape");
}

static bool read_pad(ork_rknn_step *s)
{
    static const char *const modes[] = {"VSI_NN_PAD_MODE_CONSTANT", "VSI_NN_PAD_MODE_REFLECT",
                                        "VSI_NN_PAD_MODE_REPLICATE"};
    const char *mode = ork_json_get_text(s->params, "mode", modes[0]);
    s->attrs.pad.mode = -1;
    for (int i = 0; i < 3; i++)
        if (strcmp(mode, modes[i]) == 0)
            s->attrs.pad.mode = i;
    if (s->attrs.pad.mode < 0)
        return unsupported(s, mode);
    s->attrs.pad.value = ork_json_get_double(s->params, "const_val", 0.0);
    return (get_ints(s->params, "front_size", &s->attrs.pad.before) &&
            get_ints(s->params, "back_size", &s->attrs.pad.after)) ||
           bad(s, "front_size or back_size");
}

static bool read_resize(ork_rknn_step *s)
{
    const char *type = ork_json_get_text(s->params, "type", "");
    s->attrs.resize.mode = strcmp(type, "VSI_NN_INTERPOLATION_BILINEAR") == 0;
    if (!s->attrs.resize.mode && strcmp(type, "VSI_NN_INTERPOLATION_NEAREST_NEIGHBOR") != 0)
        return unsupported(s, type);
    s->attrs.resize.coordinates = get_int(s->params, "align_corners", 0)        ? 2
                                  : get_int(s->params, "half_pixel_centers", 0) ? 1
                                                                                : 0;
    double factor = ork_json_get_double(s->params, "factor", 0.0);
    if (!get_pair(s->params, "size", 0, s->attrs.resize.size.v))
        return bad(s, "size");
    for (int i = 0; i < 2 && factor > 0.0 && factor < 65536.0; i++)
        s->attrs.resize.size.v[i] = (int64_t)((double)input_shape(s)->dim[2 + i] * factor);
    return true;
}

static bool read_gather(ork_rknn_step *s)
{
    s->attrs.gather.axis = get_axis(s, 0);
    return get_int(s->params, "batch_dims", 0) == 0 || unsupported(s, "batch_dims is not 0");
}

static bool read_cast(ork_rknn_step *s)
{
    ork_type type = {.shape = *input_shape(s)};
    if (!s->output_dtypes[0])
        return bad(s, "its output has no type");
    if (!ork_rknn_get_dtype(s->diag, s->graph->arena, s->output_dtypes[0], &type))
        return false;
    s->attrs.cast.dtype = type.dtype;
    return true;
}

const ork_rknn_read_fn ork_rknn_readers[] = {
#define ORK_RKNN_OP(vsi, key, variant_key, variant, op, ports, vx, fits, write, read) read_##read,
#include "rknn_ops.def"
#undef ORK_RKNN_OP
};
