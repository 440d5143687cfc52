/* SPDX-License-Identifier: Apache-2.0 */
#include "rewrite.h"

#include <string.h>

const ork_pass_info ork_pass_table[] = {
#define ORK_PASS(name, level, doc) {#name, level, ork_pass_##name, doc},
#include "passes.def"
#undef ORK_PASS
};
const size_t ork_pass_count = ORK_COUNT(ork_pass_table);

static bool run(ork_graph *graph, ork_diag *diag, const ork_pass_info *pass, size_t *changes)
{
    double start = ork_seconds();
    *changes = 0;
    if (!pass->run(graph, diag, changes))
        return ork_where(diag, "pass %s", pass->name);
    *changes += ork_graph_remove_dead(graph);
    if (!ork_graph_verify(graph, diag))
        return ork_where(diag, "after pass %s", pass->name);
    ork_log(diag, ORK_LOG_DEBUG, "pass %s: %zu changes in %.2f ms, %zu nodes left", pass->name,
            *changes, (ork_seconds() - start) * 1e3, graph->node_count);
    return true;
}

bool ork_pass_run(ork_graph *graph, ork_diag *diag, const char *name, size_t *changes)
{
    for (size_t i = 0; i < ork_pass_count; i++)
        if (strcmp(ork_pass_table[i].name, name) == 0)
            return run(graph, diag, &ork_pass_table[i], changes);
    return ork_fail(diag, ORK_ERR_USAGE, "there is no pass '%s'", name);
}

bool ork_passes_run(ork_graph *graph, ork_diag *diag, int level)
{
    for (size_t i = 0; i < ork_pass_count; i++) {
        size_t changes;
        if (ork_pass_table[i].level <= level && !run(graph, diag, &ork_pass_table[i], &changes))
            return false;
    }
    graph->stage = ORK_STAGE_CANON;
    graph->optimization_level = level;
    return ork_graph_verify(graph, diag);
}
