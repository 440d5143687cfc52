/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share among themselves. */
#ifndef ORK_IMAGE_FORMATS_H
#define ORK_IMAGE_FORMATS_H

#include "image.h"

/* Decoders: bytes already begin with the kind's signature; *image is empty and stays so on failure.
   channels is what the caller wants (0, 1, 3, 4); a decoder may deliver another number, which
   ork_image_decode then converts. With 0 it delivers 1 for gray files and 3 for others. */
bool ork_jpeg_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image);
bool ork_png_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image);
bool ork_bmp_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image);

/* Encoders append to *out. */
bool ork_jpeg_encode(ork_diag *diag, const ork_image *image, int quality, ork_str *out);
bool ork_png_encode(ork_diag *diag, const ork_image *image, int quality, ork_str *out);
bool ork_bmp_encode(ork_diag *diag, const ork_image *image, int quality, ork_str *out);

extern const bool ork_jpeg_built, ork_png_built;

/* The error of a file that cannot be read; why must not be empty. Returns false. */
bool ork_image_damaged(ork_diag *diag, ork_image_kind kind, const char *why);
/* The same for a file that ends before its picture does. */
bool ork_image_truncated(ork_diag *diag, ork_image_kind kind);
/* The error of a build without the library for this kind. */
bool ork_image_not_built(ork_diag *diag, ork_image_kind kind);

/* ork_image_new for a picture that `size` bytes claim to hold: refuses before asking for memory
   when they cannot, a byte of this format holding at most pixels_per_byte. */
bool ork_image_new_for(ork_diag *diag, ork_image_kind kind, uint64_t width, uint64_t height,
                       int channels, size_t size, uint64_t pixels_per_byte, ork_image *image);

/* The orientation (1 .. 8) in a TIFF structure as EXIF has it; 1 where there is none. */
int ork_exif_orientation(ork_bytes tiff);
/* Turns the picture so that it is seen upright. On failure *image is empty. */
bool ork_image_orient(ork_diag *diag, ork_image *image, int orientation);

/* A row for each character from ' ' to '~', a byte a line, the leftmost pixel in the highest bit.
 */
extern const uint8_t ork_font[95][ORK_FONT_HEIGHT];

#endif
