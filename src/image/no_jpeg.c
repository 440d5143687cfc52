/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for jpeg.c in builds without libjpeg. */
#include "formats.h"

const bool ork_jpeg_built = false;

bool ork_jpeg_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image)
{
    (void)bytes, (void)channels, (void)image;
    return ork_image_not_built(diag, ORK_IMAGE_JPEG);
}

bool ork_jpeg_encode(ork_diag *diag, const ork_image *image, int quality, ork_str *out)
{
    (void)image, (void)quality, (void)out;
    return ork_image_not_built(diag, ORK_IMAGE_JPEG);
}
