/* SPDX-License-Identifier: Apache-2.0 */
/* Follows one element of a value back to the layer that computes it.

   Working on single elements rather than on whole tensors makes concatenation, slices and reshapes
   exact: nobody needs to guess which channels went through a sigmoid, or which cell of which map an
   anchor of a flattened output came from. */
#include "detect.h"

#include <string.h>

/* A graph with many sums of computed values could be walked in exponentially many ways. */
enum { MOST_STEPS = 4096, MOST_FORKS = 64 };

typedef struct walker {
    ork_trace *trace;
    const ork_value *value;
    int64_t *index; /* trace->index */
    int steps, forks;
} walker;

/* Moves from the node's output to the input that the element comes from; false ends the walk. */
typedef bool (*step_fn)(walker *walk, const ork_node *node);

static bool same_element(walker *walk, const ork_node *node)
{
    walk->value = node->inputs[0];
    return true;
}

static bool through_activation(walker *walk, const ork_node *node)
{
    walk->trace->activated = true;
    return same_element(walk, node);
}

static bool through_exp(walker *walk, const ork_node *node)
{
    walk->trace->exp = true;
    return same_element(walk, node);
}

static bool through_concat(walker *walk, const ork_node *node)
{
    int64_t axis = node->attrs.concat.axis;
    for (int i = 0; i < node->input_count; i++) {
        int64_t size = node->inputs[i]->type.shape.dim[axis];
        walk->value = node->inputs[i];
        if (walk->index[axis] < size)
            return true;
        walk->index[axis] -= size;
    }
    return false;
}

static bool through_slice(walker *walk, const ork_node *node)
{
    const ork_ints *begin = &node->attrs.slice.begin, *step = &node->attrs.slice.step;
    for (int i = 0; i < begin->count; i++)
        walk->index[i] = begin->v[i] + walk->index[i] * step->v[i];
    return same_element(walk, node);
}

static bool through_reshape(walker *walk, const ork_node *node)
{
    const ork_shape *out = &node->output->type.shape, *in = &node->inputs[0]->type.shape;
    int64_t place = 0;
    for (int i = 0; i < out->rank; i++)
        place = place * out->dim[i] + walk->index[i];
    for (int i = in->rank - 1; i >= 0; i--) {
        walk->index[i] = place % in->dim[i];
        place /= in->dim[i];
    }
    return same_element(walk, node);
}

static bool through_transpose(walker *walk, const ork_node *node)
{
    int64_t old[ORK_MAX_RANK];
    memcpy(old, walk->index, sizeof(old));
    for (int i = 0; i < node->attrs.transpose.perm.count; i++)
        walk->index[node->attrs.transpose.perm.v[i]] = old[i];
    return same_element(walk, node);
}

/* Index into an input that is broadcast to the output's shape. */
static void broadcast_index(walker *walk, const ork_node *node, const ork_value *input)
{
    const ork_shape *in = &input->type.shape;
    int skipped = node->output->type.shape.rank - in->rank;
    for (int i = 0; i < in->rank; i++)
        walk->index[i] = in->dim[i] == 1 ? 0 : walk->index[i + skipped];
}

static bool through_expand(walker *walk, const ork_node *node)
{
    broadcast_index(walk, node, node->inputs[0]);
    return same_element(walk, node);
}

static bool through_pad(walker *walk, const ork_node *node)
{
    const ork_shape *in = &node->inputs[0]->type.shape;
    for (int i = 0; i < in->rank; i++) {
        walk->index[i] -= node->attrs.pad.before.v[i];
        if (walk->index[i] < 0 || walk->index[i] >= in->dim[i])
            return false;
    }
    return same_element(walk, node);
}

static void follow(walker *walk);

/* Of two operands the one is followed that leads to a layer; the other is a constant, or was
   computed from shapes. */
static bool through_arithmetic(walker *walk, const ork_node *node)
{
    ork_trace before = *walk->trace;
    for (int i = 0; i < 2; i++) {
        if (node->inputs[i]->kind != ORK_VALUE_COMPUTED || ++walk->forks > MOST_FORKS)
            continue;
        *walk->trace = before;
        broadcast_index(walk, node, node->inputs[i]);
        walk->value = node->inputs[i];
        follow(walk);
        if (walk->trace->found)
            return false; /* arrived: nothing is left to walk */
    }
    return false;
}

static bool through_sum(walker *walk, const ork_node *node)
{
    walk->trace->shifted = true;
    return through_arithmetic(walk, node);
}

static bool through_product(walker *walk, const ork_node *node)
{
    walk->trace->scaled = true;
    return through_arithmetic(walk, node);
}

static bool arrive(walker *walk, const ork_node *node)
{
    walk->trace->found = true;
    walk->trace->root = node->output;
    return false;
}

/* Operators without a row end the walk. */
static const step_fn steps[ORK_OP_COUNT] = {
    [ORK_OP_CONV2D] = arrive,
    [ORK_OP_CONV_TRANSPOSE2D] = arrive,
    [ORK_OP_LINEAR] = arrive,
    [ORK_OP_BATCH_NORM] = same_element,
    [ORK_OP_RELU] = same_element,
    [ORK_OP_CAST] = same_element,
    [ORK_OP_CONVERT] = same_element,
    [ORK_OP_CLIP] = same_element,
    [ORK_OP_SIGMOID] = through_activation,
    [ORK_OP_HARD_SIGMOID] = through_activation,
    [ORK_OP_SOFTMAX] = through_activation,
    [ORK_OP_EXP] = through_exp,
    [ORK_OP_CONCAT] = through_concat,
    [ORK_OP_SLICE] = through_slice,
    [ORK_OP_RESHAPE] = through_reshape,
    [ORK_OP_TRANSPOSE] = through_transpose,
    [ORK_OP_EXPAND] = through_expand,
    [ORK_OP_PAD] = through_pad,
    [ORK_OP_ADD] = through_sum,
    [ORK_OP_SUB] = through_sum,
    [ORK_OP_MUL] = through_product,
    [ORK_OP_DIV] = through_product,
};

static void follow(walker *walk)
{
    while (walk->value->kind == ORK_VALUE_COMPUTED && ++walk->steps <= MOST_STEPS) {
        const ork_node *node = walk->value->producer;
        walk->trace->root = walk->value;
        if (!steps[node->op] || !steps[node->op](walk, node))
            return;
    }
    walk->trace->root = walk->value;
}

ork_trace ork_trace_element(const ork_value *value, const int64_t *index)
{
    ork_trace trace = {.root = value};
    memcpy(trace.index, index, sizeof(*index) * (size_t)value->type.shape.rank);
    walker walk = {.trace = &trace, .value = value, .index = trace.index};
    follow(&walk);
    return trace;
}
