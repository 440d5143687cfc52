/* SPDX-License-Identifier: Apache-2.0 */
/* How far a network's answers move. A few samples, and what the float network answers to them, are
   kept; any other form of the network is run on the same samples.

   Answers are the heads: what the outputs are put together from. A detector that joins boxes and
   scores in one tensor is judged by each of them. */
#include "internal.h"

#include <math.h>
#include <string.h>

struct ork_probe {
    ork_arena *arena;
    ork_diag *diag;
    ork_pool *pool;
    ork_family family;
    ork_graph *graph; /* its outputs are the heads */
    size_t most, samples, heads;
    ork_observation *inputs; /* samples x inputs of the graph, the data copied */
    float **answers;         /* samples x heads */
    size_t input_at;         /* while they are kept */
    const ork_runner *runner;
};

/* ---- heads ---- */

static bool is_assembled(const ork_node *node)
{
    return node && (node->op == ORK_OP_CONCAT || node->op == ORK_OP_RESHAPE ||
                    node->op == ORK_OP_TRANSPOSE || node->op == ORK_OP_CONVERT);
}

static void add_heads(ork_graph *graph, ork_value *value)
{
    if (value->kind == ORK_VALUE_CONSTANT || ork_value_is_output(value))
        return;
    if (!is_assembled(value->producer)) {
        if (value->type.dtype == ORK_F32)
            ork_graph_add_output(graph, value);
        return;
    }
    for (int i = 0; i < value->producer->input_count; i++)
        add_heads(graph, value->producer->inputs[i]);
}

static ork_graph *graph_of_heads(const ork_graph *graph)
{
    ork_graph *copy = ork_graph_clone(graph, false);
    const size_t count = copy->outputs.count;
    ork_value **outputs = ORK_NEW_ARRAY(copy->arena, ork_value *, count);
    if (count)
        memcpy(outputs, copy->outputs.items, count * sizeof(*outputs));
    ork_graph_clear_outputs(copy);
    for (size_t i = 0; i < count; i++)
        add_heads(copy, outputs[i]);
    ork_graph_remove_dead(copy);
    return copy;
}

/* ---- keeping ---- */

static void keep_input(void *user, const ork_observation *seen)
{
    ork_probe *p = user;
    if (seen->value->kind != ORK_VALUE_INPUT || p->samples == p->most)
        return;
    ork_observation *kept = &p->inputs[p->samples * p->graph->inputs.count + p->input_at++];
    float *data = ORK_NEW_ARRAY(p->arena, float, (size_t)seen->count);
    memcpy(data, seen->data, (size_t)seen->count * sizeof(*data));
    *kept = *seen;
    kept->data = data;
}

static void keep_answers(void *user)
{
    ork_probe *p = user;
    for (size_t h = 0; h < p->heads; h++) {
        const size_t count = (size_t)ork_shape_count(&p->graph->outputs.items[h]->type.shape);
        float *data = ORK_NEW_ARRAY(p->arena, float, count);
        memcpy(data, ork_runner_output(p->runner, h), count * sizeof(*data));
        p->answers[p->samples * p->heads + h] = data;
    }
    p->samples++;
    p->input_at = 0;
}

ork_probe *ork_probe_new(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                         const ork_sample_span *span, ork_pool *pool, ork_family family)
{
    ork_arena *arena = ork_arena_new();
    ork_probe *p = ORK_NEW(arena, ork_probe);
    *p = (ork_probe){.arena = arena, .diag = diag, .pool = pool, .family = family};
    p->graph = graph_of_heads(graph);
    p->heads = p->graph->outputs.count;
    p->most = (span->end - span->begin + span->step - 1) / span->step;
    p->inputs = ORK_NEW_ARRAY(arena, ork_observation, p->most * p->graph->inputs.count);
    p->answers = ORK_NEW_ARRAY(arena, float *, p->most * p->heads + 1);
    ork_plan *plan = ork_plan_new(diag, p->graph, &(ork_plan_options){.observable = true});
    ork_runner *runner = plan ? ork_runner_new(diag, plan, pool) : NULL;
    bool good = runner != NULL;
    if (good) {
        p->runner = runner;
        ork_runner_observe(runner, keep_input, p);
        good = ork_samples_run(diag, p->graph, dataset, span, runner, keep_answers, p);
    }
    ork_runner_free(runner);
    ork_plan_free(plan);
    if (good)
        return p;
    ork_probe_free(p);
    return NULL;
}

void ork_probe_free(ork_probe *p)
{
    if (!p)
        return;
    ork_graph_free(p->graph);
    ork_arena_free(p->arena);
}

const ork_graph *ork_probe_graph(const ork_probe *p)
{
    return p->graph;
}

/* ---- judging ---- */

static void feed(const ork_probe *p, ork_runner *runner, size_t sample)
{
    const size_t count = p->graph->inputs.count;
    for (size_t i = 0; i < count; i++) {
        const ork_observation *kept = &p->inputs[sample * count + i];
        ork_shape shape = p->graph->inputs.items[i].value->type.shape;
        if (kept->is_nhwc)
            shape = ork_shape_of(
                4, (int64_t[]){shape.dim[0], shape.dim[2], shape.dim[3], shape.dim[1]});
        ork_runner_set_input(runner, i,
                             &(ork_feed){.data = kept->data,
                                         .dtype = ORK_F32,
                                         .shape = shape,
                                         .is_nhwc = kept->is_nhwc,
                                         .pass_through = true});
    }
}

typedef struct deviation {
    double error, sum, squares, count;
} deviation;

static void compare(deviation *d, const float *answer, const float *other, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double a = (double)answer[i], difference = (double)other[i] - a;
        d->error += difference * difference;
        d->sum += a;
        d->squares += a * a;
    }
    d->count += (double)count;
}

/* Squared error over variance, the mean of all heads; no head counts more than one that answers
   nothing at all. */
static double judge(const deviation *deviations, size_t heads)
{
    double sum = 0;
    for (size_t h = 0; h < heads; h++) {
        const deviation *d = &deviations[h];
        double variance = d->squares - d->sum * d->sum / d->count;
        double share = variance > 0 ? d->error / variance : d->error > 0 ? 1 : 0;
        sum += isfinite(share) ? fmin(share, 2) : 2;
    }
    return heads ? sum / (double)heads : 0;
}

bool ork_probe_judge(ork_probe *p, const ork_graph *graph, size_t samples, double *error)
{
    ork_plan *plan = ork_plan_new(p->diag, graph, &(ork_plan_options){.family = p->family});
    ork_runner *runner = plan ? ork_runner_new(p->diag, plan, p->pool) : NULL;
    ork_arena *scratch = ork_arena_new();
    deviation *deviations = ORK_NEW_ARRAY(scratch, deviation, p->heads + 1);
    for (size_t i = 0; runner && i < p->samples && i < samples; i++) {
        feed(p, runner, i);
        ork_runner_run(runner);
        for (size_t h = 0; h < p->heads; h++)
            compare(&deviations[h], p->answers[i * p->heads + h], ork_runner_output(runner, h),
                    ork_shape_count(&p->graph->outputs.items[h]->type.shape));
    }
    *error = judge(deviations, p->heads);
    ork_arena_free(scratch);
    const bool good = runner != NULL;
    ork_runner_free(runner);
    ork_plan_free(plan);
    return good;
}
