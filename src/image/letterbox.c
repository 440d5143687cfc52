/* SPDX-License-Identifier: Apache-2.0 */
/* Fitting a picture of any proportions into the input of a network, and boxes back. */
#include "image.h"

#include <assert.h>
#include <string.h>

static int fitted(int side, double scale, int most)
{
    int size = (int)(side * scale);
    return size < 1 ? 1 : size > most ? most : size;
}

ork_letterbox ork_letterbox_new(ork_fit fit, int image_width, int image_height, int width,
                                int height)
{
    assert(image_width >= 1 && image_height >= 1 && width >= 1 && height >= 1);
    double scale_x = (double)width / image_width, scale_y = (double)height / image_height;
    ork_letterbox box = {.fit = fit,
                         .image_width = image_width,
                         .image_height = image_height,
                         .width = width,
                         .height = height,
                         .new_width = width,
                         .new_height = height,
                         .scale = scale_x < scale_y ? scale_x : scale_y};
    if (fit != ORK_FIT_STRETCH) {
        box.new_width = fitted(image_width, box.scale, width);
        box.new_height = fitted(image_height, box.scale, height);
    }
    if (fit == ORK_FIT_CENTRE) {
        box.left = (width - box.new_width) / 2;
        box.top = (height - box.new_height) / 2;
    }
    bool corner = fit == ORK_FIT_CORNER;
    box.back_x = corner ? 1.0 / box.scale : (double)image_width / box.new_width;
    box.back_y = corner ? 1.0 / box.scale : (double)image_height / box.new_height;
    return box;
}

uint8_t ork_fit_fill(ork_fit fit)
{
    static const uint8_t fills[] = {
        [ORK_FIT_CENTRE] = 128, [ORK_FIT_CORNER] = 114, [ORK_FIT_STRETCH] = 0};
    return fills[fit];
}

/* Fills what the picture at `inner` leaves free. */
static void fill_border(const ork_letterbox *box, uint8_t fill, const ork_image *dst)
{
    size_t channels = (size_t)dst->channels, row = (size_t)dst->width * channels;
    size_t before = (size_t)box->left * channels;
    size_t behind = before + (size_t)box->new_width * channels;
    for (int y = 0; y < dst->height; y++) {
        uint8_t *pixels = ork_image_row(dst, y);
        if (y < box->top || y >= box->top + box->new_height) {
            memset(pixels, fill, row);
        } else {
            memset(pixels, fill, before);
            memset(pixels + behind, fill, row - behind);
        }
    }
}

bool ork_letterbox_apply(const ork_letterbox *box, uint8_t fill, const ork_image *src,
                         ork_image *dst)
{
    assert(src->width == box->image_width && src->height == box->image_height);
    assert(dst->width == box->width && dst->height == box->height);
    ork_image inner = {box->new_width, box->new_height, dst->channels, dst->stride,
                       ork_image_row(dst, box->top) + (ptrdiff_t)box->left * dst->channels};
    fill_border(box, fill, dst);
    return ork_image_resize_bilinear(src, &inner);
}

void ork_letterbox_back_point(const ork_letterbox *box, float *x, float *y)
{
    *x = (float)(((double)*x - box->left) * box->back_x);
    *y = (float)(((double)*y - box->top) * box->back_y);
}

void ork_letterbox_back(const ork_letterbox *box, float corners[4])
{
    ork_letterbox_back_point(box, &corners[0], &corners[1]);
    ork_letterbox_back_point(box, &corners[2], &corners[3]);
}
