/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move elements, and resizing. */
#include "internal.h"

#include <string.h>

static void set_dims(ork_loop *loop, const ork_shape *shape)
{
    loop->rank = shape->rank ? shape->rank : 1;
    loop->dim[0] = 1;
    for (int i = 0; i < shape->rank; i++)
        loop->dim[i] = shape->dim[i];
}

void order_axes(ork_loop *loop, const slot *out)
{
    static const int order[4] = {0, 2, 3, 1};
    if (out->layout != LAYOUT_PIXELS)
        return;
    ork_loop from = *loop;
    for (int i = 0; i < 4; i++) {
        loop->dim[i] = from.dim[order[i]];
        for (int k = 0; k < ORK_LOOP_OPERANDS; k++)
            loop->stride[k][i] = from.stride[k][order[i]];
    }
}

/* Copies a loop whose strides are given along the output's axes in the graph's order; walks pixels
   in their order in memory. */
static void copy(planner *p, const ork_node *node, ork_loop *loop, operand out, operand in,
                 const ork_value *value)
{
    order_axes(loop, out.slot);
    emit_copy(p, node->name, loop, element_size(out.slot->value), out, in, value);
}

/* slice, transpose, expand: the output's axes walk through the input with other strides. */
bool lower_movement(planner *p, const ork_node *node)
{
    slot *in = requantized(p, node, slot_of(p, node->inputs[0]), &node->output->type);
    slot *out = slot_of(p, node->output);
    const ork_shape *x = &node->inputs[0]->type.shape, *y = &node->output->type.shape;
    ork_loop loop = {0};
    int64_t own[ORK_MAX_RANK], begin = 0;
    set_dims(&loop, y);
    slot_strides(out, loop.stride[0]);
    slot_strides(in, own);
    for (int i = 0; i < y->rank; i++) {
        int axis = i;
        int64_t factor = 1;
        if (node->op == ORK_OP_TRANSPOSE)
            axis = (int)node->attrs.transpose.perm.v[i];
        if (node->op == ORK_OP_EXPAND) {
            axis = i - (y->rank - x->rank);
            factor = axis < 0 || x->dim[axis] == 1 ? 0 : 1;
        }
        if (node->op == ORK_OP_SLICE) {
            factor = node->attrs.slice.step.v[i];
            begin += node->attrs.slice.begin.v[i] * own[i];
        }
        loop.stride[1][i] = axis < 0 ? 0 : own[axis] * factor;
    }
    operand from = {in, (size_t)begin * element_size(in->value)};
    copy(p, node, &loop, (operand){out, 0}, from, node->output);
    return true;
}

/* Reshapes only keep the order of plain memory, so one side at least must be plain. */
bool lower_reshape(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output);
    slot *in = slot_in(p, node->inputs[0], LAYOUT_PLAIN);
    in = requantized(p, node, in, &node->output->type);
    bool plain = out->layout == LAYOUT_PLAIN;
    bool alias = plain && !p->plan->options.observable && !out->parent && in->constant == NULL;
    if (alias) { /* the same memory under another shape: take back the root that slot_of made */
        for (size_t i = p->plan->roots.count; i-- > 0;) {
            if (p->plan->roots.items[i] == out) {
                p->plan->roots.items[i] = p->plan->roots.items[--p->plan->roots.count];
                break;
            }
        }
        out->parent = in;
        touch(out, (int)p->plan->steps.count - 1);
        return true;
    }
    ork_loop loop = {0};
    slot as_output = {.value = node->output, .layout = LAYOUT_PLAIN};
    set_dims(&loop, &node->output->type.shape);
    slot_strides(out, loop.stride[0]);
    slot_strides(&as_output, loop.stride[1]);
    copy(p, node, &loop, (operand){out, 0}, (operand){in, 0}, node->output);
    return true;
}

/* ---- concat ---- */

/* Rows of the input and where they stand in the output. */
static rows join_rows(const slot *in, const slot *out, int axis)
{
    const ork_shape *x = &in->value->type.shape, *y = &out->value->type.shape;
    if (out->layout == LAYOUT_PIXELS)
        return (rows){
            x->dim[0] * x->dim[2] * x->dim[3], x->dim[1], {out->pixel_stride, in->pixel_stride}};
    int64_t length = ork_shape_span(x, axis, x->rank);
    return (rows){ork_shape_span(x, 0, axis), length, {ork_shape_span(y, axis, y->rank), length}};
}

static void join(planner *p, const ork_node *node, const ork_value *value, slot *out, int64_t at)
{
    int axis = (int)node->attrs.concat.axis;
    slot *in = slot_of(p, value);
    if (in->parent == out && p->homes[value->id] == node->output &&
        p->home_channels[value->id] == at)
        return; /* written there by its producer; a value joined twice is so only once */
    in = slot_in(p, value, out->layout);
    int64_t strides[ORK_MAX_RANK];
    slot_strides(out, strides);
    size_t offset = (size_t)(at * strides[axis]) * element_size(node->output);
    bool are_rows = out->layout == LAYOUT_PLAIN || axis == 1;
    if (are_rows && !same_quant(value, node->output)) {
        step *s = emit_convert(p, node, join_rows(in, out, axis), out, in);
        s->out.offset = offset;
        s->value = NULL;
        return;
    }
    in = requantized(p, node, in, &node->output->type);
    ork_loop loop = {0};
    set_dims(&loop, &value->type.shape);
    memcpy(loop.stride[0], strides, sizeof(strides));
    slot_strides(in, loop.stride[1]);
    copy(p, node, &loop, (operand){out, offset}, (operand){in, 0}, NULL);
}

bool lower_concat(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output);
    int64_t at = 0;
    for (int i = 0; i < node->input_count; i++) {
        join(p, node, node->inputs[i], out, at);
        at += node->inputs[i]->type.shape.dim[node->attrs.concat.axis];
    }
    if (p->plan->steps.count > 0 && p->plan->options.observable)
        p->plan->steps.items[p->plan->steps.count - 1].value = node->output;
    return true;
}

/* ---- padding ---- */

static void run_pad(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_padding_run(params, c->in[0], c->out, begin, end);
}

static void set_pad_value(const ork_node *node, ork_padding *pad)
{
    const ork_type *y = &node->output->type;
    if (y->quant.scheme == ORK_SCHEME_NONE)
        ork_element_set(y->dtype, pad->value, 0, node->attrs.pad.value);
    else
        ork_element_set(
            y->dtype, pad->value, 0,
            (double)ork_quantize_one((float)node->attrs.pad.value, y->dtype, &y->quant));
}

bool lower_pad(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output);
    slot *in = requantized(p, node, slot_of(p, node->inputs[0]), &node->output->type);
    const ork_shape *x = &node->inputs[0]->type.shape;
    /* As a loop over the output, whose other operands hold what padding has for each axis. */
    ork_loop loop = {0};
    set_dims(&loop, &node->output->type.shape);
    slot_strides(out, loop.stride[0]);
    slot_strides(in, loop.stride[1]);
    memcpy(loop.stride[2], node->attrs.pad.before.v, sizeof(loop.stride[2]));
    memcpy(loop.stride[3], x->dim, sizeof(x->dim));
    loop.stride[3][0] = x->rank ? x->dim[0] : 1;
    order_axes(&loop, out);
    ork_padding pad = {.rank = loop.rank,
                       .element_size = element_size(node->output),
                       .mode = (ork_padding_mode)node->attrs.pad.mode};
    memcpy(pad.out_dim, loop.dim, sizeof(pad.out_dim));
    memcpy(pad.out_stride, loop.stride[0], sizeof(pad.out_stride));
    memcpy(pad.in_stride, loop.stride[1], sizeof(pad.in_stride));
    memcpy(pad.before, loop.stride[2], sizeof(pad.before));
    memcpy(pad.in_dim, loop.stride[3], sizeof(pad.in_dim));
    set_pad_value(node, &pad);
    emit(p, node, "pad", run_pad, plan_params(p, &pad, sizeof(pad)), ork_loop_rows(&loop),
         (double)ork_shape_count(&node->output->type.shape), out, in, NULL);
    return true;
}

/* ---- gather ---- */

static void run_gather(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_gather_run(params, c->in[0], c->in[1], c->out, begin, end);
}

bool lower_gather(planner *p, const ork_node *node)
{
    const ork_shape *x = &node->inputs[0]->type.shape;
    int axis = (int)node->attrs.gather.axis;
    if (x->dim[axis] == 0 && ork_shape_count(&node->output->type.shape) > 0)
        return not_yet(p, node, "there is nothing to take");
    slot *out = slot_of(p, node->output), *in = slot_in(p, node->inputs[0], LAYOUT_PLAIN);
    slot *index = slot_in(p, node->inputs[1], LAYOUT_PLAIN);
    in = requantized(p, node, in, &node->output->type);
    index = without_quant(p, node, index);
    ork_gather gather = {.size = x->dim[axis],
                         .inner = ork_shape_span(x, axis + 1, x->rank),
                         .count = ork_shape_count(&index->value->type.shape),
                         .element_size = element_size(node->output),
                         .index = index->value->type.dtype};
    emit(p, node, "gather", run_gather, plan_params(p, &gather, sizeof(gather)),
         ork_shape_span(x, 0, axis) * gather.count,
         (double)ork_shape_count(&node->output->type.shape), out, in, index);
    return true;
}

/* ---- resize ---- */

static void run_resize(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_resize_run(params, c->in[0], c->out, begin, end);
}

bool lower_resize(planner *p, const ork_node *node)
{
    static const ork_resize_coordinates coordinates[] = {
        ORK_RESIZE_ASYMMETRIC, ORK_RESIZE_HALF_PIXEL, ORK_RESIZE_ALIGN_CORNERS};
    slot *in = slot_in(p, node->inputs[0], LAYOUT_PIXELS), *out = slot_of(p, node->output);
    const ork_value *home = p->homes[node->output->id];
    if (node->attrs.resize.mode == 0)
        in = requantized(p, node, in, &node->output->type);
    if (node->attrs.resize.mode == 0 && home)
        in = requantized(p, node, in, &home->type);
    ork_resize r = {.is_linear = node->attrs.resize.mode == 1,
                    .dtype = node->output->type.dtype,
                    .coordinates = coordinates[node->attrs.resize.coordinates],
                    .rounding = ORK_RESIZE_FLOOR,
                    PICTURE_SIZES(node, in, out),
                    .channels = node->output->type.shape.dim[1],
                    .step_h = (float)node->attrs.resize.scale_h,
                    .step_w = (float)node->attrs.resize.scale_w,
                    .in_quant = node->inputs[0]->type.quant,
                    .out_quant = node->output->type.quant};
    emit(p, node, r.is_linear ? "resize_bilinear" : "resize_nearest", run_resize,
         plan_params(p, &r, sizeof(r)), r.batch * r.out_h,
         (double)ork_shape_count(&node->output->type.shape) * 4, out, in, NULL);
    return true;
}
