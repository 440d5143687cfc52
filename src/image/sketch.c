/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that tell pictures apart without keeping them. The hash is the difference hash that Neal
   Krawetz described ("Kind of Like That", hackerfactor.com, 2013). */
#include "image.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { CELLS = 32, COLOUR_CELLS = 4, HASH_COLUMNS = 9, HASH_ROWS = 8, DIRECTIONS = 4 };
enum { COLOUR_FEATURES = COLOUR_CELLS * COLOUR_CELLS * 3, COLOURLESS = 6 };
_Static_assert(COLOUR_FEATURES + 4 * DIRECTIONS == ORK_SKETCH_FEATURES, "the features");

/* The pixels from first up to end that cell `index` of `count` covers: at least one. */
typedef struct span {
    int first, end;
} span;

static span cell_span(int index, int count, int size)
{
    int first = (int)((int64_t)index * size / count);
    int end = (int)(((int64_t)index + 1) * size / count);
    return (span){first, end > first ? end : first + 1};
}

static void mean_of(const ork_image *image, span x, span y, uint8_t *mean)
{
    uint64_t sum[4] = {0};
    uint64_t count = (uint64_t)(x.end - x.first) * (uint64_t)(y.end - y.first);
    for (int row = y.first; row < y.end; row++) {
        const uint8_t *pixel = ork_image_row(image, row) + x.first * image->channels;
        for (int column = x.first; column < x.end; column++, pixel += image->channels)
            for (int c = 0; c < image->channels; c++)
                sum[c] += pixel[c];
    }
    for (int c = 0; c < image->channels; c++)
        mean[c] = (uint8_t)((sum[c] + count / 2) / count);
}

/* The mean colours of cells: row by row, as many channels as the image has. */
static void mean_cells(const ork_image *image, int columns, int rows, uint8_t *means)
{
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
            mean_of(image, cell_span(x, columns, image->width), cell_span(y, rows, image->height),
                    means + (y * columns + x) * image->channels);
}

static uint64_t hash_of(const ork_image *gray)
{
    uint8_t means[HASH_COLUMNS * HASH_ROWS];
    uint64_t hash = 0;
    mean_cells(gray, HASH_COLUMNS, HASH_ROWS, means);
    for (int y = 0; y < HASH_ROWS; y++)
        for (int x = 0; x + 1 < HASH_COLUMNS; x++)
            hash = hash << 1 | (means[y * HASH_COLUMNS + x] > means[y * HASH_COLUMNS + x + 1]);
    return hash;
}

/* Upright, level, and the two slanting directions. */
static int direction_of(int right, int down)
{
    if (abs(right) > 2 * abs(down))
        return 0;
    if (abs(down) > 2 * abs(right))
        return 1;
    return (right > 0) == (down > 0) ? 2 : 3;
}

static void find_edges(const ork_image *gray, uint8_t *features)
{
    unsigned sums[4 * DIRECTIONS] = {0};
    for (int y = 0; y + 1 < CELLS; y++) {
        const uint8_t *row = ork_image_row(gray, y), *below = ork_image_row(gray, y + 1);
        for (int x = 0; x + 1 < CELLS; x++) {
            int right = row[x + 1] - row[x], down = below[x] - row[x];
            int quarter = y * 2 / CELLS * 2 + x * 2 / CELLS;
            sums[quarter * DIRECTIONS + direction_of(right, down)] +=
                (unsigned)(abs(right) + abs(down));
        }
    }
    for (int i = 0; i < 4 * DIRECTIONS; i++) /* a mean of 16 between cells is much */
        features[i] = (uint8_t)(sums[i] / 16 < 255 ? sums[i] / 16 : 255);
}

static bool has_no_colour(const uint8_t *cells)
{
    for (int i = 0; i < CELLS * CELLS; i++, cells += 3) {
        int red = cells[0] - cells[1], blue = cells[2] - cells[1];
        if (abs(red) > COLOURLESS || abs(blue) > COLOURLESS || abs(red - blue) > COLOURLESS)
            return false;
    }
    return true;
}

static void measure_light(const uint8_t *gray, ork_sketch *sketch)
{
    uint32_t sum = 0, squares = 0, count = CELLS * CELLS;
    for (uint32_t i = 0; i < count; i++) {
        sum += gray[i];
        squares += (uint32_t)gray[i] * gray[i];
    }
    sketch->brightness = (double)sum / count;
    sketch->contrast = sqrt((double)((uint64_t)squares * count - (uint64_t)sum * sum)) / count;
}

void ork_sketch_draw(const ork_image *image, ork_sketch *sketch)
{
    uint8_t cells[CELLS * CELLS * 3], gray[CELLS * CELLS];
    assert(image->channels == 3);
    mean_cells(image, CELLS, CELLS, cells);
    ork_image small = {CELLS, CELLS, 3, (ptrdiff_t)CELLS * 3, cells};
    ork_image small_gray = {CELLS, CELLS, 1, CELLS, gray};
    ork_image_convert(&small, &small_gray);
    sketch->hash = hash_of(&small_gray);
    mean_cells(&small, COLOUR_CELLS, COLOUR_CELLS, sketch->features);
    find_edges(&small_gray, sketch->features + COLOUR_FEATURES);
    measure_light(gray, sketch);
    sketch->is_gray = has_no_colour(cells);
}

int ork_sketch_bits(const ork_sketch *a, const ork_sketch *b)
{
    int count = 0;
    for (uint64_t differs = a->hash ^ b->hash; differs; differs &= differs - 1)
        count++;
    return count;
}

uint32_t ork_sketch_distance(const ork_sketch *a, const ork_sketch *b)
{
    uint32_t sum = 0;
    for (int i = 0; i < ORK_SKETCH_FEATURES; i++) {
        int difference = a->features[i] - b->features[i];
        sum += (uint32_t)(difference * difference);
    }
    return sum;
}
