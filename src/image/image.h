/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of 8 bits a channel: reading, writing, resizing, letterboxes, colour and drawing. What
   OpenCV 4 also does gives OpenCV's bits, so that a model sees here what it saw in Python. */
#ifndef ORK_IMAGE_H
#define ORK_IMAGE_H

#include "../base/base.h"

enum {
    ORK_IMAGE_MAX_SIDE = 32768,       /* pixels */
    ORK_IMAGE_MAX_PIXELS = 100000000, /* width times height */
};

/* Rows of interleaved channels: gray, colour, or colour and alpha. Colour is red, green, blue
   wherever nothing else is said. Either made by ork_image_new (or a reader), which then owns the
   pixels and pairs with ork_image_free, or filled in by hand over pixels that somebody else owns.
 */
typedef struct ork_image {
    int width, height; /* pixels */
    int channels;      /* 1, 3 or 4 */
    ptrdiff_t stride;  /* bytes from one row to the next */
    uint8_t *pixels;   /* the top left pixel */
} ork_image;

typedef enum ork_pixel_order { ORK_RGB, ORK_BGR } ork_pixel_order;

typedef enum ork_image_kind {
    ORK_IMAGE_UNKNOWN,
    ORK_IMAGE_JPEG,
    ORK_IMAGE_PNG,
    ORK_IMAGE_BMP,
} ork_image_kind;

/* An image of unset pixels, rows without gaps. Fails when the sides are not 1 .. MAX_SIDE, the area
   is over MAX_PIXELS, or memory is short; *image is then empty. */
bool ork_image_new(ork_diag *diag, int width, int height, int channels, ork_image *image);
/* Frees the pixels and empties *image; an empty one stays empty. */
void ork_image_free(ork_image *image);
static inline uint8_t *ork_image_row(const ork_image *image, int y)
{
    return image->pixels + y * image->stride;
}
/* True when the fields make sense: for images that came from outside the library. */
bool ork_image_valid(const ork_image *image);

/* ---- files ----------------------------------------------------------------------------- */

/* Told from the content, never from a name. */
ork_image_kind ork_image_kind_of(ork_bytes bytes);
/* By the end of a name, in letters of either case: for what is to be written, and for lists. */
ork_image_kind ork_image_kind_of_path(const char *path);
const char *ork_image_kind_name(ork_image_kind kind); /* "JPEG" */
/* False when this build was made without the library that the kind needs. */
bool ork_image_kind_built(ork_image_kind kind);

/* Decodes a JPEG (any that libjpeg reads, CMYK included), PNG or BMP (1, 4, 8, 24, 32 bits, RLE8).
   channels: 1, 3, 4, or 0 for 3 where the file has colour and 1 where it is gray. The pixels are
   those of cv2.imread (with red and blue exchanged): EXIF orientation applied, alpha dropped
   unless 4 channels are wanted, 16 bits cut to 8. A truncated or damaged file is an error
   (ORK_ERR_IMAGE), never half a picture. *image is empty on failure. */
bool ork_image_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image);
bool ork_image_read(ork_diag *diag, const char *path, int channels, ork_image *image);

/* Appends the encoded picture to *out. quality is that of JPEG, 1 .. 100; others ignore it. JPEG
   drops alpha. */
bool ork_image_encode(ork_diag *diag, ork_image_kind kind, const ork_image *image, int quality,
                      ork_str *out);
/* Encodes by the extension of the path: .jpg .jpeg .png .bmp. The file appears whole or not at
   all. */
bool ork_image_write(ork_diag *diag, const char *path, const ork_image *image, int quality);

/* ---- resizing and letterboxes ---------------------------------------------------------- */

/* Fills dst, whose size is already set, from src (of the same channels, not overlapping): bilinear
   with OpenCV's INTER_LINEAR arithmetic. False only when there is no memory for its tables. */
bool ork_image_resize_bilinear(const ork_image *src, ork_image *dst);

/* How a picture is fitted into the input of a network. */
typedef enum ork_fit {
    ORK_FIT_CENTRE,  /* proportions kept, in the middle, fill 128 by habit */
    ORK_FIT_CORNER,  /* proportions kept, at the top left, fill 114: YOLOX's own preprocessing */
    ORK_FIT_STRETCH, /* proportions not kept, no border */
} ork_fit;

typedef struct ork_letterbox {
    ork_fit fit;
    int image_width, image_height; /* of the picture */
    int width, height;             /* of the whole result */
    int new_width, new_height;     /* of the resized picture inside of it */
    int left, top;                 /* where that begins */
    double scale;                  /* min(width / image_width, height / image_height) */
    double back_x, back_y;         /* picture pixels for each pixel of the result */
} ork_letterbox;

/* All sizes at least 1. new_width = int(image_width * scale), at least 1; borders are rounded down
   on the left and top. back_x is image_width / new_width, but 1 / scale for ORK_FIT_CORNER: what
   the networks trained that way were taught. */
ork_letterbox ork_letterbox_new(ork_fit fit, int image_width, int image_height, int width,
                                int height);
/* The border value that belongs to the fit: 128, 114, 0. */
uint8_t ork_fit_fill(ork_fit fit);
/* Resizes src into dst and fills the border, every channel with `fill`. dst is box->width x height
   with src's channels. False when there is no memory. */
bool ork_letterbox_apply(const ork_letterbox *box, uint8_t fill, const ork_image *src,
                         ork_image *dst);
/* From pixels of the result to pixels of the picture; not clipped. */
void ork_letterbox_back_point(const ork_letterbox *box, float *x, float *y);
/* corners: left, top, right, bottom; mapped back in place. */
void ork_letterbox_back(const ork_letterbox *box, float corners[4]);

/* ---- colour ---------------------------------------------------------------------------- */

/* Exchanges red and blue in place; nothing to do for gray. */
void ork_image_swap_red_blue(ork_image *image);
/* dst has src's size and its own number of channels: any of 1, 3, 4 to any. Alpha becomes 255 where
   src has none. Gray is cv2.imread's: (4899 red + 9617 green + 1868 blue + 8192) >> 14. */
void ork_image_convert(const ork_image *src, ork_image *dst);

/* Camera formats to a 3-channel image of the same size (even width; NV12 also even height), BT.601
   with video range as OpenCV's cvtColor. yuyv: 2 bytes a pixel, rows of `stride` bytes. */
void ork_image_from_yuyv(const uint8_t *yuyv, ptrdiff_t stride, ork_pixel_order order,
                         ork_image *image);
/* luma: a byte a pixel; chroma: U, V pairs, one for 2x2 pixels; rows of `stride` bytes each. */
void ork_image_from_nv12(const uint8_t *luma, const uint8_t *chroma, ptrdiff_t stride,
                         ork_pixel_order order, ork_image *image);

/* ---- what a picture is like -------------------------------------------------------------- */

enum { ORK_SKETCH_FEATURES = 64 };

/* A few numbers that pictures which look alike have alike. Integer arithmetic: the same bits
   everywhere. */
typedef struct ork_sketch {
    uint64_t hash; /* a bit for each pair of neighbours among 9 x 8 cells: is the left brighter? */
    /* Mean colours of 4 x 4 cells, then how much edge of each of 4 directions each quarter has. */
    uint8_t features[ORK_SKETCH_FEATURES];
    double brightness, contrast; /* mean and standard deviation of 32 x 32 cells, 0 .. 255 */
    bool is_gray;                /* no cell has colour */
} ork_sketch;

/* image: 3 channels. */
void ork_sketch_draw(const ork_image *image, ork_sketch *sketch);
/* Bits in which the hashes differ, 0 .. 64. */
int ork_sketch_bits(const ork_sketch *a, const ork_sketch *b);
/* Sum of squared differences of the features. */
uint32_t ork_sketch_distance(const ork_sketch *a, const ork_sketch *b);

/* ---- drawing --------------------------------------------------------------------------- */
/* Any coordinates are allowed; what lies outside is not drawn. On gray images a colour is its
   brightness; alpha is set to 255. thickness is in pixels, at least 1. */

typedef struct ork_colour {
    uint8_t red, green, blue;
} ork_colour;

/* A colour for each class: the same index always gives the same, neighbours differ clearly. */
ork_colour ork_palette(int index);
/* Black or white, whichever is better read on the colour. */
ork_colour ork_colour_contrast(ork_colour colour);

void ork_draw_line(ork_image *image, int x0, int y0, int x1, int y1, ork_colour colour,
                   int thickness);
/* Corners are inside, as cv2.rectangle has them; the thickness grows to both sides. */
void ork_draw_rectangle(ork_image *image, int left, int top, int right, int bottom,
                        ork_colour colour, int thickness);
void ork_draw_filled_rectangle(ork_image *image, int left, int top, int right, int bottom,
                               ork_colour colour);
/* radius_x, radius_y: half axes, negative ones draw nothing. */
void ork_draw_ellipse(ork_image *image, int centre_x, int centre_y, int radius_x, int radius_y,
                      ork_colour colour, int thickness);

enum { ORK_FONT_WIDTH = 8, ORK_FONT_HEIGHT = 12 }; /* of a character at scale 1, gaps included */

/* Text of one line with its top left corner at x, y; scale >= 1. Of UTF-8, what is not ASCII is
   drawn as an empty box a character. background, if not NULL, is filled first. */
void ork_draw_text(ork_image *image, int x, int y, const char *text, int scale, ork_colour colour,
                   const ork_colour *background);
/* Pixels that the text takes in width; in height it takes ORK_FONT_HEIGHT * scale. */
int ork_text_width(const char *text, int scale);

#endif
