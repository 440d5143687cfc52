/* SPDX-License-Identifier: Apache-2.0 */
#include "accuracy.h"

#include <math.h>

static int64_t channels_of(const ork_shape *shape)
{
    return shape->rank == 4 ? shape->dim[1] : 1;
}

void comparison_start(comparison *c, ork_arena *arena, const ork_shape *shape)
{
    *c = (comparison){.channels = channels_of(shape)};
    c->of = ORK_NEW_ARRAY(arena, channel_sums, (size_t)c->channels + 1);
}

static void add_pair(comparison *c, channel_sums *s, float reference, float other)
{
    if (!isfinite(reference) || !isfinite(other)) {
        c->not_finite++;
        return;
    }
    const double x = (double)reference, y = (double)other, error = y - x;
    s->sum += x;
    s->squares += x * x;
    s->error += error * error;
    s->most = fmaxf(s->most, fabsf(reference));
    c->product += x * y;
    c->other_squares += y * y;
    c->greatest = fmax(c->greatest, fabs(error));
}

void comparison_add(comparison *c, const ork_shape *shape, const float *reference,
                    const float *other)
{
    const int64_t count = ork_shape_count(shape);
    const int64_t pixels = shape->rank == 4 ? shape->dim[2] * shape->dim[3] : count;
    if (count == 0)
        return;
    for (int64_t at = 0; at < count; at += pixels) {
        channel_sums *s = &c->of[at / pixels % c->channels];
        for (int64_t i = 0; i < pixels; i++)
            add_pair(c, s, reference[at + i], other[at + i]);
    }
    c->count += count / c->channels;
}

static double decibels(double signal, double noise)
{
    if (!(noise > 0))
        return (double)INFINITY;
    return signal > 0 ? 10 * log10(signal / noise) : -(double)INFINITY;
}

/* Error over variance; what varies by nothing has no signal to lose. */
static double share_lost(const comparison *c, const channel_sums *s)
{
    const double variance = s->squares - s->sum * s->sum / (double)c->count;
    if (!(variance > 1e-9 * s->squares))
        return 0;
    return s->error / variance;
}

ork_distance comparison_distance(const comparison *c)
{
    ork_distance d = {.greatest = c->greatest, .not_finite = c->not_finite};
    double squares = 0, error = 0, lost = 0;
    for (int64_t i = 0; i < c->channels; i++) {
        const double share = share_lost(c, &c->of[i]);
        squares += c->of[i].squares;
        error += c->of[i].error;
        lost += fmin(share, 1);
        d.lost_channels += share > 0.5;
    }
    const double length = sqrt(squares * c->other_squares);
    d.cosine = length > 0 ? fmin(c->product / length, 1) : (double)NAN;
    d.euclidean = sqrt(error);
    /* Two vectors of length 1: one that is all zero stays so. */
    d.unit_euclidean = length > 0                            ? sqrt(2 * (1 - d.cosine))
                       : squares > 0 || c->other_squares > 0 ? 1
                                                             : 0;
    d.sqnr = decibels(squares, error);
    d.channel_sqnr = decibels((double)c->channels, lost);
    return d;
}
