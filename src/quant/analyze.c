/* SPDX-License-Identifier: Apache-2.0 */
/* Where accuracy is lost. For each sample the float network and the quantized one are run, and the
   outputs of their layers compared. Then every layer is taken alone: the float network runs, the
   layer's inputs are taken from it, the layer is computed on integers, and its numbers go back into
   the float network, whose answers show what this one layer does to them. A layer can look good and
   do great damage, when the error sits in channels whose numbers are small. */
#include "accuracy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of the float network that are kept at once: layers are compared in turns. */
static const int64_t most_kept = 64 << 20;

typedef struct study {
    ork_diag *diag;
    const ork_analysis_task *options;
    ork_pool *pool;
    ork_arena *arena; /* of the result */
    ork_accuracy *result;
    ork_graph *reference, *quantized; /* both networks; their first outputs are the heads */
    ork_plan *plan, *quantized_plan;
    ork_runner *runner, *quantized_runner;
    ork_probe *probe;
    layer_list layers;
    size_t sample;
    bool failed;
} study;

/* ---- numbers of a value ---- */

/* From the graph's order of axes to that in which the value is observed. */
static void to_layout(const ork_observation *seen, const float *rows, float *numbers)
{
    const int64_t *d = seen->value->type.shape.dim;
    if (!seen->is_nhwc) {
        memcpy(numbers, rows, (size_t)seen->count * sizeof(float));
        return;
    }
    const int64_t channels = d[1], pixels = d[2] * d[3];
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < pixels; i++)
                numbers[(n * pixels + i) * channels + c] = *rows++;
}

/* For one sample and layer; NULL, with the error set, when there is no memory. */
static float *new_numbers(study *s, int64_t count)
{
    float *numbers = ork_data_alloc((size_t)(count ? count : 1) * sizeof(float));
    if (!numbers && !s->failed) {
        s->failed = true;
        ork_fail(s->diag, ORK_ERR_OUT_OF_MEMORY, "no memory to compare a layer of %lld numbers",
                 (long long)count);
    }
    return numbers;
}

static float *rows_of(study *s, const ork_observation *seen)
{
    float *rows = new_numbers(s, seen->count);
    if (rows)
        ork_observation_copy(seen, rows);
    return rows;
}

static void drop_numbers(studied *l)
{
    ork_data_free(l->reference);
    ork_data_free(l->joined);
    l->reference = l->joined = NULL;
}

/* Dumps are those of the first sample. */
static void dump(study *s, snapshot_folder folder, const studied *l, const float *numbers)
{
    const size_t index = (size_t)(l - s->layers.items.items);
    if (s->sample || s->failed || s->options->dump == ORK_DUMP_NONE || !s->options->folder)
        return;
    s->failed = !snapshot_dump(s->diag, s->options, folder, s->result->layers.items[index].file,
                               &l->output->type.shape, numbers);
}

/* ---- the quantized network against the float one ---- */

typedef struct turn {
    study *study;
    int begin, end; /* layers */
} turn;

static int layer_in(const turn *t, const int *index, const ork_value *value)
{
    const int i = index[value->id];
    return i >= t->begin && i < t->end ? i : -1;
}

static void keep_reference(void *user, const ork_observation *seen)
{
    const turn *t = user;
    const int i = layer_in(t, t->study->layers.by_reference, seen->value);
    if (i < 0 || t->study->failed)
        return;
    studied *l = &t->study->layers.items.items[i];
    l->reference = rows_of(t->study, seen);
    l->missing = l->accumulated.channels;
    if (l->reference)
        dump(t->study, SNAPSHOT_FLOAT, l, l->reference);
}

static void count_bins(ork_layer_accuracy *a, uint32_t *bins, const float *numbers, int64_t count)
{
    const float width = a->high - a->low;
    const float factor = width > 0 ? (float)ORK_ACCURACY_BINS / width : 0;
    for (int64_t i = 0; i < count; i++) {
        const float at = (numbers[i] - a->low) * factor;
        bins[at >= ORK_ACCURACY_BINS - 1 ? ORK_ACCURACY_BINS - 1 : at > 0 ? (int)at : 0]++;
    }
}

/* The first sample tells between which numbers the bins lie. */
static void draw_bins(study *s, const studied *l)
{
    ork_layer_accuracy *a = &s->result->layers.items[l - s->layers.items.items];
    const int64_t count = ork_shape_count(&l->output->type.shape);
    for (int64_t i = 0; s->sample == 0 && i < count; i++) {
        a->low = i == 0 || l->reference[i] < a->low ? l->reference[i] : a->low;
        a->high = i == 0 || l->reference[i] > a->high ? l->reference[i] : a->high;
    }
    count_bins(a, a->bins[0], l->reference, count);
    count_bins(a, a->bins[1], l->joined, count);
}

/* A little beyond the range is no loss. */
static void range_of(const ork_type *type, float *low, float *high)
{
    const ork_dtype_info *info = &ork_dtype_table[type->dtype];
    const float step = ork_quant_step(&type->quant);
    const int32_t zero = type->quant.scheme == ORK_SCHEME_AFFINE ? type->quant.zero_point : 0;
    const float margin = fmaxf(0.5f, 0.01f * (float)(info->max - info->min));
    *low = step * ((float)(info->min - zero) - margin);
    *high = step * ((float)(info->max - zero) + margin);
}

/* Float numbers that the part's range cuts off. */
static void count_saturated(study *s, studied *l, const ork_value *part)
{
    const ork_type *type = &part->type;
    float low, high;
    if (type->quant.scheme != ORK_SCHEME_AFFINE && type->quant.scheme != ORK_SCHEME_DFP)
        return;
    const int64_t count = ork_shape_count(&type->shape);
    float *numbers = new_numbers(s, count);
    if (!numbers)
        return;
    range_of(type, &low, &high);
    part_of_whole(part, numbers, &l->output->type.shape, l->reference);
    for (int64_t i = 0; i < count; i++)
        l->saturated += numbers[i] < low || numbers[i] > high;
    ork_data_free(numbers);
}

static void join_part(study *s, studied *l, const ork_observation *seen)
{
    float *rows = rows_of(s, seen);
    if (!l->joined)
        l->joined = new_numbers(s, ork_shape_count(&l->output->type.shape));
    if (rows && l->joined) {
        part_to_whole(seen->value, rows, &l->output->type.shape, l->joined);
        count_saturated(s, l, seen->value);
        l->missing -= part_channels(seen->value);
    }
    ork_data_free(rows);
}

static void compare_part(void *user, const ork_observation *seen)
{
    const turn *t = user;
    study *s = t->study;
    const int i = layer_in(t, s->layers.by_part, seen->value);
    if (i < 0 || s->failed)
        return;
    studied *l = &s->layers.items.items[i];
    join_part(s, l, seen);
    if (s->failed || l->missing > 0)
        return;
    comparison_add(&l->accumulated, &l->output->type.shape, l->reference, l->joined);
    draw_bins(s, l);
    dump(s, SNAPSHOT_ENTIRE, l, l->joined);
    if (!l->node)
        dump(s, SNAPSHOT_ALONE, l, l->joined);
    drop_numbers(l);
}

static void run(study *s, ork_runner *runner, ork_observe_fn observe, void *user)
{
    ork_runner_observe(runner, observe, user);
    ork_probe_feed(s->probe, s->sample, runner);
    ork_runner_run(runner);
    ork_runner_observe(runner, NULL, NULL);
}

static bool compare_layers(study *s)
{
    const int count = (int)s->layers.items.count;
    for (turn t = {.study = s}; t.begin < count && !s->failed; t.begin = t.end) {
        int64_t kept = 0;
        for (t.end = t.begin; t.end < count && (kept == 0 || kept < most_kept); t.end++)
            kept += ork_shape_count(&s->layers.items.items[t.end].output->type.shape);
        run(s, s->runner, keep_reference, &t);
        if (!s->failed && !s->options->dump_reference_only)
            run(s, s->quantized_runner, compare_part, &t);
        for (int i = t.begin; i < t.end; i++)
            drop_numbers(&s->layers.items.items[i]);
    }
    if (!s->failed && !s->options->dump_reference_only)
        s->result->error += ork_probe_error(s->probe, s->sample, s->quantized_runner);
    return !s->failed;
}

/* ---- a layer alone ---- */

typedef struct trial {
    study *study;
    studied *layer;
    ork_graph *graph; /* the layer on integers */
    ork_plan *plan;
    ork_runner *runner;
} trial;

static bool can_be_fed(const ork_value *value)
{
    const ork_scheme scheme = value->type.quant.scheme;
    return value->type.dtype == ORK_F32 || scheme == ORK_SCHEME_AFFINE || scheme == ORK_SCHEME_DFP;
}

/* The quantized layer as a graph whose inputs have counterparts in the float network; NULL, without
   an error, when there are inputs that have none. */
static ork_graph *layer_graph(const study *s, const studied *l)
{
    ork_arena *scratch = ork_arena_new();
    const ork_graph *quantized = s->quantized;
    const size_t count = quantized->values.count;
    bool *borders = ORK_NEW_ARRAY(scratch, bool, count + 1);
    for (size_t i = 0; i < count; i++) /* its own parts are computed */
        borders[i] = s->layers.borders[i] &&
                     layers_source(s->reference, quantized->values.items[i]) != l->output;
    ork_graph *graph = ork_graph_extract(quantized, l->parts.items, l->parts.count, borders);
    bool good = true;
    for (size_t i = 0; i < graph->inputs.count; i++)
        good = good && can_be_fed(graph->inputs.items[i].value) &&
               layers_source(s->reference, graph->inputs.items[i].value);
    ork_arena_free(scratch);
    if (good)
        return graph;
    ork_graph_free(graph);
    return NULL;
}

/* Feeds what the float network has just computed to the layer. */
static void feed_layer(trial *t, const ork_observation *seen)
{
    study *s = t->study;
    float *rows = NULL;
    for (size_t i = 0; i < t->graph->inputs.count; i++) {
        const ork_value *value = t->graph->inputs.items[i].value;
        if (layers_source(s->reference, value) != seen->value)
            continue;
        rows = rows ? rows : rows_of(s, seen);
        float *part = rows ? new_numbers(s, ork_shape_count(&value->type.shape)) : NULL;
        if (part) {
            part_of_whole(value, part, &seen->value->type.shape, rows);
            ork_runner_set_input(t->runner, i,
                                 &(ork_feed){.data = part,
                                             .dtype = ORK_F32,
                                             .shape = value->type.shape,
                                             .pass_through = true});
        }
        ork_data_free(part);
    }
    ork_data_free(rows);
}

/* Runs the layer and puts its numbers in the place of the float network's. */
static void replace_layer(trial *t, const ork_observation *seen)
{
    study *s = t->study;
    studied *l = t->layer;
    float *reference = rows_of(s, seen), *joined = new_numbers(s, seen->count);
    float *numbers = new_numbers(s, seen->count);
    if (!s->failed) {
        ork_runner_run(t->runner);
        for (size_t i = 0; i < l->parts.count; i++)
            part_to_whole(l->parts.items[i], ork_runner_output(t->runner, i),
                          &l->output->type.shape, joined);
        comparison_add(&l->isolated, &l->output->type.shape, reference, joined);
        dump(s, SNAPSHOT_ALONE, l, joined);
        to_layout(seen, joined, numbers);
        ork_runner_overwrite(s->runner, numbers);
    }
    ork_data_free(reference);
    ork_data_free(joined);
    ork_data_free(numbers);
}

static void try_layer(void *user, const ork_observation *seen)
{
    trial *t = user;
    if (t->study->failed)
        return;
    feed_layer(t, seen);
    if (seen->value == t->layer->output)
        replace_layer(t, seen);
}

static bool measure_alone(study *s, studied *l)
{
    trial t = {.study = s, .layer = l, .graph = layer_graph(s, l)};
    if (!t.graph)
        return true;
    t.plan = ork_plan_new(s->diag, t.graph, &(ork_plan_options){.family = s->options->family});
    t.runner = t.plan ? ork_runner_new(s->diag, t.plan, s->pool) : NULL;
    if (t.runner) {
        run(s, s->runner, try_layer, &t);
        l->damage += ork_probe_error(s->probe, s->sample, s->runner);
    }
    const bool good = t.runner && !s->failed;
    ork_runner_free(t.runner);
    ork_plan_free(t.plan);
    ork_graph_free(t.graph);
    return good;
}

static bool measure_all_alone(study *s)
{
    const size_t count = s->layers.items.count, samples = ork_probe_samples(s->probe);
    for (size_t i = 0; i < count; i++) {
        if (!ork_progress(s->diag, "analyzing", s->sample * count + i, samples * count))
            return false;
        studied *l = &s->layers.items.items[i];
        if (l->node && !measure_alone(s, l)) /* inputs have nothing before them */
            return false;
    }
    return true;
}

/* ---- the result ---- */

static double peak_of(const comparison *c)
{
    double sum = 0, squares = 0, most = 0;
    const double count = (double)c->count * (double)c->channels;
    for (int64_t i = 0; i < c->channels; i++) {
        sum += c->of[i].sum;
        squares += c->of[i].squares;
        most = fmax(most, (double)c->of[i].most);
    }
    const double variance = count > 0 ? squares / count - sum / count * (sum / count) : 0;
    return variance > 0 ? most / sqrt(variance) : 0;
}

static const char *op_text(ork_arena *arena, const studied *l)
{
    if (!l->node)
        return "input";
    const char *name = ork_op_table[l->node->op].name;
    return l->output->producer == l->node
               ? name
               : ork_arena_printf(arena, "%s + %s", name,
                                  ork_op_table[l->output->producer->op].name);
}

/* How many launches compute it. */
static int groups_of(const studied *l)
{
    const ork_node *node = l->parts.items[0]->producer;
    const bool joined = l->parts.count == 1 && l->node && node && node->op == ORK_OP_CONCAT &&
                        l->node->op != ORK_OP_CONCAT;
    return joined ? node->input_count : (int)l->parts.count;
}

static void describe_layers(study *s)
{
    for (size_t i = 0; i < s->layers.items.count; i++) {
        const studied *l = &s->layers.items.items[i];
        const ork_type *type = &l->parts.items[0]->type;
        const char *op = op_text(s->arena, l);
        const char *name = l->node ? l->node->name : l->output->name;
        ork_layer_accuracy a = {
            .name = ork_arena_strdup(s->arena, name),
            .output = ork_arena_strdup(s->arena, l->output->name),
            .op = op,
            .shape = l->output->type.shape,
            .dtype = type->dtype,
            .channels = l->accumulated.channels,
            .groups = groups_of(l),
        };
        a.file = ork_layer_file(s->arena, l->node ? ork_op_table[l->node->op].name : "input", name,
                                i, &a.shape);
        ork_vec_push(s->arena, &s->result->layers, a);
    }
}

static void fill_layers(study *s)
{
    const double samples = (double)ork_probe_samples(s->probe);
    s->result->samples = ork_probe_samples(s->probe);
    s->result->error /= samples;
    for (size_t i = 0; i < s->layers.items.count; i++) {
        const studied *l = &s->layers.items.items[i];
        ork_layer_accuracy *a = &s->result->layers.items[i];
        a->is_isolated = l->isolated.count > 0;
        a->isolated = comparison_distance(a->is_isolated ? &l->isolated : &l->accumulated);
        a->accumulated = comparison_distance(&l->accumulated);
        a->damage = a->is_isolated ? l->damage / samples : 0;
        a->saturated = (double)l->saturated / ((double)ork_shape_count(&a->shape) * samples);
        a->peak = peak_of(&l->accumulated);
        channels_describe(s->arena, l, a);
    }
}

/* ---- the study ---- */

/* The quantized network with the same heads. */
static ork_graph *with_heads_of(study *s, const ork_graph *heads)
{
    ork_graph *graph = ork_graph_clone(s->options->quantized, false);
    ork_value **own = ORK_NEW_ARRAY(graph->arena, ork_value *, graph->outputs.count + 1);
    const size_t count = graph->outputs.count;
    for (size_t i = 0; i < count; i++)
        own[i] = graph->outputs.items[i];
    ork_graph_clear_outputs(graph);
    for (size_t i = 0; i < heads->outputs.count; i++) {
        ork_value *head = ork_graph_find(graph, heads->outputs.items[i]->name);
        if (!head || head->origin) {
            ork_fail(s->diag, ORK_ERR_INTERNAL, "the quantized network has no '%s'",
                     heads->outputs.items[i]->name);
            ork_graph_free(graph);
            return NULL;
        }
        ork_graph_add_output(graph, head);
    }
    for (size_t i = 0; i < count; i++)
        if (!ork_value_is_output(own[i]))
            ork_graph_add_output(graph, own[i]);
    return graph;
}

static bool prepare(study *s, ork_dataset *dataset)
{
    const ork_sample_span span = {
        .stage = "keeping answers", .end = s->options->samples, .step = 1};
    s->reference = ork_graph_with_heads(s->options->reference);
    s->probe =
        ork_probe_new(s->diag, s->options->reference, dataset, &span, s->pool, s->options->family);
    s->quantized = s->probe ? with_heads_of(s, ork_probe_graph(s->probe)) : NULL;
    if (!s->quantized)
        return false;
    s->plan = ork_plan_new(s->diag, s->reference, &(ork_plan_options){.observable = true});
    s->quantized_plan = ork_plan_new(
        s->diag, s->quantized,
        &(ork_plan_options){.family = s->options->family, .observable = true, .fused = true});
    if (!s->plan || !s->quantized_plan)
        return false;
    s->runner = ork_runner_new(s->diag, s->plan, s->pool);
    s->quantized_runner = ork_runner_new(s->diag, s->quantized_plan, s->pool);
    bool *observed = ORK_NEW_ARRAY(s->arena, bool, s->quantized->values.count + 1);
    ork_plan_mark_observed(s->quantized_plan, observed);
    layers_find(&s->layers, s->arena, s->reference, s->quantized, observed);
    s->result->unmatched = s->layers.unmatched;
    describe_layers(s);
    return s->runner && s->quantized_runner &&
           (!s->options->folder || snapshot_open(s->diag, s->options));
}

static bool carry_out(study *s, ork_dataset *dataset)
{
    bool good = prepare(s, dataset);
    for (s->sample = 0; good && s->sample < ork_probe_samples(s->probe); s->sample++)
        good = compare_layers(s) && (s->options->dump_reference_only || measure_all_alone(s));
    if (good) {
        fill_layers(s);
        accuracy_judge(s->result);
    }
    return good && (!s->options->folder || snapshot_close(s->diag, s->options, s->result));
}

ork_accuracy *ork_analyze(ork_diag *diag, const ork_analysis_task *analysis, ork_dataset *dataset,
                          ork_pool *pool)
{
    ork_arena *arena = ork_arena_new();
    ork_accuracy *result = ORK_NEW(arena, ork_accuracy);
    *result = (ork_accuracy){.arena = arena,
                             .network = ork_arena_strdup(arena, analysis->reference->name),
                             .target = ork_arena_strdup(arena, analysis->quantized->target),
                             .bad_sqnr = analysis->bad_sqnr,
                             .first_bad = -1,
                             .verdict = ""};
    study s = {.diag = diag, .options = analysis, .pool = pool, .arena = arena, .result = result};
    const bool good = carry_out(&s, dataset);
    ork_runner_free(s.runner);
    ork_runner_free(s.quantized_runner);
    ork_plan_free(s.plan);
    ork_plan_free(s.quantized_plan);
    ork_probe_free(s.probe);
    ork_graph_free(s.quantized);
    ork_graph_free(s.reference);
    if (good)
        return result;
    ork_accuracy_free(result);
    return NULL;
}

void ork_accuracy_free(ork_accuracy *accuracy)
{
    if (accuracy)
        ork_arena_free(accuracy->arena);
}
