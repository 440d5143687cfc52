/* SPDX-License-Identifier: Apache-2.0 */
/* Reads any bytes as a `.rknn` file; what can be read must also survive being written. */
#include "rknn/rknn.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_rknn_read_bytes(diag, (ork_bytes){data, size});
    uint8_t *written;
    size_t written_size;
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    if (graph && ork_rknn_write_memory(diag, graph, &written, &written_size)) {
        ork_graph *again = ork_rknn_read_bytes(diag, (ork_bytes){written, written_size});
        if (!again)
            abort();
        ork_graph_free(again);
        free(written);
    }
    ork_graph_free(graph);
    ork_diag_free(diag);
    return 0;
}
