/* SPDX-License-Identifier: Apache-2.0 */
/* Which channels go together. Two ways to begin: the best runs of channels in the order of their
   ranges, and, where there are not too many pairs to look at, clusters merged two by two. Moves of
   single channels make each better; the cheaper is taken. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FEATURES = 8, ALL_PAIRS = 96, SWEEPS = 10 };

typedef struct cluster {
    float low[MOST_FEATURES], high[MOST_FEATURES];
    double cost[MOST_FEATURES];
    int into; /* the cluster it was merged into, or itself */
} cluster;

typedef struct clustering {
    const ork_feature *features;
    int feature_count;
    int64_t channels;
    cluster *clusters;
    int *list; /* those alive; at first the channels in the order of their ranges */
    int count;
} clustering;

static double price(const clustering *s, const cluster *c)
{
    double sum = 0;
    for (int f = 0; f < s->feature_count; f++) {
        double range = (double)c->high[f] - (double)c->low[f];
        sum += range * range * c->cost[f];
    }
    return sum;
}

static cluster united(const clustering *s, const cluster *a, const cluster *b)
{
    cluster both = *a;
    for (int f = 0; f < s->feature_count; f++) {
        both.low[f] = fminf(a->low[f], b->low[f]);
        both.high[f] = fmaxf(a->high[f], b->high[f]);
        both.cost[f] = a->cost[f] + b->cost[f];
    }
    return both;
}

static double rise(const clustering *s, int a, int b)
{
    const cluster *x = &s->clusters[a], *y = &s->clusters[b];
    cluster both = united(s, x, y);
    return price(s, &both) - price(s, x) - price(s, y);
}

static void merge(clustering *s, int at, int with)
{
    const int kept = s->list[at], gone = s->list[with];
    const int into = s->clusters[kept].into;
    s->clusters[kept] = united(s, &s->clusters[kept], &s->clusters[gone]);
    s->clusters[kept].into = into;
    s->clusters[gone].into = kept;
    for (int i = with; i + 1 < s->count; i++)
        s->list[i] = s->list[i + 1];
    s->count--;
}

static void merge_cheapest(clustering *s)
{
    int first = 0, second = 1;
    double least = INFINITY;
    for (int i = 0; i < s->count; i++)
        for (int k = i + 1; k < s->count; k++) {
            double found = rise(s, s->list[i], s->list[k]);
            if (found < least) {
                least = found;
                first = i;
                second = k;
            }
        }
    merge(s, first, second);
}

typedef struct key {
    float size;
    int channel;
} key;

static int by_size(const void *a, const void *b)
{
    const key *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return x->channel - y->channel;
}

/* One cluster for each channel, in the order of the ranges, relative to the widest of each
   feature. */
static void start(clustering *s, ork_arena *arena)
{
    float widest[MOST_FEATURES] = {0};
    key *keys = ORK_NEW_ARRAY(arena, key, (size_t)s->channels);
    s->clusters = ORK_NEW_ARRAY(arena, cluster, (size_t)s->channels);
    s->list = ORK_NEW_ARRAY(arena, int, (size_t)s->channels);
    s->count = (int)s->channels;
    for (int64_t c = 0; c < s->channels; c++) {
        for (int f = 0; f < s->feature_count; f++) {
            const ork_feature *feature = &s->features[f];
            s->clusters[c].low[f] = feature->low[c];
            s->clusters[c].high[f] = feature->high[c];
            s->clusters[c].cost[f] = feature->cost[c];
            widest[f] = fmaxf(widest[f], feature->high[c] - feature->low[c]);
        }
        s->clusters[c].into = (int)c;
        keys[c].channel = (int)c;
    }
    for (int64_t c = 0; c < s->channels; c++)
        for (int f = 0; f < s->feature_count; f++)
            if (widest[f] > 0)
                keys[c].size += (s->features[f].high[c] - s->features[f].low[c]) / widest[f];
    qsort(keys, (size_t)s->channels, sizeof(*keys), by_size);
    for (int64_t c = 0; c < s->channels; c++)
        s->list[c] = keys[c].channel;
}

static void write_groups(const clustering *s, uint8_t *group_of)
{
    for (int64_t c = 0; c < s->channels; c++) {
        int at = (int)c;
        while (s->clusters[at].into != at)
            at = s->clusters[at].into;
        for (int g = 0; g < s->count; g++)
            if (s->list[g] == at)
                group_of[c] = (uint8_t)g;
    }
}

double ork_borders_cost(const ork_feature *features, int feature_count, int64_t channels,
                        int groups, const uint8_t *group_of)
{
    double sum = 0;
    for (int g = 0; g < groups; g++) {
        for (int f = 0; f < feature_count; f++) {
            float low = 0, high = 0;
            double cost = 0;
            for (int64_t c = 0; c < channels; c++) {
                if (group_of[c] != g)
                    continue;
                low = fminf(low, features[f].low[c]);
                high = fmaxf(high, features[f].high[c]);
                cost += features[f].cost[c];
            }
            double range = (double)high - (double)low;
            sum += range * range * cost;
        }
    }
    return sum;
}

/* Tries every other group for a channel; true when one is better. */
static bool move_channel(const clustering *s, int groups, uint8_t *group_of, int64_t channel)
{
    const uint8_t home = group_of[channel];
    int64_t companions = 0;
    for (int64_t c = 0; c < s->channels; c++)
        companions += group_of[c] == home;
    if (companions == 1)
        return false;
    uint8_t best = home;
    double least = ork_borders_cost(s->features, s->feature_count, s->channels, groups, group_of);
    for (int g = 0; g < groups; g++) {
        group_of[channel] = (uint8_t)g;
        double found =
            ork_borders_cost(s->features, s->feature_count, s->channels, groups, group_of);
        if (found < least) {
            least = found;
            best = (uint8_t)g;
        }
    }
    group_of[channel] = best;
    return best != home;
}

static void move_channels(const clustering *s, int groups, uint8_t *group_of)
{
    bool moved = true;
    for (int sweep = 0; moved && sweep < SWEEPS; sweep++) {
        moved = false;
        for (int64_t c = 0; c < s->channels; c++)
            moved = move_channel(s, groups, group_of, c) || moved;
    }
}

/* The best runs: least[g][n] is the cost of the first n channels of the list in g runs, the last of
   which begins at begin[g][n]. */
static void choose_runs(const clustering *s, ork_arena *arena, int groups, uint8_t *group_of)
{
    const int64_t n = s->channels, width = n + 1;
    double *least = ORK_NEW_ARRAY(arena, double, (size_t)((groups + 1) * width));
    int32_t *begin = ORK_NEW_ARRAY(arena, int32_t, (size_t)((groups + 1) * width));
    for (int64_t i = 1; i <= n; i++)
        least[i] = INFINITY;
    for (int g = 1; g <= groups; g++) {
        least[g * width] = INFINITY;
        for (int64_t end = 1; end <= n; end++) {
            double *cheapest = &least[g * width + end];
            cluster run = s->clusters[s->list[end - 1]];
            *cheapest = INFINITY;
            for (int64_t at = end - 1; at >= g - 1; at--) {
                if (at < end - 1)
                    run = united(s, &run, &s->clusters[s->list[at]]);
                const double found = least[(g - 1) * width + at] + price(s, &run);
                if (found < *cheapest) {
                    *cheapest = found;
                    begin[g * width + end] = (int32_t)at;
                }
            }
        }
    }
    int64_t end = n;
    for (int g = groups; g >= 1; g--) {
        const int64_t at = begin[g * width + end];
        for (int64_t i = at; i < end; i++)
            group_of[s->list[i]] = (uint8_t)(g - 1);
        end = at;
    }
}

void ork_borders_choose(const ork_feature *features, int feature_count, int64_t channels,
                        int groups, uint8_t *group_of)
{
    ork_arena *arena = ork_arena_new();
    clustering s = {.features = features, .feature_count = feature_count, .channels = channels};
    if (s.feature_count > MOST_FEATURES)
        s.feature_count = MOST_FEATURES;
    start(&s, arena);
    choose_runs(&s, arena, groups, group_of);
    move_channels(&s, groups, group_of);
    if (channels <= ALL_PAIRS) {
        uint8_t *other = ORK_NEW_ARRAY(arena, uint8_t, (size_t)channels);
        while (s.count > groups)
            merge_cheapest(&s);
        write_groups(&s, other);
        move_channels(&s, groups, other);
        if (ork_borders_cost(features, feature_count, channels, groups, other) <
            ork_borders_cost(features, feature_count, channels, groups, group_of))
            memcpy(group_of, other, (size_t)channels);
    }
    ork_arena_free(arena);
}
