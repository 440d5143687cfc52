/* SPDX-License-Identifier: Apache-2.0 */
/* Bilinear resizing with the arithmetic of OpenCV 4's cv::resize(INTER_LINEAR) on bytes: weights of
   11 bits, rows first into integers, then two of those rows into bytes with the same intermediate
   cuts. Rows that the next line needs again are kept. */
#include "image.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { WEIGHT_BITS = 11 };

typedef struct tap {
    int32_t first, second; /* places in the source: bytes along x, rows along y */
    int16_t weight_first, weight_second;
} tap;

static int16_t to_weight(float fraction)
{
    return (int16_t)lrintf(fraction * (float)(1 << WEIGHT_BITS));
}

/* Along x OpenCV moves places outside to the border with the whole weight on one pixel; along y it
   keeps both weights and repeats the row, which rounds differently. */
static void make_taps(tap *taps, int count, int source, int step, bool whole_at_border)
{
    double scale = 1.0 / ((double)count / source);
    for (int i = 0; i < count; i++) {
        float place = (float)((i + 0.5) * scale - 0.5);
        int first = (int)floorf(place);
        float fraction = place - (float)first;
        if (whole_at_border && (first < 0 || first >= source - 1))
            fraction = 0;
        int last = source - 1;
        int low = first < 0 ? 0 : first > last ? last : first;
        int high = first + 1 > last ? last : first + 1;
        taps[i] = (tap){low * step, high * step, to_weight(1.0f - fraction), to_weight(fraction)};
    }
}

static inline void widen_row(const uint8_t *src, const tap *taps, int width, int channels,
                             int32_t *out)
{
    for (int x = 0; x < width; x++, out += channels) {
        const uint8_t *first = src + taps[x].first, *second = src + taps[x].second;
        int32_t a = taps[x].weight_first, b = taps[x].weight_second;
        for (int c = 0; c < channels; c++)
            out[c] = first[c] * a + second[c] * b;
    }
}

/* With a constant number of channels the compiler unrolls the inner loop. */
static void widen(const uint8_t *src, const tap *taps, int width, int channels, int32_t *out)
{
    if (channels == 1)
        widen_row(src, taps, width, 1, out);
    else if (channels == 3)
        widen_row(src, taps, width, 3, out);
    else
        widen_row(src, taps, width, 4, out);
}

static void blend(const int32_t *restrict first, const int32_t *restrict second, const tap *t,
                  size_t count, uint8_t *restrict out)
{
    int32_t a = t->weight_first, b = t->weight_second;
    for (size_t i = 0; i < count; i++)
        out[i] =
            (uint8_t)((((a * (first[i] >> 4)) >> 16) + ((b * (second[i] >> 4)) >> 16) + 2) >> 2);
}

typedef struct row_cache {
    int32_t *rows[2];
    int row[2]; /* the source row that each holds, -1 for none */
} row_cache;

/* The slot that holds source row y; `keep` is a row that must stay. */
static const int32_t *cached_row(row_cache *cache, const ork_image *src, const tap *taps, int width,
                                 int y, int keep)
{
    for (int i = 0; i < 2; i++)
        if (cache->row[i] == y)
            return cache->rows[i];
    int slot = cache->row[0] == keep;
    widen(ork_image_row(src, y), taps, width, src->channels, cache->rows[slot]);
    cache->row[slot] = y;
    return cache->rows[slot];
}

bool ork_image_resize_bilinear(const ork_image *src, ork_image *dst)
{
    assert(src->channels == dst->channels);
    size_t width = (size_t)dst->width, height = (size_t)dst->height;
    size_t row = width * (size_t)dst->channels;
    tap *taps = ork_data_alloc((width + height) * sizeof(tap) + 2 * row * sizeof(int32_t));
    if (!taps)
        return false;
    tap *down = taps + width;
    int32_t *rows = (int32_t *)(void *)(down + height);
    row_cache cache = {{rows, rows + row}, {-1, -1}};
    make_taps(taps, dst->width, src->width, src->channels, true);
    make_taps(down, dst->height, src->height, 1, false);
    for (int y = 0; y < dst->height; y++) {
        const tap *t = &down[y];
        const int32_t *first = cached_row(&cache, src, taps, dst->width, t->first, t->second);
        const int32_t *second = cached_row(&cache, src, taps, dst->width, t->second, t->first);
        blend(first, second, t, row, ork_image_row(dst, y));
    }
    ork_data_free(taps);
    return true;
}
