/* SPDX-License-Identifier: Apache-2.0 */
/* Where places stand from left to right: Brandes and Koepf, "Fast and simple horizontal coordinate
   assignment" (2001). Four drawings, each pulled to another corner, are averaged; lanes are
   straight in all of them. Widths are kept by longest paths over blocks of aligned places, which
   does not fail as the paper's own compaction may. */
#include "layout.h"

#include <math.h>
#include <string.h>

static const double box_gap = 26, lane_gap = 14;

typedef struct corner {
    places *p;
    bool up, left; /* aligned to what is above; packed to the left */
    int *root, *align;
    double *x;
} corner;

static int order_at(const places *p, int row, int position, bool left)
{
    int size = p->row_first[row + 1] - p->row_first[row];
    return p->order[p->row_first[row] + (left ? position : size - 1 - position)];
}

/* ---- crossings with lanes ---------------------------------------------------------------- */

static int lane_above(const places *p, int place)
{
    if (!is_lane(p, place))
        return -1;
    int above = p->segments[p->up.items[p->up.first[place]]].upper;
    return is_lane(p, above) ? above : -1;
}

/* Segments that cross a piece of a lane must not be straightened at its cost. */
static void mark_crossed(places *p)
{
    for (int row = 0; row + 1 < p->rows; row++) {
        int size = p->row_first[row + 2] - p->row_first[row + 1];
        int low = 0, next = 0;
        for (int i = 0; i < size; i++) {
            int lane = lane_above(p, order_at(p, row + 1, i, true));
            if (lane < 0 && i + 1 < size)
                continue;
            int high = lane >= 0 ? p->position[lane] : p->row_first[row + 1] - p->row_first[row];
            for (; next <= i; next++) {
                int place = order_at(p, row + 1, next, true);
                for (int k = p->up.first[place]; k < p->up.first[place + 1]; k++) {
                    segment *s = &p->segments[p->up.items[k]];
                    int at = p->position[s->upper];
                    bool inner = is_lane(p, s->upper) && is_lane(p, s->lower);
                    s->is_crossed |= !inner && (at < low || at > high);
                }
            }
            low = high;
        }
    }
}

/* ---- blocks ------------------------------------------------------------------------------ */

static bool try_align(corner *c, int place, int item, int *reached)
{
    const segment *s = &c->p->segments[item];
    int other = c->up ? s->upper : s->lower;
    int at = c->p->position[other];
    bool free = c->left ? at > *reached : at < *reached;
    if (c->align[place] != place || s->is_crossed || !free)
        return false;
    c->align[other] = place;
    c->root[place] = c->root[other];
    c->align[place] = c->root[place];
    *reached = at;
    return true;
}

/* The segment on from a lane to a lane goes before all others. */
static int inner_segment(const corner *c, int place)
{
    const sides *s = c->up ? &c->p->up : &c->p->down;
    for (int k = s->first[place]; is_lane(c->p, place) && k < s->first[place + 1]; k++) {
        const segment *at = &c->p->segments[s->items[k]];
        if (is_lane(c->p, c->up ? at->upper : at->lower))
            return s->items[k];
    }
    return -1;
}

static void align_place(corner *c, int place, int *reached)
{
    const sides *s = c->up ? &c->p->up : &c->p->down;
    int first = s->first[place], count = s->first[place + 1] - first;
    int inner = inner_segment(c, place);
    if (inner >= 0) {
        try_align(c, place, inner, reached);
        return;
    }
    int low = (count - 1) / 2, high = count / 2;
    if (count == 0 || try_align(c, place, s->items[first + (c->left ? low : high)], reached))
        return;
    try_align(c, place, s->items[first + (c->left ? high : low)], reached);
}

static void align_all(corner *c)
{
    const places *p = c->p;
    for (int i = 0; i < p->count; i++)
        c->root[i] = c->align[i] = i;
    for (int i = 0; i < p->rows; i++) {
        int row = c->up ? i : p->rows - 1 - i, reached = c->left ? -1 : p->count + 1;
        for (int k = 0; k < p->row_first[row + 1] - p->row_first[row]; k++)
            align_place(c, order_at(p, row, k, c->left), &reached);
    }
}

/* ---- packing ----------------------------------------------------------------------------- */

static double distance(const places *p, int a, int b)
{
    double gap = is_lane(p, a) || is_lane(p, b) ? lane_gap : box_gap;
    return (p->width[a] + p->width[b]) / 2 + gap;
}

/* For each block, the places of which are chained by next[], what stands before it in each row is
   placed first. before[] and after[] are neighbours in the row, -1 at its ends. */
typedef struct packing {
    corner *c;
    int *before, *after, *next, *head; /* head, next: the places of each block */
    int *blocks, count;                /* in an order in which they can be placed */
} packing;

static void find_neighbours(packing *k)
{
    const places *p = k->c->p;
    for (int row = 0; row < p->rows; row++) {
        int size = p->row_first[row + 1] - p->row_first[row];
        for (int i = 0; i < size; i++) {
            int place = order_at(p, row, i, k->c->left);
            k->before[place] = i > 0 ? order_at(p, row, i - 1, k->c->left) : -1;
            k->after[place] = i + 1 < size ? order_at(p, row, i + 1, k->c->left) : -1;
        }
    }
    for (int i = 0; i < p->count; i++)
        k->head[i] = -1;
    for (int i = 0; i < p->count; i++) {
        k->next[i] = k->head[k->c->root[i]];
        k->head[k->c->root[i]] = i;
    }
}

static void sort_blocks(packing *k)
{
    const places *p = k->c->p;
    int *waiting = ORK_NEW_ARRAY(p->arena, int, (size_t)p->count + 1);
    for (int i = 0; i < p->count; i++)
        waiting[k->c->root[i]] += k->before[i] >= 0;
    for (int i = 0; i < p->count; i++)
        if (k->c->root[i] == i && waiting[i] == 0)
            k->blocks[k->count++] = i;
    for (int i = 0; i < k->count; i++)
        for (int place = k->head[k->blocks[i]]; place >= 0; place = k->next[place])
            if (k->after[place] >= 0 && --waiting[k->c->root[k->after[place]]] == 0)
                k->blocks[k->count++] = k->c->root[k->after[place]];
}

static void pack(corner *c)
{
    const places *p = c->p;
    size_t size = (size_t)p->count + 1;
    packing k = {c,
                 ORK_NEW_ARRAY(p->arena, int, size),
                 ORK_NEW_ARRAY(p->arena, int, size),
                 ORK_NEW_ARRAY(p->arena, int, size),
                 ORK_NEW_ARRAY(p->arena, int, size),
                 ORK_NEW_ARRAY(p->arena, int, size),
                 0};
    find_neighbours(&k);
    sort_blocks(&k);
    for (int i = 0; i < k.count; i++) {
        double x = 0;
        for (int place = k.head[k.blocks[i]]; place >= 0; place = k.next[place])
            if (k.before[place] >= 0)
                x = fmax(x, c->x[c->root[k.before[place]]] + distance(p, k.before[place], place));
        c->x[k.blocks[i]] = x;
    }
    /* Then each as near as possible to what stands after it. */
    for (int i = k.count - 1; i >= 0; i--) {
        double x = INFINITY;
        for (int place = k.head[k.blocks[i]]; place >= 0; place = k.next[place])
            if (k.after[place] >= 0)
                x = fmin(x, c->x[c->root[k.after[place]]] - distance(p, place, k.after[place]));
        if (isfinite(x))
            c->x[k.blocks[i]] = fmax(x, c->x[k.blocks[i]]);
    }
    for (int i = 0; i < p->count; i++)
        if (c->root[i] != i)
            c->x[i] = c->x[c->root[i]];
    for (int i = 0; i < p->count && !c->left; i++)
        c->x[i] = -c->x[i];
}

/* ---- the average ------------------------------------------------------------------------- */

typedef struct extent {
    double low, high;
} extent;

static extent extent_of(const corner *c)
{
    extent e = {INFINITY, -INFINITY};
    for (int i = 0; i < c->p->count; i++) {
        e.low = fmin(e.low, c->x[i] - c->p->width[i] / 2);
        e.high = fmax(e.high, c->x[i] + c->p->width[i] / 2);
    }
    return e;
}

/* All four are moved onto the narrowest. */
static void bring_together(corner *corners)
{
    extent extents[4];
    int best = 0;
    for (int i = 0; i < 4; i++) {
        extents[i] = extent_of(&corners[i]);
        if (extents[i].high - extents[i].low < extents[best].high - extents[best].low)
            best = i;
    }
    for (int i = 0; i < 4; i++) {
        double by = corners[i].left ? extents[best].low - extents[i].low
                                    : extents[best].high - extents[i].high;
        for (int k = 0; k < corners[i].p->count; k++)
            corners[i].x[k] += by;
    }
}

/* The mean of the two in the middle: order is kept, because it is in all four. */
static double middle(double a, double b, double c, double d)
{
    double least = fmin(fmin(a, b), fmin(c, d)), most = fmax(fmax(a, b), fmax(c, d));
    return (a + b + c + d - least - most) / 2;
}

double *places_straighten(places *p)
{
    size_t size = (size_t)p->count + 1;
    corner corners[4];
    mark_crossed(p);
    for (int i = 0; i < 4; i++) {
        corners[i] = (corner){p,
                              i % 2 == 0,
                              i < 2,
                              ORK_NEW_ARRAY(p->arena, int, size),
                              ORK_NEW_ARRAY(p->arena, int, size),
                              ORK_NEW_ARRAY(p->arena, double, size)};
        align_all(&corners[i]);
        pack(&corners[i]);
    }
    double *x = ORK_NEW_ARRAY(p->arena, double, size), least = INFINITY;
    if (p->count > 0)
        bring_together(corners);
    for (int i = 0; i < p->count; i++) {
        x[i] = middle(corners[0].x[i], corners[1].x[i], corners[2].x[i], corners[3].x[i]);
        least = fmin(least, x[i] - p->width[i] / 2);
    }
    for (int i = 0; i < p->count; i++)
        x[i] -= least;
    return x;
}
