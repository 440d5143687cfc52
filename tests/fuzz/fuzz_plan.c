/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of graphs: what can be read and verified either gets a plan, which then runs, or an error.
   Large networks are left out, since they would only cost time. */
#include "graph/graph.h"
#include "run_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_ELEMENTS = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, size ? (const char *)data : "", size);
    if (graph && ork_graph_verify(graph, diag) && graph_is_small(graph, MOST_ELEMENTS)) {
        run_plan(diag, graph, &(ork_plan_options){.family = ORK_FAMILY_LION});
        run_plan(diag, graph, &(ork_plan_options){.family = ORK_FAMILY_PUMA, .observable = true});
    }
    ork_graph_free(graph);
    ork_diag_free(diag);
    return 0;
}
