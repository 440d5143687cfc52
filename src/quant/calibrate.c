/* SPDX-License-Identifier: Apache-2.0 */
#include "quant.h"

#include <math.h>

static void widen(ork_range *range, const float *data, int64_t count)
{
    float low = range->seen ? range->min : INFINITY, high = range->seen ? range->max : -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        low = data[i] < low ? data[i] : low;
        high = data[i] > high ? data[i] : high;
    }
    *range = (ork_range){low, high, true};
}

static void observe(void *user, const ork_value *value, const float *data, int64_t count)
{
    widen(&((ork_range *)user)[value->id], data, count);
}

static size_t sample_count(const ork_dataset *dataset, int batch_size, int epochs)
{
    size_t all = ork_dataset_count(dataset);
    if (epochs < 1 || batch_size < 1)
        return all;
    return ork_min_size(all, (size_t)batch_size * (size_t)epochs);
}

static bool run_samples(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset, size_t count,
                        ork_runner *runner)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!ork_progress(diag, "calibrating", i, count))
            return false;
        if (!ork_dataset_feed(dataset, diag, i, runner, graph)) {
            const ork_error *error = ork_diag_error(diag);
            if (ork_diag_error_id(diag) == ORK_ERR_OUT_OF_MEMORY) /* no fault of the sample */
                return false;
            ork_log(diag, ORK_LOG_WARNING, "skipped %s: %s%s%s", error->where, error->what,
                    *error->why ? "; " : "", error->why);
            continue;
        }
        ork_runner_run(runner);
        used++;
    }
    if (used == 0) { /* the last sample's error says why */
        const ork_error *error = ork_diag_error(diag);
        ork_str where = {0}, why = {0}, fix = {0};
        ork_str_printf(&where, "%s", error->where);
        ork_str_printf(&why, "%s%s%s", error->what, *error->why ? "; " : "", error->why);
        ork_str_printf(&fix, "%s", error->fix);
        ork_fail(diag, ORK_ERR_DATASET_EMPTY, "none of the %zu samples can be used", count);
        ork_where(diag, "%s", where.text);
        ork_why(diag, "%s", why.text);
        ork_fix(diag, "%s", fix.text);
        ork_str_free(&where);
        ork_str_free(&why);
        ork_str_free(&fix);
        return false;
    }
    ork_diag_clear(diag);
    if (used < count)
        ork_log(diag, ORK_LOG_WARNING, "skipped %zu of %zu samples", count - used, count);
    return ork_progress(diag, "calibrating", count, count);
}

static bool check_ranges(ork_diag *diag, const ork_graph *graph, const ork_range *ranges)
{
    for (const ork_node *node = graph->first; node; node = node->next) {
        const ork_range *range = &ranges[node->output->id];
        if (!range->seen || (isfinite(range->min) && isfinite(range->max)))
            continue;
        ork_fail(diag, ORK_ERR_RANGE, "layer '%s' gives numbers that are not finite", node->name);
        ork_node_where(node, diag);
        ork_why(diag, "its range over the samples is %g to %g", (double)range->min,
                (double)range->max);
        return ork_fix(diag, "check mean_values, std_values and the weights of the network");
    }
    return true;
}

/* All samples alike, or black: the first range of the network is a point. */
static bool check_inputs(ork_diag *diag, const ork_graph *graph, const ork_range *ranges)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const ork_value *value = graph->inputs.items[i].value;
        const ork_range *range = &ranges[value->id];
        if (range->seen && range->min == range->max) {
            ork_fail(diag, ORK_ERR_RANGE, "input '%s' is the constant %g in all samples",
                     value->name, (double)range->min);
            return ork_why(diag, "no range can be chosen from it: are all pictures black?");
        }
    }
    return true;
}

bool ork_calibrate(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset, int batch_size,
                   int epochs, ork_pool *pool, ork_range *ranges)
{
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){.observable = true});
    ork_runner *runner = plan ? ork_runner_new(diag, plan, pool) : NULL;
    bool good = runner != NULL;
    if (good) {
        ork_runner_observe(runner, observe, ranges);
        good =
            run_samples(diag, graph, dataset, sample_count(dataset, batch_size, epochs), runner) &&
            check_inputs(diag, graph, ranges) && check_ranges(diag, graph, ranges);
    }
    ork_runner_free(runner);
    ork_plan_free(plan);
    return good;
}

static ork_quant affine_of(ork_range range)
{
    float low = range.min < 0 ? range.min : 0, high = range.max > 0 ? range.max : 0;
    float scale = (high - low) / 255.0f;
    if (!(scale > 0)) /* the value is always 0, or too small for a float */
        return ork_quant_affine(1.0f, 0);
    return ork_quant_affine(scale, (int32_t)roundf(-low / scale));
}

static ork_quant fixed_point_of(ork_dtype dtype, ork_range range)
{
    enum { MOST_BITS = 24 };
    double most = fmax(fabs((double)range.min), fabs((double)range.max));
    double limit = (double)ork_dtype_table[dtype].max;
    int bits = MOST_BITS;
    while (bits > -MOST_BITS && rint(ldexp(most, bits)) > limit)
        bits--;
    return ork_quant_dfp(bits);
}

ork_quant ork_quant_of_range(ork_dtype dtype, ork_range range)
{
    return dtype == ORK_U8 ? affine_of(range) : fixed_point_of(dtype, range);
}
