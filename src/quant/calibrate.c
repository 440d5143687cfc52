/* SPDX-License-Identifier: Apache-2.0 */
/* From extremes to ranges and quantizations, as the vendor's quantizer does it. */
#include "internal.h"

#include <math.h>

size_t ork_dataset_used(const ork_dataset *dataset, int batch_size, int epochs)
{
    size_t all = ork_dataset_count(dataset);
    if (epochs < 1 || batch_size < 1)
        return all;
    return ork_min_size(all, (size_t)batch_size * (size_t)epochs);
}

bool ork_calibrate(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset, int batch_size,
                   int epochs, ork_pool *pool, ork_range *ranges)
{
    ork_arena *arena = ork_arena_new();
    ork_statistics *statistics = ORK_NEW_ARRAY(arena, ork_statistics, graph->values.count);
    const ork_sample_span span = {
        .stage = "calibrating", .end = ork_dataset_used(dataset, batch_size, epochs), .step = 1};
    bool good = ork_statistics_extremes(diag, graph, dataset, &span, pool, arena, statistics);
    for (size_t i = 0; good && i < graph->values.count; i++)
        if (statistics[i].parts)
            ranges[i] =
                ork_portion_extremes(&(ork_portion){&statistics[i], NULL, statistics[i].channels});
    ork_arena_free(arena);
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
