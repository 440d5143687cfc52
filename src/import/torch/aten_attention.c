/* SPDX-License-Identifier: Apache-2.0 */
/* Attention, spelled out: the operator, and the fused layers that torch.nn takes where no gradients
   are wanted. */
#include "torch.h"

#include <math.h>

/* ---- the operator ---- */

/* Truth where a place may be looked at. */
static ork_torch_value *hidden(ork_torch *torch, ork_torch_value *scores, ork_torch_value *may_see)
{
    ork_value *mask = ork_torch_graph_value(torch, may_see);
    mask = mask ? ork_build_add1(torch->build, ORK_OP_LOGICAL_NOT, NULL, mask) : NULL;
    ork_torch_value *all[] = {scores,
                              ork_torch_tensor(torch, ork_build_cast(torch->build, mask, ORK_BOOL)),
                              ork_torch_float(torch, -(double)INFINITY, false)};
    return mask ? ork_torch_op_masked_fill(torch, all, 0) : NULL;
}

/* Each place sees itself and those before it. */
static ork_torch_value *causal(ork_torch *torch, ork_torch_value *scores)
{
    ork_shape all = ork_torch_shape(scores);
    ork_shape shape = ork_shape_of(2, all.dim + all.rank - 2);
    ork_value *ones = ork_build_filled(torch->build, ORK_BOOL, &shape, 1);
    ork_torch_value *of[] = {ork_torch_tensor(torch, ones), ork_torch_int(torch, 0)};
    ork_torch_value *may_see = ones ? ork_torch_op_triangle(torch, of, 0) : NULL;
    return may_see ? hidden(torch, scores, may_see) : NULL;
}

/* Keys or values for all heads of the query, where several share one. */
static ork_torch_value *for_all_heads(ork_torch *torch, ork_torch_value *x,
                                      const ork_torch_value *query)
{
    ork_shape shape = ork_torch_shape(x), wanted = ork_torch_shape(query);
    if (shape.rank < 3 || wanted.rank != shape.rank || shape.dim[shape.rank - 3] < 1)
        return ork_build_bad_shape(torch->build, "heads that share keys");
    int64_t times = wanted.dim[shape.rank - 3] / shape.dim[shape.rank - 3];
    ork_torch_value *all[] = {x, ork_torch_int(torch, times), ork_torch_int(torch, -3),
                              ork_torch_new(torch, ORK_TORCH_NONE)};
    return times == 1 ? x : ork_torch_op_repeat_interleave(torch, all, 0);
}

static ork_torch_value *product(ork_torch *torch, ork_torch_value *a, ork_torch_value *b)
{
    ork_value *x = a && b ? ork_torch_graph_value(torch, a) : NULL;
    ork_value *y = x ? ork_torch_graph_value(torch, b) : NULL;
    return y ? ork_torch_tensor(torch, ork_build_add2(torch->build, ORK_OP_MATMUL, x, y)) : NULL;
}

/* softmax(query key^T scale + mask) value: Vaswani et al. 2017. (query, key, value, mask, dropout,
   is_causal, scale, enable_gqa) */
ORK_TORCH_HANDLER(attention)
{
    ork_torch_value *key = arg[1], *value = arg[2];
    ork_shape shape = ork_torch_shape(arg[0]);
    if (shape.rank < 2 || ork_torch_shape(key).rank < 2)
        return ork_build_unsupported(torch->build, "attention of vectors");
    if (arg[7]->boolean) {
        key = for_all_heads(torch, key, arg[0]);
        value = key ? for_all_heads(torch, value, arg[0]) : NULL;
    }
    double scale = arg[6]->kind == ORK_TORCH_NONE ? 1.0 / sqrt((double)shape.dim[shape.rank - 1])
                                                  : ork_torch_as_double(arg[6]);
    ork_torch_value *turned = key ? ork_torch_op_matrix_transpose(torch, &key, 0) : NULL;
    ork_torch_value *scores = product(torch, arg[0], turned),
                    *factor = ork_torch_float(torch, scale, false);
    scores = scores ? ork_torch_binary(torch, ORK_OP_MUL, scores, factor, false) : NULL;
    if (scores && arg[5]->boolean)
        scores = causal(torch, scores);
    if (scores && arg[3]->kind == ORK_TORCH_TENSOR)
        scores = arg[3]->tensor.value->type.dtype == ORK_BOOL
                     ? hidden(torch, scores, arg[3])
                     : ork_torch_binary(torch, ORK_OP_ADD, scores, arg[3], false);
    ork_torch_value *softmax[] = {scores, ork_torch_int(torch, -1),
                                  ork_torch_new(torch, ORK_TORCH_NONE)};
    return scores && value
               ? product(torch, ork_torch_op_softmax(torch, softmax, ORK_OP_SOFTMAX), value)
               : NULL;
}

/* ---- fused layers ---- */

enum { MASK_OF_PLACES, MASK_OF_KEYS };

typedef struct attention {
    int64_t heads;
    ork_torch_value *in_weight, *in_bias, *out_weight, *out_bias, *mask;
    int mask_kind;
} attention;

static ork_torch_value *linear(ork_torch *torch, ork_torch_value *x, ork_torch_value *weight,
                               ork_torch_value *bias)
{
    ork_torch_value *all[] = {x, weight, bias};
    return x ? ork_torch_op_linear(torch, all, 0) : NULL;
}

static ork_value *part_of(ork_torch *torch, ork_value *x, int axis, int64_t part, int64_t size)
{
    return ork_build_slice(torch->build, x, axis, part * size, (part + 1) * size, 1);
}

/* Query, key or value: [N, heads, places, width], its width last, or the second last for `turned`.
 */
static ork_value *projected(ork_torch *torch, const attention *a, ork_torch_value *x, int part,
                            bool turned)
{
    ork_value *weight = ork_torch_graph_value(torch, a->in_weight), *bias;
    bias = weight ? ork_torch_graph_value(torch, a->in_bias) : NULL;
    if (!bias || weight->type.shape.rank != 2 || a->heads < 1)
        return bias ? ork_build_bad_shape(torch->build, "a projection") : NULL;
    int64_t width = weight->type.shape.dim[0] / 3, size = width / a->heads;
    ork_torch_value *y =
        linear(torch, x, ork_torch_tensor(torch, part_of(torch, weight, 0, part, width)),
               ork_torch_tensor(torch, part_of(torch, bias, 0, part, width)));
    ork_value *value = y ? ork_torch_graph_value(torch, y) : NULL;
    if (!value || value->type.shape.rank != 3)
        return NULL;
    const int64_t *d = value->type.shape.dim;
    int64_t dims[] = {d[0], d[1], a->heads, size};
    value = ork_build_reshape_to(torch->build, value, 4, dims);
    return ork_build_transpose(torch->build, value,
                               turned ? (int[]){0, 2, 3, 1} : (int[]){0, 2, 1, 3});
}

/* True in a mask means: not this place. Masks of keys are one row for each of the batch. */
static ork_torch_value *masked(ork_torch *torch, const attention *a, ork_torch_value *scores)
{
    if (!scores || a->mask->kind == ORK_TORCH_NONE)
        return scores;
    ork_value *mask = ork_torch_graph_value(torch, a->mask);
    if (mask && a->mask_kind == MASK_OF_KEYS && mask->type.shape.rank == 2) {
        const int64_t *d = mask->type.shape.dim;
        mask = ork_build_reshape_to(torch->build, mask, 4, (int64_t[]){d[0], 1, 1, d[1]});
    }
    if (!mask)
        return NULL;
    ork_torch_value *tensor = ork_torch_tensor(torch, mask);
    if (mask->type.dtype != ORK_BOOL)
        return ork_torch_binary(torch, ORK_OP_ADD, scores, tensor, false);
    ork_torch_value *all[] = {scores, tensor, ork_torch_float(torch, -(double)INFINITY, false)};
    return ork_torch_op_masked_fill(torch, all, 0);
}

/* softmax(query key^T / sqrt(width)) */
static ork_torch_value *weights_of(ork_torch *torch, const attention *a, ork_torch_value *query,
                                   ork_torch_value *key)
{
    ork_value *q = projected(torch, a, query, 0, false), *k = projected(torch, a, key, 1, true);
    if (!q || !k)
        return NULL;
    double scale = 1 / sqrt((double)q->type.shape.dim[3]);
    ork_torch_value *factor = ork_torch_float(torch, scale, false);
    ork_torch_value *scaled =
        ork_torch_binary(torch, ORK_OP_MUL, ork_torch_tensor(torch, q), factor, false);
    q = scaled ? ork_torch_graph_value(torch, scaled) : NULL;
    ork_value *scores = ork_build_add2(torch->build, ORK_OP_MATMUL, q, k);
    ork_torch_value *all = masked(torch, a, ork_torch_tensor(torch, scores));
    scores = all ? ork_torch_graph_value(torch, all) : NULL;
    ork_attrs attrs = {.softmax.axis = 3};
    return ork_torch_tensor(torch, ork_build_add1(torch->build, ORK_OP_SOFTMAX, &attrs, scores));
}

static ork_torch_value *attend(ork_torch *torch, const attention *a, ork_torch_value *weights,
                               ork_torch_value *value)
{
    ork_value *v = projected(torch, a, value, 2, false);
    ork_value *y =
        v ? ork_build_add2(torch->build, ORK_OP_MATMUL, ork_torch_graph_value(torch, weights), v)
          : NULL;
    if (!y)
        return NULL;
    const int64_t *d = y->type.shape.dim;
    int64_t dims[] = {d[0], d[2], d[1] * d[3]};
    y = ork_build_transpose(torch->build, y, (int[]){0, 2, 1, 3});
    y = ork_build_reshape_to(torch->build, y, 3, dims);
    return linear(torch, ork_torch_tensor(torch, y), a->out_weight, a->out_bias);
}

static int mask_kind(const ork_torch_value *kind)
{
    return kind->kind != ORK_TORCH_NONE && ork_torch_as_int(kind) == 1 ? MASK_OF_KEYS
                                                                       : MASK_OF_PLACES;
}

/* (query, key, value, width, heads, in weight, in bias, out weight, out bias, mask, need_weights,
   average_attn_weights, mask kind): the result and the weights, N first. */
ORK_TORCH_HANDLER(native_attention)
{
    attention a = {.heads = ork_torch_as_int(arg[4]),
                   .in_weight = arg[5],
                   .in_bias = arg[6],
                   .out_weight = arg[7],
                   .out_bias = arg[8],
                   .mask = arg[9],
                   .mask_kind = mask_kind(arg[12])};
    ork_torch_value **both = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, 2);
    ork_torch_value *weights = weights_of(torch, &a, arg[0], arg[1]);
    both[0] = weights ? attend(torch, &a, weights, arg[2]) : NULL;
    both[1] = arg[10]->boolean ? weights : ork_torch_new(torch, ORK_TORCH_NONE);
    if (both[0] && arg[10]->boolean && arg[11]->boolean) {
        ork_torch_value *mean[] = {weights, ork_torch_int(torch, 1), ork_torch_bool(torch, false),
                                   ork_torch_new(torch, ORK_TORCH_NONE)};
        both[1] = ork_torch_op_mean(torch, mean, 0);
    }
    return both[0] && both[1] ? ork_torch_list(torch, ORK_TORCH_TUPLE, both, 2) : NULL;
}

/* ---- an encoder layer: Vaswani et al. 2017, or with the norms in front ---- */

static ork_torch_value *norm(ork_torch *torch, ork_torch_value *x, ork_torch_value *weight,
                             ork_torch_value *bias, ork_torch_value *epsilon)
{
    ork_shape shape = x ? ork_torch_shape(x) : (ork_shape){0};
    if (shape.rank < 1)
        return NULL;
    ork_torch_value *width = ork_torch_int(torch, shape.dim[shape.rank - 1]);
    ork_torch_value *all[] = {x, width, weight, bias, epsilon};
    return ork_torch_op_layer_norm(torch, all, 0);
}

static ork_torch_value *feed_forward(ork_torch *torch, ork_torch_value *x,
                                     ork_torch_value **weights, bool is_gelu)
{
    ork_torch_value *y = linear(torch, x, weights[0], weights[1]);
    y = y ? ork_torch_op_unary_float(torch, &y, is_gelu ? ORK_OP_GELU : ORK_OP_RELU) : NULL;
    return linear(torch, y, weights[2], weights[3]);
}

static ork_torch_value *sum(ork_torch *torch, ork_torch_value *a, ork_torch_value *b)
{
    return a && b ? ork_torch_binary(torch, ORK_OP_ADD, a, b, false) : NULL;
}

/* (x, width, heads, in weight, in bias, out weight, out bias, use_gelu, norm_first, epsilon, two
   norms, two linear layers: weight and bias of each, mask, mask kind) */
ORK_TORCH_HANDLER(encoder_layer)
{
    attention a = {.heads = ork_torch_as_int(arg[2]),
                   .in_weight = arg[3],
                   .in_bias = arg[4],
                   .out_weight = arg[5],
                   .out_bias = arg[6],
                   .mask = arg[18],
                   .mask_kind = mask_kind(arg[19])};
    bool is_gelu = arg[7]->boolean, norm_first = arg[8]->boolean;
    ork_torch_value *x = arg[0], *in = x;
    if (norm_first)
        in = norm(torch, x, arg[10], arg[11], arg[9]);
    ork_torch_value *weights = in ? weights_of(torch, &a, in, in) : NULL;
    x = sum(torch, x, weights ? attend(torch, &a, weights, in) : NULL);
    x = norm_first ? x : norm(torch, x, arg[10], arg[11], arg[9]);
    in = norm_first ? norm(torch, x, arg[12], arg[13], arg[9]) : x;
    x = sum(torch, x, in ? feed_forward(torch, in, arg + 14, is_gelu) : NULL);
    return norm_first ? x : norm(torch, x, arg[12], arg[13], arg[9]);
}
