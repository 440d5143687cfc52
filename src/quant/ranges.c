/* SPDX-License-Identifier: Apache-2.0 */
/* From distributions to ranges. The squared error of a range is the sum over all bins of
   (f(number that stands for the bin's centre) - f(centre))^2, with f the function that alone reads
   the value: what f ignores needs no codes. */
#include "internal.h"

#include <math.h>

enum { MOST_CODES = 256, STEPS = 24 };

typedef struct search {
    ork_dtype dtype;
    const ork_portion *portion;
    const ork_activation *function;
    /* The distribution as one list of points. */
    float *points, *images; /* centre of a bin; the function of it */
    double *weights;
    size_t count;
} search;

static float image_of(const search *s, float x)
{
    if (!s->function)
        return x;
    const ork_activation *f = s->function;
    return (float)ork_unary_table[f->op].evaluate((double)x, (double)f->alpha, (double)f->beta);
}

static const ork_part *part_at(const ork_portion *portion, int64_t i)
{
    return &portion->of->parts[portion->channels ? portion->channels[i] : i];
}

/* Bins of all channels, the empty ones left out. Many channels share coarser bins. */
static void gather_points(search *s, ork_arena *arena, ork_range extremes)
{
    const int bins = ORK_TENSOR_BINS;
    double *sums = ORK_NEW_ARRAY(arena, double, (size_t)bins);
    double *counts = ORK_NEW_ARRAY(arena, double, (size_t)bins);
    const double low = (double)extremes.min, step = ((double)extremes.max - low) / bins;
    const int of_part = s->portion->of->bin_count;
    for (int64_t i = 0; i < s->portion->count; i++) {
        const ork_part *part = part_at(s->portion, i);
        for (int b = 0; part->bins && b < of_part; b++) {
            if (!part->bins[b])
                continue;
            const double centre =
                (ork_part_edge(part, of_part, b) + ork_part_edge(part, of_part, b + 1)) / 2;
            int at = step > 0 ? (int)((centre - low) / step) : 0;
            at = at < bins ? at : bins - 1;
            counts[at] += part->bins[b];
            sums[at] += part->bins[b] * centre;
        }
    }
    s->points = ORK_NEW_ARRAY(arena, float, (size_t)bins);
    s->images = ORK_NEW_ARRAY(arena, float, (size_t)bins);
    s->weights = counts;
    for (int b = 0; b < bins; b++) {
        if (!(counts[b] > 0))
            continue;
        s->points[s->count] = (float)(sums[b] / counts[b]);
        s->images[s->count] = image_of(s, s->points[s->count]);
        s->weights[s->count++] = counts[b];
    }
}

/* ---- squared error ---- */

static double error_of_codes(const search *s, float scale, int32_t zero, int32_t least,
                             int32_t most)
{
    float images[MOST_CODES];
    const bool few = most - least < MOST_CODES;
    for (int32_t q = least; few && s->function && q <= most; q++)
        images[q - least] = image_of(s, scale * (float)(q - zero));
    double error = 0;
    for (size_t i = 0; i < s->count; i++) {
        float q = rintf(s->points[i] / scale) + (float)zero;
        q = q < (float)least ? (float)least : q > (float)most ? (float)most : q;
        float x = scale * (q - (float)zero);
        if (s->function)
            x = few ? images[(int32_t)q - least] : image_of(s, x);
        const double difference = (double)(x - s->images[i]);
        error += s->weights[i] * difference * difference;
    }
    return error;
}

static double error_of(const search *s, ork_range range)
{
    const ork_dtype_info *info = &ork_dtype_table[s->dtype];
    ork_quant quant = ork_quant_of_range(s->dtype, range);
    return error_of_codes(s, ork_quant_step(&quant), quant.zero_point, (int32_t)info->min,
                          (int32_t)info->max);
}

/* ---- searches ---- */

/* Shrinks one end after the other for as long as the error falls. */
static ork_range least_squares(const search *s, ork_range extremes)
{
    ork_range best = extremes;
    double least = error_of(s, best);
    for (int round = 0; round < 2; round++) {
        for (int end = 0; end < 2; end++) {
            const float whole = end ? extremes.min : extremes.max;
            float kept = end ? best.min : best.max;
            for (int i = 1; i <= STEPS; i++) {
                ork_range tried = best;
                float *moved = end ? &tried.min : &tried.max;
                *moved = whole * (float)i / STEPS;
                double error = error_of(s, tried);
                if (error < least) {
                    least = error;
                    kept = *moved;
                }
            }
            *(end ? &best.min : &best.max) = kept;
        }
    }
    return best;
}

/* Fixed point: the extremes, and up to three bits less. */
static ork_range least_squares_bits(const search *s, ork_range extremes)
{
    ork_range best = extremes;
    double least = error_of(s, best);
    for (int bits = 1; bits <= 3; bits++) {
        ork_range tried = {ldexpf(extremes.min, -bits), ldexpf(extremes.max, -bits), true};
        double error = error_of(s, tried);
        if (error < least) {
            least = error;
            best = tried;
        }
    }
    return best;
}

/* All but one in ten thousand on each side. */
static ork_range percentile(const search *s, ork_range extremes)
{
    double total = 0, below = 0;
    for (size_t i = 0; i < s->count; i++)
        total += s->weights[i];
    const double cut = total * 1e-4;
    ork_range range = {extremes.max, extremes.min, true};
    for (size_t i = 0; i < s->count; i++) {
        below += s->weights[i];
        if (below > cut)
            range.min = fminf(range.min, s->points[i]);
        if (total - below + s->weights[i] > cut)
            range.max = fmaxf(range.max, s->points[i]);
    }
    return range;
}

/* The divergence of the quantized distribution from the true one, of absolute values: the threshold
   of N. Migacz, "8-bit inference with TensorRT", 2017. What lies beyond a threshold counts to its
   last bin. */
static double divergence(const double *bins, int kept, int all)
{
    enum { CODES = 128 };
    double outside = 0, total = 0, sum = 0;
    for (int i = kept; i < all; i++)
        outside += bins[i];
    for (int i = 0; i < all; i++)
        total += bins[i];
    for (int code = 0; code < CODES; code++) {
        const int begin = code * kept / CODES, end = (code + 1) * kept / CODES;
        double mass = 0;
        int filled = 0;
        for (int i = begin; i < end; i++) {
            mass += bins[i];
            filled += bins[i] > 0;
        }
        for (int i = begin; i < end; i++) {
            double p = bins[i] + (i == kept - 1 ? outside : 0);
            double q = bins[i] > 0 ? mass / filled : 1e-9;
            if (p > 0)
                sum += p / total * log(p / (q > 0 ? q : 1e-9));
        }
    }
    return sum;
}

static ork_range least_divergence(const search *s, ork_range extremes)
{
    enum { BINS = 2048, CODES = 128 };
    double bins[BINS] = {0};
    const float most = fmaxf(fabsf(extremes.min), fabsf(extremes.max));
    for (size_t i = 0; i < s->count; i++) {
        int at = (int)(fabsf(s->points[i]) / most * BINS);
        bins[at < BINS ? at : BINS - 1] += s->weights[i];
    }
    int best = BINS;
    double least = INFINITY;
    for (int kept = CODES; kept <= BINS; kept += BINS / CODES) {
        double found = divergence(bins, kept, BINS);
        if (found < least) {
            least = found;
            best = kept;
        }
    }
    const float limit = most * (float)best / BINS;
    return (ork_range){fmaxf(extremes.min, -limit), fminf(extremes.max, limit), true};
}

ork_range ork_range_choose(ork_range_algorithm algorithm, ork_dtype dtype,
                           const ork_portion *portion, const ork_activation *function)
{
    ork_range extremes = ork_portion_extremes(portion);
    if (algorithm == ORK_RANGE_EXTREMES || !extremes.seen || !(extremes.min < extremes.max))
        return extremes;
    ork_arena *arena = ork_arena_new();
    search s = {.dtype = dtype, .portion = portion, .function = function};
    gather_points(&s, arena, extremes);
    ork_range range = {fminf(extremes.min, 0), fmaxf(extremes.max, 0), true};
    if (algorithm == ORK_RANGE_PERCENTILE)
        range = percentile(&s, extremes);
    else if (algorithm == ORK_RANGE_DIVERGENCE)
        range = least_divergence(&s, extremes);
    else
        range = dtype == ORK_U8 ? least_squares(&s, range) : least_squares_bits(&s, range);
    ork_arena_free(arena);
    return range;
}

/* ---- a function between two ranges ---- */

static float number_of(const ork_quant *quant, float x)
{
    const float q = rintf(x / quant->scale) + (float)quant->zero_point;
    return quant->scale * (fminf(fmaxf(q, 0), MOST_CODES - 1) - (float)quant->zero_point);
}

/* The squared error behind both roundings. */
static double error_behind(const search *s, const ork_quant *before, const ork_quant *after)
{
    float images[MOST_CODES];
    for (int q = 0; q < MOST_CODES; q++)
        images[q] = number_of(after, image_of(s, before->scale * (float)(q - before->zero_point)));
    double error = 0;
    for (size_t i = 0; i < s->count; i++) {
        const float q = rintf(s->points[i] / before->scale) + (float)before->zero_point;
        const double difference =
            (double)(images[(int)fminf(fmaxf(q, 0), MOST_CODES - 1)] - s->images[i]);
        error += s->weights[i] * difference * difference;
    }
    return error;
}

ork_range ork_range_align(const ork_portion *portion, const ork_activation *function,
                          ork_range before, ork_range after)
{
    const ork_range extremes = ork_portion_extremes(portion);
    if (!extremes.seen || !(extremes.min < extremes.max) || !(before.min < before.max))
        return after;
    const ork_quant first = ork_quant_of_range(ORK_U8, before);
    const ork_quant second = ork_quant_of_range(ORK_U8, after);
    const float below = fminf(ceilf(fmaxf(-after.min, 0) / first.scale), MOST_CODES - 1);
    const ork_range aligned = {-below * first.scale, (MOST_CODES - 1 - below) * first.scale, true};
    const ork_quant same = ork_quant_of_range(ORK_U8, aligned);
    ork_arena *arena = ork_arena_new();
    search s = {.dtype = ORK_U8, .portion = portion, .function = function};
    gather_points(&s, arena, extremes);
    const bool better = error_behind(&s, &first, &same) < error_behind(&s, &first, &second);
    ork_arena_free(arena);
    return better ? aligned : after;
}
