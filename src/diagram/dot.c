/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include <string.h>

/* Texts are clean; quotes and backslashes are escaped, lines become what `end` says. */
static void put_text(ork_str *out, const char *text, const char *end)
{
    for (; *text; text++) {
        if (*text == '\n')
            ork_str_printf(out, "%s", end);
        else if (*text == '"' || *text == '\\')
            ork_str_printf(out, "\\%c", *text);
        else
            ork_str_append(out, text, 1);
    }
}

static void put_box(ork_str *out, const picture_box *box, size_t index)
{
    ork_str_printf(out, "  n%zu [fillcolor=\"%s\" label=\"", index,
                   picture_colours[box->rows.items[0].colour].fill);
    for (size_t i = 0; i < box->rows.count; i++) {
        put_text(out, box->rows.items[i].left, " ");
        ork_str_printf(out, *box->rows.items[i].right ? "  " : "");
        put_text(out, box->rows.items[i].right, " ");
        ork_str_printf(out, "\\l");
    }
    ork_str_printf(out, "\" tooltip=\"");
    put_text(out, box->tip, "\\n");
    ork_str_printf(out, "\"];\n");
}

void ork_diagram_dot(const ork_graph *graph, ork_str *out)
{
    ork_arena *arena = ork_arena_new();
    picture p = picture_of(arena, graph);
    ork_str_printf(out, "digraph \"");
    put_text(out, clean_text(arena, graph->name), " ");
    ork_str_printf(out, "\" {\n"
                        "  node [shape=box style=\"rounded,filled\" fontname=\"sans-serif\" "
                        "fontsize=10 fontcolor=white];\n");
    for (size_t i = 0; i < p.boxes.count; i++)
        put_box(out, &p.boxes.items[i], i);
    for (size_t i = 0; i < p.links.count; i++)
        ork_str_printf(out, "  n%d -> n%d;\n", p.links.items[i].from, p.links.items[i].to);
    ork_str_printf(out, "}\n");
    ork_arena_free(arena);
}
