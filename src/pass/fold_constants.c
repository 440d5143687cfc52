/* SPDX-License-Identifier: Apache-2.0 */
#include "rewrite.h"

bool ork_pass_fold_constants(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    for (ork_node *node = graph->first, *next; node; node = next) {
        next = node->next;
        ork_diag_clear(diag);
        ork_value *folded = ork_graph_evaluate(graph, diag, node);
        if (folded) {
            ork_graph_replace(graph, node->output, folded);
            ++*changes;
        } else if (ork_diag_error_id(diag) != ORK_ERR_NONE) {
            return ork_where(diag, "layer '%s'", node->name);
        }
    }
    return true;
}
