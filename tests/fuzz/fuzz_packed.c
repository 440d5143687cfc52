/* SPDX-License-Identifier: Apache-2.0 */
/* Changes bytes of a packed file: what can still be read and planned is run. An input that begins
   as a file does is one; in any other, each four bytes say which byte of a good file becomes what:
   three the place, counted from the beginning, or, from 2^23 on, from the end. */
#include "graph/graph.h"
#include "rknn/rknn.h"

#include "../packed_network.h"
#include "run_plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *good_file;
static size_t good_size;

static void make_file(ork_diag *diag)
{
    ork_graph *graph = ork_graph_parse(diag, packed_network, strlen(packed_network));
    ork_plan *plan = graph ? ork_plan_new(diag, graph, &(ork_plan_options){0}) : NULL;
    if (!plan ||
        !ork_rknn_write_packed(diag, graph, ork_plan_packing(plan), NULL, &good_file, &good_size))
        abort();
    ork_plan_free(plan);
    ork_graph_free(graph);
}

static void check(ork_diag *diag, ork_bytes file)
{
    enum { MOST_ELEMENTS = 1 << 15 };
    ork_graph *graph = ork_rknn_read_to_run(diag, file);
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    if (graph && graph_is_small(graph, MOST_ELEMENTS))
        run_plan(diag, graph, &(ork_plan_options){.family = ORK_FAMILY_LION});
    ork_graph_free(graph);
}

static void change(uint8_t *file, const uint8_t *data, size_t size)
{
    enum { FROM_END = 1 << 23 };
    for (size_t i = 0; i + 4 <= size; i += 4) {
        size_t at = data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16;
        at = at < FROM_END ? at % good_size : good_size - 1 - (at - FROM_END) % good_size;
        file[at] = data[i + 3];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    if (!good_file)
        make_file(diag);
    if (size >= 4 && memcmp(data, "RKNN", 4) == 0) {
        check(diag, (ork_bytes){data, size});
    } else {
        uint8_t *file = ork_data_alloc(good_size);
        if (!file)
            abort();
        memcpy(file, good_file, good_size);
        change(file, data, size);
        check(diag, (ork_bytes){file, good_size});
        ork_data_free(file);
    }
    ork_diag_free(diag);
    return 0;
}
