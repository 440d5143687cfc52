/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "../image/image.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct sample {
    size_t line;
    const char **files; /* one for each input */
} sample;

struct ork_dataset {
    ork_arena *arena;
    const char *path;
    size_t input_count;
    ORK_VEC(sample) samples;
    bool fits_vary;
    ork_statistics_source *source;
};

/* ---- the list ---- */

static bool fail_count(const ork_dataset *d, ork_diag *diag, size_t line, size_t count)
{
    ork_fail(diag, ORK_ERR_DATASET_LINE, "line %zu lists %zu %s, but the network has %zu %s", line,
             count, count == 1 ? "file" : "files", d->input_count,
             d->input_count == 1 ? "input" : "inputs");
    ork_where(diag, "%s:%zu", d->path, line);
    return ork_fix(diag, ORK_LIST_ADVICE);
}

/* The first file that is missing; the others, of this line and those below, are only counted. */
static void note_missing(const ork_dataset *d, ork_diag *diag, size_t line, const char *name,
                         const char *beside)
{
    char folder[PATH_MAX];
    if (ork_diag_error_id(diag) != ORK_ERR_NONE)
        return;
    ork_fail(diag, ORK_ERR_DATASET_LINE, "line %zu names a file that does not exist: '%s'", line,
             name);
    ork_where(diag, "%s:%zu", d->path, line);
    ork_why(diag, "tried '%s' and '%s' in %s", beside, name,
            getcwd(folder, sizeof(folder)) ? folder : "the working folder");
}

/* False when files are missing. */
static bool add_sample(ork_dataset *d, ork_diag *diag, const ork_list_line *line)
{
    sample added = {line->number, ORK_NEW_ARRAY(d->arena, const char *, d->input_count)};
    bool good = true;
    for (size_t i = 0; i < line->count; i++) {
        const char *beside;
        added.files[i] = ork_list_file(d->arena, d->path, line->words[i], &beside);
        if (!added.files[i])
            note_missing(d, diag, line->number, line->words[i], beside);
        good = good && added.files[i];
    }
    ork_vec_push(d->arena, &d->samples, added);
    return good;
}

static bool read_list(ork_dataset *d, ork_diag *diag, ork_bytes text)
{
    ork_list list;
    size_t missing = 0;
    ork_diag_clear(diag); /* the first missing file is told, which an older error would hide */
    if (!ork_list_read(diag, d->arena, d->path, text, &list))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        const ork_list_line *line = &list.items[i];
        if (line->count != d->input_count)
            return fail_count(d, diag, line->number, line->count);
        missing += !add_sample(d, diag, line);
    }
    if (missing)
        return ork_fix(diag,
                       "%zu of %zu lines name missing files: name files relative to the list "
                       "or to the folder you start from",
                       missing, d->samples.count);
    if (d->samples.count)
        return true;
    ork_fail(diag, ORK_ERR_DATASET_EMPTY, "the dataset lists no samples");
    return ork_where(diag, "%s", d->path);
}

ork_dataset *ork_dataset_open(ork_diag *diag, const char *path, size_t input_count)
{
    ork_file file;
    if (!ork_list_map(diag, path, &file))
        return NULL;
    ork_dataset *d = ork_dataset_read(diag, path, file.bytes, input_count);
    ork_file_unmap(&file);
    return d;
}

ork_dataset *ork_dataset_read(ork_diag *diag, const char *path, ork_bytes text, size_t input_count)
{
    ork_arena *arena = ork_arena_new();
    ork_dataset *d = ORK_NEW(arena, ork_dataset);
    d->arena = arena;
    d->path = ork_arena_strdup(arena, path);
    d->input_count = input_count;
    if (read_list(d, diag, text))
        return d;
    ork_dataset_free(d);
    return NULL;
}

void ork_dataset_free(ork_dataset *dataset)
{
    if (dataset)
        ork_arena_free(dataset->arena);
}

size_t ork_dataset_count(const ork_dataset *dataset)
{
    return dataset->samples.count;
}

/* ---- samples ---- */

static bool is_finite(const ork_tensor *tensor)
{
    int64_t count = ork_shape_count(&tensor->type.shape);
    if (!ork_dtype_table[tensor->type.dtype].is_float)
        return true;
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(ork_element_get(tensor->type.dtype, tensor->data, i)))
            return false;
    return true;
}

/* The advice for inference() does not fit here. */
static bool fix_shape(ork_diag *diag, ork_arena *arena)
{
    const ork_error *error = ork_diag_error(diag);
    const char *what = ork_arena_strdup(arena, error->what);
    const char *why = ork_arena_strdup(arena, error->why);
    if (ork_diag_error_id(diag) != ORK_ERR_INPUT_SHAPE)
        return false;
    ork_fail(diag, ORK_ERR_INPUT_SHAPE, "%s", what);
    ork_why(diag, "%s", why);
    return ork_fix(diag, "save arrays as height, width, channels, in the size of the input");
}

static bool feed_array(ork_diag *diag, ork_arena *arena, ork_bytes bytes, const ork_shape *wanted,
                       size_t input, ork_runner *runner)
{
    ork_tensor tensor;
    if (!ork_npy_read(diag, arena, bytes, &tensor))
        return false;
    ork_feed feed = {.data = tensor.data,
                     .dtype = tensor.type.dtype,
                     .shape = tensor.type.shape,
                     .is_nhwc = true};
    if (feed.shape.rank == 3 && wanted->rank == 4) /* a picture without batch */
        feed.shape = ork_shape_of(
            4, (int64_t[]){1, feed.shape.dim[0], feed.shape.dim[1], feed.shape.dim[2]});
    if (!ork_runner_check_feed(runner, diag, input, &feed))
        return fix_shape(diag, arena);
    if (!is_finite(&tensor)) {
        ork_fail(diag, ORK_ERR_NPY, "the array holds numbers that are not finite");
        return ork_fix(diag, "leave out samples with NaN or infinity");
    }
    ork_runner_set_input(runner, input, &feed);
    return true;
}

/* Stretched, as the toolkit does it; or every other one fitted in a way that detectors are used
   with. */
static ork_letterbox fit_of(const ork_dataset *d, size_t index, const ork_image *image,
                            const ork_image *sized)
{
    ork_fit fit = ORK_FIT_STRETCH;
    if (d->fits_vary && index % 2)
        fit = index / 2 % 2 ? ORK_FIT_CENTRE : ORK_FIT_CORNER;
    return ork_letterbox_new(fit, image->width, image->height, sized->width, sized->height);
}

/* Scripts that set a channel order read pictures as red, green, blue or, with OpenCV, as blue,
   green, red; nobody knows which. Pictures are the former, every other four the latter. */
static void vary_order(const ork_dataset *d, size_t index, const ork_graph_input *input,
                       ork_image *image)
{
    const ork_preprocess *p = &input->preprocess;
    if (!d->fits_vary || index / 4 % 2 == 0 || image->channels != 3 || p->count != 3 ||
        p->reorder[0] == 0)
        return;
    for (size_t i = 0; i < (size_t)image->width * (size_t)image->height; i++) {
        uint8_t *pixel = image->pixels + 3 * i;
        const uint8_t first = pixel[0];
        pixel[0] = pixel[2];
        pixel[2] = first;
    }
}

static bool feed_picture(const ork_dataset *d, ork_diag *diag, size_t index, ork_bytes bytes,
                         const ork_graph_input *to, size_t input, ork_runner *runner)
{
    const ork_value *value = to->value;
    const ork_shape *shape = &value->type.shape;
    int64_t channels = shape->rank == 4 ? shape->dim[1] : 0;
    if ((channels != 1 && channels != 3 && channels != 4) || shape->dim[0] != 1) {
        char text[ORK_SHAPE_TEXT];
        ork_fail(diag, ORK_ERR_DATASET_LINE, "a picture cannot be the input '%s' of shape %s",
                 value->name, ork_shape_text(shape, text, sizeof(text)));
        return ork_fix(diag, "list .npy files for this input");
    }
    ork_image image, sized = {0};
    if (!ork_image_decode(diag, bytes, (int)channels, &image))
        return false;
    bool good = ork_image_new(diag, (int)shape->dim[3], (int)shape->dim[2], (int)channels, &sized);
    if (good) {
        const ork_letterbox box = fit_of(d, index, &image, &sized);
        good = ork_letterbox_apply(&box, ork_fit_fill(box.fit), &image, &sized);
        vary_order(d, index, to, &sized);
    }
    if (good) {
        ork_feed feed = {
            .data = sized.pixels,
            .dtype = ORK_U8,
            .is_nhwc = true,
            .shape = ork_shape_of(4, (int64_t[]){1, shape->dim[2], shape->dim[3], channels})};
        ork_runner_set_input(runner, input, &feed);
    }
    ork_image_free(&sized);
    ork_image_free(&image);
    return good;
}

void ork_dataset_vary_fits(ork_dataset *d, bool vary)
{
    d->fits_vary = vary;
}

bool ork_dataset_fits_vary(const ork_dataset *d)
{
    return d->fits_vary;
}

void ork_dataset_set_source(ork_dataset *d, ork_statistics_source *source)
{
    d->source = source;
}

ork_statistics_source *ork_dataset_source(const ork_dataset *d)
{
    return d->source;
}

bool ork_dataset_feed(ork_dataset *d, ork_diag *diag, size_t index, ork_runner *runner,
                      const ork_graph *graph)
{
    const sample *s = &d->samples.items[index];
    for (size_t i = 0; i < d->input_count; i++) {
        ork_file file;
        if (!ork_file_map(diag, s->files[i], &file))
            return false;
        ork_arena *arena = ork_arena_new();
        bool is_array = file.bytes.size >= 6 && memcmp(file.bytes.data, "\x93NUMPY", 6) == 0;
        const ork_graph_input *input = &graph->inputs.items[i];
        bool good = is_array
                        ? feed_array(diag, arena, file.bytes, &input->value->type.shape, i, runner)
                        : feed_picture(d, diag, index, file.bytes, input, i, runner);
        ork_arena_free(arena);
        ork_file_unmap(&file);
        if (!good)
            return ork_where(diag, "%s (%s:%zu)", s->files[i], d->path, s->line);
    }
    return true;
}
