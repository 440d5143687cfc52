/* SPDX-License-Identifier: Apache-2.0 */
/* Between RGB, BGR, gray and what cameras deliver. */
#include "image.h"

#include <assert.h>
#include <string.h>

void ork_image_swap_red_blue(ork_image *image)
{
    for (int y = 0; image->channels >= 3 && y < image->height; y++) {
        uint8_t *pixel = ork_image_row(image, y);
        for (int x = 0; x < image->width; x++, pixel += image->channels) {
            uint8_t red = pixel[0];
            pixel[0] = pixel[2];
            pixel[2] = red;
        }
    }
}

static uint8_t gray_of(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 4899 + rgb[1] * 9617 + rgb[2] * 1868 + (1 << 13)) >> 14);
}

static void convert_pixel(const uint8_t *from, int from_channels, uint8_t *to, int to_channels)
{
    if (to_channels == 1) {
        *to = from_channels == 1 ? *from : gray_of(from);
        return;
    }
    for (int c = 0; c < 3; c++)
        to[c] = from[from_channels == 1 ? 0 : c];
    if (to_channels == 4)
        to[3] = from_channels == 4 ? from[3] : 255;
}

void ork_image_convert(const ork_image *src, ork_image *dst)
{
    assert(src->width == dst->width && src->height == dst->height);
    for (int y = 0; y < dst->height; y++) {
        const uint8_t *from = ork_image_row(src, y);
        uint8_t *to = ork_image_row(dst, y);
        for (int x = 0; x < dst->width; x++, from += src->channels, to += dst->channels)
            convert_pixel(from, src->channels, to, dst->channels);
    }
}

/* BT.601 from video range (luma 16 .. 235), in fixed point of 20 bits as OpenCV has it:
   1.164, 2.018, -0.391, -0.813, 1.596. */
enum {
    YUV_BITS = 20,
    FROM_Y = 1220542,
    BLUE_U = 2116026,
    GREEN_U = -409993,
    GREEN_V = -852492,
    RED_V = 1673527,
};

static uint8_t clamp_byte(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* What U and V add, shared by the pixels that share them. */
typedef struct chroma {
    int red, green, blue;
} chroma;

static chroma chroma_of(int u, int v)
{
    const int half = 1 << (YUV_BITS - 1);
    return (chroma){half + RED_V * (v - 128), half + GREEN_V * (v - 128) + GREEN_U * (u - 128),
                    half + BLUE_U * (u - 128)};
}

static void put_yuv(int luma, chroma add, int red_place, uint8_t *pixel)
{
    int y = (luma < 16 ? 0 : luma - 16) * FROM_Y;
    pixel[red_place] = clamp_byte((y + add.red) >> YUV_BITS);
    pixel[1] = clamp_byte((y + add.green) >> YUV_BITS);
    pixel[2 - red_place] = clamp_byte((y + add.blue) >> YUV_BITS);
}

void ork_image_from_yuyv(const uint8_t *yuyv, ptrdiff_t stride, ork_pixel_order order,
                         ork_image *image)
{
    assert(image->channels == 3 && image->width % 2 == 0);
    int red_place = order == ORK_BGR ? 2 : 0;
    for (int y = 0; y < image->height; y++) {
        const uint8_t *from = yuyv + y * stride;
        uint8_t *to = ork_image_row(image, y);
        for (int x = 0; x < image->width; x += 2, from += 4, to += 6) {
            chroma add = chroma_of(from[1], from[3]);
            put_yuv(from[0], add, red_place, to);
            put_yuv(from[2], add, red_place, to + 3);
        }
    }
}

void ork_image_from_nv12(const uint8_t *luma, const uint8_t *chroma_plane, ptrdiff_t stride,
                         ork_pixel_order order, ork_image *image)
{
    assert(image->channels == 3 && image->width % 2 == 0 && image->height % 2 == 0);
    int red_place = order == ORK_BGR ? 2 : 0;
    for (int y = 0; y < image->height; y++) {
        const uint8_t *from = luma + y * stride;
        const uint8_t *uv = chroma_plane + y / 2 * stride;
        uint8_t *to = ork_image_row(image, y);
        for (int x = 0; x < image->width; x += 2, to += 6) {
            chroma add = chroma_of(uv[x], uv[x + 1]);
            put_yuv(from[x], add, red_place, to);
            put_yuv(from[x + 1], add, red_place, to + 3);
        }
    }
}
