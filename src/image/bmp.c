/* SPDX-License-Identifier: Apache-2.0 */
/* Windows bitmaps: 1, 4, 8 (plain or RLE8), 24 and 32 bits a pixel, either way up. Always decoded
   to three channels, or one where the palette is gray. */
#include "formats.h"

#include <stdlib.h>
#include <string.h>

enum { PLAIN = 0, RLE8 = 1, BITFIELDS = 3 };
enum { FILE_HEADER = 14, OLD_HEADER = 12, HEADER = 40 };

typedef struct bmp {
    ork_diag *diag;
    ork_bytes bytes;
    uint64_t width, height;
    bool top_down;
    uint32_t bits, compression, data_offset, header_size;
    uint8_t palette[256][3]; /* red, green, blue; black where the file has none */
    bool gray;               /* so is the whole palette */
} bmp;

static bool fail(const bmp *b, const char *why)
{
    return ork_image_damaged(b->diag, ORK_IMAGE_BMP, why);
}

static uint64_t magnitude(int32_t value)
{
    return (uint64_t)(value < 0 ? -(int64_t)value : value);
}

static bool check_masks(bmp *b, ork_reader *reader)
{
    uint32_t red = ork_read_u32(reader), green = ork_read_u32(reader), blue = ork_read_u32(reader);
    if (b->bits != 32 || red != 0xff0000 || green != 0xff00 || blue != 0xff)
        return fail(b, "its colours are packed in a way that is not supported");
    return true;
}

/* The part that all headers but the oldest share. Leaves the reader behind the 40 bytes. */
static uint32_t read_header(bmp *b, ork_reader *reader)
{
    if (b->header_size == OLD_HEADER) {
        b->width = ork_read_u16(reader);
        b->height = ork_read_u16(reader);
        ork_read_u16(reader);
        b->bits = ork_read_u16(reader);
        return 0;
    }
    int32_t width = (int32_t)ork_read_u32(reader), height = (int32_t)ork_read_u32(reader);
    b->width = width < 0 ? 0 : (uint64_t)width;
    b->height = magnitude(height);
    b->top_down = height < 0;
    ork_read_u16(reader);
    b->bits = ork_read_u16(reader);
    b->compression = ork_read_u32(reader);
    ork_read_bytes(reader, 12);
    uint32_t colours = ork_read_u32(reader);
    ork_read_u32(reader);
    return colours;
}

static bool read_palette(bmp *b, uint32_t colours)
{
    uint32_t most = 1u << b->bits;
    if (colours == 0 || colours > most)
        colours = most;
    size_t entry = b->header_size == OLD_HEADER ? 3 : 4;
    ork_reader reader = ork_reader_new(b->bytes);
    ork_read_bytes(&reader, (size_t)FILE_HEADER + b->header_size);
    b->gray = true;
    for (uint32_t i = 0; i < colours; i++) {
        const uint8_t *bgr = ork_read_bytes(&reader, entry);
        if (!bgr)
            return ork_image_truncated(b->diag, ORK_IMAGE_BMP);
        for (int c = 0; c < 3; c++)
            b->palette[i][c] = bgr[2 - c];
        b->gray = b->gray && bgr[0] == bgr[1] && bgr[1] == bgr[2];
    }
    return true;
}

static bool supported(const bmp *b)
{
    static const struct {
        uint32_t bits, compression;
    } known[] = {{1, PLAIN},  {4, PLAIN},  {8, PLAIN},     {8, RLE8},
                 {24, PLAIN}, {32, PLAIN}, {32, BITFIELDS}};
    for (size_t i = 0; i < ORK_COUNT(known); i++)
        if (b->bits == known[i].bits && b->compression == known[i].compression)
            return true;
    return false;
}

static bool read_headers(bmp *b)
{
    ork_reader reader = ork_reader_new(b->bytes);
    ork_read_bytes(&reader, 10);
    b->data_offset = ork_read_u32(&reader);
    b->header_size = ork_read_u32(&reader);
    uint32_t colours = read_header(b, &reader);
    if (reader.failed || b->header_size > b->bytes.size - FILE_HEADER)
        return ork_image_truncated(b->diag, ORK_IMAGE_BMP);
    if (b->header_size != OLD_HEADER && b->header_size < HEADER)
        return fail(b, "its header has a size that no program writes");
    if (!supported(b))
        return fail(b, "its bits a pixel or its compression are not supported");
    if (b->compression == BITFIELDS && !check_masks(b, &reader))
        return false;
    if (b->bits <= 8 && !read_palette(b, colours))
        return false;
    if (b->data_offset > b->bytes.size || reader.failed)
        return ork_image_truncated(b->diag, ORK_IMAGE_BMP);
    return true;
}

static void put_indexed(const bmp *b, uint8_t index, const ork_image *image, uint8_t *pixel)
{
    if (image->channels == 1)
        *pixel = b->palette[index][0];
    else
        memcpy(pixel, b->palette[index], 3);
}

static uint8_t index_at(const uint8_t *row, uint32_t bits, int x)
{
    uint32_t position = (uint32_t)x * bits, byte = row[position / 8];
    return (uint8_t)((byte >> (8 - bits - position % 8)) & ((1u << bits) - 1));
}

static void read_row(const bmp *b, const uint8_t *row, const ork_image *image, uint8_t *pixel)
{
    size_t step = b->bits / 8;
    for (int x = 0; x < image->width; x++, pixel += image->channels) {
        if (b->bits <= 8)
            put_indexed(b, index_at(row, b->bits, x), image, pixel);
        else
            for (size_t c = 0; c < 3; c++)
                pixel[c] = row[(size_t)x * step + 2 - c];
    }
}

static uint8_t *target_row(const bmp *b, const ork_image *image, int y)
{
    return ork_image_row(image, b->top_down ? y : image->height - 1 - y);
}

static bool read_plain(const bmp *b, const ork_image *image)
{
    ork_reader reader = ork_reader_new(b->bytes);
    ork_read_bytes(&reader, b->data_offset);
    size_t row_size = ((size_t)b->width * b->bits + 31) / 32 * 4;
    for (int y = 0; y < image->height; y++) {
        /* The padding of the last row is missing in some files, and nobody needs it. */
        bool last = y == image->height - 1;
        size_t size = last ? ((size_t)b->width * b->bits + 7) / 8 : row_size;
        const uint8_t *row = ork_read_bytes(&reader, size);
        if (!row)
            return ork_image_truncated(b->diag, ORK_IMAGE_BMP);
        read_row(b, row, image, target_row(b, image, y));
    }
    return true;
}

/* Where run-length coding has come to; x may stand behind the last pixel. */
typedef struct rle {
    const bmp *b;
    const ork_image *image;
    ork_reader reader;
    int x, y;
} rle;

/* Writes `count` pixels, all of `value`, or from `values` if that is not NULL. */
static bool put_run(rle *r, int count, uint8_t value, const uint8_t *values)
{
    if (r->y >= r->image->height || count > r->image->width - r->x)
        return fail(r->b, "a run of pixels leaves the picture");
    uint8_t *pixel = target_row(r->b, r->image, r->y) + (ptrdiff_t)r->x * r->image->channels;
    for (int i = 0; i < count; i++, pixel += r->image->channels)
        put_indexed(r->b, values ? values[i] : value, r->image, pixel);
    r->x += count;
    return true;
}

/* A pair that begins with 0: end of line, end of picture, a jump, or literal pixels, which are
   padded to an even number. */
static bool read_escape(rle *r, uint8_t code, bool *finished)
{
    if (code == 0) {
        r->x = 0;
        r->y++;
    } else if (code == 1) {
        *finished = true;
    } else if (code == 2) {
        r->x += ork_read_u8(&r->reader);
        r->y += ork_read_u8(&r->reader);
    } else {
        const uint8_t *values = ork_read_bytes(&r->reader, code);
        ork_read_bytes(&r->reader, code & 1);
        return !r->reader.failed && put_run(r, code, 0, values);
    }
    if (r->x > r->image->width || r->y > r->image->height)
        return fail(r->b, "a jump leaves the picture");
    return true;
}

static bool read_rle8(const bmp *b, const ork_image *image)
{
    rle r = {b, image, ork_reader_new(b->bytes), 0, 0};
    ork_read_bytes(&r.reader, b->data_offset);
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            put_indexed(b, 0, image, ork_image_row(image, y) + x * image->channels);
    for (bool finished = false; !finished;) {
        uint8_t count = ork_read_u8(&r.reader), value = ork_read_u8(&r.reader);
        bool good = !r.reader.failed;
        if (good)
            good = count ? put_run(&r, count, value, NULL) : read_escape(&r, value, &finished);
        if (r.reader.failed)
            return ork_image_truncated(b->diag, ORK_IMAGE_BMP);
        if (!good)
            return false;
    }
    return true;
}

bool ork_bmp_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image)
{
    (void)channels;
    bmp *b = calloc(1, sizeof(*b));
    if (!b)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to read a picture");
    b->diag = diag;
    b->bytes = bytes;
    /* RLE8 says 255 pixels in two bytes, and may leave much of a picture unsaid. */
    uint64_t most = 1024;
    bool good = read_headers(b) &&
                ork_image_new_for(diag, ORK_IMAGE_BMP, b->width, b->height, b->gray ? 1 : 3,
                                  bytes.size, b->compression == RLE8 ? most : 8, image) &&
                (b->compression == RLE8 ? read_rle8(b, image) : read_plain(b, image));
    free(b);
    if (!good)
        ork_image_free(image);
    return good;
}

static void append_number(ork_str *out, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        char byte = (char)(value >> (8 * i));
        ork_str_append(out, &byte, 1);
    }
}

static void append_headers(ork_str *out, const ork_image *image, uint32_t row_size)
{
    bool gray = image->channels == 1;
    uint32_t offset = FILE_HEADER + HEADER + (gray ? 1024 : 0);
    uint32_t data_size = row_size * (uint32_t)image->height;
    ork_str_append(out, "BM", 2);
    append_number(out, offset + data_size, 4);
    append_number(out, 0, 4);
    append_number(out, offset, 4);
    append_number(out, HEADER, 4);
    append_number(out, (uint32_t)image->width, 4);
    append_number(out, (uint32_t)image->height, 4);
    append_number(out, 1, 2);
    append_number(out, gray ? 8 : 24, 2);
    append_number(out, PLAIN, 4);
    append_number(out, data_size, 4);
    for (int i = 0; i < 4; i++)
        append_number(out, 0, 4);
    for (uint32_t i = 0; gray && i < 256; i++)
        append_number(out, i * 0x010101, 4);
}

bool ork_bmp_encode(ork_diag *diag, const ork_image *image, int quality, ork_str *out)
{
    (void)quality;
    bool gray = image->channels == 1;
    size_t row_size = ((size_t)image->width * (gray ? 1 : 3) + 3) / 4 * 4;
    uint8_t *row = calloc(1, row_size);
    if (!row)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to write a picture");
    append_headers(out, image, (uint32_t)row_size);
    for (int y = image->height - 1; y >= 0; y--) {
        const uint8_t *pixel = ork_image_row(image, y);
        for (int x = 0; x < image->width; x++, pixel += image->channels)
            for (int c = 0; c < (gray ? 1 : 3); c++)
                row[x * (gray ? 1 : 3) + c] = gray ? pixel[0] : pixel[2 - c];
        ork_str_append(out, (const char *)row, row_size);
    }
    free(row);
    return true;
}
