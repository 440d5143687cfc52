/* SPDX-License-Identifier: Apache-2.0 */
/* Weights whose errors cancel out. With H the second moments of a layer's windows, an error D of
   its weights changes the output by tr(D H D^T) on average. Columns are quantized in the order of
   falling H_jj; the error of column j is made up for by those behind it, in the proportions that
   row j of U gives, with U upper triangular and U^T U = H^-1. */
#include "moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LENGTH = 1152 };
static const size_t most_bytes = (size_t)192 << 20; /* of moments at one time */

/* ---- one layer ---- */

typedef struct layer {
    const ork_node *node;
    const ork_moments *moments;
    ork_quant quant;
    ork_dtype dtype;
    void *weights; /* integers, as ork_recipe has them */
    float *shifts; /* of each output channel */
    bool gained;
} layer;

static int64_t output_channels(const ork_node *node)
{
    return node->inputs[1]->type.shape.dim[0];
}

/* Of an output channel: how its weights become integers. */
typedef struct channel_quant {
    float step;
    int32_t zero;
    const ork_dtype_info *info;
} channel_quant;

static channel_quant quant_of(const layer *l, int64_t channel)
{
    const ork_quant quant = ork_quant_of_channel(&l->quant, channel);
    return (channel_quant){ork_quant_step(&quant),
                           quant.scheme == ORK_SCHEME_AFFINE ? quant.zero_point : 0,
                           &ork_dtype_table[l->dtype]};
}

static float dequantized(const channel_quant *of, float x, int32_t *integer)
{
    float q = roundf(x / of->step) + (float)of->zero;
    q = fminf(fmaxf(q, (float)of->info->min), (float)of->info->max);
    *integer = (int32_t)q;
    return of->step * (q - (float)of->zero);
}

/* Work space for one group of one layer: matrices of length x length, row after row. */
typedef struct solver {
    int64_t length;
    double *h;      /* second moments, whole */
    double *u;      /* in the order of columns */
    int32_t *order; /* column after column */
    double *row, *error;
    int32_t *integers[2];
} solver;

static void fill_moments(solver *s, const ork_moments *m, int64_t group)
{
    const int64_t n = s->length;
    const float *squares = m->squares + group * n * n;
    const double scale = m->count ? 1.0 / (double)m->count : 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = i; k < n; k++)
            s->h[i * n + k] = s->h[k * n + i] = (double)squares[i * n + k] * scale;
}

static void order_columns(solver *s)
{
    const int64_t n = s->length;
    for (int64_t i = 0; i < n; i++) { /* insertion keeps equal ones in place */
        int64_t at = i;
        for (; at > 0 && s->h[i * n + i] > s->h[s->order[at - 1] * n + s->order[at - 1]]; at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = (int32_t)i;
    }
}

/* U = (J L J)^-1, where J turns the order round and L L^T = J H J: then U^T U = H^-1 without an
   inverse of H. False when H is not positive. */
static bool decompose(solver *s)
{
    const int64_t n = s->length;
    double *r = s->u, mean = 0; /* r = J L J, upper triangular, built from the last row on */
    for (int64_t i = 0; i < n; i++)
        mean += s->h[i * n + i] / (double)n;
    const double damping = 0.01 * mean + 1e-12;
    for (int64_t j = n; j-- > 0;)
        for (int64_t i = j + 1; i-- > 0;) {
            double sum = s->h[s->order[i] * n + s->order[j]] + (i == j ? damping : 0);
            for (int64_t k = j + 1; k < n; k++)
                sum -= r[i * n + k] * r[j * n + k];
            if (i == j && !(sum > 0))
                return false;
            r[i * n + j] = i == j ? sqrt(sum) : sum / r[j * n + j];
        }
    for (int64_t j = n; j-- > 0;) { /* the inverse in place, from the last column on */
        const double last = 1 / r[j * n + j];
        for (int64_t i = j; i-- > 0;) {
            double sum = r[i * n + j] * last;
            for (int64_t k = i + 1; k < j; k++)
                sum += r[i * n + k] * s->row[k];
            s->row[i] = -sum / r[i * n + i];
        }
        for (int64_t i = 0; i < j; i++)
            r[i * n + j] = s->row[i];
        r[j * n + j] = last;
    }
    return true;
}

/* The squared error of an output channel with these integers. */
static double squared_error(solver *s, const channel_quant *of, const float *weights,
                            const int32_t *integers)
{
    const int64_t n = s->length;
    for (int64_t i = 0; i < n; i++)
        s->error[i] = (double)weights[i] - (double)(of->step * (float)(integers[i] - of->zero));
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double inner = 0;
        for (int64_t k = 0; k < n; k++)
            inner += s->h[i * n + k] * s->error[k];
        sum += s->error[i] * inner;
    }
    return sum;
}

static void round_nearest(const channel_quant *of, const float *weights, int32_t *integers,
                          int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dequantized(of, weights[i], &integers[i]);
}

static void round_in_turn(solver *s, const channel_quant *of, const float *weights,
                          int32_t *integers)
{
    const int64_t n = s->length;
    for (int64_t i = 0; i < n; i++)
        s->row[i] = (double)weights[s->order[i]];
    for (int64_t j = 0; j < n; j++) {
        const double *u = s->u + j * n;
        const float rounded = dequantized(of, (float)s->row[j], &integers[s->order[j]]);
        const double error = (s->row[j] - (double)rounded) / u[j];
        for (int64_t k = j + 1; k < n; k++)
            s->row[k] -= error * u[k];
    }
}

static void store_channel(layer *l, int64_t channel, const float *weights, const int32_t *integers)
{
    const int64_t n = ork_window_length(&l->moments->window);
    const int64_t group = channel / (output_channels(l->node) / l->moments->window.groups);
    const double *sums = l->moments->sums + group * n;
    const channel_quant of = quant_of(l, channel);
    double shift = 0;
    for (int64_t i = 0; i < n; i++) {
        shift +=
            ((double)weights[i] - (double)(of.step * (float)(integers[i] - of.zero))) * sums[i];
        ork_element_set(l->dtype, l->weights, channel * n + i, (double)integers[i]);
    }
    l->shifts[channel] = l->moments->count ? (float)(shift / (double)l->moments->count) : 0;
}

/* Channels [begin, end) of one group, with the rounding that errs less in all of them together. */
static void solve_group(layer *l, solver *s, const float *weights, int64_t begin, int64_t end)
{
    const int64_t n = s->length, group = begin / (end - begin);
    fill_moments(s, l->moments, group);
    order_columns(s);
    const bool known = decompose(s);
    double errors[2] = {0};
    for (int pass = 0; pass < 2; pass++) {
        const int best = known && errors[1] < errors[0];
        for (int64_t c = begin; c < end; c++) {
            const float *row = weights + c * n;
            const channel_quant of = quant_of(l, c);
            round_nearest(&of, row, s->integers[0], n);
            if (known)
                round_in_turn(s, &of, row, s->integers[1]);
            if (pass == 0) {
                for (int k = 0; k < 1 + known; k++)
                    errors[k] += squared_error(s, &of, row, s->integers[k]);
            } else {
                store_channel(l, c, row, s->integers[best]);
            }
        }
        l->gained = l->gained || (pass == 1 && best);
    }
}

typedef struct round_work {
    layer *layers;
} round_work;

static void solve_layer(void *arg, int index, int worker)
{
    (void)worker;
    layer *l = &((round_work *)arg)->layers[index];
    const ork_value *value = l->node->inputs[1];
    const int64_t channels = output_channels(l->node), groups = l->moments->window.groups;
    const int64_t n = ork_window_length(&l->moments->window);
    ork_arena *arena = ork_arena_new();
    solver s = {.length = n,
                .h = ORK_NEW_ARRAY(arena, double, (size_t)(n * n)),
                .u = ORK_NEW_ARRAY(arena, double, (size_t)(n * n)),
                .order = ORK_NEW_ARRAY(arena, int32_t, (size_t)n),
                .row = ORK_NEW_ARRAY(arena, double, (size_t)n),
                .error = ORK_NEW_ARRAY(arena, double, (size_t)n),
                .integers = {ORK_NEW_ARRAY(arena, int32_t, (size_t)n),
                             ORK_NEW_ARRAY(arena, int32_t, (size_t)n)}};
    float *weights = ORK_NEW_ARRAY(arena, float, (size_t)(channels * n));
    for (int64_t i = 0; i < channels * n; i++)
        weights[i] = (float)ork_element_get(value->type.dtype, value->data, i);
    for (int64_t g = 0; g < groups; g++)
        solve_group(l, &s, weights, g * channels / groups, (g + 1) * channels / groups);
    ork_arena_free(arena);
}

/* ---- all layers ---- */

typedef struct turn {
    ork_moments *moments;
    size_t count;
    ork_pool *pool;
} turn;

static void observe(void *user, const ork_observation *seen)
{
    turn *t = user;
    for (size_t i = 0; i < t->count; i++)
        if (t->moments[i].input == seen->value)
            ork_moments_add(&t->moments[i], seen, t->pool);
}

static ork_moments *moments_for(turn *t, const ork_node *node)
{
    for (size_t i = 0; i < t->count; i++)
        if (ork_moments_serve(&t->moments[i], node))
            return &t->moments[i];
    return NULL;
}

/* Takes layers from *next on until their moments fill the memory meant for them. */
static size_t choose_layers(turn *t, ork_arena *arena, const ork_node **next, layer *layers,
                            ork_rounding_report *report)
{
    size_t count = 0, bytes = 0;
    const ork_node *node = *next;
    for (; node; node = node->next) {
        if (!ork_moments_apply(node))
            continue;
        const ork_window w = ork_window_of(node);
        const size_t length = (size_t)ork_window_length(&w);
        if (length > MOST_LENGTH) {
            report->too_wide++;
            continue;
        }
        ork_moments *shared = moments_for(t, node);
        const size_t needed = shared ? 0 : length * length * (size_t)w.groups * sizeof(float);
        if (bytes + needed > most_bytes && count > 0)
            break;
        if (!shared) {
            shared = &t->moments[t->count];
            if (!ork_moments_new(shared, arena, node)) {
                report->too_wide++;
                continue;
            }
            t->count++;
        }
        bytes += needed;
        layers[count++] = (layer){.node = node, .moments = shared};
    }
    *next = node;
    return count;
}

static bool prepare(ork_graph *graph, ork_diag *diag, layer *l, ork_dtype dtype, bool by_channel)
{
    const ork_value *weight = l->node->inputs[1];
    const size_t channels = (size_t)output_channels(l->node);
    l->dtype = dtype;
    l->quant = ork_weight_quant(graph->arena, l->node, dtype, by_channel);
    l->weights = ork_graph_alloc(
        graph, diag, (size_t)ork_shape_count(&weight->type.shape) * ork_dtype_table[dtype].size);
    l->shifts = ork_graph_alloc(graph, diag, channels * sizeof(float));
    return l->weights && l->shifts;
}

bool ork_rounding_choose(ork_diag *diag, ork_graph *graph, ork_dataset *dataset,
                         const ork_sample_span *span, ork_pool *pool, ork_dtype dtype,
                         bool by_channel, const void **weights, float **shifts,
                         ork_rounding_report *report)
{
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){.observable = true});
    ork_runner *runner = plan ? ork_runner_new(diag, plan, pool) : NULL;
    const ork_node *next = graph->first;
    bool good = runner != NULL;
    *report = (ork_rounding_report){0};
    while (good && next) {
        ork_arena *arena = ork_arena_new();
        turn t = {.moments = ORK_NEW_ARRAY(arena, ork_moments, graph->node_count), .pool = pool};
        layer *layers = ORK_NEW_ARRAY(arena, layer, graph->node_count);
        const size_t count = choose_layers(&t, arena, &next, layers, report);
        ork_runner_observe(runner, observe, &t);
        good = count == 0 || ork_samples_run(diag, graph, dataset, span, runner, NULL, NULL);
        for (size_t i = 0; good && i < count; i++)
            good = prepare(graph, diag, &layers[i], dtype, by_channel);
        if (good)
            ork_pool_run(pool, solve_layer, &(round_work){layers}, (int)count);
        for (size_t i = 0; good && i < count; i++) {
            if (layers[i].gained)
                weights[layers[i].node->inputs[1]->id] = layers[i].weights;
            shifts[layers[i].node->output->id] = layers[i].shifts;
            report->rounded += layers[i].gained;
            report->layers++;
        }
        ork_arena_free(arena);
    }
    ork_runner_free(runner);
    ork_plan_free(plan);
    return good;
}

/* ---- biases ---- */

bool ork_biases_shift(ork_diag *diag, ork_graph *graph, float *const *shifts, size_t count)
{
    for (ork_node *node = graph->first; node; node = node->next) {
        if (node->output->id >= count || !shifts[node->output->id])
            continue;
        const int64_t channels = output_channels(node);
        const ork_value *bias = node->input_count > 2 ? node->inputs[2] : NULL;
        if (bias && bias->kind != ORK_VALUE_CONSTANT)
            continue;
        float *data = ork_graph_alloc(graph, diag, (size_t)channels * sizeof(*data));
        if (!data)
            return false;
        for (int64_t c = 0; c < channels; c++)
            data[c] = shifts[node->output->id][c] +
                      (bias ? (float)ork_element_get(bias->type.dtype, bias->data, c) : 0);
        ork_type type = ork_type_of(ORK_F32, 1, &channels);
        const char *name =
            bias ? bias->name : ork_arena_printf(graph->arena, "%s.bias", node->name);
        ork_node_set_input(graph, node, 2, ork_graph_add_constant(graph, name, &type, data));
    }
    return true;
}
