/* SPDX-License-Identifier: Apache-2.0 */
/* One arena for all intermediate tensors: those that are never alive at the same time share
   memory. Largest first, each at the lowest place that is free during its life; see Pisarchyk and
   Lee, "Efficient memory management for deep neural net inference", 2020 (greedy by size). */
#include "internal.h"

#include <stdlib.h>

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

static bool alive_together(const slot *a, const slot *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* placed is ordered by offset. */
static size_t lowest_place(slot *const *placed, size_t count, const slot *s)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const slot *other = placed[i];
        if (!alive_together(s, other))
            continue;
        if (at + s->bytes <= other->offset)
            break;
        at = ork_max_size(at, other->offset + other->bytes);
    }
    return at;
}

static size_t most_alive(const ork_plan *plan)
{
    size_t most = 0;
    for (size_t i = 0; i < plan->roots.count; i++) {
        size_t sum = 0; /* the maximum is reached where some life begins */
        for (size_t k = 0; k < plan->roots.count; k++) {
            const slot *s = plan->roots.items[k];
            int at = plan->roots.items[i]->first;
            sum += s->first <= at && at <= s->last ? s->bytes : 0;
        }
        most = ork_max_size(most, sum);
    }
    return most;
}

void place_roots(ork_plan *plan)
{
    size_t count = plan->roots.count;
    slot **order = ORK_NEW_ARRAY(plan->arena, slot *, count);
    slot **placed = ORK_NEW_ARRAY(plan->arena, slot *, count);
    for (size_t i = 0; i < count; i++) {
        order[i] = plan->roots.items[i];
        order[i]->bytes = (order[i]->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    qsort(order, count, sizeof(*order), by_size);
    for (size_t i = 0; i < count; i++) {
        slot *s = order[i];
        s->offset = lowest_place(placed, i, s);
        plan->arena_bytes = ork_max_size(plan->arena_bytes, s->offset + s->bytes);
        size_t at = i;
        for (; at > 0 && placed[at - 1]->offset > s->offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = s;
    }
    plan->live_bytes = most_alive(plan);
}
