/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches every byte handed out, so that a sanitizer sees those that are not there. */
static unsigned sum(ork_bytes bytes)
{
    unsigned total = 0;
    for (size_t i = 0; i < bytes.size; i++)
        total += bytes.data[i];
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_zip *zip = ork_zip_open(diag, arena, (ork_bytes){data, size});
    volatile unsigned total = 0;
    for (size_t i = 0; zip && i < ork_zip_count(zip); i++) {
        ork_bytes bytes;
        size_t found;
        if (!ork_zip_find(zip, ork_zip_name(zip, i), &found) || found != i)
            abort();
        if (ork_zip_entry_bytes(diag, zip, i, arena, &bytes))
            total += sum(bytes);
        ork_zip_verify(diag, zip, i);
    }
    (void)total;
    if (!zip && ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    ork_arena_free(arena);
    ork_diag_free(diag);
    return 0;
}
