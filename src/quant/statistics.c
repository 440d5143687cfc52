/* SPDX-License-Identifier: Apache-2.0 */
/* What values are like over the samples: extremes in a first pass, distributions between them in a
   second. Memory depends on the network, not on the number of samples. */
#include "internal.h"

#include <math.h>
#include <string.h>

/* Some pixels of some samples tell enough of a distribution. */
enum { MOST_PIXELS = 4096, MOST_SAMPLES = 48 };

typedef struct measurement {
    ork_arena *arena;
    ork_pool *pool;
    ork_statistics *statistics;
} measurement;

/* Element (n, c, p) of a value lies at n image_step + c channel_step + p pixel_step. */
typedef struct walk {
    int64_t images, channels, pixels;
    int64_t image_step, channel_step, pixel_step;
} walk;

static bool has_channels(const ork_value *value)
{
    return value->type.shape.rank == 4 && value->kind == ORK_VALUE_COMPUTED;
}

static walk walk_of(const ork_observation *seen)
{
    const int64_t *d = seen->value->type.shape.dim;
    if (!has_channels(seen->value))
        return (walk){1, 1, seen->count, 0, 0, 1};
    walk w = {d[0], d[1], d[2] * d[3], d[1] * d[2] * d[3], d[2] * d[3], 1};
    if (seen->is_nhwc) {
        w.channel_step = 1;
        w.pixel_step = d[1];
    }
    return w;
}

/* Channels that lie together are walked together, some at a time. */
enum { BLOCK = 32 };

typedef struct block {
    ork_part *parts;
    int64_t channels;
    const float *data; /* of the first channel; the others follow */
    int64_t pixels, step;
    int bin_count;
} block;

typedef struct block_walk {
    const ork_statistics *statistics;
    const ork_observation *seen;
    walk walk;
    int64_t every; /* so many pixels are passed over for one that is taken */
    int64_t width; /* channels of a block */
    void (*visit)(const block *b);
} block_walk;

static void visit_block(void *arg, int index, int worker)
{
    const block_walk *b = arg;
    const walk *w = &b->walk;
    (void)worker;
    const int64_t first = index * b->width, left = w->channels - first;
    for (int64_t n = 0; n < w->images; n++)
        b->visit(&(block){.parts = b->statistics->parts + first,
                          .channels = left < b->width ? left : b->width,
                          .data = b->seen->data + n * w->image_step + first * w->channel_step,
                          .pixels = (w->pixels + b->every - 1) / b->every,
                          .step = w->pixel_step * b->every,
                          .bin_count = b->statistics->bin_count});
}

/* Blocks are shared among the threads; each part is one thread's. */
static void visit_blocks(const measurement *m, const ork_statistics *statistics,
                         const ork_observation *seen, int64_t every, void (*visit)(const block *b))
{
    block_walk b = {.statistics = statistics,
                    .seen = seen,
                    .walk = walk_of(seen),
                    .every = every,
                    .visit = visit};
    b.width = b.walk.channel_step == 1 ? BLOCK : 1;
    ork_pool_run(m->pool, visit_block, &b, (int)((b.walk.channels + b.width - 1) / b.width));
}

/* ---- extremes ---- */

static ork_statistics *statistics_of(measurement *m, const ork_observation *seen)
{
    ork_statistics *s = &m->statistics[seen->value->id];
    if (s->parts)
        return s;
    s->channels = has_channels(seen->value) ? seen->value->type.shape.dim[1] : 1;
    s->bin_count = s->channels > 1 ? ORK_CHANNEL_BINS : ORK_TENSOR_BINS;
    s->parts = ORK_NEW_ARRAY(m->arena, ork_part, (size_t)s->channels);
    for (int64_t c = 0; c < s->channels; c++)
        s->parts[c] = (ork_part){.min = INFINITY, .max = -INFINITY};
    return s;
}

/* What is not finite makes the greatest number infinite. */
static void widen(const block *b)
{
    float low[BLOCK], high[BLOCK], nothing[BLOCK] = {0};
    for (int64_t c = 0; c < b->channels; c++) {
        low[c] = b->parts[c].min;
        high[c] = b->parts[c].max;
    }
    for (int64_t i = 0; i < b->pixels; i++)
        for (int64_t c = 0; c < b->channels; c++) {
            float x = b->data[i * b->step + c];
            low[c] = x < low[c] ? x : low[c];
            high[c] = x > high[c] ? x : high[c];
            nothing[c] += x - x;
        }
    for (int64_t c = 0; c < b->channels; c++) {
        b->parts[c].min = low[c];
        b->parts[c].max = nothing[c] == 0 ? high[c] : INFINITY;
    }
}

static void observe_extremes(void *user, const ork_observation *seen)
{
    measurement *m = user;
    visit_blocks(m, statistics_of(m, seen), seen, 1, widen);
}

/* ---- distributions ---- */

static void allocate_bins(measurement *m, size_t value_count)
{
    for (size_t i = 0; i < value_count; i++) {
        ork_statistics *s = &m->statistics[i];
        for (int64_t c = 0; s->parts && c < s->channels; c++)
            s->parts[c].bins = ORK_NEW_ARRAY(m->arena, uint32_t, (size_t)s->bin_count);
    }
}

static float greatest(const ork_part *part)
{
    return fmaxf(fabsf(part->min), fabsf(part->max));
}

static void add_sums(ork_part *part, double sum, double squares, int64_t count)
{
    const double most = (double)greatest(part);
    if (!(most > 0) || count == 0)
        return;
    part->sum += llrint(ldexp(sum / most / (double)count, 40));
    part->squares += llrint(ldexp(squares / most / most / (double)count, 40));
}

static float root(float x)
{
    return copysignf(sqrtf(fabsf(x)), x);
}

double ork_part_edge(const ork_part *part, int bin_count, int bin)
{
    const double low = (double)root(part->min), high = (double)root(part->max);
    const double at = low + (high - low) * bin / bin_count;
    return at * fabs(at);
}

static void count(const block *b)
{
    float factor[BLOCK], low[BLOCK];
    double sum[BLOCK] = {0}, squares[BLOCK] = {0};
    const int most = b->bin_count - 1;
    for (int64_t c = 0; c < b->channels; c++) {
        low[c] = root(b->parts[c].min);
        const float width = root(b->parts[c].max) - low[c];
        factor[c] = width > 0 ? (float)b->bin_count / width : 0;
    }
    for (int64_t i = 0; i < b->pixels; i++)
        for (int64_t c = 0; c < b->channels; c++) {
            float x = b->data[i * b->step + c];
            int bin = (int)((root(x) - low[c]) * factor[c]);
            b->parts[c].bins[bin < 0 ? 0 : bin < most ? bin : most]++;
            sum[c] += (double)x;
            squares[c] += (double)x * (double)x;
        }
    for (int64_t c = 0; c < b->channels; c++)
        add_sums(&b->parts[c], sum[c], squares[c], b->pixels);
}

static void observe_distribution(void *user, const ork_observation *seen)
{
    measurement *m = user;
    ork_statistics *s = &m->statistics[seen->value->id];
    const walk w = walk_of(seen);
    visit_blocks(m, s, seen,
                 has_channels(seen->value) ? (w.pixels + MOST_PIXELS - 1) / MOST_PIXELS : 1, count);
    s->samples += (uint32_t)w.images;
}

double ork_part_mean(const ork_part *part, uint32_t samples)
{
    return samples ? ldexp((double)part->sum, -40) * (double)greatest(part) / samples : 0;
}

double ork_part_variance(const ork_part *part, uint32_t samples)
{
    double most = (double)greatest(part), mean = ork_part_mean(part, samples);
    double square = samples ? ldexp((double)part->squares, -40) * most * most / samples : 0;
    return fmax(square - mean * mean, 0);
}

/* ---- checks ---- */

ork_range ork_portion_extremes(const ork_portion *portion)
{
    ork_range range = {INFINITY, -INFINITY, portion->of->parts != NULL};
    for (int64_t i = 0; range.seen && i < portion->count; i++) {
        const ork_part *part = &portion->of->parts[portion->channels ? portion->channels[i] : i];
        range.min = fminf(range.min, part->min);
        range.max = fmaxf(range.max, part->max);
    }
    return range;
}

static bool check_finite(ork_diag *diag, const ork_graph *graph, const ork_statistics *statistics)
{
    for (const ork_node *node = graph->first; node; node = node->next) {
        const ork_statistics *s = &statistics[node->output->id];
        ork_range range = ork_portion_extremes(&(ork_portion){s, NULL, s->channels});
        if (!range.seen || (isfinite(range.min) && isfinite(range.max)))
            continue;
        ork_fail(diag, ORK_ERR_RANGE, "layer '%s' gives numbers that are not finite", node->name);
        ork_node_where(node, diag);
        ork_why(diag, "its range over the samples is %g to %g", (double)range.min,
                (double)range.max);
        return ork_fix(diag, "check mean_values, std_values and the weights of the network");
    }
    return true;
}

/* All samples alike, or black: the first range of the network is a point. */
static bool check_inputs(ork_diag *diag, const ork_graph *graph, const ork_statistics *statistics)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const ork_value *value = graph->inputs.items[i].value;
        const ork_statistics *s = &statistics[value->id];
        if (s->parts && s->parts[0].min == s->parts[0].max) {
            ork_fail(diag, ORK_ERR_RANGE, "input '%s' is the constant %g in all samples",
                     value->name, (double)s->parts[0].min);
            return ork_why(diag, "no range can be chosen from it: are all pictures black?");
        }
    }
    return true;
}

/* ---- passes ---- */

static ork_sample_span span_of_distributions(const ork_sample_span *span)
{
    ork_sample_span second = *span;
    second.quiet = true;
    second.step *= (span->end - span->begin + MOST_SAMPLES - 1) / MOST_SAMPLES;
    second.stage = "measuring distributions";
    return second;
}

typedef struct passes {
    ork_diag *diag;
    const ork_graph *graph;
    ork_dataset *dataset;
    ork_pool *pool;
    measurement *m;
    ork_runner *runner;
} passes;

/* One pass over the share of the samples; there may be fewer samples than shares. */
static bool look_at(const passes *p, ork_sample_span span, ork_observe_fn observe)
{
    const ork_statistics_source *source = ork_dataset_source(p->dataset);
    if (source && source->shares > 1) {
        span.begin += source->share * span.step;
        span.step *= source->shares;
    }
    ork_runner_observe(p->runner, observe, p->m);
    return span.begin >= span.end ||
           ork_samples_run(p->diag, p->graph, p->dataset, &span, p->runner, NULL, NULL);
}

static bool measure_distributions(const passes *p, const ork_sample_span *span)
{
    allocate_bins(p->m, p->graph->values.count);
    return look_at(p, span_of_distributions(span), observe_distribution);
}

static bool check_extremes(const passes *p)
{
    return check_inputs(p->diag, p->graph, p->m->statistics) &&
           check_finite(p->diag, p->graph, p->m->statistics);
}

/* ---- what was measured before, or is measured in shares ---- */

static ork_statistics_part part_of(const passes *p, const ork_sample_span *span, bool distributions)
{
    ork_statistics_part part = {
        .distributions = distributions,
        .varied = ork_dataset_fits_vary(p->dataset),
        .samples = span->end - span->begin,
        .step = span_of_distributions(span).step,
        .seen = ORK_NEW_ARRAY(p->m->arena, uint8_t, (span->end - span->begin) / 8 + 1),
        .value_count = p->graph->values.count,
        .values = p->m->statistics};
    ork_statistics_print(p->graph, part.network);
    return part;
}

/* Takes statistics over when they are complete and of the same network and samples. */
static bool take_over(const passes *p, const ork_sample_span *span, ork_bytes bytes,
                      bool distributions)
{
    ork_statistics_part given, wanted = part_of(p, span, distributions);
    if (!ork_statistics_read(p->diag, p->m->arena, bytes, &given))
        return false;
    if (strcmp(given.network, wanted.network) != 0 || given.samples != wanted.samples ||
        given.step != wanted.step || given.varied != wanted.varied ||
        given.value_count != wanted.value_count) {
        ork_fail(p->diag, ORK_ERR_RANGE,
                 "the statistics are of another network, list or configuration");
        return ork_fix(p->diag, "make them with ork calibrate and the options of ork convert");
    }
    if (!ork_statistics_complete(&given) || (distributions && !given.distributions)) {
        ork_fail(p->diag, ORK_ERR_RANGE, "the statistics are not complete");
        ork_why(p->diag, distributions && !given.distributions
                             ? "they hold extremes alone"
                             : "some samples have not been looked at");
        return ork_fix(p->diag, "merge those of all shards");
    }
    for (size_t i = 0; i < given.value_count; i++) {
        ork_statistics *to = &p->m->statistics[i];
        *to = given.values[i];
        if (!to->parts || distributions)
            continue;
        to->samples = 0; /* counted with the distributions */
        for (int64_t c = 0; c < to->channels; c++)
            to->parts[c].bins = NULL;
    }
    return true;
}

static void note_seen(ork_statistics_part *part, const ork_statistics_source *source)
{
    const uint64_t step = part->distributions ? part->step : 1, shares = source->shares;
    for (uint64_t i = source->share * step; i < part->samples; i += step * (shares ? shares : 1))
        part->seen[i / 8] |= (uint8_t)(1u << (i % 8));
}

/* Measures the share and writes it; true when it was written. */
static bool collect(const passes *p, const ork_sample_span *span, bool distributions)
{
    ork_statistics_source *source = ork_dataset_source(p->dataset);
    const bool whole = source->shares <= 1, second = source->given.size > 0;
    bool good = second ? take_over(p, span, source->given, false)
                       : look_at(p, *span, observe_extremes) && (!whole || check_extremes(p));
    const bool both = distributions && (whole || second);
    if (good && both)
        good = measure_distributions(p, span);
    if (!good)
        return false;
    ork_statistics_part part = part_of(p, span, both);
    note_seen(&part, source);
    ork_statistics_write(&part, source->collected);
    return source->is_done = true;
}

static bool measure(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                    const ork_sample_span *span, ork_pool *pool, measurement *m, bool distributions)
{
    passes p = {diag, graph, dataset, pool, m, NULL};
    const ork_statistics_source *source = ork_dataset_source(dataset);
    if (source && !source->collected)
        return take_over(&p, span, source->given, distributions) && check_extremes(&p);
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){.observable = true});
    p.runner = plan ? ork_runner_new(diag, plan, pool) : NULL;
    bool good = p.runner != NULL;
    if (good && source) {
        collect(&p, span, distributions);
        good = false; /* nothing is quantized */
    }
    good = good && look_at(&p, *span, observe_extremes) && check_extremes(&p) &&
           (!distributions || measure_distributions(&p, span));
    ork_runner_free(p.runner);
    ork_plan_free(plan);
    return good;
}

bool ork_statistics_extremes(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                             const ork_sample_span *span, ork_pool *pool, ork_arena *arena,
                             ork_statistics *statistics)
{
    return measure(diag, graph, dataset, span, pool, &(measurement){arena, pool, statistics},
                   false);
}

bool ork_statistics_measure(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                            const ork_sample_span *span, ork_pool *pool, ork_arena *arena,
                            ork_statistics *statistics)
{
    return measure(diag, graph, dataset, span, pool, &(measurement){arena, pool, statistics}, true);
}
