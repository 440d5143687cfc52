/* SPDX-License-Identifier: Apache-2.0 */
/* Which boxes of one model another finds too: what a user sees of a loss in precision. */
#include "detect.h"

#include <stdlib.h>

typedef struct pair {
    uint32_t first, other; /* indices of boxes on the image */
    float overlap;
} pair;

typedef struct pairs {
    pair *items;
    size_t count, capacity;
} pairs;

/* Boxes that overlap most first. */
static int by_overlap(const void *left, const void *right)
{
    const pair *a = left, *b = right;
    if (a->overlap != b->overlap)
        return a->overlap > b->overlap ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return (a->other > b->other) - (a->other < b->other);
}

static size_t count_seen(const ork_boxes *boxes, float score)
{
    size_t count = 0;
    for (size_t i = 0; i < boxes->count; i++)
        count += boxes->items[i].score >= score;
    return count;
}

static void find_pairs(ork_arena *arena, const ork_boxes *first, const ork_boxes *other,
                       float score, float overlap, pairs *found)
{
    for (size_t i = 0; i < first->count; i++) {
        const ork_box *a = &first->items[i];
        for (size_t k = 0; k < other->count && a->score >= score; k++) {
            const ork_box *b = &other->items[k];
            float both =
                b->score >= score && a->class_id == b->class_id ? ork_box_overlap(a, b) : 0;
            if (both >= overlap && both > 0)
                ork_vec_push(arena, found, ((pair){(uint32_t)i, (uint32_t)k, both}));
        }
    }
    if (found->count)
        qsort(found->items, found->count, sizeof(*found->items), by_overlap);
}

static void compare_image(const ork_boxes *first, const ork_boxes *other, float score,
                          float overlap, ork_box_changes *changes)
{
    ork_arena *arena = ork_arena_new();
    pairs found = {0};
    bool *first_taken = ORK_NEW_ARRAY(arena, bool, first->count + 1);
    bool *other_taken = ORK_NEW_ARRAY(arena, bool, other->count + 1);
    size_t kept = 0;
    find_pairs(arena, first, other, score, overlap, &found);
    for (size_t i = 0; i < found.count; i++) {
        const pair *p = &found.items[i];
        if (first_taken[p->first] || other_taken[p->other])
            continue;
        first_taken[p->first] = other_taken[p->other] = true;
        changes->score_change +=
            (double)other->items[p->other].score - (double)first->items[p->first].score;
        kept++;
    }
    changes->kept += kept;
    changes->lost += count_seen(first, score) - kept;
    changes->fresh += count_seen(other, score) - kept;
    ork_arena_free(arena);
}

ork_box_changes ork_judge_compare(const ork_judge *first, const ork_judge *other, float score,
                                  float overlap)
{
    ork_box_changes changes = {0};
    for (int i = 0; i < ork_judge_image_count(first); i++) {
        if (!ork_judge_has(first, i) || !ork_judge_has(other, i))
            continue;
        ork_boxes a = ork_judge_boxes(first, i), b = ork_judge_boxes(other, i);
        compare_image(&a, &b, score, overlap, &changes);
    }
    if (changes.kept)
        changes.score_change /= (double)changes.kept;
    return changes;
}
