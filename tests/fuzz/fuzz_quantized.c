/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that come quantized: TorchScript, ONNX, or texts of graphs. What can be imported goes
   through the passes and onto integers; what is small then runs. */
#include "import/import.h"
#include "pass/pass.h"
#include "quant/quant.h"
#include "run_plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_ELEMENTS = 4096, MOST_BYTES = 1 << 17 };

static bool is_text(const uint8_t *data, size_t size)
{
    static const char start[] = "graph ";
    return size > sizeof(start) && memcmp(data, start, sizeof(start) - 1) == 0;
}

static ork_graph *import(ork_diag *diag, const uint8_t *data, size_t size)
{
    ork_bytes bytes = {data, size};
    ork_import_input input = {.rank = 4, .dim = {1, 2, 12, 12}};
    ork_import_options options = {.inputs = &input, .input_count = 1, .exact_sizes = true};
    if (size > 2 && data[0] == 'P' && data[1] == 'K')
        return ork_import_pytorch_bytes(diag, "fuzz.pt", bytes, &options);
    if (is_text(data, size))
        return ork_graph_parse(diag, (const char *)data, size);
    return ork_import_onnx_bytes(diag, "fuzz.onnx", bytes, false, NULL);
}

/* An importer's graph can always be rewritten; a text may hold anything. */
static void rewrite(ork_diag *diag, ork_graph *graph, bool imported)
{
    if (!ork_passes_run(graph, diag, 3))
        return;
    bool good = !ork_graph_is_quantized(graph) || ork_quantize_as_given(diag, graph);
    if (!good && imported && ork_diag_error_id(diag) == ORK_ERR_GRAPH)
        abort();
    if (good && graph_is_small(graph, MOST_ELEMENTS))
        run_plan(diag, graph, &(ork_plan_options){.family = ORK_FAMILY_LION});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MOST_BYTES)
        return 0;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = import(diag, data, size);
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    if (graph && graph->stage != ORK_STAGE_QUANT && graph_is_small(graph, MOST_ELEMENTS))
        rewrite(diag, graph, !is_text(data, size));
    ork_graph_free(graph);
    ork_diag_free(diag);
    return 0;
}
