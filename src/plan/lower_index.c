/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that find places, or write to them. */
#include "internal.h"

static void run_first(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_arg_first_run(params, c->in[0], c->out, begin, end);
}

static void run_sort(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_arg_sort_run(params, c->in[0], c->out, begin, end, c->scratch);
}

/* arg_max and arg_sort keep the axis at the same place, and whether the order is turned around. */
bool lower_order(planner *p, const ork_node *node)
{
    const ork_shape *shape = &node->inputs[0]->type.shape;
    int axis = (int)node->attrs.arg_max.axis;
    bool is_sort = node->op == ORK_OP_ARG_SORT;
    slot *in = without_quant(p, node, slot_in(p, node->inputs[0], LAYOUT_PLAIN));
    ork_order order = {.axis = {ork_shape_span(shape, 0, axis), shape->dim[axis],
                                ork_shape_span(shape, axis + 1, shape->rank)},
                       .dtype = in->value->type.dtype,
                       .descending = is_sort ? node->attrs.arg_sort.descending
                                             : !node->attrs.arg_max.smallest};
    step *added = emit(p, node, ork_op_table[node->op].name, is_sort ? run_sort : run_first,
                       plan_params(p, &order, sizeof(order)), order.axis.outer * order.axis.inner,
                       (double)ork_shape_count(shape) * 10, slot_of(p, node->output), in, NULL);
    if (is_sort)
        added->scratch_bytes = 2 * (size_t)order.axis.length * sizeof(int64_t);
    return true;
}

static void run_scatter(const void *params, const call *c, int64_t begin, int64_t end)
{
    (void)begin; /* there is one unit */
    (void)end;
    ork_scatter_run(params, c->in[0], c->in[1], c->in[2], c->out);
}

bool lower_scatter(planner *p, const ork_node *node)
{
    if (node->output->type.quant.scheme != ORK_SCHEME_NONE)
        return not_yet(p, node, "its output is quantized");
    const ork_shape *shape = &node->output->type.shape;
    slot *in[3];
    for (int i = 0; i < 3; i++)
        in[i] = without_quant(p, node, slot_in(p, node->inputs[i], LAYOUT_PLAIN));
    ork_scatter scatter = {.reduction = (ork_scatter_reduction)node->attrs.scatter.reduction,
                           .dtype = node->output->type.dtype,
                           .index = in[1]->value->type.dtype,
                           .size = shape->dim[0],
                           .inner = ork_shape_span(shape, 1, shape->rank),
                           .count = ork_shape_count(&in[1]->value->type.shape)};
    step *added = emit(p, node, "scatter", run_scatter, plan_params(p, &scatter, sizeof(scatter)),
                       1, (double)ork_shape_count(shape), slot_of(p, node->output), in[0], in[1]);
    add_input(p, added, in[2]);
    return true;
}
