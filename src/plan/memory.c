/* SPDX-License-Identifier: Apache-2.0 */
/* One arena for all intermediate tensors: those that are never alive at the same time share
   memory. Largest first, each at the lowest place that is free during its life; see Pisarchyk and
   Lee, "Efficient memory management for deep neural net inference", 2020 (greedy by size). */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

void touch(slot *s, int at)
{
    for (; s; s = s->parent) {
        s->first = at < s->first ? at : s->first;
        s->last = at > s->last ? at : s->last;
    }
}

static int by_size(const void *a, const void *b)
{
    const slot *x = *(slot *const *)a, *y = *(slot *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->value->id < y->value->id ? -1 : x->value->id > y->value->id;
}

/* ---- what is placed ---- */

/* Roots that live within SPAN steps are looked for among their neighbours in time alone, so that
   the work does not grow with the square of the network's length. */
enum { SPAN = 64 };

typedef struct place {
    size_t offset, end;
    int first, last;
} place;

typedef ORK_VEC(place) places; /* ordered by offset */

typedef struct placing {
    ork_plan *plan;
    places *near; /* those that live within each SPAN of steps */
    places far;   /* the others */
    places found; /* while looking */
} placing;

static int span_of(const placing *p, int at)
{
    int last = (int)p->plan->steps.count;
    return ((at < last ? at : last) + 1) / SPAN; /* inputs are stored at step -1 */
}

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void insert(placing *p, places *list, place added)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle].offset <= added.offset)
            low = middle + 1;
        else
            high = middle;
    }
    ork_vec_push(p->plan->arena, list, added);
    memmove(list->items + low + 1, list->items + low,
            (list->count - 1 - low) * sizeof(*list->items));
    list->items[low] = added;
}

/* The lowest offset at which nothing of either list is in the way. */
static size_t lowest_place(const places *a, const places *b, const slot *s)
{
    size_t at = 0, i = 0, k = 0;
    while (i < a->count || k < b->count) {
        bool from_a = k == b->count || (i < a->count && a->items[i].offset <= b->items[k].offset);
        const place *other = from_a ? &a->items[i++] : &b->items[k++];
        if (s->first > other->last || other->first > s->last)
            continue;
        if (at + s->bytes <= other->offset)
            break;
        at = ork_max_size(at, other->end);
    }
    return at;
}

/* The short-lived of several spans. */
static const places *gather(placing *p, const slot *s, int begin, int end)
{
    p->found.count = 0;
    for (int span = begin; span <= end; span++)
        for (size_t i = 0; i < p->near[span].count; i++)
            if (p->near[span].items[i].first <= s->last && s->first <= p->near[span].items[i].last)
                ork_vec_push(p->plan->arena, &p->found, p->near[span].items[i]);
    if (p->found.count > 1)
        qsort(p->found.items, p->found.count, sizeof(*p->found.items), compare_places);
    return &p->found;
}

static void place_root(placing *p, slot *s)
{
    int begin = span_of(p, s->first), end = span_of(p, s->last);
    const places *others = begin == end ? &p->near[begin] : gather(p, s, begin, end);
    s->offset = lowest_place(&p->far, others, s);
    insert(p, begin == end ? &p->near[begin] : &p->far,
           (place){s->offset, s->offset + s->bytes, s->first, s->last});
    p->plan->arena_bytes = ork_max_size(p->plan->arena_bytes, s->offset + s->bytes);
}

/* ---- the plan ---- */

static size_t most_alive(const ork_plan *plan)
{
    size_t steps = plan->steps.count + 2, most = 0, alive = 0; /* from -1 to behind the last */
    size_t *born = ORK_NEW_ARRAY(plan->arena, size_t, steps);
    size_t *gone = ORK_NEW_ARRAY(plan->arena, size_t, steps);
    for (size_t i = 0; i < plan->roots.count; i++) {
        const slot *s = plan->roots.items[i];
        if (s->last < s->first)
            continue;
        born[s->first + 1] += s->bytes;
        gone[ork_min_size((size_t)(s->last + 1), steps - 1)] += s->bytes;
    }
    for (size_t i = 0; i < steps; i++) {
        alive += born[i];
        most = ork_max_size(most, alive);
        alive -= gone[i];
    }
    return most;
}

void place_roots(ork_plan *plan)
{
    size_t count = plan->roots.count;
    slot **order = ORK_NEW_ARRAY(plan->arena, slot *, count);
    placing p = {.plan = plan,
                 .near = ORK_NEW_ARRAY(plan->arena, places, plan->steps.count / SPAN + 2)};
    for (size_t i = 0; i < count; i++) {
        order[i] = plan->roots.items[i];
        order[i]->bytes = (order[i]->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    qsort(order, count, sizeof(*order), by_size);
    for (size_t i = 0; i < count; i++)
        if (order[i]->first <= order[i]->last) /* one that no step uses needs no place */
            place_root(&p, order[i]);
    plan->live_bytes = most_alive(plan);
}
