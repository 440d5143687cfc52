/* SPDX-License-Identifier: Apache-2.0 */
/* What pictures for calibration hold, which of them to take, and what to think of them. */
#include "quant.h"

#include "../tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

/* Of the brightness, 0 .. 255, and its deviation: a picture beyond is worth a look. */
enum { DARK = 32, BRIGHT = 224, BLANK = 3 };
/* Squared difference of features up to which equal hashes mean equal pictures: 8 in each. Pictures
   with little in them have hashes of chance. */
enum { ALIKE_FEATURES = ORK_SKETCH_FEATURES * 8 * 8 };
/* How many pictures are enough: ranges change little beyond some tens; hundreds cost time only. */
enum { FEW = 20, ENOUGH = 100, MANY = 500 };

ork_picture_set *ork_picture_set_new(void)
{
    ork_arena *arena = ork_arena_new();
    ork_picture_set *set = ORK_NEW(arena, ork_picture_set);
    set->arena = arena;
    return set;
}

void ork_picture_set_free(ork_picture_set *set)
{
    if (set)
        ork_arena_free(set->arena);
}

/* ---- looking at one file ---- */

static bool look_at_picture(ork_diag *diag, ork_bytes bytes, ork_surveyed *item)
{
    ork_image image;
    if (!ork_image_decode(diag, bytes, 3, &image))
        return false;
    item->format = ork_image_kind_name(ork_image_kind_of(bytes));
    item->width = image.width;
    item->height = image.height;
    ork_sketch_draw(&image, &item->sketch);
    ork_image_free(&image);
    item->is_dark = item->sketch.brightness < DARK;
    item->is_bright = item->sketch.brightness > BRIGHT;
    item->is_blank = item->sketch.contrast < BLANK;
    return true;
}

static bool look_at_array(ork_diag *diag, ork_bytes bytes, ork_surveyed *item)
{
    ork_arena *arena = ork_arena_new();
    ork_tensor tensor;
    bool good = ork_npy_read(diag, arena, bytes, &tensor);
    ork_arena_free(arena);
    if (good)
        item->format = "NPY";
    return good;
}

static const char *problem_text(ork_arena *arena, const ork_diag *diag)
{
    const ork_error *error = ork_diag_error(diag);
    return ork_arena_printf(arena, "%s%s%s", error->what, *error->why ? ": " : "", error->why);
}

static void look_at_file(ork_picture_set *set, ork_diag *diag, const char *path)
{
    ork_surveyed item = {.path = ork_arena_strdup(set->arena, path), .format = "", .twin = -1};
    ork_file file;
    bool good = ork_file_map(diag, path, &file);
    if (good) {
        bool is_array = file.bytes.size >= 6 && memcmp(file.bytes.data, "\x93NUMPY", 6) == 0;
        good = is_array ? look_at_array(diag, file.bytes, &item)
                        : look_at_picture(diag, file.bytes, &item);
        ork_file_unmap(&file);
    }
    if (!good)
        item.problem = problem_text(set->arena, diag);
    ork_diag_clear(diag);
    ork_vec_push(set->arena, &set->items, item);
}

static bool is_alike(const ork_surveyed *a, const ork_surveyed *b, int alike_bits)
{
    return a->width && b->width && ork_sketch_bits(&a->sketch, &b->sketch) <= alike_bits &&
           ork_sketch_distance(&a->sketch, &b->sketch) <= ALIKE_FEATURES;
}

/* Of several that look the same, all but the first are twins of the first. */
static void find_twin(ork_picture_set *set, int alike_bits)
{
    ork_surveyed *last = &set->items.items[set->items.count - 1];
    for (size_t i = 0; i + 1 < set->items.count && last->twin < 0; i++)
        if (set->items.items[i].twin < 0 && is_alike(&set->items.items[i], last, alike_bits))
            last->twin = (int)i;
}

/* ---- which files ---- */

static bool list_folder(ork_arena *arena, ork_diag *diag, const char *path, ork_names *files)
{
    ork_names names;
    if (!ork_folder_read(diag, arena, path, &names))
        return false;
    for (size_t i = 0; i < names.count; i++)
        if (ork_image_kind_of_path(names.items[i]) != ORK_IMAGE_UNKNOWN)
            ork_vec_push(arena, files,
                         ork_arena_printf(arena, "%s%s%s", path,
                                          ork_ends_with(path, "/") ? "" : "/", names.items[i]));
    if (files->count)
        return true;
    ork_fail(diag, ORK_ERR_DATASET_EMPTY, "the folder has no pictures");
    ork_where(diag, "%s", path);
    return ork_why(diag, "only .jpg .jpeg .png .bmp count");
}

static bool read_list(ork_arena *arena, ork_diag *diag, const char *path, ork_names *files)
{
    ork_file file;
    ork_list list;
    if (!ork_list_map(diag, path, &file))
        return false;
    bool good = ork_list_read(diag, arena, path, file.bytes, &list);
    ork_file_unmap(&file);
    for (size_t i = 0; good && i < list.count; i++)
        for (size_t k = 0; k < list.items[i].count; k++) {
            const char *beside;
            const char *found = ork_list_file(arena, path, list.items[i].words[k], &beside);
            ork_vec_push(arena, files, found ? found : beside);
        }
    if (!good || files->count)
        return good;
    ork_fail(diag, ORK_ERR_DATASET_EMPTY, "the dataset lists no samples");
    return ork_where(diag, "%s", path);
}

static bool is_list(const char *path)
{
    return ork_image_kind_of_path(path) == ORK_IMAGE_UNKNOWN && !ork_ends_with(path, ".npy");
}

static bool gather(ork_arena *arena, ork_diag *diag, const char *const *paths, size_t count,
                   ork_names *files)
{
    if (count == 1 && ork_is_folder(paths[0]))
        return list_folder(arena, diag, paths[0], files);
    if (count == 1 && is_list(paths[0]))
        return read_list(arena, diag, paths[0], files);
    for (size_t i = 0; i < count; i++)
        ork_vec_push(arena, files, paths[i]);
    return true;
}

/* ---- advice ---- */

typedef struct tally {
    size_t all, usable, broken, arrays, dark, bright, blank, gray, twins, small;
} tally;

static bool is_usable(const ork_surveyed *item)
{
    return !item->problem && item->width && !item->is_blank && item->twin < 0;
}

static tally count_kinds(const ork_picture_set *set)
{
    enum { SMALL_SIDE = 64 };
    tally count = {.all = set->items.count};
    for (size_t i = 0; i < set->items.count; i++) {
        const ork_surveyed *item = &set->items.items[i];
        bool is_picture = item->width > 0;
        count.broken += item->problem != NULL;
        count.arrays += !item->problem && !is_picture;
        count.usable += is_usable(item);
        count.dark += is_picture && item->is_dark && !item->is_blank;
        count.bright += is_picture && item->is_bright && !item->is_blank;
        count.blank += is_picture && item->is_blank;
        count.gray += is_picture && item->sketch.is_gray;
        count.twins += item->twin >= 0;
        count.small += is_picture && item->width < SMALL_SIDE && item->height < SMALL_SIDE;
    }
    return count;
}

static void advise(ork_picture_set *set, const char *format, ...) ORK_PRINTF(2, 3);
static void advise(ork_picture_set *set, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ork_vec_push(set->arena, &set->advice, ork_arena_vprintf(set->arena, format, args));
    va_end(args);
}

static void advise_number(ork_picture_set *set, const tally *count)
{
    size_t good = count->usable + count->arrays;
    if (good < FEW)
        advise(set,
               "Different pictures: %zu. Take at least %d, better %d, from where the network will "
               "be used.",
               good, FEW, ENOUGH);
    else if (good > MANY)
        advise(set,
               "Different pictures: %zu. More than some %d cost time and change the ranges little; "
               "`ork calib sample` chooses among them.",
               good, ENOUGH);
    else
        advise(set, "Different pictures: %zu. That is enough.", good);
}

static void advise_faults(ork_picture_set *set, const tally *count)
{
    if (count->broken)
        advise(set, "Files that cannot be used: %zu. Repair or remove them.", count->broken);
    if (count->twins)
        advise(set, "Near duplicates of earlier pictures: %zu. They cost time and add nothing.",
               count->twins);
    if (count->blank)
        advise(set,
               "Pictures that show nothing: %zu. Remove them unless the network will see such.",
               count->blank);
    if (count->small)
        advise(set,
               "Pictures below 64 x 64 pixels: %zu. Enlarged, their edges are softer than what the "
               "network will see.",
               count->small);
}

/* A quarter of the pictures is many. */
static void advise_light(ork_picture_set *set, size_t count, size_t pictures, const char *light)
{
    if (count * 4 > pictures)
        advise(set,
               "Very %s pictures: %zu of %zu. Ranges will fit those; mix in other light if the "
               "network will see it.",
               light, count, pictures);
}

static void advise_kinds(ork_picture_set *set, const tally *count)
{
    size_t pictures = count->all - count->broken - count->arrays;
    advise_light(set, count->dark, pictures, "dark");
    advise_light(set, count->bright, pictures, "bright");
    if (count->gray)
        advise(set, "Pictures without colour: %zu of %zu. Right only if the network will see such.",
               count->gray, pictures);
}

/* ---- the set ---- */

bool ork_picture_set_read(ork_picture_set *set, ork_diag *diag, const char *const *paths,
                          size_t count, int alike_bits)
{
    ork_names files = {0};
    if (!gather(set->arena, diag, paths, count, &files))
        return false;
    for (size_t i = 0; i < files.count; i++) {
        if (!ork_progress(diag, "reading pictures", i, files.count))
            return false;
        look_at_file(set, diag, files.items[i]);
        find_twin(set, alike_bits);
    }
    ork_progress(diag, "reading pictures", files.count, files.count);
    ork_diag_clear(diag);
    tally kinds = count_kinds(set);
    advise_number(set, &kinds);
    advise_faults(set, &kinds);
    advise_kinds(set, &kinds);
    return true;
}

/* ---- sampling ---- */

/* The sketch of the mean features. */
static ork_sketch mean_sketch(const ork_picture_set *set)
{
    uint64_t sums[ORK_SKETCH_FEATURES] = {0}, count = 0;
    ork_sketch mean = {0};
    for (size_t i = 0; i < set->items.count; i++) {
        if (!is_usable(&set->items.items[i]))
            continue;
        for (int f = 0; f < ORK_SKETCH_FEATURES; f++)
            sums[f] += set->items.items[i].sketch.features[f];
        count++;
    }
    for (int f = 0; f < ORK_SKETCH_FEATURES && count; f++)
        mean.features[f] = (uint8_t)((sums[f] + count / 2) / count);
    return mean;
}

/* The first candidate nearest to the mean, or farthest from what was chosen; -1 when none is left.
   distances are to the nearest chosen one. */
static int next_choice(const ork_picture_set *set, const int64_t *distances, const bool *is_taken)
{
    int best = -1;
    for (size_t i = 0; i < set->items.count; i++)
        if (is_usable(&set->items.items[i]) && !is_taken[i] &&
            (best < 0 || distances[i] > distances[best]))
            best = (int)i;
    return best;
}

size_t ork_picture_set_sample(const ork_picture_set *set, size_t wanted, int *chosen)
{
    ork_arena *arena = ork_arena_new();
    int64_t *distances = ORK_NEW_ARRAY(arena, int64_t, set->items.count + 1);
    bool *is_taken = ORK_NEW_ARRAY(arena, bool, set->items.count + 1);
    ork_sketch mean = mean_sketch(set);
    size_t count = 0;
    for (size_t i = 0; i < set->items.count; i++) /* negated: the nearest is the greatest */
        distances[i] = -(int64_t)ork_sketch_distance(&mean, &set->items.items[i].sketch);
    for (int next; count < wanted && (next = next_choice(set, distances, is_taken)) >= 0;) {
        const ork_sketch *sketch = &set->items.items[next].sketch;
        for (size_t i = 0; i < set->items.count; i++) {
            int64_t distance = ork_sketch_distance(sketch, &set->items.items[i].sketch);
            if (!count || distance < distances[i])
                distances[i] = distance;
        }
        is_taken[next] = true;
        chosen[count++] = next;
    }
    ork_arena_free(arena);
    return count;
}
