/* SPDX-License-Identifier: Apache-2.0 */
/* The order of places within their rows: sweeps that put every place at the median of its
   neighbours, then exchanges of neighbours, as in Gansner, Koutsofios, North and Vo, "A technique
   for drawing directed graphs" (1993). Crossings are counted as in Barth, Juenger and Mutzel,
   "Simple and efficient bilayer cross counting" (2002). */
#include "layout.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SWEEPS = 24, SWEEPS_BUDGET = 600000, EXCHANGES = 4, WIDEST_EXCHANGE = 64 };

typedef struct key {
    double value;
    int tie, item;
} key;

static int by_key(const void *a, const void *b)
{
    const key *left = a, *right = b;
    return left->value != right->value ? (left->value < right->value ? -1 : 1)
                                       : (left->tie > right->tie) - (left->tie < right->tie);
}

static int other_end(const places *p, int item, bool up)
{
    return up ? p->segments[item].upper : p->segments[item].lower;
}

static int row_size(const places *p, int row)
{
    return p->row_first[row + 1] - p->row_first[row];
}

static void number_row(places *p, int row)
{
    for (int i = p->row_first[row]; i < p->row_first[row + 1]; i++)
        p->position[p->order[i]] = i - p->row_first[row];
}

/* ---- the first order --------------------------------------------------------------------- */

static int visit(places *p, int place, bool *seen, int *filled, int *stack, int depth)
{
    seen[place] = true;
    p->order[p->row_first[p->row[place]] + filled[p->row[place]]++] = place;
    stack[depth] = place;
    return depth + 1;
}

/* Depth first from above, so that what belongs together starts together. */
static void first_order(places *p)
{
    bool *seen = ORK_NEW_ARRAY(p->arena, bool, (size_t)p->count + 1);
    int *filled = ORK_NEW_ARRAY(p->arena, int, (size_t)p->rows + 1);
    int *stack = ORK_NEW_ARRAY(p->arena, int, (size_t)p->count + 1);
    int *next = ORK_NEW_ARRAY(p->arena, int, (size_t)p->count + 1);
    for (int start = 0; start < p->count; start++) {
        int depth = seen[start] ? 0 : visit(p, start, seen, filled, stack, 0);
        while (depth > 0) {
            int place = stack[depth - 1], at = p->down.first[place] + next[place]++;
            if (at == p->down.first[place + 1]) {
                depth--;
                continue;
            }
            int below = p->segments[p->down.items[at]].lower;
            if (!seen[below])
                depth = visit(p, below, seen, filled, stack, depth);
        }
    }
    for (int r = 0; r < p->rows; r++)
        number_row(p, r);
}

/* ---- crossings --------------------------------------------------------------------------- */

/* Sorts the segments at one side of a place by where their other ends stand. */
static void sort_side(places *p, int place, bool up, key *keys)
{
    const sides *s = up ? &p->up : &p->down;
    int first = s->first[place], count = s->first[place + 1] - first;
    if (count < 2)
        return;
    for (int i = 0; i < count; i++) {
        int item = s->items[first + i];
        keys[i] = (key){p->position[other_end(p, item, up)], item, item};
    }
    qsort(keys, (size_t)count, sizeof(*keys), by_key);
    for (int i = 0; i < count; i++)
        s->items[first + i] = keys[i].item;
}

/* Between a row and the one below: inversions, counted by a tree of sums. */
static int64_t crossings_below(places *p, int row, key *keys, int64_t *tree)
{
    int64_t crossings = 0, seen = 0;
    int size = row_size(p, row + 1);
    memset(tree, 0, sizeof(*tree) * (size_t)(size + 1));
    for (int i = p->row_first[row]; i < p->row_first[row + 1]; i++) {
        int place = p->order[i];
        sort_side(p, place, false, keys);
        for (int k = p->down.first[place]; k < p->down.first[place + 1]; k++) {
            int at = p->position[p->segments[p->down.items[k]].lower] + 1;
            crossings += seen;
            for (int t = at; t > 0; t &= t - 1)
                crossings -= tree[t];
            for (int t = at; t <= size; t += t & -t)
                tree[t]++;
            seen++;
        }
    }
    return crossings;
}

static int64_t count_crossings(places *p, key *keys, int64_t *tree)
{
    int64_t crossings = 0;
    for (int r = 0; r + 1 < p->rows; r++)
        crossings += crossings_below(p, r, keys, tree);
    return crossings;
}

/* ---- medians ----------------------------------------------------------------------------- */

/* Of an even number of neighbours, the middle between the two at the median. */
static double median(const places *p, int place, bool up)
{
    const sides *s = up ? &p->up : &p->down;
    int first = s->first[place], count = s->first[place + 1] - first;
    if (count == 0)
        return p->position[place];
    int low = p->position[other_end(p, s->items[first + (count - 1) / 2], up)];
    int high = p->position[other_end(p, s->items[first + count / 2], up)];
    return (low + high) / 2.0;
}

static void sort_row(places *p, int row, bool up, bool rightmost_first, key *keys, key *side_keys)
{
    int first = p->row_first[row], count = row_size(p, row);
    for (int i = 0; i < count; i++) {
        int place = p->order[first + i];
        sort_side(p, place, up, side_keys);
        keys[i] = (key){median(p, place, up), rightmost_first ? -i : i, place};
    }
    qsort(keys, (size_t)count, sizeof(*keys), by_key);
    for (int i = 0; i < count; i++)
        p->order[first + i] = keys[i].item;
    number_row(p, row);
}

/* ---- exchanges --------------------------------------------------------------------------- */

/* Crossings between the segments of two places when `a` stands left of `b`; sides are sorted. */
static int64_t pair_crossings(const places *p, int a, int b, bool up)
{
    const sides *s = up ? &p->up : &p->down;
    int64_t crossings = 0, passed = 0;
    int at = s->first[b];
    for (int i = s->first[a]; i < s->first[a + 1]; i++) {
        int end = p->position[other_end(p, s->items[i], up)];
        while (at < s->first[b + 1] && p->position[other_end(p, s->items[at], up)] < end) {
            at++;
            passed++;
        }
        crossings += passed;
    }
    return crossings;
}

static bool exchange_row(places *p, int row)
{
    bool changed = false;
    for (int i = p->row_first[row]; i + 1 < p->row_first[row + 1]; i++) {
        int a = p->order[i], b = p->order[i + 1];
        int64_t now = pair_crossings(p, a, b, true) + pair_crossings(p, a, b, false);
        if (now == 0 || pair_crossings(p, b, a, true) + pair_crossings(p, b, a, false) >= now)
            continue;
        p->order[i] = b;
        p->order[i + 1] = a;
        changed = true;
    }
    number_row(p, row);
    return changed;
}

static void exchange(places *p, key *keys)
{
    for (int r = 0; r < p->rows; r++) {
        for (int i = p->row_first[r]; i < p->row_first[r + 1]; i++) {
            sort_side(p, p->order[i], true, keys);
            sort_side(p, p->order[i], false, keys);
        }
        int passes = row_size(p, r) > WIDEST_EXCHANGE ? 1 : EXCHANGES;
        while (passes-- > 0 && exchange_row(p, r))
            ;
    }
}

/* ---- all ---------------------------------------------------------------------------------- */

static void fill_rows(places *p)
{
    p->row_first = ORK_NEW_ARRAY(p->arena, int, (size_t)p->rows + 2);
    p->order = ORK_NEW_ARRAY(p->arena, int, (size_t)p->count + 1);
    p->position = ORK_NEW_ARRAY(p->arena, int, (size_t)p->count + 1);
    for (int i = 0; i < p->count; i++)
        p->row_first[p->row[i] + 1]++;
    for (int r = 0; r < p->rows; r++)
        p->row_first[r + 1] += p->row_first[r];
    first_order(p);
}

static void sweep(places *p, int number, key *keys, key *side_keys)
{
    bool down = number % 2 == 0, rightmost_first = number % 4 >= 2;
    for (int i = 1; i < p->rows; i++)
        sort_row(p, down ? i : p->rows - 1 - i, down, rightmost_first, keys, side_keys);
    exchange(p, side_keys);
}

void places_order(places *p)
{
    fill_rows(p);
    size_t size = (size_t)(p->count > p->segment_count ? p->count : p->segment_count) + 1;
    key *keys = ORK_NEW_ARRAY(p->arena, key, size), *side_keys = ORK_NEW_ARRAY(p->arena, key, size);
    int64_t *tree = ORK_NEW_ARRAY(p->arena, int64_t, size + 1);
    int *best = ORK_NEW_ARRAY(p->arena, int, size);
    size_t bytes = sizeof(int) * (size_t)p->count;
    int64_t least = count_crossings(p, side_keys, tree);
    memcpy(best, p->order, bytes);
    int sweeps = 2 + SWEEPS_BUDGET / (p->count + p->segment_count + 1);
    for (int i = 0; i < sweeps && i < MOST_SWEEPS && least > 0; i++) {
        sweep(p, i, keys, side_keys);
        int64_t crossings = count_crossings(p, side_keys, tree);
        if (crossings < least) {
            least = crossings;
            memcpy(best, p->order, bytes);
        }
    }
    memcpy(p->order, best, bytes);
    for (int r = 0; r < p->rows; r++)
        number_row(p, r);
    for (int i = 0; i < p->count; i++) {
        sort_side(p, i, true, side_keys);
        sort_side(p, i, false, side_keys);
    }
}
