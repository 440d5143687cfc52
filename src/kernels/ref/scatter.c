/* SPDX-License-Identifier: Apache-2.0 */
#include "../internal.h"

static const ork_binary_op functions[] = {
    [ORK_SCATTER_NONE] = ORK_BINARY_COUNT,  [ORK_SCATTER_ADD] = ORK_BINARY_ADD,
    [ORK_SCATTER_MUL] = ORK_BINARY_MUL,     [ORK_SCATTER_MAX] = ORK_BINARY_MAXIMUM,
    [ORK_SCATTER_MIN] = ORK_BINARY_MINIMUM,
};

void ork_scatter_run(const ork_scatter *s, const void *in, const void *index, const void *updates,
                     void *out)
{
    size_t row = (size_t)s->inner * ork_dtype_table[s->dtype].size;
    ork_elements combine = {.loop = {.rank = 1, .dim = {s->inner}, .stride = {{1}, {1}, {1}}},
                            .out_dtype = s->dtype,
                            .a_dtype = s->dtype,
                            .b_dtype = s->dtype,
                            .op = functions[s->reduction]};
    memcpy(out, in, (size_t)s->size * row);
    for (int64_t i = 0; i < s->count; i++) {
        int64_t at = ork_element_get_int(s->index, index, i);
        at += at < 0 ? s->size : 0;
        at = ork_max64(0, ork_min64(at, s->size - 1));
        char *to = (char *)out + (size_t)at * row;
        const char *update = (const char *)updates + (size_t)i * row;
        if (s->reduction == ORK_SCATTER_NONE)
            memcpy(to, update, row);
        else
            ork_elements_run(&combine, to, update, to, 0, 1);
    }
}
