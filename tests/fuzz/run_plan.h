/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets do with a graph that they could read: run it, when that costs little. */
#ifndef ORK_TESTS_RUN_PLAN_H
#define ORK_TESTS_RUN_PLAN_H

#include "plan/plan.h"

#include <stdlib.h>

/* No value of more than `most` elements, and no window that is far larger than what it slides over.
 */
static bool graph_is_small(const ork_graph *graph, int64_t most)
{
    enum { MOST_WINDOW = 64 };
    for (size_t i = 0; i < graph->values.count; i++)
        if (ork_shape_count(&graph->values.items[i]->type.shape) > most)
            return false;
    for (const ork_node *node = graph->first; node; node = node->next)
        for (int i = 0; i < 2; i++)
            if (ork_op_table[node->op].op_class == ORK_CLASS_POOL &&
                node->attrs.max_pool2d.kernel.v[i] > MOST_WINDOW)
                return false;
    return true;
}

/* Plans, runs, and touches the outputs; a graph that gets no plan must come with an error. */
static void run_plan(ork_diag *diag, const ork_graph *graph, const ork_plan_options *options)
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

#endif
