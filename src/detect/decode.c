/* SPDX-License-Identifier: Apache-2.0 */
/* From the numbers of a head to boxes, as YOLOX defines them (Ge et al., 2021, arXiv:2107.08430):
   centre = (t + cell) * stride, size = exp(t) * stride, score = objectness * class score. */
#include "detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECT_CHANNEL = 4, FIRST_CLASS = 5 };

/* The head with its unknowns settled for the values at hand. */
typedef struct head_reader {
    const ork_head *head;
    const float *const *outputs;
    bool decoded, object_logits, class_logits;
    float threshold;
} head_reader;

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

static const float *anchor_values(const head_reader *reading, const ork_head_part *part, size_t i)
{
    return reading->outputs[part->output] + i * part->anchor_step;
}

/* ---- what the graph did not tell ---- */

static void channel_range(const head_reader *reading, int first, int last, float *low, float *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int p = 0; p < reading->head->part_count; p++) {
        const ork_head_part *part = &reading->head->parts[p];
        for (size_t i = 0; i < part->count; i++) {
            const float *values = anchor_values(reading, part, i);
            for (int c = first; c < last; c++) {
                *low = fminf(*low, values[(size_t)c * part->channel_step]);
                *high = fmaxf(*high, values[(size_t)c * part->channel_step]);
            }
        }
    }
}

/* Logits of a network leave 0..1 somewhere: background is far below 0. */
static bool settle_logits(const head_reader *reading, ork_answer answer, int first, int last)
{
    if (answer != ORK_ANSWER_UNKNOWN)
        return answer == ORK_ANSWER_YES;
    float low, high;
    channel_range(reading, first, last, &low, &high);
    return low < -0.01f || high > 1.01f;
}

/* Pixels reach over the picture and sizes are not negative; offsets stay within few cells, and
   logarithms of sizes have both signs. */
static bool settle_decoded(const head_reader *reading, ork_answer answer)
{
    if (answer != ORK_ANSWER_UNKNOWN)
        return answer == ORK_ANSWER_YES;
    float low, high, ignored;
    channel_range(reading, 0, 2, &ignored, &high);
    channel_range(reading, 2, 4, &low, &ignored);
    int side = reading->head->input_width < reading->head->input_height
                   ? reading->head->input_width
                   : reading->head->input_height;
    return low >= 0 && high > (float)side / 4;
}

static head_reader settle(const ork_head *head, const float *const *outputs, float threshold)
{
    head_reader reading = {.head = head, .outputs = outputs, .threshold = threshold};
    int end = FIRST_CLASS + head->class_count;
    reading.decoded = settle_decoded(&reading, head->boxes_decoded);
    reading.object_logits =
        settle_logits(&reading, head->object_logits, OBJECT_CHANNEL, FIRST_CLASS);
    reading.class_logits = settle_logits(&reading, head->class_logits, FIRST_CLASS, end);
    return reading;
}

/* ---- boxes ---- */

static int best_class(const head_reader *reading, const float *values, size_t step)
{
    int best = 0;
    for (int c = 1; c < reading->head->class_count; c++)
        if (values[(size_t)(FIRST_CLASS + c) * step] > values[(size_t)(FIRST_CLASS + best) * step])
            best = c;
    return best;
}

static bool read_score(const head_reader *reading, const float *values, size_t step, ork_box *box)
{
    float object = values[OBJECT_CHANNEL * step];
    object = reading->object_logits ? sigmoid(object) : object;
    /* No class scores above 1, so most anchors end here. The negation also stops NaN. */
    if (!(object >= reading->threshold))
        return false;
    box->class_id = best_class(reading, values, step);
    float score = values[(size_t)(FIRST_CLASS + box->class_id) * step];
    box->score = object * (reading->class_logits ? sigmoid(score) : score);
    return isfinite(box->score) && box->score >= reading->threshold;
}

static bool read_corners(const head_reader *reading, const float *values, size_t step,
                         const ork_anchor *anchor, ork_box *box)
{
    float x = values[0], y = values[step], width = values[2 * step], height = values[3 * step];
    if (!reading->decoded) {
        x = (x + anchor->x) * anchor->stride;
        y = (y + anchor->y) * anchor->stride;
        width = expf(width) * anchor->stride;
        height = expf(height) * anchor->stride;
    }
    const float corners[4] = {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
    memcpy(box->corners, corners, sizeof(corners));
    return isfinite(corners[0]) && isfinite(corners[1]) && isfinite(corners[2]) &&
           isfinite(corners[3]);
}

static int better_first(const void *left, const void *right)
{
    const ork_box *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->class_id != b->class_id)
        return a->class_id < b->class_id ? -1 : 1;
    return (a->anchor > b->anchor) - (a->anchor < b->anchor);
}

static size_t read_boxes(const head_reader *reading, ork_box *boxes)
{
    size_t count = 0;
    uint32_t first = 0;
    for (int p = 0; p < reading->head->part_count; p++) {
        const ork_head_part *part = &reading->head->parts[p];
        for (size_t i = 0; i < part->count; i++) {
            const float *values = anchor_values(reading, part, i);
            ork_box box = {.anchor = first + (uint32_t)i};
            if (!read_score(reading, values, part->channel_step, &box) ||
                !read_corners(reading, values, part->channel_step, &part->anchors[i], &box))
                continue;
            if (boxes)
                boxes[count] = box;
            count++;
        }
        first += (uint32_t)part->count;
    }
    return count;
}

bool ork_head_decode(ork_diag *diag, ork_arena *arena, const ork_head *head,
                     const float *const *outputs, float threshold, ork_boxes *boxes)
{
    *boxes = (ork_boxes){0};
    head_reader reading = settle(head, outputs, threshold);
    size_t count = read_boxes(&reading, NULL);
    if (!count)
        return true;
    boxes->items = ork_arena_alloc_data(arena, count * sizeof(*boxes->items));
    if (!boxes->items)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory for %zu boxes", count);
    boxes->count = read_boxes(&reading, boxes->items);
    qsort(boxes->items, count, sizeof(*boxes->items), better_first);
    return true;
}
