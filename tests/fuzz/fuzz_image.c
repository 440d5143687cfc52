/* SPDX-License-Identifier: Apache-2.0 */
/* All picture readers. The number of channels comes from the size, so that files need no prefix. */
#include "image/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *volatile sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int channels[] = {3, 0, 1, 4};
    ork_diag *diag = ork_diag_new();
    ork_image image;
    if (ork_image_decode(diag, (ork_bytes){data, size}, channels[size % 4], &image)) {
        if (!ork_image_valid(&image))
            abort();
        sink = ork_image_row(&image, image.height - 1) + image.width * image.channels - 1;
        (void)*sink;
    } else if (image.pixels || ork_diag_error_id(diag) == ORK_ERR_NONE) {
        abort();
    }
    ork_image_free(&image);
    ork_diag_free(diag);
    return 0;
}
