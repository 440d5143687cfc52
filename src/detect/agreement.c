/* SPDX-License-Identifier: Apache-2.0 */
/* How much worse a form of a detector is, without labels. What the float network finds on a picture
   that was moved by some pixels is taken for the truth. The float network itself does not reach it
   on the unmoved picture, for it has its own noise; how much less another form reaches is its loss.
   Held against its boxes on the same picture, every small difference would count as an error, where
   labels would show none.

   AP moves in jumps. What moves smoothly, and alike for boxes and scores of all maps, is the
   difference of single boxes: of the places where the float network sees an object, the mean of
   (1 - overlap)^2 + (difference of the scores)^2. Errors of layers that do not know of each other
   add up in it. */
#include "detect.h"

#include <stdlib.h>
#include <string.h>

enum { SHIFT = 3, MOST_BOXES = 300, KEPT = 6 };
static const float seen_score = 0.25f; /* boxes that count as truth */
static const float least_score = 0.01f, most_overlap = 0.65f;

/* A sample with the float network's boxes before any is suppressed. */
typedef struct kept_sample {
    float *input; /* as the network's shape has it */
    ork_boxes boxes;
} kept_sample;

struct ork_agreement {
    ork_arena *arena;
    ork_diag *diag;
    ork_dataset *dataset;
    ork_pool *pool;
    ork_family family;
    const ork_graph *graph;
    ork_head head;
    size_t begin, end;
    ork_coco coco;
    ORK_VEC(ork_coco_object) objects;
    double reached; /* by the float network */
    kept_sample kept[KEPT];
    size_t kept_count;
    /* while the truth is made */
    const ork_runner *runner;
    float *picture, *moved;
};

static bool decode(const ork_agreement *a, ork_arena *arena, const ork_runner *runner,
                   float threshold, ork_boxes *boxes)
{
    const size_t count = a->graph->outputs.count;
    const float **outputs = ORK_NEW_ARRAY(arena, const float *, count);
    for (size_t i = 0; i < count; i++)
        outputs[i] = ork_runner_output(runner, i);
    return ork_head_decode(a->diag, arena, &a->head, outputs, threshold, boxes);
}

static bool boxes_of(const ork_agreement *a, ork_arena *arena, const ork_runner *runner,
                     float threshold, ork_boxes *boxes)
{
    if (!decode(a, arena, runner, threshold, boxes))
        return false;
    ork_boxes_suppress(boxes, most_overlap, false, MOST_BOXES);
    return true;
}

/* ---- truth ---- */

/* The input as it is, and moved right and down; what comes in at the edges repeats them. */
static void keep_input(void *user, const ork_observation *seen)
{
    ork_agreement *a = user;
    if (seen->value->kind != ORK_VALUE_INPUT)
        return;
    const int64_t *d = seen->value->type.shape.dim;
    const int64_t channels = d[1], height = d[2], width = d[3];
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int64_t c = 0; c < channels; c++)
                a->picture[(c * height + y) * width + x] =
                    seen->data[seen->is_nhwc ? (y * width + x) * channels + c
                                             : (c * height + y) * width + x];
    for (int64_t row = 0; row < channels * height; row++) {
        const int64_t y = row % height, from_row = row - (y < SHIFT ? y : SHIFT);
        for (int64_t x = 0; x < width; x++)
            a->moved[row * width + x] = a->picture[from_row * width + (x < SHIFT ? 0 : x - SHIFT)];
    }
}

static void add_objects(ork_agreement *a, int image, const ork_boxes *boxes)
{
    ork_coco_image *at = &a->coco.images[image];
    *at = (ork_coco_image){.id = image, .file_name = "", .first = a->objects.count};
    for (int category = 0; category < a->head.class_count; category++)
        for (size_t i = 0; i < boxes->count; i++) {
            const ork_box *b = &boxes->items[i];
            if (b->class_id != category)
                continue;
            ork_coco_object object = {.image = image,
                                      .category = category,
                                      .left = (double)b->corners[0] - SHIFT,
                                      .top = (double)b->corners[1] - SHIFT,
                                      .width = (double)b->corners[2] - (double)b->corners[0],
                                      .height = (double)b->corners[3] - (double)b->corners[1],
                                      .order = a->objects.count};
            object.area = object.width * object.height;
            ork_vec_push(a->arena, &a->objects, object);
            at->count++;
        }
}

static void feed(const ork_agreement *a, ork_runner *runner, const float *picture)
{
    ork_runner_set_input(runner, 0,
                         &(ork_feed){.data = picture,
                                     .dtype = ORK_F32,
                                     .shape = a->graph->inputs.items[0].value->type.shape,
                                     .pass_through = true});
}

/* Of the first samples on which something is seen. */
static bool keep(ork_agreement *a, const ork_runner *runner)
{
    kept_sample *kept = &a->kept[a->kept_count];
    const ork_shape *shape = &a->graph->inputs.items[0].value->type.shape;
    const size_t bytes = (size_t)ork_shape_count(shape) * sizeof(float);
    if (!decode(a, a->arena, runner, seen_score, &kept->boxes))
        return false;
    if (kept->boxes.count == 0)
        return true;
    kept->input = memcpy(ork_arena_alloc(a->arena, bytes), a->picture, bytes);
    a->kept_count++;
    return true;
}

static bool add_truth(ork_agreement *a, ork_runner *runner, int image)
{
    ork_arena *scratch = ork_arena_new();
    ork_boxes boxes = {0};
    if (a->kept_count < KEPT && !keep(a, runner))
        return false;
    ork_runner_observe(runner, NULL, NULL);
    feed(a, runner, a->moved);
    ork_runner_run(runner);
    const bool good = boxes_of(a, scratch, runner, seen_score, &boxes);
    if (good)
        add_objects(a, image, &boxes);
    ork_arena_free(scratch);
    return good;
}

/* ---- runs ---- */

/* Runs all samples; images that cannot be read stay without boxes and truth. */
static bool run(ork_agreement *a, ork_runner *runner, ork_judge *judge, bool as_truth)
{
    bool good = true;
    for (size_t i = a->begin; good && i < a->end; i++) {
        const int image = (int)(i - a->begin);
        if (!ork_progress(a->diag, "comparing boxes", i - a->begin, a->end - a->begin))
            return false;
        if (as_truth)
            ork_runner_observe(runner, keep_input, a);
        if (!ork_dataset_feed(a->dataset, a->diag, i, runner, a->graph)) {
            if (ork_diag_error_id(a->diag) == ORK_ERR_OUT_OF_MEMORY)
                return false;
            ork_diag_clear(a->diag);
            continue;
        }
        ork_arena *scratch = ork_arena_new();
        ork_boxes boxes = {0};
        ork_runner_run(runner);
        good = as_truth ? add_truth(a, runner, image)
                        : boxes_of(a, scratch, runner, least_score, &boxes);
        if (good && !as_truth)
            ork_judge_add(judge, image, boxes.items, boxes.count);
        ork_arena_free(scratch);
    }
    return good;
}

static bool reach(ork_agreement *a, const ork_graph *graph, bool as_truth, double *reached)
{
    ork_plan *plan = ork_plan_new(a->diag, graph,
                                  &(ork_plan_options){.family = a->family, .observable = as_truth});
    ork_runner *runner = plan ? ork_runner_new(a->diag, plan, a->pool) : NULL;
    ork_judge *judge = as_truth ? NULL : ork_judge_new(&a->coco);
    double figures[ORK_FIGURE_COUNT] = {0};
    const bool good = runner && run(a, runner, judge, as_truth);
    if (good && judge) {
        ork_judge_figures(judge, NULL, -1, figures);
        *reached = figures[ORK_FIGURE_AP];
    }
    ork_judge_free(judge);
    ork_runner_free(runner);
    ork_plan_free(plan);
    return good;
}

/* ---- the interface ---- */

static bool is_picture(const ork_graph *graph)
{
    return graph->inputs.count == 1 && graph->inputs.items[0].value->type.shape.rank == 4 &&
           graph->inputs.items[0].value->type.shape.dim[0] == 1 &&
           graph->inputs.items[0].value->type.dtype == ORK_F32;
}

static bool make_truth(ork_agreement *a)
{
    const size_t images = a->end - a->begin, classes = (size_t)a->head.class_count;
    const ork_shape *shape = &a->graph->inputs.items[0].value->type.shape;
    a->coco.images = ORK_NEW_ARRAY(a->arena, ork_coco_image, images);
    a->coco.image_count = (int)images;
    a->coco.categories = ORK_NEW_ARRAY(a->arena, ork_coco_category, classes);
    a->coco.category_count = a->head.class_count;
    for (int i = 0; i < a->head.class_count; i++)
        a->coco.categories[i] = (ork_coco_category){.id = i, .name = ""};
    a->moved = ORK_NEW_ARRAY(a->arena, float, (size_t)ork_shape_count(shape));
    a->picture = ORK_NEW_ARRAY(a->arena, float, (size_t)ork_shape_count(shape));
    if (!reach(a, a->graph, true, NULL))
        return false;
    a->coco.objects = a->objects.items;
    a->coco.object_count = a->objects.count;
    return reach(a, a->graph, false, &a->reached);
}

bool ork_agreement_new(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset, size_t begin,
                       size_t end, ork_pool *pool, ork_family family, ork_agreement **agreement)
{
    ork_arena *arena = ork_arena_new();
    ork_agreement *a = ORK_NEW(arena, ork_agreement);
    *a = (ork_agreement){.arena = arena,
                         .diag = diag,
                         .dataset = dataset,
                         .pool = pool,
                         .family = family,
                         .graph = graph,
                         .begin = begin,
                         .end = end};
    *agreement = NULL;
    const bool known = is_picture(graph) && ork_head_recognise(diag, arena, graph, &a->head);
    ork_diag_clear(diag);
    const bool good = !known || make_truth(a);
    if (good && known && a->objects.count > 0 && a->kept_count > 0)
        *agreement = a;
    else
        ork_arena_free(arena);
    return good;
}

void ork_agreement_free(ork_agreement *a)
{
    if (a)
        ork_arena_free(a->arena);
}

size_t ork_agreement_objects(const ork_agreement *a)
{
    return a->objects.count;
}

bool ork_agreement_loss(ork_agreement *a, const ork_graph *graph, double *points)
{
    double reached = 0;
    const bool good = reach(a, graph, false, &reached);
    *points = 100 * (a->reached - reached);
    return good;
}

/* What the boxes differ in at the places where the float network sees something. */
static double difference(const ork_box *real, const ork_box *other)
{
    if (!other)
        return 1;
    const float apart = 1 - ork_box_overlap(real, other);
    const float score = real->score - (other->class_id == real->class_id ? other->score : 0);
    return (double)(apart * apart + score * score);
}

static bool add_differences(const ork_agreement *a, const ork_runner *runner,
                            const kept_sample *kept, double *sum)
{
    ork_arena *scratch = ork_arena_new();
    ork_boxes boxes = {0};
    const bool good = decode(a, scratch, runner, 0, &boxes);
    const ork_box **places = ORK_NEW_ARRAY(scratch, const ork_box *, a->head.anchor_count);
    for (size_t i = 0; good && i < boxes.count; i++)
        places[boxes.items[i].anchor] = &boxes.items[i];
    for (size_t i = 0; good && i < kept->boxes.count; i++)
        *sum += difference(&kept->boxes.items[i], places[kept->boxes.items[i].anchor]);
    ork_arena_free(scratch);
    return good;
}

bool ork_agreement_difference(ork_agreement *a, const ork_graph *graph, double *mean)
{
    ork_plan *plan = ork_plan_new(a->diag, graph, &(ork_plan_options){.family = a->family});
    ork_runner *runner = plan ? ork_runner_new(a->diag, plan, a->pool) : NULL;
    bool good = runner != NULL;
    size_t count = 0;
    double sum = 0;
    for (size_t i = 0; good && i < a->kept_count; i++) {
        feed(a, runner, a->kept[i].input);
        ork_runner_run(runner);
        good = add_differences(a, runner, &a->kept[i], &sum);
        count += a->kept[i].boxes.count;
    }
    *mean = count ? sum / (double)count : 0;
    ork_runner_free(runner);
    ork_plan_free(plan);
    return good;
}
