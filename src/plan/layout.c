/* SPDX-License-Identifier: Apache-2.0 */
/* Where values lie: pixels or plain, inside a concat's memory or on their own. */
#include "internal.h"

#include <assert.h>

size_t element_size(const ork_value *value)
{
    return ork_dtype_table[value->type.dtype].size;
}

/* ---- pixels or plain ---- */

static bool wants_pixels(ork_op op)
{
    return op == ORK_OP_CONV2D || op == ORK_OP_CONV_TRANSPOSE2D || op == ORK_OP_MAX_POOL2D ||
           op == ORK_OP_AVG_POOL2D || op == ORK_OP_ADAPTIVE_AVG_POOL2D || op == ORK_OP_RESIZE;
}

static bool is_element_wise(ork_op op)
{
    ork_op_class op_class = ork_op_table[op].op_class;
    return op_class == ORK_CLASS_UNARY || op_class == ORK_CLASS_BINARY ||
           op_class == ORK_CLASS_CAST || op == ORK_OP_WHERE;
}

/* Operators that work in either layout, so that their inputs and output should agree. */
static bool follows(ork_op op)
{
    return is_element_wise(op) || op == ORK_OP_CONCAT || op == ORK_OP_SLICE || op == ORK_OP_PAD;
}

/* Movements write wherever the output lies; the kernels of the rest know plain memory only. */
static bool writes_pixels(ork_op op)
{
    return wants_pixels(op) || follows(op) || ork_op_table[op].op_class == ORK_CLASS_SHAPE;
}

static bool mark(planner *p, const ork_value *value)
{
    if (value->type.shape.rank != 4 || value->kind == ORK_VALUE_CONSTANT ||
        p->layouts[value->id] == LAYOUT_PIXELS ||
        (value->producer && !writes_pixels(value->producer->op)))
        return false;
    p->layouts[value->id] = LAYOUT_PIXELS;
    return true;
}

/* Carries the choice through one node; true when something changed. */
static bool spread(planner *p, const ork_node *node)
{
    bool pixels = p->layouts[node->output->id] == LAYOUT_PIXELS, changed = false;
    for (int i = 0; i < node->input_count; i++)
        pixels = pixels || (node->inputs[i] && p->layouts[node->inputs[i]->id] == LAYOUT_PIXELS);
    if (!pixels)
        return false;
    for (int i = 0; i < node->input_count; i++)
        changed = (node->inputs[i] && mark(p, node->inputs[i])) || changed;
    return mark(p, node->output) || changed;
}

void choose_layouts(planner *p)
{
    const ork_graph *graph = p->plan->graph;
    for (const ork_node *node = graph->first; node; node = node->next) {
        if (!wants_pixels(node->op))
            continue;
        mark(p, node->inputs[0]);
        mark(p, node->output);
    }
    bool changed = true;
    for (int sweep = 0; changed && sweep < 8; sweep++) {
        changed = false;
        for (const ork_node *node = graph->first; node; node = node->next)
            changed = (follows(node->op) && spread(p, node)) || changed;
        for (const ork_node *node = graph->last; node; node = node->previous)
            changed = (follows(node->op) && spread(p, node)) || changed;
    }
}

/* ---- concats written in place ---- */

static bool is_nearest(const ork_node *node)
{
    return node->op == ORK_OP_RESIZE && node->attrs.resize.mode == 0;
}

/* Whether the step that makes a value can bring it to the concat's quantization too: it has a table
   of 256, or enlarges pixels that can be brought there before; and nobody else reads the value. */
static bool can_requantize(const ork_value *value)
{
    ork_op_class op_class = ork_op_table[value->producer->op].op_class;
    return (op_class == ORK_CLASS_CONV || op_class == ORK_CLASS_UNARY ||
            is_nearest(value->producer)) &&
           element_size(value) == 1 && is_number(value) && is_number(value->producer->inputs[0]) &&
           value->producer->inputs[0]->type.dtype == value->type.dtype &&
           ork_value_single_user(value);
}

static bool can_live_in(const planner *p, const ork_value *value, const ork_value *concat)
{
    return value->producer && writes_pixels(value->producer->op) && !p->homes[value->id] &&
           p->layouts[value->id] == LAYOUT_PIXELS && value->type.dtype == concat->type.dtype &&
           (same_quant(value, concat) || can_requantize(value)) && !ork_value_is_output(value);
}

static void find_homes(planner *p, const ork_node *concat)
{
    int64_t channel = 0;
    for (int i = 0; i < concat->input_count; i++) {
        const ork_value *value = concat->inputs[i];
        if (can_live_in(p, value, concat->output)) {
            p->homes[value->id] = concat->output;
            p->home_channels[value->id] = channel;
        }
        channel += value->type.shape.dim[1];
    }
}

void choose_homes(planner *p)
{
    if (p->plan->options.observable)
        return;
    for (const ork_node *node = p->plan->graph->last; node; node = node->previous)
        if (node->op == ORK_OP_CONCAT && node->attrs.concat.axis == 1 &&
            p->layouts[node->output->id] == LAYOUT_PIXELS)
            find_homes(p, node);
}

/* ---- slots ---- */

static slot *new_slot(planner *p, const ork_value *value, layout where)
{
    slot *s = ORK_NEW(p->plan->arena, slot);
    s->value = value;
    s->layout = where;
    s->pixel_stride = where == LAYOUT_PIXELS ? value->type.shape.dim[1] : 0;
    s->first = WHOLE_RUN;
    s->last = -1;
    return s;
}

static slot *new_root(planner *p, const ork_value *value, layout where)
{
    slot *s = new_slot(p, value, where);
    s->bytes = (size_t)ork_shape_count(&value->type.shape) * element_size(value);
    ork_vec_push(p->plan->arena, &p->plan->roots, s);
    return s;
}

slot *new_temporary(planner *p, const ork_value *like, layout where, size_t bytes)
{
    slot *s = new_root(p, like, where);
    s->bytes = bytes;
    return s;
}

slot *slot_of(planner *p, const ork_value *value)
{
    slot **place = &p->slots[value->id];
    if (*place)
        return *place;
    if (value->kind == ORK_VALUE_CONSTANT) {
        *place = new_slot(p, value, LAYOUT_PLAIN);
        /* Files may hold constants at any address; kernels want them aligned. */
        size_t bytes = ork_tensor_bytes(&(ork_tensor){.type = value->type});
        (*place)->constant = value->data;
        if ((uintptr_t)value->data % element_size(value) != 0)
            (*place)->constant = plan_params(p, value->data, bytes);
    } else if (p->homes[value->id]) {
        slot *home = slot_of(p, p->homes[value->id]);
        *place = new_slot(p, value, LAYOUT_PIXELS);
        (*place)->parent = home;
        (*place)->parent_offset = (size_t)p->home_channels[value->id] * element_size(value);
        (*place)->pixel_stride = home->pixel_stride;
    } else {
        *place = new_root(p, value, p->layouts[value->id]);
    }
    return *place;
}

bool slot_is_dense(const slot *s)
{
    return s->layout == LAYOUT_PLAIN || s->pixel_stride == s->value->type.shape.dim[1];
}

void slot_strides(const slot *s, int64_t strides[ORK_MAX_RANK])
{
    const ork_shape *shape = &s->value->type.shape;
    if (s->layout == LAYOUT_PIXELS) {
        strides[1] = 1;
        strides[3] = s->pixel_stride;
        strides[2] = strides[3] * shape->dim[3];
        strides[0] = strides[2] * shape->dim[2];
        return;
    }
    int64_t stride = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape->dim[i];
    }
}

/* One pixel, or one channel: both layouts are the same memory. */
static bool same_memory(const slot *s)
{
    const int64_t *dim = s->value->type.shape.dim;
    return s->value->type.shape.rank == 4 && slot_is_dense(s) &&
           (dim[1] == 1 || dim[2] * dim[3] == 1);
}

slot *slot_in(planner *p, const ork_value *value, layout wanted)
{
    slot *s = slot_of(p, value);
    if (s->layout == wanted)
        return s;
    if (p->converted[value->id])
        return p->converted[value->id];
    slot *other;
    if (same_memory(s)) {
        other = new_slot(p, value, wanted);
        other->parent = s;
    } else {
        other = new_root(p, value, wanted);
        ork_loop loop = {.rank = value->type.shape.rank};
        for (int i = 0; i < loop.rank; i++)
            loop.dim[i] = value->type.shape.dim[i];
        slot_strides(other, loop.stride[0]);
        slot_strides(s, loop.stride[1]);
        emit_copy(p, value->name, &loop, element_size(value), (operand){other, 0}, (operand){s, 0},
                  NULL);
    }
    p->converted[value->id] = other;
    return other;
}
