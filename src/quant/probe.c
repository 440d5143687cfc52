/* SPDX-License-Identifier: Apache-2.0 */
/* How far a network's answers move. A few samples, and what the float network answers to them, are
   kept; any other form of the network is run on the same samples.

   Answers are the heads: what the outputs are put together from. A detector that joins boxes and
   scores in one tensor is judged by each of them, and boxes count as much as the scores at their
   place: where there is no object, it does not matter what box is given. */
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
    float **weights;         /* samples x heads: of each pixel; NULL where all count alike */
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

static ork_value **take_outputs(ork_graph *graph, size_t *count)
{
    *count = graph->outputs.count;
    ork_value **outputs = ORK_NEW_ARRAY(graph->arena, ork_value *, *count + 1);
    for (size_t i = 0; i < *count; i++)
        outputs[i] = graph->outputs.items[i];
    ork_graph_clear_outputs(graph);
    return outputs;
}

ork_graph *ork_graph_with_heads(const ork_graph *graph)
{
    size_t count;
    ork_graph *copy = ork_graph_clone(graph, false);
    ork_value **outputs = take_outputs(copy, &count);
    for (size_t i = 0; i < count; i++)
        add_heads(copy, outputs[i]);
    for (size_t i = 0; i < count; i++)
        if (!ork_value_is_output(outputs[i]))
            ork_graph_add_output(copy, outputs[i]);
    return copy;
}

static ork_graph *graph_of_heads(const ork_graph *graph)
{
    size_t count;
    ork_graph *copy = ork_graph_clone(graph, false);
    ork_value **outputs = take_outputs(copy, &count);
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

static bool same_pixels(const ork_shape *a, const ork_shape *b)
{
    return a->rank == 4 && b->rank == 4 && a->dim[0] == b->dim[0] && a->dim[2] == b->dim[2] &&
           a->dim[3] == b->dim[3];
}

typedef enum score_kind { NO_SCORE, PROBABILITY, LOGIT } score_kind;

/* Scores are what a sigmoid gives, or numbers of which most are far below zero and some above, that
   a sigmoid is meant for. */
static score_kind score_kind_of(const ork_value *value, const float *answer)
{
    const int64_t count = ork_shape_count(&value->type.shape);
    double sum = 0;
    float most = 0;
    if (value->producer && value->producer->op == ORK_OP_SIGMOID)
        return PROBABILITY;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)answer[i];
        most = fmaxf(most, answer[i]);
    }
    return most > 0 && sum / (double)count < -2 ? LOGIT : NO_SCORE;
}

/* weights[pixel] times the greatest score there. */
static void weigh_by(float *weights, const float *scores, const ork_shape *shape, score_kind kind)
{
    const int64_t pixels = shape->dim[2] * shape->dim[3], channels = shape->dim[1];
    for (int64_t i = 0; i < shape->dim[0] * pixels; i++) {
        const float *at = scores + i / pixels * channels * pixels + i % pixels;
        float most = at[0];
        for (int64_t c = 1; c < channels; c++)
            most = fmaxf(most, at[c * pixels]);
        weights[i] *= kind == LOGIT ? 1 / (1 + expf(-most)) : most;
    }
}

/* How much a pixel of the head counts: the product of the scores given for it by all heads of the
   same pixels. NULL, all alike, for probabilities, whose errors are small where they are, and where
   there are no scores. */
static float *weigh(const ork_probe *p, float *const *answers, size_t head)
{
    const ork_value *const *values = (const ork_value *const *)p->graph->outputs.items;
    const ork_shape *shape = &values[head]->type.shape;
    float *weights = NULL;
    if (score_kind_of(values[head], answers[head]) == PROBABILITY)
        return NULL;
    for (size_t h = 0; h < p->heads; h++) {
        const score_kind kind = score_kind_of(values[h], answers[h]);
        if (kind == NO_SCORE || !same_pixels(shape, &values[h]->type.shape))
            continue;
        const size_t count = (size_t)(shape->dim[0] * shape->dim[2] * shape->dim[3]);
        if (!weights) {
            weights = ORK_NEW_ARRAY(p->arena, float, count);
            for (size_t i = 0; i < count; i++)
                weights[i] = 1;
        }
        weigh_by(weights, answers[h], &values[h]->type.shape, kind);
    }
    return weights;
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
    for (size_t h = 0; h < p->heads; h++)
        p->weights[p->samples * p->heads + h] = weigh(p, p->answers + p->samples * p->heads, h);
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
    p->weights = ORK_NEW_ARRAY(arena, float *, p->most * p->heads + 1);
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

size_t ork_probe_samples(const ork_probe *p)
{
    return p->samples;
}

void ork_probe_feed(const ork_probe *p, size_t sample, ork_runner *runner)
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

static void add(deviation *d, double answer, double other, double weight)
{
    d->error += weight * (other - answer) * (other - answer);
    d->sum += weight * answer;
    d->squares += weight * answer * answer;
    d->count += weight;
}

static void compare(deviation *d, const float *answer, const float *other, const float *weights,
                    const ork_shape *shape)
{
    const int64_t count = ork_shape_count(shape);
    const int64_t pixels = weights ? shape->dim[2] * shape->dim[3] : 1;
    const int64_t image = weights ? pixels * shape->dim[1] : 1;
    for (int64_t i = 0; i < count; i++)
        add(d, (double)answer[i], (double)other[i],
            weights ? (double)weights[i / image * pixels + i % pixels] : 1);
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

static void compare_heads(const ork_probe *p, size_t sample, const ork_runner *runner,
                          deviation *deviations)
{
    for (size_t h = 0; h < p->heads; h++) {
        const size_t at = sample * p->heads + h;
        compare(&deviations[h], p->answers[at], ork_runner_output(runner, h), p->weights[at],
                &p->graph->outputs.items[h]->type.shape);
    }
}

double ork_probe_error(const ork_probe *p, size_t sample, const ork_runner *runner)
{
    ork_arena *scratch = ork_arena_new();
    deviation *deviations = ORK_NEW_ARRAY(scratch, deviation, p->heads + 1);
    compare_heads(p, sample, runner, deviations);
    const double error = judge(deviations, p->heads);
    ork_arena_free(scratch);
    return error;
}

bool ork_probe_judge(ork_probe *p, const ork_graph *graph, size_t samples, double *error)
{
    ork_plan *plan = ork_plan_new(p->diag, graph, &(ork_plan_options){.family = p->family});
    ork_runner *runner = plan ? ork_runner_new(p->diag, plan, p->pool) : NULL;
    ork_arena *scratch = ork_arena_new();
    deviation *deviations = ORK_NEW_ARRAY(scratch, deviation, p->heads + 1);
    for (size_t i = 0; runner && i < p->samples && i < samples; i++) {
        ork_probe_feed(p, i, runner);
        ork_runner_run(runner);
        compare_heads(p, i, runner, deviations);
    }
    *error = judge(deviations, p->heads);
    ork_arena_free(scratch);
    const bool good = runner != NULL;
    ork_runner_free(runner);
    ork_plan_free(plan);
    return good;
}
