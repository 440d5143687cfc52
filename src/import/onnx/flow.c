/* SPDX-License-Identifier: Apache-2.0 */
/* Imports nodes in the order in which they are needed: from a wanted value back to what it is
   computed from. Files whose nodes are out of order work as well, and nodes that nobody needs are
   never looked at. */
#include "onnx.h"

#include <string.h>

enum { MAX_FRAMES = 48 }; /* bodies and functions inside each other */

/* Outputs of unknown operators, and what is computed from them. */
static ork_value unknown_value;

ork_value *ork_onnx_unknown_value(void)
{
    return &unknown_value;
}

bool ork_onnx_is_unknown(const ork_value *value)
{
    return value == &unknown_value;
}

/* ---- names ----------------------------------------------------------------------------- */

static const ork_onnx_node *node_of(const ork_build *build)
{
    const ork_onnx *onnx = build->importer;
    return onnx->call ? onnx->call->node : NULL;
}

static const char *layer_name(const ork_onnx_node *node)
{
    if (*node->name)
        return node->name;
    return node->outputs.count > 0 && *node->outputs.items[0] ? node->outputs.items[0] : node->op;
}

static const char *node_name(const ork_build *build, ork_op op)
{
    const ork_onnx_node *node = node_of(build);
    return node ? layer_name(node) : ork_op_table[op].name;
}

static const char *op_name(const ork_build *build)
{
    const ork_onnx_node *node = node_of(build);
    return node ? node->op : NULL;
}

static const char *scope_name(const ork_build *build)
{
    const char *name = op_name(build);
    return name ? name : "";
}

static const char *place_name(const ork_build *build)
{
    const ork_onnx_node *node = node_of(build);
    if (!node)
        return "the model";
    return ork_arena_printf(build->arena, "layer '%s' (%s)", layer_name(node), node->op);
}

const ork_build_names ork_onnx_names = {node_name, scope_name, place_name, op_name};

/* ---- operators ------------------------------------------------------------------------- */

static const ork_onnx_op ops[] = {
#define ORK_ONNX_OP(name, since, fewest, most, function, param)                                    \
    {name, since, fewest, most, ork_onnx_op_##function, param},
#include "onnx_ops.def"
#undef ORK_ONNX_OP
};

const ork_onnx_op *ork_onnx_find_op(const char *domain, const char *name, int64_t version)
{
    const ork_onnx_op *best = NULL;
    size_t length = strlen(domain);
    for (size_t i = 0; i < ORK_COUNT(ops); i++) {
        const char *row = ops[i].name;
        if (length > 0) {
            if (strncmp(row, domain, length) != 0 || row[length] != '.')
                continue;
            row += length + 1;
        }
        if (!strcmp(row, name) && ops[i].since <= version && (!best || best->since < ops[i].since))
            best = &ops[i];
    }
    return best;
}

static bool note_unknown(ork_onnx *onnx, const ork_onnx_node *node)
{
    const char *name =
        *node->domain ? ork_arena_printf(onnx->arena, "%s.%s", node->domain, node->op) : node->op;
    ork_onnx_unknown *unknown = ork_map_get(onnx->unknown, name);
    if (!unknown) {
        unknown = ORK_NEW(onnx->arena, ork_onnx_unknown);
        unknown->place = layer_name(node);
        ork_map_set(onnx->unknown, name, unknown);
    }
    unknown->count++;
    return true;
}

static const ork_onnx_function *find_function(const ork_onnx *onnx, const ork_onnx_node *node)
{
    for (size_t i = 0; i < onnx->model->functions.count; i++) {
        const ork_onnx_function *function = &onnx->model->functions.items[i];
        if (!strcmp(function->name, node->op) && !strcmp(function->domain, node->domain))
            return function;
    }
    return NULL;
}

/* ---- one node -------------------------------------------------------------------------- */

static ork_value *find_value(const ork_onnx_frame *frame, const char *name)
{
    for (; frame; frame = frame->outer) {
        ork_value *value = ork_map_get(frame->values, name);
        if (value)
            return value;
    }
    return NULL;
}

static ork_value *fail_not_given(ork_onnx *onnx, const char *name)
{
    ork_fail(onnx->diag, ORK_ERR_TENSOR_NAME, "'%s' is an output that its operator does not give",
             name);
    return NULL;
}

/* Of what was demanded before; NULL with an error when its operator left it out. */
static ork_value *take_value(ork_onnx *onnx, const ork_onnx_frame *frame, const char *name)
{
    ork_value *value = find_value(frame, name);
    return value ? value : fail_not_given(onnx, name);
}

static bool check_inputs(ork_onnx *onnx, const ork_onnx_call *call, const ork_onnx_op *op)
{
    if (op->most >= 0 && call->input_count > op->most)
        return ork_build_unsupported(onnx->build, "%d inputs", call->input_count) != NULL;
    for (int i = 0; i < op->fewest; i++)
        if (i >= call->input_count || !call->in[i])
            return ork_build_unsupported(onnx->build, "without its input %d", i) != NULL;
    return true;
}

static bool run_function(ork_onnx *onnx, ork_onnx_call *call, const ork_onnx_function *function)
{
    ork_onnx_frame frame = {.graph = &function->body,
                            .opsets = function->opsets.items,
                            .opset_count = function->opsets.count,
                            .call = call,
                            .values = ork_map_new(onnx->arena),
                            .depth = call->frame->depth + 1};
    frame.state = ORK_NEW_ARRAY(onnx->arena, uint8_t, function->body.nodes.count + 1);
    if (frame.depth > MAX_FRAMES)
        return ork_build_unsupported(onnx->build, "functions call each other too deeply") != NULL;
    for (size_t i = 0; i < function->inputs.count && (int)i < call->input_count; i++)
        if (call->in[i])
            ork_map_set(frame.values, function->inputs.items[i], call->in[i]);
    for (int i = 0; i < call->output_count && (size_t)i < function->outputs.count; i++)
        if (!(call->out[i] = ork_onnx_value(onnx, &frame, function->outputs.items[i])))
            return false;
    return true;
}

static bool call_op(ork_onnx *onnx, ork_onnx_call *call)
{
    const ork_onnx_node *node = call->node;
    const ork_onnx_op *op = ork_onnx_find_op(node->domain, node->op, call->version);
    const ork_onnx_function *function = op ? NULL : find_function(onnx, node);
    bool is_unknown = !op && !function && note_unknown(onnx, node);
    for (int i = 0; i < call->input_count; i++)
        is_unknown |= ork_onnx_is_unknown(call->in[i]);
    if (is_unknown) {
        for (int i = 0; i < call->output_count; i++)
            call->out[i] = &unknown_value;
        return true;
    }
    if (function)
        return run_function(onnx, call, function);
    if (check_inputs(onnx, call, op) && ork_onnx_run_op(onnx, call, op))
        return true;
    /* A value that is not there spreads without an error of its own. */
    return ork_diag_error_id(onnx->diag) == ORK_ERR_NONE &&
           ork_build_unsupported(onnx->build, "without one of its inputs") != NULL;
}

/* What a node computes gets the name that the file gives it, unless it had one before. */
static void keep_outputs(ork_onnx *onnx, ork_onnx_frame *frame, const ork_onnx_call *call,
                         size_t values_before)
{
    for (int i = 0; i < call->output_count; i++) {
        const char *name = call->node->outputs.items[i];
        ork_value *value = call->out[i];
        if (!*name || !value)
            continue;
        ork_map_set(frame->values, name, value);
        if (!ork_onnx_is_unknown(value) && value->id >= values_before && strcmp(value->name, name))
            ork_value_rename(onnx->graph, value, name);
    }
}

static bool import_node(ork_onnx *onnx, ork_onnx_frame *frame, const ork_onnx_node *node)
{
    enum { SPARE = 16 }; /* inputs that handlers may look for */
    if (onnx->steps_left == 0)
        return ork_build_unsupported(onnx->build, "the model has too many steps") != NULL;
    onnx->steps_left--;
    ork_onnx_call call = {.node = node, .frame = frame};
    call.input_count = (int)node->inputs.count;
    call.output_count = (int)node->outputs.count;
    call.in = ORK_NEW_ARRAY(onnx->arena, ork_value *, node->inputs.count + SPARE);
    call.out = ORK_NEW_ARRAY(onnx->arena, ork_value *, node->outputs.count + SPARE);
    call.version = ork_onnx_version(frame->opsets, frame->opset_count, node->domain);
    for (int i = 0; i < call.input_count; i++)
        if (*node->inputs.items[i] &&
            !(call.in[i] = take_value(onnx, frame, node->inputs.items[i])))
            return false;
    while (call.input_count > 0 && !call.in[call.input_count - 1])
        call.input_count--;
    const ork_onnx_call *outer = onnx->call;
    size_t values_before = onnx->graph->values.count;
    onnx->call = &call;
    bool good = call_op(onnx, &call);
    if (good)
        keep_outputs(onnx, frame, &call, values_before);
    else
        ork_where(onnx->diag, "%s", place_name(onnx->build));
    onnx->call = outer;
    return good;
}

/* ---- order ----------------------------------------------------------------------------- */

typedef enum node_state { UNTOUCHED, STARTED, DONE } node_state;

typedef struct pending {
    ork_onnx_frame *frame;
    const ork_onnx_node *node;
    size_t next_input;
} pending;

typedef ORK_VEC(pending) pending_stack;

/* Where `name` comes from: what is known or a weight is put among the values at once; a node that
   computes it goes onto the stack. */
static bool demand(ork_onnx *onnx, pending_stack *stack, ork_onnx_frame *frame, const char *name)
{
    for (; frame; frame = frame->outer) {
        if (ork_map_get(frame->values, name))
            return true;
        const ork_onnx_initializer *weight = ork_map_get(frame->graph->weights, name);
        if (weight) {
            ork_value *constant = ork_onnx_constant(onnx, weight->tensor, name);
            if (constant)
                ork_map_set(frame->values, name, constant);
            return constant != NULL;
        }
        const ork_onnx_node *node = ork_map_get(frame->graph->producers, name);
        if (!node)
            continue;
        uint8_t *state = &frame->state[node - frame->graph->nodes.items];
        if (*state == DONE)
            return fail_not_given(onnx, name) != NULL;
        if (*state == STARTED)
            return ork_fail(onnx->diag, ORK_ERR_TENSOR_NAME, "'%s' is computed from itself", name);
        *state = STARTED;
        ork_vec_push(onnx->arena, stack, ((pending){.frame = frame, .node = node}));
        return true;
    }
    return ork_fail(onnx->diag, ORK_ERR_TENSOR_NAME, "nothing in the model computes '%s'", name);
}

ork_value *ork_onnx_value(ork_onnx *onnx, ork_onnx_frame *frame, const char *name)
{
    pending_stack stack = {0};
    if (!demand(onnx, &stack, frame, name))
        return NULL;
    while (stack.count > 0) {
        pending *top = &stack.items[stack.count - 1];
        if (top->next_input < top->node->inputs.count) {
            const char *input = top->node->inputs.items[top->next_input++];
            if (*input && !demand(onnx, &stack, top->frame, input)) {
                ork_where(onnx->diag, "layer '%s' (%s)", layer_name(top->node), top->node->op);
                return NULL;
            }
            continue;
        }
        pending done = stack.items[--stack.count];
        if (!import_node(onnx, done.frame, done.node))
            return NULL;
        done.frame->state[done.node - done.frame->graph->nodes.items] = DONE;
    }
    return take_value(onnx, frame, name);
}

bool ork_onnx_run_body(ork_onnx *onnx, const ork_onnx_call *call, const ork_onnx_graph *body,
                       ork_value *const *in, int input_count, ork_value **out, int output_count)
{
    ork_onnx_frame frame = {.outer = call->frame,
                            .graph = body,
                            .opsets = call->frame->opsets,
                            .opset_count = call->frame->opset_count,
                            .call = call->frame->call,
                            .values = ork_map_new(onnx->arena),
                            .depth = call->frame->depth + 1};
    frame.state = ORK_NEW_ARRAY(onnx->arena, uint8_t, body->nodes.count + 1);
    if (frame.depth > MAX_FRAMES)
        return ork_build_unsupported(onnx->build, "bodies lie inside each other too deeply") !=
               NULL;
    if ((size_t)input_count > body->inputs.count || (size_t)output_count > body->outputs.count)
        return ork_build_unsupported(onnx->build, "a body with %zu inputs and %zu outputs",
                                     body->inputs.count, body->outputs.count) != NULL;
    for (int i = 0; i < input_count; i++)
        ork_map_set(frame.values, body->inputs.items[i].name, in[i]);
    for (int i = 0; i < output_count; i++)
        if (!(out[i] = ork_onnx_value(onnx, &frame, body->outputs.items[i].name)))
            return false;
    return true;
}
