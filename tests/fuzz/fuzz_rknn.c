/* SPDX-License-Identifier: Apache-2.0 */
/* Reads any bytes as a `.rknn` file; what can be read must also survive being written. Bytes that
   begin with a brace are taken as the JSON of a file with some constants, so that the lengths of
   the container fit and the reader of networks sees more. */
#include "rknn/rknn.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 24, CONSTANTS = 512 };

static void check(ork_bytes file)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_rknn_read_bytes(diag, file);
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
}

static void put_u64(uint8_t *to, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(number >> 8 * i);
}

static void check_json(const uint8_t *json, size_t size)
{
    uint8_t *file = malloc(HEADER + CONSTANTS + 8 + size);
    if (!file)
        abort();
    memcpy(file, "RKNN\0\0\0\0", 8);
    put_u64(file + 8, 1);
    put_u64(file + 16, CONSTANTS);
    for (int i = 0; i < CONSTANTS; i++)
        file[HEADER + i] = (uint8_t)(i * 7);
    put_u64(file + HEADER + CONSTANTS, size);
    memcpy(file + HEADER + CONSTANTS + 8, json, size);
    check((ork_bytes){file, HEADER + CONSTANTS + 8 + size});
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == '{')
        check_json(data, size);
    else
        check((ork_bytes){data, size});
    return 0;
}
