/* SPDX-License-Identifier: Apache-2.0 */
#include "detect.h"

#include <math.h>

static float area(const float corners[4])
{
    return fmaxf(0, corners[2] - corners[0]) * fmaxf(0, corners[3] - corners[1]);
}

float ork_box_overlap(const ork_box *a, const ork_box *b)
{
    const float common[4] = {
        fmaxf(a->corners[0], b->corners[0]),
        fmaxf(a->corners[1], b->corners[1]),
        fminf(a->corners[2], b->corners[2]),
        fminf(a->corners[3], b->corners[3]),
    };
    float both = area(common);
    float either = area(a->corners) + area(b->corners) - both;
    return either > 0 ? both / either : 0;
}

static bool is_suppressed(const ork_boxes *kept, const ork_box *box, float threshold,
                          bool class_agnostic)
{
    for (size_t i = 0; i < kept->count; i++) {
        const ork_box *better = &kept->items[i];
        if ((class_agnostic || better->class_id == box->class_id) &&
            ork_box_overlap(better, box) > threshold)
            return true;
    }
    return false;
}

void ork_boxes_suppress(ork_boxes *boxes, float threshold, bool class_agnostic, size_t max_boxes)
{
    /* The kept ones gather at the front of the same array: never ahead of the one looked at. */
    ork_boxes kept = {.items = boxes->items};
    for (size_t i = 0; i < boxes->count && kept.count < max_boxes; i++)
        if (!is_suppressed(&kept, &boxes->items[i], threshold, class_agnostic))
            kept.items[kept.count++] = boxes->items[i];
    *boxes = kept;
}

void ork_boxes_to_picture(ork_boxes *boxes, const ork_letterbox *letterbox)
{
    for (size_t i = 0; i < boxes->count; i++) {
        float *corners = boxes->items[i].corners;
        ork_letterbox_back(letterbox, corners);
        for (int c = 0; c < 4; c++) {
            int side = c % 2 ? letterbox->image_height : letterbox->image_width;
            corners[c] = fminf(fmaxf(corners[c], 0), (float)side);
        }
    }
}
