/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <assert.h>
#include <string.h>

/* How each operator becomes steps, where its class does not say it. */
static const lower_fn lowerings[ORK_OP_COUNT] = {
    [ORK_OP_MATMUL] = lower_matmul,         [ORK_OP_BATCH_NORM] = lower_batch_norm,
    [ORK_OP_LAYER_NORM] = lower_layer_norm, [ORK_OP_SOFTMAX] = lower_softmax,
    [ORK_OP_LOG_SOFTMAX] = lower_softmax,   [ORK_OP_WHERE] = lower_where,
    [ORK_OP_CONCAT] = lower_concat,         [ORK_OP_SLICE] = lower_movement,
    [ORK_OP_TRANSPOSE] = lower_movement,    [ORK_OP_EXPAND] = lower_movement,
    [ORK_OP_RESHAPE] = lower_reshape,       [ORK_OP_PAD] = lower_pad,
    [ORK_OP_RESIZE] = lower_resize,         [ORK_OP_GATHER] = lower_gather,
    [ORK_OP_ARG_MAX] = lower_order,         [ORK_OP_ARG_MIN] = lower_order,
    [ORK_OP_TOP_K] = lower_order,           [ORK_OP_CUM_SUM] = lower_running,
    [ORK_OP_CUM_PROD] = lower_running,      [ORK_OP_SCATTER] = lower_scatter,
};

bool not_yet(planner *p, const ork_node *node, const char *why)
{
    ork_fail(p->diag, ORK_ERR_NOT_YET, "%s cannot run here yet", ork_op_table[node->op].name);
    ork_node_where(node, p->diag);
    return ork_why(p->diag, "%s", why);
}

void *plan_params(planner *p, const void *params, size_t size)
{
    void *copy = ork_arena_alloc(p->plan->arena, size);
    return memcpy(copy, params, size);
}

static void use(planner *p, operand used)
{
    touch(used.slot, (int)p->plan->steps.count - 1);
}

step *emit(planner *p, const ork_node *node, const char *kernel, step_fn run, const void *params,
           int64_t units, double work, slot *out, slot *a, slot *b)
{
    step s = {.layer = node->name,
              .kernel = kernel,
              .run = run,
              .params = params,
              .in = {{a, 0}, {b, 0}},
              .out = {out, 0},
              .in_count = b ? 2 : 1,
              .units = units,
              .work = work,
              .value = out->value};
    ork_vec_push(p->plan->arena, &p->plan->steps, s);
    use(p, s.out);
    for (int i = 0; i < s.in_count; i++)
        use(p, s.in[i]);
    return &p->plan->steps.items[p->plan->steps.count - 1];
}

void add_input(planner *p, step *s, slot *input)
{
    assert(s->in_count < MOST_INPUTS);
    s->in[s->in_count++] = (operand){input, 0};
    touch(input, (int)p->plan->steps.count - 1);
}

typedef struct copy_params {
    ork_loop loop;
    size_t size;
} copy_params;

static void run_copy(const void *params, const call *c, int64_t begin, int64_t end)
{
    const copy_params *copy = params;
    ork_copy_run(&copy->loop, copy->size, c->in[0], c->out, begin, end);
}

void emit_copy(planner *p, const char *layer, const ork_loop *loop, size_t size, operand out,
               operand in, const ork_value *value)
{
    copy_params params = {*loop, size};
    ork_loop_simplify(&params.loop);
    int64_t units = ork_loop_rows(&params.loop);
    step s = {.layer = layer,
              .kernel = "copy",
              .run = run_copy,
              .params = plan_params(p, &params, sizeof(params)),
              .in = {in},
              .out = out,
              .in_count = 1,
              .units = units,
              .value = value,
              .work = (double)units * (double)params.loop.dim[params.loop.rank - 1]};
    ork_vec_push(p->plan->arena, &p->plan->steps, s);
    use(p, out);
    use(p, in);
}

static const lower_fn class_lowerings[] = {
    [ORK_CLASS_CONV] = lower_convolution,
    [ORK_CLASS_POOL] = lower_pool,
    [ORK_CLASS_UNARY] = lower_unary,
    [ORK_CLASS_BINARY] = lower_binary,
    [ORK_CLASS_REDUCE] = lower_reduce,
    [ORK_CLASS_CAST] = lower_convert,
    [ORK_CLASS_OTHER] = NULL,
};

static bool takes_any_type(ork_op op)
{
    ork_op_class op_class = ork_op_table[op].op_class;
    lower_fn how = lowerings[op];
    return (op_class != ORK_CLASS_CONV && op_class != ORK_CLASS_POOL &&
            op_class != ORK_CLASS_OTHER) ||
           how == lower_where || how == lower_gather || how == lower_order ||
           how == lower_running || how == lower_scatter;
}

/* Convolutions, pooling, normalization and resizing have kernels for real numbers alone. */
static bool check_numbers(planner *p, const ork_node *node)
{
    if (takes_any_type(node->op) || (is_number(node->inputs[0]) && is_number(node->output)))
        return true;
    return not_yet(p, node, "it computes floats and quantized numbers only");
}

static bool lower(planner *p, const ork_node *node)
{
    lower_fn how = lowerings[node->op];
    if (!how)
        how = class_lowerings[ork_op_table[node->op].op_class];
    assert(how && "every operator has a lowering");
    return check_numbers(p, node) && how(p, node);
}

static bool plan_nodes(planner *p)
{
    const ork_graph *graph = p->plan->graph;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        p->plan->inputs[i] = slot_of(p, graph->inputs.items[i].value);
        touch(p->plan->inputs[i], -1);
    }
    for (const ork_node *node = graph->first; node; node = node->next)
        if (!p->fused[node->output->id] && !lower(p, node))
            return false;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        p->plan->outputs[i] = slot_in(p, graph->outputs.items[i], LAYOUT_PLAIN);
        touch(p->plan->outputs[i], WHOLE_RUN);
    }
    return true;
}

static void allocate_tables(planner *p)
{
    ork_arena *arena = p->plan->arena;
    size_t count = p->plan->graph->values.count;
    p->layouts = ORK_NEW_ARRAY(arena, layout, count);
    p->slots = ORK_NEW_ARRAY(arena, slot *, count);
    p->converted = ORK_NEW_ARRAY(arena, slot *, count);
    p->homes = ORK_NEW_ARRAY(arena, const ork_value *, count);
    p->home_channels = ORK_NEW_ARRAY(arena, int64_t, count);
    p->fused = ORK_NEW_ARRAY(arena, bool, count);
    p->focuses = ORK_NEW_ARRAY(arena, const ork_node *, count);
    p->plan->inputs = ORK_NEW_ARRAY(arena, slot *, p->plan->graph->inputs.count);
    p->plan->outputs = ORK_NEW_ARRAY(arena, slot *, p->plan->graph->outputs.count);
}

ork_plan *ork_plan_new(ork_diag *diag, const ork_graph *graph, const ork_plan_options *options)
{
    ork_arena *arena = ork_arena_new();
    ork_plan *plan = ORK_NEW(arena, ork_plan);
    plan->arena = arena;
    plan->graph = graph;
    plan->options = *options;
    planner p = {.plan = plan, .diag = diag};
    allocate_tables(&p);
    choose_layouts(&p);
    choose_homes(&p);
    find_focuses(&p);
    plan->options.pool = NULL;
    if (!plan_nodes(&p) || !pack_weights(&p, options->pool)) {
        ork_plan_free(plan);
        return NULL;
    }
    place_roots(plan);
    for (size_t i = 0; i < plan->steps.count; i++)
        plan->scratch_bytes = ork_max_size(plan->scratch_bytes, plan->steps.items[i].scratch_bytes);
    plan->scratch_bytes = (plan->scratch_bytes + 63) / 64 * 64;
    return plan;
}

void ork_plan_free(ork_plan *plan)
{
    if (plan)
        ork_arena_free(plan->arena);
}

const ork_graph *ork_plan_graph(const ork_plan *plan)
{
    return plan->graph;
}

size_t ork_plan_arena_bytes(const ork_plan *plan)
{
    return plan->arena_bytes;
}

size_t ork_plan_live_bytes(const ork_plan *plan)
{
    return plan->live_bytes;
}

size_t ork_plan_weight_bytes(const ork_plan *plan)
{
    return plan->weight_bytes;
}

const ork_packing *ork_plan_packing(const ork_plan *plan)
{
    return &plan->packing;
}

size_t ork_plan_step_count(const ork_plan *plan)
{
    return plan->steps.count;
}

const char *ork_plan_step_layer(const ork_plan *plan, size_t index)
{
    return plan->steps.items[index].layer;
}

size_t ork_plan_parameter_bytes(const ork_plan *plan)
{
    const size_t weights = plan->graph->packing ? 0 : plan->weight_bytes; /* in the arena */
    return ork_arena_used(plan->arena) - weights;
}

size_t ork_plan_scratch_bytes(const ork_plan *plan)
{
    return plan->scratch_bytes;
}

size_t ork_plan_buffer_count(const ork_plan *plan)
{
    return plan->roots.count;
}

ork_plan_buffer ork_plan_buffer_at(const ork_plan *plan, size_t index)
{
    const slot *s = plan->roots.items[index];
    const int end = (int)plan->steps.count;
    return (ork_plan_buffer){.value = s->value,
                             .bytes = s->last < s->first ? 0 : s->bytes,
                             .offset = s->offset,
                             .first = s->first,
                             .last = s->last < end ? s->last : end};
}

static void print_operand(ork_str *out, const operand *o)
{
    static const char *const layouts[] = {"plain", "pixels"};
    const slot *root = o->slot;
    size_t offset = o->offset;
    for (; root->parent; root = root->parent)
        offset += root->parent_offset;
    ork_str_printf(out, " %%%u:%s", o->slot->value->id, layouts[o->slot->layout]);
    if (root->constant)
        ork_str_printf(out, "@constant");
    else
        ork_str_printf(out, "@%zu", root->offset + offset);
}

void ork_plan_print(const ork_plan *plan, ork_str *out)
{
    ork_str_printf(out, "plan \"%s\": %zu steps, arena %zu bytes (%zu alive), weights %zu bytes\n",
                   plan->graph->name, plan->steps.count, plan->arena_bytes, plan->live_bytes,
                   plan->weight_bytes);
    for (size_t i = 0; i < plan->steps.count; i++) {
        const step *s = &plan->steps.items[i];
        ork_str_printf(out, "  %zu \"%s\" %s:", i, s->layer, s->kernel);
        print_operand(out, &s->out);
        ork_str_printf(out, " <-");
        for (int k = 0; k < s->in_count; k++)
            print_operand(out, &s->in[k]);
        ork_str_printf(out, " units %lld\n", (long long)s->units);
    }
}

void ork_plan_mark_observed(const ork_plan *plan, bool *observed)
{
    for (size_t i = 0; i < plan->steps.count; i++)
        if (plan->steps.items[i].value)
            observed[plan->steps.items[i].out.slot->value->id] = true;
}
