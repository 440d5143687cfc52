/* SPDX-License-Identifier: Apache-2.0 */
/* Ground truth and evaluations: boxes of a detector on their way to the judge. */
#include "internal.h"

#include "../codec/codec.h"
#include "../detect/detect.h"

#include <stdlib.h>
#include <string.h>

struct ork_evaluation {
    ork_model *model; /* takes errors */
    const ork_coco *coco;
    ork_judge *judge;
    int *categories; /* of each class, or -1 */
    int class_count;
    ork_box *boxes; /* of one image */
    size_t capacity;
};

/* ---- ground truth ---- */

ork_ground_truth *ork_ground_truth_read(ork_model *model, const char *path)
{
    ork_file file;
    ork_diag_clear(model->diag);
    if (!ork_file_map(model->diag, path, &file))
        return NULL;
    ork_arena *arena = ork_arena_new();
    ork_ground_truth *truth = ORK_NEW(arena, ork_ground_truth);
    truth->arena = arena;
    truth->path = ork_arena_strdup(arena, path);
    bool good = ork_coco_read(model->diag, arena, file.bytes, &truth->coco);
    ork_file_unmap(&file);
    if (good)
        return truth;
    ork_where(model->diag, "%s", path);
    ork_arena_free(arena);
    return NULL;
}

void ork_ground_truth_free(ork_ground_truth *truth)
{
    if (truth)
        ork_arena_free(truth->arena);
}

int ork_ground_truth_image_count(const ork_ground_truth *truth)
{
    return truth->coco.image_count;
}

bool ork_ground_truth_image(const ork_ground_truth *truth, int index, ork_truth_image *image)
{
    if (index < 0 || index >= truth->coco.image_count)
        return false;
    const ork_coco_image *from = &truth->coco.images[index];
    *image = (ork_truth_image){.id = from->id,
                               .file_name = from->file_name,
                               .width = from->width,
                               .height = from->height,
                               .object_count = (int)from->count};
    return true;
}

int ork_ground_truth_category_count(const ork_ground_truth *truth)
{
    return truth->coco.category_count;
}

bool ork_ground_truth_category(const ork_ground_truth *truth, int index,
                               ork_truth_category *category)
{
    if (index < 0 || index >= truth->coco.category_count)
        return false;
    const ork_coco_category *from = &truth->coco.categories[index];
    *category = (ork_truth_category){.id = from->id, .name = from->name};
    return true;
}

size_t ork_ground_truth_skipped(const ork_ground_truth *truth)
{
    return truth->coco.skipped;
}

/* ---- classes and categories ---- */

static int category_named(const ork_coco *coco, const char *name)
{
    for (int i = 0; i < coco->category_count; i++)
        if (strcmp(coco->categories[i].name, name) == 0)
            return i;
    return -1;
}

static bool map_by_name(ork_evaluation *e, const ork_evaluation_options *options)
{
    int found = 0;
    for (int i = 0; i < e->class_count; i++) {
        e->categories[i] =
            i < options->label_count ? category_named(e->coco, options->labels[i]) : -1;
        found += e->categories[i] >= 0;
    }
    if (found)
        return true;
    ork_diag *diag = e->model->diag;
    ork_fail(diag, ORK_ERR_EVALUATION, "no class of the model is a category of the annotations");
    ork_why(diag, "the first label is '%s', the first category '%s'",
            options->label_count ? options->labels[0] : "",
            e->coco->category_count ? e->coco->categories[0].name : "");
    return ork_fix(diag, "give labels that are spelled as the names of the categories");
}

static bool map_by_order(ork_evaluation *e)
{
    for (int i = 0; i < e->class_count; i++)
        e->categories[i] = i;
    if (e->class_count == e->coco->category_count)
        return true;
    ork_diag *diag = e->model->diag;
    ork_fail(diag, ORK_ERR_EVALUATION,
             "the model has %d classes, the annotations have %d categories", e->class_count,
             e->coco->category_count);
    ork_why(diag, "without names, the order of both must be the same");
    return ork_fix(diag, "give the names of the model's classes (--labels FILE): classes without a "
                         "category of that name are left out");
}

ork_evaluation *ork_evaluation_new(ork_model *model, const ork_ground_truth *truth,
                                   const ork_evaluation_options *given)
{
    ork_evaluation_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    int class_count = options.class_count > 0 ? options.class_count : truth->coco.category_count;
    ork_evaluation *e = calloc(1, sizeof(*e));
    int *categories = calloc((size_t)class_count + 1, sizeof(*categories));
    if (!e || !categories) {
        free(e);
        free(categories);
        ork_fail(model->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for an evaluation");
        return NULL;
    }
    *e = (ork_evaluation){.model = model,
                          .coco = &truth->coco,
                          .judge = ork_judge_new(&truth->coco),
                          .categories = categories,
                          .class_count = class_count};
    if (options.labels ? map_by_name(e, &options) : map_by_order(e))
        return e;
    ork_evaluation_free(e);
    return NULL;
}

void ork_evaluation_free(ork_evaluation *e)
{
    if (!e)
        return;
    ork_judge_free(e->judge);
    free(e->categories);
    free(e->boxes);
    free(e);
}

/* ---- boxes ---- */

static bool reserve_boxes(ork_evaluation *e, size_t count)
{
    if (count <= e->capacity)
        return true;
    ork_box *grown = realloc(e->boxes, count * sizeof(*grown));
    if (!grown)
        return ork_fail(e->model->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for %zu boxes", count);
    e->boxes = grown;
    e->capacity = count;
    return true;
}

bool ork_evaluation_add(ork_evaluation *e, int image, const ork_detection *boxes, int count)
{
    ork_diag *diag = e->model->diag;
    ork_diag_clear(diag);
    if (image < 0 || image >= e->coco->image_count || count < 0)
        return ork_fail(diag, ORK_ERR_USAGE, "the annotations have no image %d", image);
    if (!reserve_boxes(e, (size_t)count))
        return false;
    for (int i = 0; i < count; i++) {
        int class_id = boxes[i].class_id;
        bool known = class_id >= 0 && class_id < e->class_count;
        e->boxes[i] = (ork_box){
            .class_id = known ? e->categories[class_id] : -1, /* -1 is left out by the judge */
            .score = boxes[i].score,
            .corners = {boxes[i].left, boxes[i].top, boxes[i].right, boxes[i].bottom},
            .anchor = (uint32_t)i};
    }
    if (ork_judge_add(e->judge, image, e->boxes, (size_t)count))
        return true;
    return ork_fail(diag, ORK_ERR_USAGE, "image %d has been added already", image);
}

/* ---- boxes of a file ---- */

typedef struct results_file {
    ork_coco_results results;
    size_t next; /* the first not yet used */
} results_file;

/* The results of an image lie side by side. */
static size_t results_of(const results_file *f, int image)
{
    size_t count = 0;
    while (f->next + count < f->results.count && f->results.items[f->next + count].image == image)
        count++;
    return count;
}

static bool add_results(ork_evaluation *e, int image, results_file *files, int file_count)
{
    size_t all = 0, at = 0;
    for (int k = 0; k < file_count; k++)
        all += results_of(&files[k], image);
    if (!reserve_boxes(e, all))
        return false;
    for (int k = 0; k < file_count; k++) {
        const size_t count = results_of(&files[k], image);
        for (size_t i = 0; i < count; i++)
            e->boxes[at++] = files[k].results.items[files[k].next + i].box;
        files[k].next += count;
    }
    return ork_judge_add(e->judge, image, e->boxes, all) ||
           ork_fail(e->model->diag, ORK_ERR_USAGE, "image %d has been added already", image);
}

static bool read_results(ork_evaluation *e, ork_arena *arena, const char *path, results_file *into)
{
    ork_diag *diag = e->model->diag;
    ork_file file;
    if (!ork_file_map(diag, path, &file))
        return false;
    const bool good = ork_coco_read_results(diag, arena, file.bytes, e->coco, &into->results);
    ork_file_unmap(&file);
    return good || ork_where(diag, "%s", path);
}

bool ork_evaluation_read_shares(ork_evaluation *e, const char *const *paths, int path_count,
                                int image_count)
{
    ork_arena *arena = ork_arena_new();
    const size_t count = path_count > 0 ? (size_t)path_count : 0;
    results_file *files = ORK_NEW_ARRAY(arena, results_file, count + 1);
    const int all = e->coco->image_count;
    const int end = image_count > 0 && image_count < all ? image_count : all;
    bool good = true;
    ork_diag_clear(e->model->diag);
    for (size_t i = 0; i < count && good; i++)
        good = read_results(e, arena, paths[i], &files[i]);
    for (int i = 0; i < end && good; i++)
        good = add_results(e, i, files, (int)count);
    ork_arena_free(arena);
    return good;
}

bool ork_evaluation_read(ork_evaluation *e, const char *path, int image_count)
{
    return ork_evaluation_read_shares(e, &path, 1, image_count);
}

/* ---- figures ---- */

bool ork_figure_info(int figure, const char **name, const char **help)
{
    if (figure < 0 || figure >= ORK_FIGURE_COUNT)
        return false;
    *name = ork_figure_names[figure];
    *help = ork_figure_helps[figure];
    return true;
}

void ork_evaluation_figures(ork_evaluation *e, int category, double figures[ORK_FIGURE_COUNT])
{
    ork_judge_figures(e->judge, NULL, category < e->coco->category_count ? category : -1, figures);
}

void ork_evaluation_half(ork_evaluation *e, uint64_t seed, double figures[ORK_FIGURE_COUNT])
{
    ork_arena *arena = ork_arena_new();
    bool *chosen = ORK_NEW_ARRAY(arena, bool, (size_t)e->coco->image_count + 1);
    ork_judge_half(e->judge, seed, chosen);
    ork_judge_figures(e->judge, chosen, -1, figures);
    ork_arena_free(arena);
}

ork_box_comparison ork_evaluation_compare(const ork_evaluation *first, const ork_evaluation *other,
                                          float score, float overlap)
{
    ork_box_changes changes = ork_judge_compare(first->judge, other->judge, score, overlap);
    return (ork_box_comparison){changes.kept, changes.lost, changes.fresh, changes.score_change};
}

/* ---- COCO's file of results ---- */

static void put_box(ork_json_writer *json, const ork_coco *coco, int image, const ork_box *box)
{
    const float *c = box->corners;
    const float place[4] = {c[0], c[1], c[2] - c[0], c[3] - c[1]};
    ork_json_begin_object(json);
    ork_json_member_int(json, "image_id", coco->images[image].id);
    ork_json_member_int(json, "category_id", coco->categories[box->class_id].id);
    ork_json_key(json, "bbox");
    ork_json_begin_array(json);
    for (int i = 0; i < 4; i++)
        ork_json_put_float(json, place[i]);
    ork_json_end_array(json);
    ork_json_key(json, "score");
    ork_json_put_float(json, box->score);
    ork_json_end_object(json);
}

/* Writes what has gathered, so that the text never holds more than an image's boxes. */
static bool flush(ork_output *output, ork_str *text)
{
    bool good = ork_output_write(output, text->text, text->length);
    text->length = 0;
    return good;
}

bool ork_evaluation_write(const ork_evaluation *e, const char *path)
{
    ork_diag_clear(e->model->diag);
    ork_output *output = ork_output_open(e->model->diag, path);
    if (!output)
        return false;
    ork_str text = {0};
    ork_json_writer json = ork_json_writer_new(&text, 0);
    bool good = true;
    ork_json_begin_array(&json);
    for (int i = 0; i < e->coco->image_count && good; i++) {
        ork_boxes boxes = ork_judge_boxes(e->judge, i);
        for (size_t k = 0; k < boxes.count; k++)
            put_box(&json, e->coco, i, &boxes.items[k]);
        good = flush(output, &text);
    }
    ork_json_end_array(&json);
    good = good && flush(output, &text) && ork_output_write(output, "\n", 1);
    ork_str_free(&text);
    return ork_output_commit(output) && good;
}
