/* SPDX-License-Identifier: Apache-2.0 */
/* Cameras store pictures as the sensor saw them and note in EXIF how they were held. */
#include "formats.h"

#include <string.h>

typedef struct tiff {
    ork_bytes bytes;
    bool big_endian;
} tiff;

/* A number of 2 or 4 bytes; 0 beyond the end. */
static uint32_t number_at(const tiff *t, uint64_t offset, unsigned size)
{
    uint32_t value = 0;
    if (offset + size > t->bytes.size)
        return 0;
    for (unsigned i = 0; i < size; i++) {
        unsigned place = t->big_endian ? size - 1 - i : i;
        value |= (uint32_t)t->bytes.data[offset + i] << (8 * place);
    }
    return value;
}

int ork_exif_orientation(ork_bytes bytes)
{
    enum { TAG_ORIENTATION = 0x112, ENTRY_SIZE = 12 };
    if (bytes.size < 8 || (memcmp(bytes.data, "II", 2) && memcmp(bytes.data, "MM", 2)))
        return 1;
    tiff t = {bytes, bytes.data[0] == 'M'};
    if (number_at(&t, 2, 2) != 42)
        return 1;
    uint64_t directory = number_at(&t, 4, 4);
    uint32_t count = number_at(&t, directory, 2);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry = directory + 2 + (uint64_t)i * ENTRY_SIZE;
        if (number_at(&t, entry, 2) == TAG_ORIENTATION) {
            uint32_t value = number_at(&t, entry + 8, 2);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
}

/* What turns the stored picture upright: first exchange rows and columns, then mirror. */
static const struct turn {
    bool transpose, flip_x, flip_y;
} turns[9] = {
    [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false}, [6] = {true, true, false}, [7] = {true, true, true},
    [8] = {true, false, true},
};

static void turn_pixels(const ork_image *src, const struct turn *turn, const ork_image *dst)
{
    size_t size = (size_t)src->channels;
    for (int y = 0; y < dst->height; y++) {
        uint8_t *to = ork_image_row(dst, y);
        int v = turn->flip_y ? dst->height - 1 - y : y;
        for (int x = 0; x < dst->width; x++, to += size) {
            int u = turn->flip_x ? dst->width - 1 - x : x;
            int from_x = turn->transpose ? v : u, from_y = turn->transpose ? u : v;
            memcpy(to, ork_image_row(src, from_y) + (size_t)from_x * size, size);
        }
    }
}

bool ork_image_orient(ork_diag *diag, ork_image *image, int orientation)
{
    if (orientation == 1)
        return true;
    const struct turn *turn = &turns[orientation];
    ork_image turned;
    bool made =
        ork_image_new(diag, turn->transpose ? image->height : image->width,
                      turn->transpose ? image->width : image->height, image->channels, &turned);
    if (made)
        turn_pixels(image, turn, &turned);
    ork_image_free(image);
    *image = turned;
    return made;
}
