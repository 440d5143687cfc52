/* SPDX-License-Identifier: Apache-2.0 */
/* Attention, spelled out: the operator, and the fused layers that torch.nn takes where no gradients
   are wanted. */
#include "torch.h"

#include <math.h>

/* ---- the operator ---- */

/* Truth where a place may be looked at. */
static ork_ts_value *hidden(ork_ts *ts, ork_ts_value *scores, ork_ts_value *may_see)
{
    ork_value *mask = ork_ts_graph_value(ts, may_see);
    mask = mask ? ork_build_add1(ts->build, ORK_OP_LOGICAL_NOT, NULL, mask) : NULL;
    ork_ts_value *all[] = {scores, ork_ts_tensor(ts, ork_build_cast(ts->build, mask, ORK_BOOL)),
                           ork_ts_float(ts, -(double)INFINITY, false)};
    return mask ? ork_ts_op_masked_fill(ts, all, 0) : NULL;
}

/* Each place sees itself and those before it. */
static ork_ts_value *causal(ork_ts *ts, ork_ts_value *scores)
{
    ork_shape all = ork_ts_shape(scores);
    ork_shape shape = ork_shape_of(2, all.dim + all.rank - 2);
    ork_value *ones = ork_build_filled(ts->build, ORK_BOOL, &shape, 1);
    ork_ts_value *of[] = {ork_ts_tensor(ts, ones), ork_ts_int(ts, 0)};
    ork_ts_value *may_see = ones ? ork_ts_op_triangle(ts, of, 0) : NULL;
    return may_see ? hidden(ts, scores, may_see) : NULL;
}

/* Keys or values for all heads of the query, where several share one. */
static ork_ts_value *for_all_heads(ork_ts *ts, ork_ts_value *x, const ork_ts_value *query)
{
    ork_shape shape = ork_ts_shape(x), wanted = ork_ts_shape(query);
    if (shape.rank < 3 || wanted.rank != shape.rank || shape.dim[shape.rank - 3] < 1)
        return ork_build_bad_shape(ts->build, "heads that share keys");
    int64_t times = wanted.dim[shape.rank - 3] / shape.dim[shape.rank - 3];
    ork_ts_value *all[] = {x, ork_ts_int(ts, times), ork_ts_int(ts, -3),
                           ork_ts_new(ts, ORK_TS_NONE)};
    return times == 1 ? x : ork_ts_op_repeat_interleave(ts, all, 0);
}

static ork_ts_value *product(ork_ts *ts, ork_ts_value *a, ork_ts_value *b)
{
    ork_value *x = a && b ? ork_ts_graph_value(ts, a) : NULL;
    ork_value *y = x ? ork_ts_graph_value(ts, b) : NULL;
    return y ? ork_ts_tensor(ts, ork_build_add2(ts->build, ORK_OP_MATMUL, x, y)) : NULL;
}

/* softmax(query key^T scale + mask) value: Vaswani et al. 2017. (query, key, value, mask, dropout,
   is_causal, scale, enable_gqa) */
ORK_TS_HANDLER(attention)
{
    ork_ts_value *key = arg[1], *value = arg[2];
    ork_shape shape = ork_ts_shape(arg[0]);
    if (shape.rank < 2 || ork_ts_shape(key).rank < 2)
        return ork_build_unsupported(ts->build, "attention of vectors");
    if (arg[7]->boolean) {
        key = for_all_heads(ts, key, arg[0]);
        value = key ? for_all_heads(ts, value, arg[0]) : NULL;
    }
    double scale = arg[6]->kind == ORK_TS_NONE ? 1.0 / sqrt((double)shape.dim[shape.rank - 1])
                                               : ork_ts_as_double(arg[6]);
    ork_ts_value *turned = key ? ork_ts_op_matrix_transpose(ts, &key, 0) : NULL;
    ork_ts_value *scores = product(ts, arg[0], turned), *factor = ork_ts_float(ts, scale, false);
    scores = scores ? ork_ts_binary(ts, ORK_OP_MUL, scores, factor, false) : NULL;
    if (scores && arg[5]->boolean)
        scores = causal(ts, scores);
    if (scores && arg[3]->kind == ORK_TS_TENSOR)
        scores = arg[3]->tensor.value->type.dtype == ORK_BOOL
                     ? hidden(ts, scores, arg[3])
                     : ork_ts_binary(ts, ORK_OP_ADD, scores, arg[3], false);
    ork_ts_value *softmax[] = {scores, ork_ts_int(ts, -1), ork_ts_new(ts, ORK_TS_NONE)};
    return scores && value ? product(ts, ork_ts_op_softmax(ts, softmax, ORK_OP_SOFTMAX), value)
                           : NULL;
}

/* ---- fused layers ---- */

enum { MASK_OF_PLACES, MASK_OF_KEYS };

typedef struct attention {
    int64_t heads;
    ork_ts_value *in_weight, *in_bias, *out_weight, *out_bias, *mask;
    int mask_kind;
} attention;

static ork_ts_value *linear(ork_ts *ts, ork_ts_value *x, ork_ts_value *weight, ork_ts_value *bias)
{
    ork_ts_value *all[] = {x, weight, bias};
    return x ? ork_ts_op_linear(ts, all, 0) : NULL;
}

static ork_value *part_of(ork_ts *ts, ork_value *x, int axis, int64_t part, int64_t size)
{
    return ork_build_slice(ts->build, x, axis, part * size, (part + 1) * size, 1);
}

/* Query, key or value: [N, heads, places, width], its width last, or the second last for `turned`.
 */
static ork_value *projected(ork_ts *ts, const attention *a, ork_ts_value *x, int part, bool turned)
{
    ork_value *weight = ork_ts_graph_value(ts, a->in_weight), *bias;
    bias = weight ? ork_ts_graph_value(ts, a->in_bias) : NULL;
    if (!bias || weight->type.shape.rank != 2 || a->heads < 1)
        return bias ? ork_build_bad_shape(ts->build, "a projection") : NULL;
    int64_t width = weight->type.shape.dim[0] / 3, size = width / a->heads;
    ork_ts_value *y = linear(ts, x, ork_ts_tensor(ts, part_of(ts, weight, 0, part, width)),
                             ork_ts_tensor(ts, part_of(ts, bias, 0, part, width)));
    ork_value *value = y ? ork_ts_graph_value(ts, y) : NULL;
    if (!value || value->type.shape.rank != 3)
        return NULL;
    const int64_t *d = value->type.shape.dim;
    int64_t dims[] = {d[0], d[1], a->heads, size};
    value = ork_build_reshape_to(ts->build, value, 4, dims);
    return ork_build_transpose(ts->build, value,
                               turned ? (int[]){0, 2, 3, 1} : (int[]){0, 2, 1, 3});
}

/* True in a mask means: not this place. Masks of keys are one row for each of the batch. */
static ork_ts_value *masked(ork_ts *ts, const attention *a, ork_ts_value *scores)
{
    if (!scores || a->mask->kind == ORK_TS_NONE)
        return scores;
    ork_value *mask = ork_ts_graph_value(ts, a->mask);
    if (mask && a->mask_kind == MASK_OF_KEYS && mask->type.shape.rank == 2) {
        const int64_t *d = mask->type.shape.dim;
        mask = ork_build_reshape_to(ts->build, mask, 4, (int64_t[]){d[0], 1, 1, d[1]});
    }
    if (!mask)
        return NULL;
    ork_ts_value *tensor = ork_ts_tensor(ts, mask);
    if (mask->type.dtype != ORK_BOOL)
        return ork_ts_binary(ts, ORK_OP_ADD, scores, tensor, false);
    ork_ts_value *all[] = {scores, tensor, ork_ts_float(ts, -(double)INFINITY, false)};
    return ork_ts_op_masked_fill(ts, all, 0);
}

/* softmax(query key^T / sqrt(width)) */
static ork_ts_value *weights_of(ork_ts *ts, const attention *a, ork_ts_value *query,
                                ork_ts_value *key)
{
    ork_value *q = projected(ts, a, query, 0, false), *k = projected(ts, a, key, 1, true);
    if (!q || !k)
        return NULL;
    double scale = 1 / sqrt((double)q->type.shape.dim[3]);
    ork_ts_value *factor = ork_ts_float(ts, scale, false);
    ork_ts_value *scaled = ork_ts_binary(ts, ORK_OP_MUL, ork_ts_tensor(ts, q), factor, false);
    q = scaled ? ork_ts_graph_value(ts, scaled) : NULL;
    ork_value *scores = ork_build_add2(ts->build, ORK_OP_MATMUL, q, k);
    ork_ts_value *all = masked(ts, a, ork_ts_tensor(ts, scores));
    scores = all ? ork_ts_graph_value(ts, all) : NULL;
    ork_attrs attrs = {.softmax.axis = 3};
    return ork_ts_tensor(ts, ork_build_add1(ts->build, ORK_OP_SOFTMAX, &attrs, scores));
}

static ork_ts_value *attend(ork_ts *ts, const attention *a, ork_ts_value *weights,
                            ork_ts_value *value)
{
    ork_value *v = projected(ts, a, value, 2, false);
    ork_value *y =
        v ? ork_build_add2(ts->build, ORK_OP_MATMUL, ork_ts_graph_value(ts, weights), v) : NULL;
    if (!y)
        return NULL;
    const int64_t *d = y->type.shape.dim;
    int64_t dims[] = {d[0], d[2], d[1] * d[3]};
    y = ork_build_transpose(ts->build, y, (int[]){0, 2, 1, 3});
    y = ork_build_reshape_to(ts->build, y, 3, dims);
    return linear(ts, ork_ts_tensor(ts, y), a->out_weight, a->out_bias);
}

static int mask_kind(const ork_ts_value *kind)
{
    return kind->kind != ORK_TS_NONE && ork_ts_as_int(kind) == 1 ? MASK_OF_KEYS : MASK_OF_PLACES;
}

/* (query, key, value, width, heads, in weight, in bias, out weight, out bias, mask, need_weights,
   average_attn_weights, mask kind): the result and the weights, N first. */
ORK_TS_HANDLER(native_attention)
{
    attention a = {.heads = ork_ts_as_int(arg[4]),
                   .in_weight = arg[5],
                   .in_bias = arg[6],
                   .out_weight = arg[7],
                   .out_bias = arg[8],
                   .mask = arg[9],
                   .mask_kind = mask_kind(arg[12])};
    ork_ts_value **both = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, 2);
    ork_ts_value *weights = weights_of(ts, &a, arg[0], arg[1]);
    both[0] = weights ? attend(ts, &a, weights, arg[2]) : NULL;
    both[1] = arg[10]->boolean ? weights : ork_ts_new(ts, ORK_TS_NONE);
    if (both[0] && arg[10]->boolean && arg[11]->boolean) {
        ork_ts_value *mean[] = {weights, ork_ts_int(ts, 1), ork_ts_bool(ts, false),
                                ork_ts_new(ts, ORK_TS_NONE)};
        both[1] = ork_ts_op_mean(ts, mean, 0);
    }
    return both[0] && both[1] ? ork_ts_list(ts, ORK_TS_TUPLE, both, 2) : NULL;
}

/* ---- an encoder layer: Vaswani et al. 2017, or with the norms in front ---- */

static ork_ts_value *norm(ork_ts *ts, ork_ts_value *x, ork_ts_value *weight, ork_ts_value *bias,
                          ork_ts_value *epsilon)
{
    ork_shape shape = x ? ork_ts_shape(x) : (ork_shape){0};
    if (shape.rank < 1)
        return NULL;
    ork_ts_value *width = ork_ts_int(ts, shape.dim[shape.rank - 1]);
    ork_ts_value *all[] = {x, width, weight, bias, epsilon};
    return ork_ts_op_layer_norm(ts, all, 0);
}

static ork_ts_value *feed_forward(ork_ts *ts, ork_ts_value *x, ork_ts_value **weights, bool is_gelu)
{
    ork_ts_value *y = linear(ts, x, weights[0], weights[1]);
    y = y ? ork_ts_op_unary_float(ts, &y, is_gelu ? ORK_OP_GELU : ORK_OP_RELU) : NULL;
    return linear(ts, y, weights[2], weights[3]);
}

static ork_ts_value *sum(ork_ts *ts, ork_ts_value *a, ork_ts_value *b)
{
    return a && b ? ork_ts_binary(ts, ORK_OP_ADD, a, b, false) : NULL;
}

/* (x, width, heads, in weight, in bias, out weight, out bias, use_gelu, norm_first, epsilon, two
   norms, two linear layers: weight and bias of each, mask, mask kind) */
ORK_TS_HANDLER(encoder_layer)
{
    attention a = {.heads = ork_ts_as_int(arg[2]),
                   .in_weight = arg[3],
                   .in_bias = arg[4],
                   .out_weight = arg[5],
                   .out_bias = arg[6],
                   .mask = arg[18],
                   .mask_kind = mask_kind(arg[19])};
    bool is_gelu = arg[7]->boolean, norm_first = arg[8]->boolean;
    ork_ts_value *x = arg[0], *in = x;
    if (norm_first)
        in = norm(ts, x, arg[10], arg[11], arg[9]);
    ork_ts_value *weights = in ? weights_of(ts, &a, in, in) : NULL;
    x = sum(ts, x, weights ? attend(ts, &a, weights, in) : NULL);
    x = norm_first ? x : norm(ts, x, arg[10], arg[11], arg[9]);
    in = norm_first ? norm(ts, x, arg[12], arg[13], arg[9]) : x;
    x = sum(ts, x, in ? feed_forward(ts, in, arg + 14, is_gelu) : NULL);
    return norm_first ? x : norm(ts, x, arg[12], arg[13], arg[9]);
}
