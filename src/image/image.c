/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of pictures, and which reader or writer a file goes to. */
#include "formats.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool ork_image_new(ork_diag *diag, int width, int height, int channels, ork_image *image)
{
    assert(channels == 1 || channels == 3 || channels == 4);
    *image = (ork_image){0};
    if (width < 1 || height < 1 || width > ORK_IMAGE_MAX_SIDE || height > ORK_IMAGE_MAX_SIDE ||
        (int64_t)width * height > ORK_IMAGE_MAX_PIXELS) {
        ork_fail(diag, ORK_ERR_IMAGE, "a picture of %d x %d pixels is not possible", width, height);
        ork_why(diag, "sides may be 1 to %d and the area at most %d pixels", ORK_IMAGE_MAX_SIDE,
                ORK_IMAGE_MAX_PIXELS);
        return ork_fix(diag, "make the picture smaller");
    }
    size_t stride = (size_t)width * (size_t)channels;
    uint8_t *pixels = ork_data_alloc(stride * (size_t)height);
    if (!pixels)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory for a picture of %d x %d pixels",
                        width, height);
    *image = (ork_image){width, height, channels, (ptrdiff_t)stride, pixels};
    return true;
}

void ork_image_free(ork_image *image)
{
    ork_data_free(image->pixels);
    *image = (ork_image){0};
}

bool ork_image_valid(const ork_image *image)
{
    return image->pixels && image->width >= 1 && image->width <= ORK_IMAGE_MAX_SIDE &&
           image->height >= 1 && image->height <= ORK_IMAGE_MAX_SIDE &&
           (image->channels == 1 || image->channels == 3 || image->channels == 4) &&
           image->stride >= (ptrdiff_t)image->width * image->channels;
}

typedef struct format {
    const char *name;
    const char *extensions[2];
    const bool *built; /* NULL: always */
    bool (*decode)(ork_diag *, ork_bytes, int, ork_image *);
    bool (*encode)(ork_diag *, const ork_image *, int, ork_str *);
} format;

static const format formats[] = {
    [ORK_IMAGE_UNKNOWN] = {.name = "unknown"},
    [ORK_IMAGE_JPEG] =
        {"JPEG", {".jpg", ".jpeg"}, &ork_jpeg_built, ork_jpeg_decode, ork_jpeg_encode},
    [ORK_IMAGE_PNG] = {"PNG", {".png"}, &ork_png_built, ork_png_decode, ork_png_encode},
    [ORK_IMAGE_BMP] = {"BMP", {".bmp"}, NULL, ork_bmp_decode, ork_bmp_encode},
};

/* How files begin. Those of kind UNKNOWN are there to be called by their name in the error. */
static const struct signature {
    ork_image_kind kind;
    const char *name;
    size_t offset, size;
    const char *bytes;
} signatures[] = {
    {ORK_IMAGE_JPEG, "JPEG", 0, 3, "\xff\xd8\xff"},
    {ORK_IMAGE_PNG, "PNG", 0, 8, "\x89PNG\r\n\x1a\n"},
    {ORK_IMAGE_BMP, "BMP", 0, 2, "BM"},
    {ORK_IMAGE_UNKNOWN, "GIF", 0, 4, "GIF8"},
    {ORK_IMAGE_UNKNOWN, "WebP", 8, 4, "WEBP"},
    {ORK_IMAGE_UNKNOWN, "TIFF", 0, 4, "II*\0"},
    {ORK_IMAGE_UNKNOWN, "TIFF", 0, 4, "MM\0*"},
    {ORK_IMAGE_UNKNOWN, "HEIC or AVIF", 4, 4, "ftyp"},
    {ORK_IMAGE_UNKNOWN, "JPEG 2000", 4, 4, "jP  "},
    {ORK_IMAGE_UNKNOWN, "NumPy array", 0, 6, "\x93NUMPY"},
    {ORK_IMAGE_UNKNOWN, "web page", 0, 5, "<!DOC"},
};

static const struct signature *find_signature(ork_bytes bytes)
{
    for (size_t i = 0; i < ORK_COUNT(signatures); i++) {
        const struct signature *s = &signatures[i];
        if (bytes.size >= s->offset + s->size &&
            memcmp(bytes.data + s->offset, s->bytes, s->size) == 0)
            return s;
    }
    return NULL;
}

ork_image_kind ork_image_kind_of(ork_bytes bytes)
{
    const struct signature *found = find_signature(bytes);
    return found ? found->kind : ORK_IMAGE_UNKNOWN;
}

const char *ork_image_kind_name(ork_image_kind kind)
{
    return formats[kind].name;
}

bool ork_image_kind_built(ork_image_kind kind)
{
    return formats[kind].decode && (!formats[kind].built || *formats[kind].built);
}

bool ork_image_damaged(ork_diag *diag, ork_image_kind kind, const char *why)
{
    ork_fail(diag, ORK_ERR_IMAGE, "cannot read this %s picture", formats[kind].name);
    return ork_why(diag, "%s", why);
}

bool ork_image_truncated(ork_diag *diag, ork_image_kind kind)
{
    ork_image_damaged(diag, kind, "the file ends before the picture does");
    return ork_fix(diag, "copy the file again: it is incomplete");
}

bool ork_image_not_built(ork_diag *diag, ork_image_kind kind)
{
    const char *name = formats[kind].name;
    ork_fail(diag, ORK_ERR_IMAGE, "this build has no %s support", name);
    ork_why(diag, "it was configured without the %s library",
            kind == ORK_IMAGE_JPEG ? "libjpeg" : "libpng");
    return ork_fix(diag, "configure with -D%s=enabled, or convert the picture to BMP",
                   kind == ORK_IMAGE_JPEG ? "jpeg" : "png");
}

bool ork_image_new_for(ork_diag *diag, ork_image_kind kind, uint64_t width, uint64_t height,
                       int channels, size_t size, uint64_t pixels_per_byte, ork_image *image)
{
    char why[160];
    if (width < 1 || height < 1)
        return ork_image_damaged(diag, kind, "it says that it has no pixels");
    if (width > ORK_IMAGE_MAX_SIDE || height > ORK_IMAGE_MAX_SIDE ||
        width * height > ORK_IMAGE_MAX_PIXELS) {
        snprintf(why, sizeof(why),
                 "it says that it has %llu x %llu pixels; the limit is %d a side and %d in all",
                 (unsigned long long)width, (unsigned long long)height, ORK_IMAGE_MAX_SIDE,
                 ORK_IMAGE_MAX_PIXELS);
        ork_image_damaged(diag, kind, why);
        return ork_fix(diag, "make the picture smaller");
    }
    if (width * height / pixels_per_byte > size)
        return ork_image_truncated(diag, kind);
    return ork_image_new(diag, (int)width, (int)height, channels, image);
}

static bool fail_unknown(ork_diag *diag, ork_bytes bytes)
{
    const struct signature *found = find_signature(bytes);
    ork_fail(diag, ORK_ERR_IMAGE, "this is not a JPEG, PNG or BMP picture");
    if (found)
        return ork_why(diag, "its content is that of a %s file, whatever its name", found->name);
    if (bytes.size < 4)
        return ork_why(diag, "it has only %zu bytes", bytes.size);
    return ork_why(diag, "it begins with the bytes %02x %02x %02x %02x", bytes.data[0],
                   bytes.data[1], bytes.data[2], bytes.data[3]);
}

static bool set_channels(ork_diag *diag, int channels, ork_image *image)
{
    if (channels == 0 || channels == image->channels)
        return true;
    ork_image converted;
    bool made = ork_image_new(diag, image->width, image->height, channels, &converted);
    if (made)
        ork_image_convert(image, &converted);
    ork_image_free(image);
    *image = converted;
    return made;
}

bool ork_image_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image)
{
    *image = (ork_image){0};
    ork_image_kind kind = ork_image_kind_of(bytes);
    if (kind == ORK_IMAGE_UNKNOWN)
        return fail_unknown(diag, bytes);
    return formats[kind].decode(diag, bytes, channels, image) &&
           set_channels(diag, channels, image);
}

bool ork_image_read(ork_diag *diag, const char *path, int channels, ork_image *image)
{
    *image = (ork_image){0};
    ork_file file;
    if (!ork_file_map(diag, path, &file))
        return false;
    bool good = ork_image_decode(diag, file.bytes, channels, image);
    ork_file_unmap(&file);
    return good || ork_where(diag, "%s", path);
}

static bool has_extension(const char *path, const char *extension)
{
    size_t length = strlen(path), tail = extension ? strlen(extension) : length;
    return tail < length && strcasecmp(path + length - tail, extension) == 0;
}

ork_image_kind ork_image_kind_of_path(const char *path)
{
    for (size_t kind = 1; kind < ORK_COUNT(formats); kind++)
        for (int i = 0; i < 2; i++)
            if (has_extension(path, formats[kind].extensions[i]))
                return (ork_image_kind)kind;
    return ORK_IMAGE_UNKNOWN;
}

bool ork_image_encode(ork_diag *diag, ork_image_kind kind, const ork_image *image, int quality,
                      ork_str *out)
{
    assert(ork_image_valid(image) && formats[kind].encode);
    return formats[kind].encode(diag, image, quality, out);
}

bool ork_image_write(ork_diag *diag, const char *path, const ork_image *image, int quality)
{
    ork_image_kind kind = ork_image_kind_of_path(path);
    if (kind == ORK_IMAGE_UNKNOWN) {
        ork_fail(diag, ORK_ERR_IMAGE, "cannot tell the picture format of '%s'", path);
        ork_why(diag, "it is told from the end of the name");
        return ork_fix(diag, "end the name with .jpg, .png or .bmp");
    }
    ork_str encoded = {0};
    bool good = ork_image_encode(diag, kind, image, quality, &encoded);
    ork_output *output = good ? ork_output_open(diag, path) : NULL;
    if (output) {
        ork_output_write(output, encoded.text, encoded.length);
        good = ork_output_commit(output);
    }
    ork_str_free(&encoded);
    return (good && output) || ork_where(diag, "%s", path);
}
