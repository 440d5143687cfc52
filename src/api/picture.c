/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures and arrays. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

ork_image picture_image(const ork_picture *picture)
{
    return (ork_image){.width = picture->width,
                       .height = picture->height,
                       .channels = 3,
                       .stride = picture->stride,
                       .pixels = picture->pixels};
}

static bool give(const ork_image *image, bool good, ork_picture *picture)
{
    *picture = good ? (ork_picture){image->width, image->height, image->stride, image->pixels}
                    : (ork_picture){0};
    return good;
}

bool ork_picture_read(ork_model *model, const char *path, ork_picture *picture)
{
    ork_image image;
    ork_diag_clear(model->diag);
    return give(&image, ork_image_read(model->diag, path, 3, &image), picture);
}

bool ork_picture_decode(ork_model *model, const void *bytes, size_t size, ork_picture *picture)
{
    ork_image image;
    ork_diag_clear(model->diag);
    return give(&image, ork_image_decode(model->diag, (ork_bytes){bytes, size}, 3, &image),
                picture);
}

bool ork_picture_resize(ork_model *model, const ork_picture *picture, int width, int height,
                        ork_picture *resized)
{
    ork_image from = picture_image(picture), image;
    ork_diag_clear(model->diag);
    bool good = ork_image_new(model->diag, width, height, 3, &image);
    if (good && !ork_image_resize_bilinear(&from, &image)) {
        ork_image_free(&image);
        good = ork_fail(model->diag, ORK_ERR_OUT_OF_MEMORY, "no memory to resize a picture");
    }
    return give(&image, good, resized);
}

bool ork_picture_write(ork_model *model, const char *path, const ork_picture *picture)
{
    enum { QUALITY = 92 };
    ork_image image = picture_image(picture);
    ork_diag_clear(model->diag);
    return ork_image_write(model->diag, path, &image, QUALITY);
}

void ork_picture_free(ork_picture *picture)
{
    ork_image image = picture_image(picture);
    ork_image_free(&image);
    *picture = (ork_picture){0};
}

/* ---- arrays ---- */

bool ork_array_read_npy(ork_model *model, const char *path, ork_array *array)
{
    *array = (ork_array){0};
    ork_diag_clear(model->diag);
    ork_file file;
    if (!ork_file_map(model->diag, path, &file))
        return false;
    ork_arena *arena = ork_arena_new();
    ork_tensor tensor;
    bool good = ork_npy_read(model->diag, arena, file.bytes, &tensor);
    ork_file_unmap(&file);
    if (good) {
        array->dtype = tensor.type.dtype;
        array->rank = tensor.type.shape.rank;
        memcpy(array->dims, tensor.type.shape.dim, sizeof(array->dims));
        size_t bytes = ork_tensor_bytes(&tensor);
        array->data = malloc(bytes ? bytes : 1);
        if (array->data)
            memcpy(array->data, tensor.data, bytes);
        else
            good = ork_fail(model->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for an array");
    } else {
        ork_where(model->diag, "%s", path);
    }
    ork_arena_free(arena);
    return good;
}

bool ork_array_write_npy(ork_model *model, const char *path, const ork_array *array)
{
    ork_diag_clear(model->diag);
    ork_tensor tensor = {.type = ork_type_of(array->dtype, array->rank, array->dims),
                         .data = array->data};
    return ork_npy_write(model->diag, path, &tensor);
}

void ork_array_free(ork_array *array)
{
    free(array->data);
    *array = (ork_array){0};
}
