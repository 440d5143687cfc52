/* SPDX-License-Identifier: Apache-2.0 */
/* Order and running sums along an axis; elements put in at places. All without quantization. */
#include "internal.h"

static slot *plain(planner *p, const ork_node *node, int input)
{
    return without_quant(p, node, slot_in(p, node->inputs[input], LAYOUT_PLAIN));
}

static ork_axis axis_of(const ork_shape *shape, int64_t axis)
{
    return (ork_axis){ork_shape_span(shape, 0, (int)axis), shape->dim[axis],
                      ork_shape_span(shape, (int)axis + 1, shape->rank)};
}

static void run_order(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_order_run(params, c->in[0], c->out, begin, end, c->scratch);
}

/* arg_max, arg_min, top_k */
bool lower_order(planner *p, const ork_node *node)
{
    const ork_shape *shape = &node->inputs[0]->type.shape;
    bool is_top_k = node->op == ORK_OP_TOP_K;
    slot *in = plain(p, node, 0), *out = slot_of(p, node->output);
    ork_order order = {
        .axis = axis_of(shape, node->attrs.arg_max.axis),
        .dtype = in->value->type.dtype,
        .count = is_top_k ? node->attrs.top_k.k : 1,
        .least = is_top_k ? node->attrs.top_k.least : node->op == ORK_OP_ARG_MIN,
        .last = !is_top_k && node->attrs.arg_max.last,
    };
    step *s = emit(p, node, ork_op_table[node->op].name, run_order,
                   plan_params(p, &order, sizeof(order)), order.axis.outer * order.axis.inner,
                   (double)ork_shape_count(shape) * (order.count == 1 ? 4 : 100), out, in, NULL);
    s->scratch_bytes = 2 * (size_t)order.axis.length * sizeof(int64_t);
    return true;
}

static void run_running(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_running_run(params, c->in[0], c->out, begin, end);
}

/* cum_sum, cum_prod */
bool lower_running(planner *p, const ork_node *node)
{
    const ork_shape *shape = &node->output->type.shape;
    slot *in = plain(p, node, 0), *out = slot_of(p, node->output);
    if (in->value->type.dtype != node->output->type.dtype)
        return not_yet(p, node, "its output is quantized in another way than its input");
    ork_running running = {
        .axis = axis_of(shape, node->attrs.cum_sum.axis),
        .dtype = node->output->type.dtype,
        .exclusive = node->attrs.cum_sum.exclusive,
        .reverse = node->attrs.cum_sum.reverse,
        .is_product = node->op == ORK_OP_CUM_PROD,
    };
    emit(p, node, ork_op_table[node->op].name, run_running,
         plan_params(p, &running, sizeof(running)), running.axis.outer * running.axis.inner,
         (double)ork_shape_count(shape) * 4, out, in, NULL);
    return true;
}

static void run_scatter(const void *params, const call *c, int64_t begin, int64_t end)
{
    if (begin < end)
        ork_scatter_run(params, c->in[0], c->in[1], c->in[2], c->out);
}

/* Updates come one after the other, so it is one unit of work. */
bool lower_scatter(planner *p, const ork_node *node)
{
    slot *inputs[] = {plain(p, node, 0), plain(p, node, 1), plain(p, node, 2)};
    slot *out = slot_of(p, node->output);
    ork_dtype dtype = node->output->type.dtype;
    if (inputs[0]->value->type.dtype != dtype || inputs[2]->value->type.dtype != dtype)
        return not_yet(p, node, "its output is quantized in another way than its inputs");
    ork_scatter scatter = {
        .size = ork_shape_count(&node->output->type.shape),
        .count = ork_shape_count(&node->inputs[1]->type.shape),
        .dtype = dtype,
        .index = inputs[1]->value->type.dtype,
        .mode = (ork_scatter_mode)node->attrs.scatter.mode,
    };
    step *s = emit(p, node, "scatter", run_scatter, plan_params(p, &scatter, sizeof(scatter)), 1,
                   (double)(scatter.size + 8 * scatter.count), out, inputs[0], inputs[1]);
    add_input(p, s, inputs[2]);
    return true;
}
