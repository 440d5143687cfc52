/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for png.c in builds without libpng. */
#include "formats.h"

const bool ork_png_built = false;

bool ork_png_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image)
{
    (void)bytes, (void)channels, (void)image;
    return ork_image_not_built(diag, ORK_IMAGE_PNG);
}

bool ork_png_encode(ork_diag *diag, const ork_image *image, int quality, ork_str *out)
{
    (void)image, (void)quality, (void)out;
    return ork_image_not_built(diag, ORK_IMAGE_PNG);
}
