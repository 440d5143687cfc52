/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double margin = 24;

static const char style[] =
    "svg{font:11px 'DejaVu Sans',Verdana,Arial,sans-serif}"
    ".bg{fill:#fafbfc}.b{fill:#fff;stroke:#b9c0ca}.t{fill:#fff;font-weight:bold}"
    ".a{fill:#fff}.n{fill:#1c2128}.d{fill:#57606a}.y{fill:#2b4a77}"
    ".e{fill:none;stroke:#8b95a3;stroke-width:1.4}.f{stroke-dasharray:4 4}.h{fill:#6f7987}"
    ".e:hover{stroke:#d1642a;stroke-width:2.4}"
    "@media (prefers-color-scheme:dark){.bg{fill:#16191d}.b{fill:#23282f;stroke:#4a525e}"
    ".n{fill:#e8ebef}.d{fill:#a7b0bc}.y{fill:#9cc3f5}.e{stroke:#7d8794}.h{fill:#99a3b0}}";

/* ---- writing ------------------------------------------------------------------------------ */

/* A tenth of a pixel is enough, and a point in every locale. */
static void put_number(ork_str *out, double number)
{
    long long tenths = llround(number * 10);
    ork_str_printf(out, tenths % 10 ? "%s%lld.%lld" : "%s%lld", tenths < 0 ? "-" : "",
                   llabs(tenths) / 10, llabs(tenths) % 10);
}

static void put_attribute(ork_str *out, const char *name, double number)
{
    ork_str_printf(out, " %s=\"", name);
    put_number(out, number);
    ork_str_printf(out, "\"");
}

static void put_point(ork_str *out, const char *before, layout_point at)
{
    ork_str_printf(out, "%s", before);
    put_number(out, at.x + margin);
    ork_str_printf(out, " ");
    put_number(out, at.y + margin);
}

static void put_title(ork_str *out, const char *text)
{
    ork_str_printf(out, "<title>");
    ork_str_append_xml(out, text);
    ork_str_printf(out, "</title>");
}

/* ---- lines -------------------------------------------------------------------------------- */

/* Leaves and arrives straight down. */
static void put_curve(ork_str *out, layout_point from, layout_point to)
{
    double bend = (to.y - from.y) * 0.5;
    if (fabs(from.x - to.x) < 0.05) {
        put_point(out, "L", to);
        return;
    }
    put_point(out, "C", (layout_point){from.x, from.y + bend});
    put_point(out, " ", (layout_point){to.x, to.y - bend});
    put_point(out, " ", to);
}

/* What is straight altogether is one stroke. */
static void put_line(ork_str *out, const layout_line *line, const char *name)
{
    ork_str_printf(out, "<path class=\"%s\" d=\"", line->is_direct ? "e f" : "e");
    put_point(out, "M", line->points[0]);
    layout_point at = line->points[0];
    for (int i = 1; i < line->count; i++) {
        layout_point to = line->points[i];
        bool goes_on = i + 1 < line->count && fabs(to.x - at.x) < 0.05 &&
                       fabs(line->points[i + 1].x - to.x) < 0.05;
        if (goes_on)
            continue;
        put_curve(out, at, to);
        at = to;
    }
    ork_str_printf(out, "\">");
    put_title(out, name);
    ork_str_printf(out, "</path>\n");
}

static void put_heads(ork_str *out, const picture *p, const layout *l)
{
    if (p->links.count == 0)
        return;
    ork_str_printf(out, "<path class=\"h\" d=\"");
    for (size_t i = 0; i < p->links.count; i++) {
        layout_point tip = l->lines[i].points[l->lines[i].count - 1];
        put_point(out, "M", tip);
        ork_str_printf(out, "l-3.5 -7h7z");
    }
    ork_str_printf(out, "\"/>\n");
}

/* ---- boxes -------------------------------------------------------------------------------- */

static void put_words(ork_str *out, const char *class, double x, double y, bool at_end,
                      const char *text)
{
    if (!*text)
        return;
    ork_str_printf(out, "<text class=\"%s\"", class);
    put_attribute(out, "x", x);
    put_attribute(out, "y", y);
    ork_str_printf(out, "%s>", at_end ? " text-anchor=\"end\"" : "");
    ork_str_append_xml(out, text);
    ork_str_printf(out, "</text>");
}

static void put_strip(ork_str *out, const picture_row *line, double x, double y, double width,
                      bool is_top)
{
    double height = row_height(ROW_TITLE), round = is_top ? 5 : 0;
    ork_str_printf(out, "<path fill=\"%s\" d=\"M", picture_colours[line->colour].fill);
    put_number(out, x);
    ork_str_printf(out, " ");
    put_number(out, y + height);
    ork_str_printf(out, "v");
    put_number(out, round - height);
    if (is_top)
        ork_str_printf(out, "q0 -5 5 -5");
    ork_str_printf(out, "h");
    put_number(out, width - 2 * round);
    if (is_top)
        ork_str_printf(out, "q5 0 5 5");
    ork_str_printf(out, "V");
    put_number(out, y + height);
    ork_str_printf(out, "z\"/>");
}

static void put_box(ork_str *out, const picture_box *box, const layout_box *place)
{
    static const char *const left_class[] = {"t", "n", "d", "y"};
    static const char *const right_class[] = {"a", "n", "d", "y"};
    double x = place->x - place->width / 2 + margin, y = place->y + margin;
    ork_str_printf(out, "<g>");
    put_title(out, box->tip);
    ork_str_printf(out, "<rect class=\"b\" rx=\"5\"");
    put_attribute(out, "x", x);
    put_attribute(out, "y", y);
    put_attribute(out, "width", place->width);
    put_attribute(out, "height", place->height);
    ork_str_printf(out, "/>");
    for (size_t i = 0; i < box->rows.count; i++) {
        const picture_row *line = &box->rows.items[i];
        double height = row_height(line->kind);
        if (line->kind == ROW_TITLE)
            put_strip(out, line, x, y, place->width, i == 0);
        put_words(out, left_class[line->kind], x + 9, y + height - 6, false, line->left);
        put_words(out, right_class[line->kind], x + place->width - 9, y + height - 6, true,
                  line->right);
        y += height;
    }
    ork_str_printf(out, "</g>\n");
}

void ork_diagram_svg(const ork_graph *graph, ork_str *out)
{
    ork_arena *arena = ork_arena_new();
    picture p = picture_of(arena, graph);
    layout_box *boxes = picture_boxes(&p);
    layout l = layout_make(arena, boxes, (int)p.boxes.count, p.links.items, (int)p.links.count);
    ork_str_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                        "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    put_attribute(out, "width", l.width + 2 * margin);
    put_attribute(out, "height", l.height + 2 * margin);
    ork_str_printf(out, ">\n");
    put_title(out, ork_arena_printf(arena, "%s (%s)", clean_text(arena, graph->name),
                                    ork_stage_names[graph->stage]));
    ork_str_printf(out,
                   "\n<style>%s</style>\n"
                   "<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n",
                   style);
    for (size_t i = 0; i < p.links.count; i++)
        put_line(out, &l.lines[i], clean_text(arena, p.link_values.items[i]->name));
    put_heads(out, &p, &l);
    for (size_t i = 0; i < p.boxes.count; i++)
        put_box(out, &p.boxes.items[i], &boxes[i]);
    ork_str_printf(out, "</svg>\n");
    ork_arena_free(arena);
}
