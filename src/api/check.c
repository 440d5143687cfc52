/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "../npu/npu.h"

#include <string.h>

static const char *shape_text(ork_arena *arena, const ork_value *value)
{
    char text[ORK_SHAPE_TEXT];
    return ork_arena_strdup(arena, ork_shape_text(&value->type.shape, text, sizeof(text)));
}

static const char *inputs_text(ork_arena *arena, const ork_node *node)
{
    enum { SHOWN = 4 };
    const char *text = "";
    for (int i = 0; i < node->input_count && i < SHOWN; i++)
        if (node->inputs[i])
            text = ork_arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "",
                                    shape_text(arena, node->inputs[i]));
    return node->input_count > SHOWN ? ork_arena_printf(arena, "%s, ...", text) : text;
}

static ork_check_finding finding_of(ork_arena *arena, const ork_finding *found)
{
    const ork_node *node = found->node;
    return (ork_check_finding){
        .rule = found->rule->id,
        .severity = ork_severity_names[found->rule->severity],
        .layer = ork_arena_strdup(arena, node->name),
        .scope = ork_arena_strdup(arena, node->scope ? node->scope : ""),
        .op = ork_op_table[node->op].name,
        .inputs = inputs_text(arena, node),
        .output = shape_text(arena, node->output),
        .reason = found->rule->reason,
        .instead = found->rule->instead,
    };
}

static ork_check_report *report_of(ork_arena *arena, const ork_check *check, const char *network)
{
    ork_check_report *report = ORK_NEW(arena, ork_check_report);
    ork_check_finding *findings =
        ORK_NEW_ARRAY(arena, ork_check_finding, check->findings.count + 1);
    const char **cut = ORK_NEW_ARRAY(arena, const char *, check->cut.count + 1);
    for (size_t i = 0; i < check->findings.count; i++)
        findings[i] = finding_of(arena, &check->findings.items[i]);
    for (size_t i = 0; i < check->cut.count; i++)
        cut[i] = ork_arena_strdup(arena, check->cut.items[i]->name);
    *report = (ork_check_report){
        .network = ork_arena_strdup(arena, network),
        .target = check->soc->name,
        .npu_layers = check->npu_nodes,
        .host_layers = check->host_nodes,
        .refused_layers = check->refused_nodes,
        .macs = check->macs,
        .weight_count = check->weights,
        .peak_count = check->peak,
        .finding_count = (int)check->findings.count,
        .findings = findings,
        .cut_count = (int)check->cut.count,
        .cut = cut,
    };
    return report;
}

const ork_check_report *ork_model_check(ork_model *model, const char *target)
{
    ork_family family;
    ork_diag_clear(model->diag);
    if (!model_graph(model)) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no model to check");
        ork_fix(model->diag, "load one first");
        return NULL;
    }
    if (!ork_soc_family(model->diag, target, &family))
        return NULL;
    const ork_soc *soc = ork_soc_find(target);
    if (!soc) {
        ork_fail(model->diag, ORK_ERR_TARGET, "one chip at a time can be checked, not '%s'",
                 target);
        return NULL;
    }
    /* What is checked is what would be built. */
    ork_graph *graph = model->loaded ? canonical_graph(model) : NULL;
    const ork_graph *subject = model->loaded ? graph : model->built;
    if (!subject)
        return NULL;
    ork_arena_free(model->check_arena);
    model->check_arena = ork_arena_new();
    const ork_check *check =
        ork_check_run(model->check_arena, subject, soc, subject->stage == ORK_STAGE_QUANT);
    const ork_check_report *report = report_of(model->check_arena, check, subject->name);
    ork_graph_free(graph);
    return report;
}
