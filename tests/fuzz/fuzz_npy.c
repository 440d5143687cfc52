/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/tensor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_tensor tensor;
    if (ork_npy_read(diag, arena, (ork_bytes){data, size}, &tensor)) {
        volatile double sum = 0;
        for (int64_t i = 0; i < ork_shape_count(&tensor.type.shape); i++)
            sum += ork_element_get(tensor.type.dtype, tensor.data, i);
        (void)sum;
        if (ork_tensor_bytes(&tensor) > 2 * size)
            abort();
    } else if (ork_diag_error_id(diag) == ORK_ERR_NONE) {
        abort();
    }
    ork_arena_free(arena);
    ork_diag_free(diag);
    return 0;
}
