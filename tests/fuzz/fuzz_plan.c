/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of graphs: what can be read and verified either gets a plan, which then runs, or an error.
   Large networks are left out, since they would only cost time. */
#include "graph/graph.h"
#include "plan/plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_ELEMENTS = 4096, MOST_WINDOW = 64 };

/* Windows, too, can be far larger than what they slide over. */
static bool is_small(const ork_graph *graph)
{
    for (size_t i = 0; i < graph->values.count; i++)
        if (ork_shape_count(&graph->values.items[i]->type.shape) > MOST_ELEMENTS)
            return false;
    for (const ork_node *node = graph->first; node; node = node->next)
        for (int i = 0; i < 2; i++)
            if (ork_op_table[node->op].op_class == ORK_CLASS_POOL &&
                node->attrs.max_pool2d.kernel.v[i] > MOST_WINDOW)
                return false;
    return true;
}

static void run(ork_diag *diag, const ork_graph *graph, const ork_plan_options *options)
{
    ork_plan *plan = ork_plan_new(diag, graph, options);
    if (!plan && ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    ork_runner *runner = plan ? ork_runner_new(diag, plan, NULL) : NULL;
    if (runner)
        ork_runner_run(runner);
    for (size_t i = 0; runner && i < graph->outputs.count; i++)
        (void)*(const volatile char *)ork_runner_output(runner, i);
    ork_runner_free(runner);
    ork_plan_free(plan);
    ork_diag_clear(diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, size ? (const char *)data : "", size);
    if (graph && ork_graph_verify(graph, diag) && is_small(graph)) {
        run(diag, graph, &(ork_plan_options){.family = ORK_FAMILY_LION});
        run(diag, graph, &(ork_plan_options){.family = ORK_FAMILY_PUMA, .observable = true});
    }
    ork_graph_free(graph);
    ork_diag_free(diag);
    return 0;
}
