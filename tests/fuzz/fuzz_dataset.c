/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of samples. They are taken as lying in the folder of the seeds, with one to four inputs by
   their size. Files are only asked for, never opened. */
#include "quant/quant.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines_of(const uint8_t *data, size_t size)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_dataset *dataset =
        ork_dataset_read(diag, ORK_FUZZ_DATASET, (ork_bytes){data, size}, 1 + size % 4);
    size_t count = dataset ? ork_dataset_count(dataset) : 0;
    ork_error_id id = ork_diag_error_id(diag);
    if (dataset ? count == 0 || count > lines_of(data, size)
                : id != ORK_ERR_DATASET_OPEN && id != ORK_ERR_DATASET_LINE &&
                      id != ORK_ERR_DATASET_EMPTY)
        abort();
    ork_dataset_free(dataset);
    ork_diag_free(diag);
    return 0;
}
