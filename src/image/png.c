/* SPDX-License-Identifier: Apache-2.0 */
/* PNG through libpng, set up as cv2.imread does it. */
#include "formats.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

const bool ork_png_built = true;

enum { MAX_INFLATION = 1040 }; /* bytes out of one byte of deflate data: 1032, and its headers */

typedef struct png_job {
    png_structp png;
    png_infop info;
    ork_diag *diag;
    ork_reader reader;
    ork_image *image;
    png_bytep *rows;
    int orientation;
} png_job;

static void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    if (job->reader.failed)
        ork_image_truncated(job->diag, ORK_IMAGE_PNG);
    else
        ork_image_damaged(job->diag, ORK_IMAGE_PNG, message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static void read_data(png_structp png, png_bytep data, png_size_t size)
{
    png_job *job = png_get_io_ptr(png);
    const uint8_t *bytes = ork_read_bytes(&job->reader, size);
    if (!bytes)
        png_error(png, "the file ends too early");
    memcpy(data, bytes, size);
}

/* Tells libpng what to turn the rows into; returns their channels. */
static int set_transforms(png_structp png, png_infop info, int channels)
{
    int type = png_get_color_type(png, info);
    bool coloured = type & PNG_COLOR_MASK_COLOR;
    int wanted = channels ? channels : coloured ? 3 : 1;
    if (png_get_bit_depth(png, info) == 16)
        png_set_strip_16(png);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (!coloured && png_get_bit_depth(png, info) < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (wanted == 4) {
        png_set_tRNS_to_alpha(png);
        png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    } else {
        png_set_strip_alpha(png);
    }
    if (wanted == 1 && coloured)
        png_set_rgb_to_gray(png, PNG_ERROR_ACTION_NONE, 0.299, 0.587);
    if (wanted >= 3)
        png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return wanted;
}

static int orientation_of(png_structp png, png_infop info)
{
#ifdef PNG_eXIf_SUPPORTED
    png_bytep exif = NULL;
    png_uint_32 size = 0;
    if (png_get_eXIf_1(png, info, &size, &exif) && exif)
        return ork_exif_orientation((ork_bytes){exif, size});
#else
    (void)png, (void)info;
#endif
    return 1;
}

static bool decode(png_job *job, int channels)
{
    png_structp png = job->png;
    png_infop info = job->info;
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_read_fn(png, job, read_data);
    png_set_user_limits(png, ORK_IMAGE_MAX_SIDE, ORK_IMAGE_MAX_SIDE);
    png_read_info(png, info);
    uint64_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    uint64_t bits = (uint64_t)png_get_bit_depth(png, info) * png_get_channels(png, info);
    int made = set_transforms(png, info, channels);
    if (!ork_image_new_for(job->diag, ORK_IMAGE_PNG, width, height, made, job->reader.size,
                           MAX_INFLATION * 8 / bits, job->image))
        return false;
    if (png_get_rowbytes(png, info) != (size_t)job->image->stride)
        png_error(png, "its pixels are of a kind that is not known");
    job->rows = malloc((size_t)height * sizeof(*job->rows));
    if (!job->rows)
        png_error(png, "no memory");
    for (int y = 0; y < job->image->height; y++)
        job->rows[y] = ork_image_row(job->image, y);
    png_read_image(png, job->rows);
    png_read_end(png, info);
    job->orientation = orientation_of(png, info);
    return true;
}

bool ork_png_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image)
{
    png_job *job = calloc(1, sizeof(*job));
    if (job)
        job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    if (job && job->png)
        job->info = png_create_info_struct(job->png);
    bool good = false;
    if (job && job->info) {
        job->diag = diag;
        job->reader = ork_reader_new(bytes);
        job->image = image;
        good = decode(job, channels);
    } else {
        ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to read a picture");
    }
    int orientation = good ? job->orientation : 1;
    if (job) {
        if (job->png)
            png_destroy_read_struct(&job->png, &job->info, NULL);
        free(job->rows);
    }
    free(job);
    if (!good)
        ork_image_free(image);
    return good && ork_image_orient(diag, image, orientation);
}

static void on_write_error(png_structp png, png_const_charp message)
{
    ork_diag *diag = png_get_error_ptr(png);
    ork_fail(diag, ORK_ERR_IMAGE, "cannot make a PNG picture");
    ork_why(diag, "%s", message);
    png_longjmp(png, 1);
}

static void write_data(png_structp png, png_bytep data, png_size_t size)
{
    ork_str_append(png_get_io_ptr(png), (const char *)data, size);
}

static void flush_data(png_structp png)
{
    (void)png;
}

static bool encode(png_structp png, png_infop info, const ork_image *image, ork_str *out)
{
    static const int types[] = {
        [1] = PNG_COLOR_TYPE_GRAY, [3] = PNG_COLOR_TYPE_RGB, [4] = PNG_COLOR_TYPE_RGB_ALPHA};
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_write_fn(png, out, write_data, flush_data);
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 types[image->channels], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int y = 0; y < image->height; y++)
        png_write_row(png, ork_image_row(image, y));
    png_write_end(png, info);
    return true;
}

bool ork_png_encode(ork_diag *diag, const ork_image *image, int quality, ork_str *out)
{
    (void)quality;
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, diag, on_write_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool good = info ? encode(png, info, image, out)
                     : ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to write a picture");
    if (png)
        png_destroy_write_struct(&png, &info);
    return good;
}
