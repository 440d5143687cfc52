/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations: lines of "key value", set one after another, and what they make of a network with
   a colour picture and a vector as its inputs. */
#include "api/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_lines(ork_model *model, char *text)
{
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, ' ');
        if (value)
            *value++ = '\0';
        bool good = ork_model_config(model, line, value ? value : "");
        if (good != (ork_diag_error_id(model->diag) == ORK_ERR_NONE))
            abort();
    }
}

static void check_inputs(const ork_graph *graph)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const ork_preprocess *p = &graph->inputs.items[i].preprocess;
        for (int c = 0; c < p->count; c++)
            if (p->reorder[c] < 0 || p->reorder[c] >= p->count || p->std[c] == 0)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_model *model = ork_model_new();
    ork_graph *graph = ork_graph_new("net");
    ork_type picture = ork_type_of(ORK_F32, 4, (int64_t[]){1, 3, 8, 8});
    ork_type vector = ork_type_of(ORK_F32, 2, (int64_t[]){1, 5});
    ork_graph_add_input(graph, "picture", &picture);
    ork_graph_add_input(graph, "vector", &vector);
    char *text = calloc(size + 1, 1);
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    set_lines(model, text);
    ork_diag_clear(model->diag);
    if (config_preprocess(model, graph))
        check_inputs(graph);
    else if (ork_diag_error_id(model->diag) == ORK_ERR_NONE)
        abort();
    free(text);
    ork_graph_free(graph);
    ork_model_free(model);
    return 0;
}
