/* SPDX-License-Identifier: Apache-2.0 */
/* Losses: how far scores of classes are from the class that should win. */
#include "onnx.h"

#include <string.h>

static const char *const reductions[] = {"none", "sum", "mean"};
enum { NONE, SUM, MEAN };

/* Scores are [batch, classes, ...], targets [batch, ...]. */
typedef struct loss {
    ork_onnx *onnx;
    ork_value *scores, *target, *weight; /* of each class, or NULL */
    bool ignores;                        /* targets that count as nothing */
    int64_t ignored;
    int reduction;
} loss;

static bool read_loss(ork_onnx *onnx, const ork_onnx_call *call, ork_value *scores, loss *l)
{
    const ork_onnx_attribute *ignored = ork_onnx_attribute_of(call, "ignore_index");
    const ork_shape *shape = &scores->type.shape, *target = &call->in[1]->type.shape;
    *l = (loss){.onnx = onnx,
                .scores = scores,
                .target = call->in[1],
                .weight = call->in[2],
                .ignores = ignored != NULL,
                .ignored = ignored ? ignored->integer : 0};
    bool fits =
        shape->rank >= 2 && target->rank == shape->rank - 1 && target->dim[0] == shape->dim[0];
    for (int i = 2; fits && i < shape->rank; i++)
        fits = target->dim[i - 1] == shape->dim[i];
    if (!fits)
        return ork_build_bad_shape(onnx->build, "targets that do not fit the scores") != NULL;
    l->target = ork_build_cast(onnx->build, l->target, ORK_I64);
    return l->target && ork_onnx_choice(onnx, call, "reduction", reductions, ORK_COUNT(reductions),
                                        MEAN, &l->reduction);
}

static ork_value *choose(const loss *l, ork_value *condition, ork_value *a, ork_value *b)
{
    ork_value *inputs[] = {condition, a, b};
    return ork_build_add(l->onnx->build, ORK_OP_WHERE, NULL, inputs, 3);
}

/* How much each target counts, or NULL when all count 1; false with an error. */
static bool target_weights(loss *l, ork_value **weights)
{
    ork_build *build = l->onnx->build;
    ork_value *is_ignored = NULL, *index = l->target;
    *weights = NULL;
    if (l->ignores) {
        is_ignored = ork_onnx_with_number(l->onnx, ORK_OP_EQUAL, index, (double)l->ignored);
        index = choose(l, is_ignored, ork_onnx_number_like(l->onnx, index, 0.0), index);
    }
    if (l->weight) {
        ork_value *inputs[] = {l->weight, index};
        ork_attrs attrs = {.gather.axis = 0};
        *weights = ork_build_add(build, ORK_OP_GATHER, &attrs, inputs, 2);
    }
    if (l->ignores)
        *weights = choose(l, is_ignored, ork_build_scalar(build, ORK_F32, 0.0),
                          l->weight ? *weights : ork_build_scalar(build, ORK_F32, 1.0));
    l->target = index;
    return (!l->weight && !l->ignores) || *weights;
}

static ork_value *sum_of(const loss *l, ork_value *x)
{
    ork_ints axes = {0};
    for (int i = 0; x && i < x->type.shape.rank; i++)
        axes.v[axes.count++] = i;
    return x ? ork_build_reduce(l->onnx->build, ORK_OP_REDUCE_SUM, x, &axes, false) : NULL;
}

/* The score of each target, negative; summed up, or divided by what counted. */
static ork_value *negative_scores(loss *l)
{
    ork_build *build = l->onnx->build;
    ork_value *weights;
    if (!l->scores || !target_weights(l, &weights))
        return NULL;
    ork_shape shape = l->target->type.shape, wide = l->scores->type.shape;
    wide.dim[1] = 1;
    ork_value *y =
        ork_build_gather_elements(build, l->scores, 1, ork_build_reshape(build, l->target, &wide));
    y = ork_build_reshape(build, y, &shape);
    y = y ? ork_build_add1(build, ORK_OP_NEG, NULL, y) : NULL;
    if (weights)
        y = ork_build_add2(build, ORK_OP_MUL, y, weights);
    if (l->reduction == NONE)
        return y;
    y = sum_of(l, y);
    if (l->reduction == SUM)
        return y;
    double count = (double)ork_shape_count(&shape);
    return weights ? ork_build_add2(build, ORK_OP_DIV, y, sum_of(l, weights))
                   : ork_onnx_with_number(l->onnx, ORK_OP_DIV, y, count);
}

ORK_ONNX_HANDLER(negative_log_likelihood)
{
    loss l;
    return read_loss(onnx, call, call->in[0], &l) && ork_onnx_result(call, negative_scores(&l));
}

ORK_ONNX_HANDLER(softmax_cross_entropy)
{
    loss l;
    ork_attrs attrs = {.log_softmax.axis = 1};
    if (!read_loss(onnx, call, call->in[0], &l))
        return false;
    l.scores = ork_build_add1(onnx->build, ORK_OP_LOG_SOFTMAX, &attrs, l.scores);
    call->out[1] = l.scores;
    return ork_onnx_result(call, negative_scores(&l));
}
