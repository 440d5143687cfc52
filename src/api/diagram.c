/* SPDX-License-Identifier: Apache-2.0 */
/* Drawings of models, and comparisons. */
#include "internal.h"

#include "../diagram/diagram.h"

#include <string.h>

/* ---- stages ------------------------------------------------------------------------------- */

static const ork_graph *no_stage(ork_model *model, const char *stage)
{
    ork_fail(model->diag, ORK_ERR_CALL_ORDER, "the model has no stage '%s'", stage);
    ork_why(model->diag, "it was %s%s", model->loaded ? "loaded" : "read as it was built",
            model->built && model->loaded ? " and built" : "");
    ork_fix(model->diag, "the stages are imported, canon and quant; quant is that of a quantized "
                         "model");
    return NULL;
}

/* The graph at a stage; *made, to be freed, when it was made for it. */
static const ork_graph *graph_at(ork_model *model, const char *stage, ork_graph **made)
{
    *made = NULL;
    if (!model_graph(model)) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no model to look at");
        ork_fix(model->diag, "load one first");
        return NULL;
    }
    bool is_canon = stage && strcmp(stage, "canon") == 0;
    if (stage && strcmp(stage, "imported") == 0)
        return model->loaded ? model->loaded : no_stage(model, stage);
    if (model->built && (!stage || strcmp(stage, ork_stage_names[model->built->stage]) == 0))
        return model->built;
    if (!model->loaded || (stage && !is_canon))
        return no_stage(model, stage);
    return *made = canonical_graph(model);
}

/* ---- drawings ----------------------------------------------------------------------------- */

char *ork_model_diagram(ork_model *model, const ork_diagram_options *given)
{
    static const ork_diagram_fn draw[] = {
        [ORK_DIAGRAM_TEXT] = ork_diagram_text,
        [ORK_DIAGRAM_SVG] = ork_diagram_svg,
        [ORK_DIAGRAM_DOT] = ork_diagram_dot,
        [ORK_DIAGRAM_JSON] = ork_diagram_json,
    };
    ork_diagram_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    if ((unsigned)options.format >= ORK_COUNT(draw)) {
        ork_fail(model->diag, ORK_ERR_USAGE, "there is no such kind of diagram");
        return NULL;
    }
    ork_graph *made;
    const ork_graph *graph = graph_at(model, options.stage, &made);
    if (!graph)
        return NULL;
    ork_str text = {0};
    draw[options.format](graph, &text);
    ork_graph_free(made);
    return text.text;
}

/* ---- differences -------------------------------------------------------------------------- */

static ork_diff_report *report_of(ork_arena *arena, const ork_graph_diff *diff)
{
    ork_diff_report *report = ORK_NEW(arena, ork_diff_report);
    ork_difference *rows = ORK_NEW_ARRAY(arena, ork_difference, diff->rows.count + 1);
    for (size_t i = 0; i < diff->rows.count; i++) {
        const ork_difference_row *row = &diff->rows.items[i];
        rows[i] = (ork_difference){ork_difference_names[row->kind],
                                   row->first,
                                   row->second,
                                   row->op,
                                   row->what,
                                   row->before,
                                   row->after};
    }
    *report = (ork_diff_report){.matched_layers = diff->matched,
                                .first_layers = diff->matched + diff->first_only,
                                .second_layers = diff->matched + diff->second_only,
                                .weight_difference = diff->weight_difference,
                                .difference_count = (int)diff->rows.count,
                                .differences = rows};
    return report;
}

const ork_diff_report *ork_model_diff(ork_model *first, ork_model *second,
                                      const ork_diff_options *given)
{
    ork_diff_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(first->diag);
    ork_graph *made_first, *made_second = NULL;
    const ork_graph *a = graph_at(first, options.stage, &made_first);
    const ork_graph *b = a ? graph_at(second, options.stage, &made_second) : NULL;
    const ork_diff_report *report = NULL;
    if (a && !b) {
        const ork_error *error = ork_diag_error(second->diag);
        ork_fail(first->diag, ork_diag_error_id(second->diag), "%s", error->what);
        ork_where(first->diag, "the second model");
        ork_fix(first->diag, "%s", error->fix);
    }
    if (a && b) {
        double within = options.weights_within > 0 ? options.weights_within : 1e-5;
        ork_arena_free(first->diff_arena);
        first->diff_arena = ork_arena_new();
        report =
            report_of(first->diff_arena, ork_graph_compare(first->diff_arena, a, b,
                                                           options.exact_weights ? 0 : within));
    }
    ork_graph_free(made_first);
    ork_graph_free(made_second);
    return report;
}
