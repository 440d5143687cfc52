/* SPDX-License-Identifier: Apache-2.0 */
/* Branches and loops. What decides must be known during import: then a branch is its taken side,
   and a loop is its steps one after the other. */
#include "onnx.h"

#include <string.h>

static const ork_onnx_graph *body_of(ork_onnx *onnx, const ork_onnx_call *call, const char *name)
{
    const ork_onnx_attribute *attribute = ork_onnx_attribute_of(call, name);
    if (attribute && attribute->graph)
        return attribute->graph;
    ork_build_unsupported(onnx->build, "without %s", name);
    return NULL;
}

ORK_ONNX_HANDLER(branch)
{
    double condition;
    if (!ork_onnx_input_number(onnx, call, 0, 0.0, &condition))
        return false;
    const ork_onnx_graph *body =
        body_of(onnx, call, condition != 0 ? "then_branch" : "else_branch");
    return body && ork_onnx_run_body(onnx, call, body, NULL, 0, call->out, call->output_count);
}

/* ---- what each step of a loop puts out ------------------------------------------------- */

typedef struct collected {
    ORK_VEC(ork_value *) steps;
} collected;

/* The steps' values along a new axis. */
static ork_value *stack(ork_onnx *onnx, const collected *values, int64_t axis, bool backwards)
{
    size_t count = values->steps.count;
    ork_value **parts = ORK_NEW_ARRAY(onnx->arena, ork_value *, count + 1);
    int at;
    if (count == 0)
        return ork_build_unsupported(onnx->build, "a loop without steps that puts something out");
    ork_shape shape = values->steps.items[0]->type.shape;
    if (shape.rank == ORK_MAX_RANK || !ork_onnx_axis(onnx, axis, shape.rank + 1, &at))
        return ork_build_unsupported(onnx->build, "more than %d axes", ORK_MAX_RANK);
    memmove(shape.dim + at + 1, shape.dim + at, (size_t)(shape.rank - at) * sizeof(*shape.dim));
    shape.dim[at] = 1;
    shape.rank++;
    for (size_t i = 0; i < count; i++)
        parts[i] = ork_build_reshape(onnx->build,
                                     values->steps.items[backwards ? count - 1 - i : i], &shape);
    return ork_build_concat(onnx->build, parts, (int)count, at);
}

/* ---- loop ------------------------------------------------------------------------------ */

typedef struct loop {
    ork_onnx *onnx;
    ork_onnx_call *call;
    const ork_onnx_graph *body;
    int carried, collected_count; /* values from step to step; put out by each step */
    ork_value **in, **out;        /* of the body */
    collected *collected;
    bool is_unknown; /* see gave_unknown */
} loop;

static bool is_true(ork_onnx *onnx, const ork_value *condition, bool *result)
{
    if (condition->kind != ORK_VALUE_CONSTANT || ork_shape_count(&condition->type.shape) != 1) {
        ork_build_unsupported(onnx->build, "when it ends is not known before the network runs");
        return false;
    }
    *result = ork_element_get(condition->type.dtype, condition->data, 0) != 0;
    return true;
}

/* An operator of the body is not known: neither then is anything that the loop gives. */
static bool gave_unknown(loop *l)
{
    for (size_t i = 0; i < l->body->outputs.count; i++)
        l->is_unknown |= ork_onnx_is_unknown(l->out[i]);
    for (int i = 0; l->is_unknown && i < l->call->output_count; i++)
        l->call->out[i] = ork_onnx_unknown_value();
    return l->is_unknown;
}

static bool run_step(loop *l, int first_carried)
{
    if (!ork_onnx_run_body(l->onnx, l->call, l->body, l->in, first_carried + l->carried, l->out,
                           (int)l->body->outputs.count))
        return false;
    if (gave_unknown(l))
        return true;
    int first_out = (int)l->body->outputs.count - l->collected_count;
    for (int i = 0; i < l->carried; i++)
        l->in[first_carried + i] = l->out[first_out - l->carried + i];
    for (int i = 0; i < l->collected_count; i++)
        ork_vec_push(l->onnx->arena, &l->collected[i].steps, l->out[first_out + i]);
    return true;
}

static void allocate(loop *l, size_t inputs)
{
    ork_arena *arena = l->onnx->arena;
    l->in = ORK_NEW_ARRAY(arena, ork_value *, inputs + 1);
    l->out = ORK_NEW_ARRAY(arena, ork_value *, l->body->outputs.count + 1);
    l->collected = ORK_NEW_ARRAY(arena, collected, l->body->outputs.count + 1);
}

static bool loop_results(loop *l, int first_carried)
{
    for (int i = 0; i < l->call->output_count; i++) {
        if (i < l->carried)
            l->call->out[i] = l->in[first_carried + i];
        else if (i < l->carried + l->collected_count)
            l->call->out[i] = stack(l->onnx, &l->collected[i - l->carried], 0, false);
        if (!l->call->out[i])
            return false;
    }
    return true;
}

/* (count or none, condition or none, carried...): the body has (step, condition, carried...) and
   gives (condition, carried..., put out...). */
ORK_ONNX_HANDLER(loop)
{
    double most;
    bool goes_on = true;
    loop l = {.onnx = onnx, .call = call, .body = body_of(onnx, call, "body")};
    if (!l.body || !ork_onnx_input_number(onnx, call, 0, INT32_MAX, &most))
        return false;
    l.carried = call->input_count > 2 ? call->input_count - 2 : 0;
    l.collected_count = (int)l.body->outputs.count - 1 - l.carried;
    if (l.collected_count < 0 || (int)l.body->inputs.count != 2 + l.carried)
        return ork_build_bad_shape(onnx->build, "its body does not fit its inputs") != NULL;
    allocate(&l, l.body->inputs.count);
    for (int i = 0; i < l.carried; i++)
        l.in[2 + i] = call->in[2 + i];
    l.in[1] = call->in[1] ? call->in[1] : ork_build_scalar(onnx->build, ORK_BOOL, 1.0);
    if (!l.in[1] || !is_true(onnx, l.in[1], &goes_on))
        return false;
    for (int64_t step = 0; goes_on && (double)step < most; step++) {
        l.in[0] = ork_build_scalar(onnx->build, ORK_I64, (double)step);
        if (!l.in[0] || !run_step(&l, 2))
            return false;
        if (l.is_unknown)
            return true;
        if (!is_true(onnx, l.out[0], &goes_on))
            return false;
        l.in[1] = l.out[0];
    }
    return loop_results(&l, 2);
}

/* ---- scan ------------------------------------------------------------------------------ */

static int64_t number_of(const ork_onnx_call *call, const char *name, int index)
{
    const ork_onnx_attribute *a = ork_onnx_attribute_of(call, name);
    return a && (size_t)index < a->integers.count ? a->integers.items[index] : 0;
}

/* Entry `step` of a scanned input, without its axis. */
static ork_value *entry(ork_onnx *onnx, ork_value *x, int axis, int64_t step)
{
    ork_shape shape = x->type.shape;
    shape.rank--;
    for (int i = axis; i < shape.rank; i++)
        shape.dim[i] = shape.dim[i + 1];
    x = ork_build_slice(onnx->build, x, axis, step, step + 1, 1);
    return ork_build_reshape(onnx->build, x, &shape);
}

typedef struct scanned {
    ork_value *value;
    int axis;
    bool backwards;
} scanned;

/* Axes and directions of the scanned inputs; up to version 8 all had a batch in front. */
static bool read_scanned(loop *l, int count, scanned *inputs, int64_t *length)
{
    for (int i = 0; i < count; i++) {
        ork_value *x = l->call->in[l->carried + i];
        inputs[i].value = x;
        inputs[i].backwards = number_of(l->call, "scan_input_directions", i) != 0;
        if (!x || !ork_onnx_axis(l->onnx, number_of(l->call, "scan_input_axes", i),
                                 x->type.shape.rank, &inputs[i].axis))
            return ork_build_bad_shape(l->onnx->build, "an input without steps") != NULL;
        int64_t size = x->type.shape.dim[inputs[i].axis];
        if (i > 0 && size != *length)
            return ork_build_bad_shape(l->onnx->build, "inputs with different numbers of steps") !=
                   NULL;
        *length = size;
    }
    return true;
}

static bool scan(loop *l, int count)
{
    int64_t length = 0;
    scanned *inputs = ORK_NEW_ARRAY(l->onnx->arena, scanned, (size_t)count + 1);
    if (!read_scanned(l, count, inputs, &length))
        return false;
    int carried = l->carried;
    for (int64_t step = 0; step < length; step++) {
        for (int i = 0; i < count; i++) {
            int64_t at = inputs[i].backwards ? length - 1 - step : step;
            l->in[carried + i] = entry(l->onnx, inputs[i].value, inputs[i].axis, at);
            if (!l->in[carried + i])
                return false;
        }
        if (!ork_onnx_run_body(l->onnx, l->call, l->body, l->in, carried + count, l->out,
                               (int)l->body->outputs.count))
            return false;
        if (gave_unknown(l))
            return true;
        memcpy(l->in, l->out, (size_t)carried * sizeof(*l->in));
        for (int i = 0; i < l->collected_count; i++)
            ork_vec_push(l->onnx->arena, &l->collected[i].steps, l->out[carried + i]);
    }
    return true;
}

/* Without its batch, which version 8 has in front of everything and which must be 1. */
static ork_value *without_batch(ork_onnx *onnx, ork_value *x)
{
    if (!x || x->type.shape.rank < 1 || x->type.shape.dim[0] != 1)
        return ork_build_unsupported(onnx->build, "over a batch of more than one");
    return ork_build_reshape_to(onnx->build, x, x->type.shape.rank - 1, x->type.shape.dim + 1);
}

static ork_value *with_batch(ork_onnx *onnx, ork_value *x)
{
    if (!x || x->type.shape.rank == ORK_MAX_RANK)
        return NULL;
    ork_shape shape = {.rank = x->type.shape.rank + 1, .dim = {1}};
    memcpy(shape.dim + 1, x->type.shape.dim, (size_t)x->type.shape.rank * sizeof(*shape.dim));
    return ork_build_reshape(onnx->build, x, &shape);
}

static bool scan_results(loop *l, bool has_batch)
{
    for (int i = 0; i < l->call->output_count; i++) {
        int k = i - l->carried;
        if (k >= l->collected_count)
            return ork_build_bad_shape(l->onnx->build, "its body gives fewer outputs") != NULL;
        ork_value *y =
            k < 0 ? l->in[i]
                  : stack(l->onnx, &l->collected[k], number_of(l->call, "scan_output_axes", k),
                          number_of(l->call, "scan_output_directions", k) != 0);
        l->call->out[i] = has_batch ? with_batch(l->onnx, y) : y;
        if (!l->call->out[i])
            return false;
    }
    return true;
}

/* (carried..., scanned...): the body gives (carried..., put out...). param: version 8, in which the
   lengths of sequences come first and everything has a batch. */
ORK_ONNX_HANDLER(scan)
{
    loop l = {.onnx = onnx, .call = call, .body = body_of(onnx, call, "body")};
    if (!l.body)
        return false;
    if (param) {
        if (call->in[0])
            return ork_build_unsupported(onnx->build, "sequences of different lengths") != NULL;
        call->in++;
        call->input_count--;
        for (int i = 0; i < call->input_count; i++)
            if (!(call->in[i] = without_batch(onnx, call->in[i])))
                return false;
    }
    int64_t count = ork_onnx_int(call, "num_scan_inputs", 0);
    if (count < 1 || count > call->input_count || (int)l.body->inputs.count != call->input_count)
        return ork_build_bad_shape(onnx->build, "its body does not fit its inputs") != NULL;
    l.carried = call->input_count - (int)count;
    l.collected_count = (int)l.body->outputs.count - l.carried;
    if (l.collected_count < 0)
        return ork_build_bad_shape(onnx->build, "its body gives fewer outputs") != NULL;
    allocate(&l, l.body->inputs.count);
    memcpy(l.in, call->in, (size_t)l.carried * sizeof(*l.in));
    return scan(&l, (int)count) && (l.is_unknown || scan_results(&l, param != 0));
}
