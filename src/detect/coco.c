/* SPDX-License-Identifier: Apache-2.0 */
/* Annotation files of COCO: images, categories and boxes, tied together by ids that may be any
   numbers in any order. What is not listed is counted and left out, as pycocotools does: people cut
   such files down by hand. */
#include "detect.h"

#include "../codec/codec.h"

#include <limits.h>
#include <stdlib.h>

static bool fail_entry(ork_diag *diag, const char *list, size_t index, const char *why)
{
    ork_fail(diag, ORK_ERR_ANNOTATIONS, "entry %zu of \"%s\" is not as it should be", index, list);
    return ork_why(diag, "%s", why);
}

static bool check_length(ork_diag *diag, const ork_json *list)
{
    return ork_json_count(list) <= INT_MAX / 2 ||
           ork_fail(diag, ORK_ERR_ANNOTATIONS, "there are too many entries");
}

static bool get_list(ork_diag *diag, const ork_json *root, const char *name, const ork_json **list)
{
    *list = ork_json_get(root, name);
    if (!ork_json_is(*list, ORK_JSON_ARRAY)) {
        ork_fail(diag, ORK_ERR_ANNOTATIONS, "these are no annotations in COCO's form");
        return ork_why(diag, "there is no list \"%s\" in it", name);
    }
    return check_length(diag, *list);
}

static bool get_id(const ork_json *entry, const char *key, int64_t *id)
{
    return ork_json_as_int(ork_json_get(entry, key), id);
}

/* ---- images ---- */

static int side_of(const ork_json *entry, const char *key)
{
    int64_t side = ork_json_get_int(entry, key, 0);
    return side > 0 && side <= INT_MAX ? (int)side : 0;
}

static bool read_image(ork_diag *diag, ork_arena *arena, const ork_json *entry, size_t index,
                       ork_coco_image *image)
{
    const char *name = ork_json_get_text(entry, "file_name", NULL);
    if (!get_id(entry, "id", &image->id) || !name)
        return fail_entry(diag, "images", index,
                          "it needs an \"id\", which is a whole number, and "
                          "a \"file_name\"");
    image->file_name = ork_arena_strdup(arena, name);
    image->width = side_of(entry, "width");
    image->height = side_of(entry, "height");
    return true;
}

static int by_image_id(const void *left, const void *right)
{
    const ork_coco_image *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* NULL when it is not listed. */
static const ork_coco_image *find_image(const ork_coco *coco, int64_t id)
{
    ork_coco_image wanted = {.id = id};
    return bsearch(&wanted, coco->images, (size_t)coco->image_count, sizeof(wanted), by_image_id);
}

static bool read_images(ork_diag *diag, ork_arena *arena, const ork_json *root, ork_coco *coco)
{
    const ork_json *list;
    if (!get_list(diag, root, "images", &list))
        return false;
    size_t count = ork_json_count(list);
    coco->images = ORK_NEW_ARRAY(arena, ork_coco_image, count + 1);
    for (size_t i = 0; i < count; i++)
        if (!read_image(diag, arena, ork_json_item(list, i), i, &coco->images[i]))
            return false;
    qsort(coco->images, count, sizeof(*coco->images), by_image_id);
    for (size_t i = 1; i < count; i++)
        if (coco->images[i].id == coco->images[i - 1].id)
            return ork_fail(diag, ORK_ERR_ANNOTATIONS, "two images have the id %lld",
                            (long long)coco->images[i].id);
    coco->image_count = (int)count;
    return true;
}

/* ---- categories ---- */

/* An id and the place it stands for. */
typedef struct place {
    int64_t id;
    int index;
} place;

static int by_place_id(const void *left, const void *right)
{
    const place *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* The categories by id, NULL when two share one. */
static place *sort_categories(ork_diag *diag, ork_arena *arena, const ork_coco *coco)
{
    size_t count = (size_t)coco->category_count;
    place *places = ORK_NEW_ARRAY(arena, place, count + 1);
    for (size_t i = 0; i < count; i++)
        places[i] = (place){coco->categories[i].id, (int)i};
    qsort(places, count, sizeof(*places), by_place_id);
    for (size_t i = 1; i < count; i++)
        if (places[i].id == places[i - 1].id) {
            ork_fail(diag, ORK_ERR_ANNOTATIONS, "two categories have the id %lld",
                     (long long)places[i].id);
            return NULL;
        }
    return places;
}

/* -1 when it is not listed. */
static int find_category(const ork_coco *coco, const place *sorted, int64_t id)
{
    place wanted = {.id = id};
    const place *found =
        bsearch(&wanted, sorted, (size_t)coco->category_count, sizeof(wanted), by_place_id);
    return found ? found->index : -1;
}

static bool read_categories(ork_diag *diag, ork_arena *arena, const ork_json *root, ork_coco *coco)
{
    const ork_json *list;
    if (!get_list(diag, root, "categories", &list))
        return false;
    size_t count = ork_json_count(list);
    coco->categories = ORK_NEW_ARRAY(arena, ork_coco_category, count + 1);
    for (size_t i = 0; i < count; i++) {
        const ork_json *entry = ork_json_item(list, i);
        const char *name = ork_json_get_text(entry, "name", NULL);
        if (!get_id(entry, "id", &coco->categories[i].id) || !name)
            return fail_entry(diag, "categories", i,
                              "it needs an \"id\", which is a whole number, "
                              "and a \"name\"");
        coco->categories[i].name = ork_arena_strdup(arena, name);
    }
    coco->category_count = (int)count;
    return true;
}

/* ---- annotations ---- */

static bool read_box(const ork_json *entry, ork_coco_object *object)
{
    const ork_json *box = ork_json_get(entry, "bbox");
    double *const fields[4] = {&object->left, &object->top, &object->width, &object->height};
    for (size_t i = 0; i < ORK_COUNT(fields); i++)
        if (!ork_json_as_double(ork_json_item(box, i), fields[i]))
            return false;
    object->area = ork_json_get_double(entry, "area", object->width * object->height);
    return object->width >= 0 && object->height >= 0;
}

static bool is_crowd(const ork_json *entry)
{
    return ork_json_get_int(entry, "iscrowd", 0) != 0 || ork_json_get_bool(entry, "iscrowd", false);
}

/* Of an annotation or a result. */
typedef struct box_ids {
    int64_t image, category;
} box_ids;

static bool read_ids(const ork_json *entry, box_ids *ids)
{
    return get_id(entry, "image_id", &ids->image) && get_id(entry, "category_id", &ids->category);
}

static bool read_object(ork_diag *diag, const ork_json *entry, size_t index,
                        const place *categories, ork_coco *coco)
{
    box_ids ids;
    ork_coco_object object = {.crowd = is_crowd(entry), .order = index};
    if (!read_ids(entry, &ids) || !read_box(entry, &object))
        return fail_entry(
            diag, "annotations", index,
            "it needs an \"image_id\" and a \"category_id\", which are whole numbers, "
            "and a \"bbox\": left, top, width and height, not below 0");
    const ork_coco_image *image = find_image(coco, ids.image);
    object.category = find_category(coco, categories, ids.category);
    if (!image || object.category < 0) {
        coco->skipped++;
        return true;
    }
    object.image = (int)(image - coco->images);
    coco->objects[coco->object_count++] = object;
    return true;
}

static int by_image_and_category(const void *left, const void *right)
{
    const ork_coco_object *a = left, *b = right;
    if (a->image != b->image)
        return a->image < b->image ? -1 : 1;
    if (a->category != b->category)
        return a->category < b->category ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static void give_objects_to_images(ork_coco *coco)
{
    qsort(coco->objects, coco->object_count, sizeof(*coco->objects), by_image_and_category);
    for (size_t i = 0; i < coco->object_count; i++) {
        ork_coco_image *image = &coco->images[coco->objects[i].image];
        if (!image->count)
            image->first = i;
        image->count++;
    }
}

static bool read_objects(ork_diag *diag, ork_arena *arena, const ork_json *root, ork_coco *coco)
{
    const ork_json *list;
    const place *categories = sort_categories(diag, arena, coco);
    if (!categories || !get_list(diag, root, "annotations", &list))
        return false;
    size_t count = ork_json_count(list);
    coco->objects = ORK_NEW_ARRAY(arena, ork_coco_object, count + 1);
    for (size_t i = 0; i < count; i++)
        if (!read_object(diag, ork_json_item(list, i), i, categories, coco))
            return false;
    give_objects_to_images(coco);
    return true;
}

bool ork_coco_read(ork_diag *diag, ork_arena *arena, ork_bytes text, ork_coco *coco)
{
    *coco = (ork_coco){0};
    ork_arena *scratch = ork_arena_new(); /* the tree is many times what is kept of it */
    const ork_json *root = ork_json_read(diag, scratch, text);
    bool good = root && read_images(diag, arena, root, coco) &&
                read_categories(diag, arena, root, coco) && read_objects(diag, arena, root, coco);
    ork_arena_free(scratch);
    return good;
}

/* ---- results ---- */

static bool fail_results(ork_diag *diag, size_t index)
{
    ork_fail(diag, ORK_ERR_ANNOTATIONS, "these are no results in COCO's form");
    ork_why(diag, "entry %zu of the list is not as it should be", index);
    return ork_fix(diag,
                   "give a list of boxes, each with \"image_id\", \"category_id\", \"bbox\" and "
                   "\"score\"");
}

static bool read_result(ork_diag *diag, const ork_json *entry, size_t index, const ork_coco *coco,
                        const place *categories, ork_coco_result *result)
{
    box_ids ids;
    ork_coco_object found;
    double score;
    if (!read_ids(entry, &ids) || !read_box(entry, &found) ||
        !ork_json_as_double(ork_json_get(entry, "score"), &score))
        return fail_results(diag, index);
    const ork_coco_image *image = find_image(coco, ids.image);
    if (!image) {
        ork_fail(diag, ORK_ERR_ANNOTATIONS, "result %zu is of image %lld, which has no annotations",
                 index, (long long)ids.image);
        return ork_fix(diag, "give results and annotations of the same pictures");
    }
    *result = (ork_coco_result){
        .image = (int)(image - coco->images),
        .order = (uint32_t)index,
        .box = {.class_id = find_category(coco, categories, ids.category),
                .score = (float)score,
                .corners = {(float)found.left, (float)found.top, (float)(found.left + found.width),
                            (float)(found.top + found.height)}}};
    return true;
}

static int by_image_and_order(const void *left, const void *right)
{
    const ork_coco_result *a = left, *b = right;
    if (a->image != b->image)
        return a->image < b->image ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static bool read_results(ork_diag *diag, ork_arena *arena, ork_arena *scratch, ork_bytes text,
                         const ork_coco *coco, ork_coco_results *results)
{
    const ork_json *list = ork_json_read(diag, scratch, text);
    const place *categories = sort_categories(diag, scratch, coco);
    if (!list || !categories)
        return false;
    if (!ork_json_is(list, ORK_JSON_ARRAY))
        return fail_results(diag, 0);
    if (!check_length(diag, list))
        return false;
    size_t count = ork_json_count(list);
    results->items = ORK_NEW_ARRAY(arena, ork_coco_result, count + 1);
    for (size_t i = 0; i < count; i++)
        if (!read_result(diag, ork_json_item(list, i), i, coco, categories, &results->items[i]))
            return false;
    results->count = count;
    qsort(results->items, count, sizeof(*results->items), by_image_and_order);
    return true;
}

bool ork_coco_read_results(ork_diag *diag, ork_arena *arena, ork_bytes text, const ork_coco *coco,
                           ork_coco_results *results)
{
    *results = (ork_coco_results){0};
    ork_arena *scratch = ork_arena_new();
    bool good = read_results(diag, arena, scratch, text, coco, results);
    ork_arena_free(scratch);
    return good;
}
