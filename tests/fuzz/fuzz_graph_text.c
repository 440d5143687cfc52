/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of graphs. What can be read is valid, and reads back as the same text once it has been
   printed and values have the numbers of their order. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST_CONSTANT = 256 }; /* elements: printing more would only cost time */

static bool is_small(const ork_graph *graph)
{
    for (size_t i = 0; i < graph->values.count; i++)
        if (graph->values.items[i]->data &&
            ork_shape_count(&graph->values.items[i]->type.shape) > LARGEST_CONSTANT)
            return false;
    return true;
}

static ork_str print(const ork_graph *graph)
{
    static const ork_text_options all = {.all_constants = true};
    ork_str text = {0};
    ork_graph_print(graph, &all, &text);
    return text;
}

/* Reads the text, checks it, and prints it again. */
static ork_str round_trip(ork_diag *diag, const ork_str *text)
{
    ork_graph *graph = ork_graph_parse(diag, text->text, text->length);
    if (!graph || !ork_graph_verify(graph, diag))
        abort();
    ork_graph *copy = ork_graph_clone(graph, true);
    ork_graph_free(graph);
    if (!ork_graph_verify(copy, diag))
        abort();
    ork_str again = print(copy);
    ork_graph_remove_dead(copy);
    if (!ork_graph_verify(copy, diag))
        abort();
    ork_graph_free(copy);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, size ? (const char *)data : "", size);
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    if (graph && is_small(graph)) {
        ork_str first = print(graph);
        ork_str second = round_trip(diag, &first);
        ork_str third = round_trip(diag, &second);
        if (second.length != third.length || strcmp(second.text, third.text) != 0)
            abort();
        ork_str_free(&first);
        ork_str_free(&second);
        ork_str_free(&third);
    }
    ork_graph_free(graph);
    ork_diag_free(diag);
    return 0;
}
