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
