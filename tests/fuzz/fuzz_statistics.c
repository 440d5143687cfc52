/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read writes as the same bytes; nothing merges with itself, but with nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_statistics_part part;
    ork_str text = {0}, merged = {0};
    const ork_bytes bytes = {data, size};
    if (ork_statistics_read(diag, arena, bytes, &part)) {
        ork_statistics_write(&part, &text);
        if (text.length != size || memcmp(text.text, data, size) != 0)
            abort();
        ork_statistics_complete(&part);
        bool any = false;
        for (uint64_t i = 0; i < (part.samples + 7) / 8; i++)
            any = any || part.seen[i];
        const bool twice = ork_statistics_merge(diag, (ork_bytes[]){bytes, bytes}, 2, &merged);
        if (twice && any)
            abort();
        ork_str_free(&merged);
        if (!ork_statistics_merge(diag, &bytes, 1, &merged) || merged.length != size)
            abort();
    } else if (ork_diag_error_id(diag) == ORK_ERR_NONE) {
        abort();
    }
    ork_str_free(&merged);
    ork_str_free(&text);
    ork_arena_free(arena);
    ork_diag_free(diag);
    return 0;
}
