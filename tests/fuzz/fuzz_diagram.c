/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of graphs: what can be read is drawn in every way and compared with itself, which must give
   no difference. */
#include "codec/codec.h"
#include "diagram/diagram.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw(const ork_graph *graph)
{
    static const ork_diagram_fn ways[] = {ork_diagram_text, ork_diagram_svg, ork_diagram_dot,
                                          ork_diagram_json};
    for (size_t i = 0; i < ORK_COUNT(ways); i++) {
        ork_str text = {0};
        ways[i](graph, &text);
        if (!ork_utf8_valid(text.text, text.length))
            abort();
        ork_str_free(&text);
    }
}

static void compare(const ork_graph *graph)
{
    ork_arena *arena = ork_arena_new();
    ork_graph *copy = ork_graph_clone(graph, false);
    if (ork_graph_compare(arena, graph, copy, 0)->rows.count > 0)
        abort();
    ork_graph_free(copy);
    ork_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, size ? (const char *)data : "", size);
    if (graph && ork_graph_verify(graph, diag)) {
        draw(graph);
        compare(graph);
    }
    ork_graph_free(graph);
    ork_diag_free(diag);
    return 0;
}
