/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations and results in COCO's form, and figures of boxes held against them: whatever is in
   the file, every figure is between 0 and 1, or -1. */
#include "detect/detect.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_objects(const ork_coco *coco)
{
    size_t seen = 0;
    for (int i = 0; i < coco->image_count; i++) {
        const ork_coco_image *image = &coco->images[i];
        if (i && coco->images[i - 1].id >= image->id)
            abort();
        for (size_t k = 0; k < image->count; k++)
            if (coco->objects[image->first + k].image != i ||
                coco->objects[image->first + k].category >= coco->category_count)
                abort();
        seen += image->count;
    }
    if (seen != coco->object_count)
        abort();
}

/* The objects of the image themselves, a bit to the side, and one box more. */
static void add_image(ork_arena *arena, const ork_coco *coco, ork_judge *judge, int index)
{
    const ork_coco_image *image = &coco->images[index];
    ork_box *boxes = ORK_NEW_ARRAY(arena, ork_box, image->count + 1);
    for (size_t i = 0; i < image->count; i++) {
        const ork_coco_object *o = &coco->objects[image->first + i];
        boxes[i] = (ork_box){.class_id = o->category,
                             .score = (float)(i % 7) / 8,
                             .corners = {(float)o->left, (float)o->top + 1,
                                         (float)(o->left + o->width), (float)(o->top + o->height)}};
    }
    boxes[image->count] = (ork_box){.class_id = index % 3, .score = 0.5f, .corners = {1, 1, 9, 9}};
    if (!ork_judge_add(judge, index, boxes, image->count + 1))
        abort();
}

static void check_figures(ork_arena *arena, const ork_coco *coco)
{
    double figures[ORK_FIGURE_COUNT];
    ork_judge *judge = ork_judge_new(coco);
    for (int i = 0; i < coco->image_count; i++)
        add_image(arena, coco, judge, i);
    ork_judge_figures(judge, NULL, -1, figures);
    for (int i = 0; i < ORK_FIGURE_COUNT; i++)
        if (!(figures[i] >= 0 && figures[i] <= 1.0000001) && figures[i] != -1)
            abort();
    ork_box_changes same = ork_judge_compare(judge, judge, 0.3f, 0.5f);
    if (same.lost != same.fresh)
        abort();
    ork_judge_free(judge);
}

/* The same bytes as results, for annotations that know the ids 0 to 3. */
static void check_results(ork_diag *diag, ork_arena *arena, ork_bytes text)
{
    static const char truth[] =
        "{\"images\":[{\"id\":0,\"file_name\":\"\"},{\"id\":1,\"file_name\":\"\"},"
        "{\"id\":2,\"file_name\":\"\"},{\"id\":3,\"file_name\":\"\"}],\"annotations\":[],"
        "\"categories\":[{\"id\":1,\"name\":\"\"},{\"id\":2,\"name\":\"\"},{\"id\":3,\"name\":\"\"}"
        "]}";
    ork_coco coco;
    ork_coco_results results;
    if (!ork_coco_read(diag, arena, (ork_bytes){(const uint8_t *)truth, sizeof(truth) - 1}, &coco))
        abort();
    if (!ork_coco_read_results(diag, arena, text, &coco, &results))
        return;
    for (size_t i = 0; i < results.count; i++)
        if (results.items[i].image >= coco.image_count || results.items[i].box.class_id >= 3 ||
            (i && results.items[i - 1].image > results.items[i].image))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_coco coco;
    if (ork_coco_read(diag, arena, (ork_bytes){data, size}, &coco)) {
        if (ork_arena_size(arena) > 8192 + 200 * size) /* memory follows the input */
            abort();
        check_objects(&coco);
        check_figures(arena, &coco);
    } else if (ork_diag_error_id(diag) != ORK_ERR_JSON &&
               ork_diag_error_id(diag) != ORK_ERR_ANNOTATIONS) {
        abort();
    }
    check_results(diag, arena, (ork_bytes){data, size});
    ork_arena_free(arena);
    ork_diag_free(diag);
    return 0;
}
