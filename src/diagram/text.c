/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes as lines, with a rail for every tensor from where it is made to its last use. */
#include "picture.h"

#include <string.h>

enum { MOST_RAILS = 24, OPERATOR_WIDTH = 36 };

typedef struct rails {
    const picture *p;
    int *last_use;           /* by box */
    int *rail;               /* by box; -1: none was free */
    int on[MOST_RAILS];      /* the box whose tensor runs here, or -1 */
    bool joined[MOST_RAILS]; /* it goes into the box at hand */
    int width;               /* rails ever used */
    int next_link;           /* into by_end */
    int *by_end;             /* links, sorted by the box they lead to */
} rails;

static void sort_links(rails *r)
{
    size_t boxes = r->p->boxes.count, links = r->p->links.count;
    int *first = ORK_NEW_ARRAY(r->p->arena, int, boxes + 2);
    r->by_end = ORK_NEW_ARRAY(r->p->arena, int, links + 1);
    for (size_t i = 0; i < links; i++)
        first[r->p->links.items[i].to + 1]++;
    for (size_t i = 0; i < boxes; i++)
        first[i + 1] += first[i];
    for (size_t i = 0; i < links; i++)
        r->by_end[first[r->p->links.items[i].to]++] = (int)i;
}

static rails rails_of(const picture *p)
{
    size_t boxes = p->boxes.count;
    rails r = {.p = p,
               .last_use = ORK_NEW_ARRAY(p->arena, int, boxes + 1),
               .rail = ORK_NEW_ARRAY(p->arena, int, boxes + 1)};
    for (size_t i = 0; i < boxes; i++)
        r.last_use[i] = r.rail[i] = -1;
    for (size_t i = 0; i < p->links.count; i++)
        r.last_use[p->links.items[i].from] = p->links.items[i].to;
    for (int i = 0; i < MOST_RAILS; i++)
        r.on[i] = -1;
    sort_links(&r);
    return r;
}

/* Marks the rails that lead to the box; returns the one that it goes on with, -1 for none. What
   comes by no rail is named in `missing`. */
static int join(rails *r, int box, ork_str *missing)
{
    int own = -1;
    memset(r->joined, 0, sizeof(r->joined));
    for (; r->next_link < (int)r->p->links.count; r->next_link++) {
        const layout_link *link = &r->p->links.items[r->by_end[r->next_link]];
        if (link->to != box)
            break;
        int rail = r->rail[link->from];
        if (rail < 0) {
            const char *name = clean_text(r->p->arena, r->p->boxes.items[link->from].value->name);
            ork_str_printf(missing, "%s%s", missing->length ? ", " : "  from ", name);
            continue;
        }
        r->joined[rail] = true;
        if (r->last_use[link->from] == box && (own < 0 || rail < own))
            own = rail;
    }
    for (int i = 0; i < MOST_RAILS && own < 0; i++)
        if (r->on[i] < 0)
            own = i;
    return own;
}

/* The rails of a row from `low` to `high` are joined by a line. */
typedef struct joint {
    int box, own, low, high;
} joint;

static const char *symbol(const rails *r, int rail, const joint *j)
{
    bool within = j->own >= 0 && rail > j->low && rail < j->high;
    if (rail == j->own)
        return r->p->boxes.items[j->box].first ? "●" : "○";
    if (!r->joined[rail])
        return r->on[rail] >= 0 ? "│" : within ? "─" : " ";
    if (r->last_use[r->on[rail]] == j->box)
        return within ? "┴" : rail > j->own ? "╯" : "╰";
    return within ? "┼" : rail > j->own ? "┤" : "├";
}

static void put_rails(const rails *r, int own, int box, int width, ork_str *out)
{
    joint j = {box, own, own, own};
    for (int i = 0; i < MOST_RAILS && own >= 0; i++)
        if (r->joined[i]) {
            j.low = i < j.low ? i : j.low;
            j.high = i > j.high ? i : j.high;
        }
    for (int i = 0; i < width; i++)
        ork_str_printf(out, "%s%s", symbol(r, i, &j),
                       own >= 0 && i >= j.low && i < j.high ? "─" : " ");
    ork_str_printf(out, own < 0 ? "● " : "  ");
}

static void put_padded(ork_str *out, const char *text, int width)
{
    ork_str_printf(out, "%s", text);
    for (int i = text_length(text); i < width; i++)
        ork_str_printf(out, " ");
}

/* "conv2d 3x3/2 pad 1, silu" */
static const char *operators(ork_arena *arena, const picture_box *box)
{
    const char *text = "";
    for (size_t i = 0; i < box->rows.count; i++) {
        const picture_row *line = &box->rows.items[i];
        if (line->kind == ROW_TITLE)
            text = ork_arena_printf(arena, "%s%s%s%s%s", text, *text ? ", " : "", line->left,
                                    *line->right ? " " : "", line->right);
    }
    return text;
}

static void put_line(const rails *r, int box, const char *missing, int name_width, ork_str *out)
{
    const picture_box *b = &r->p->boxes.items[box];
    ork_arena *arena = r->p->arena;
    const char *name = clean_text(arena, b->first ? b->first->name : b->value->name);
    const char *quant = quant_text(arena, &b->value->type);
    put_padded(out, shorten(arena, operators(arena, b), OPERATOR_WIDTH), OPERATOR_WIDTH + 2);
    put_padded(out, shorten(arena, name, name_width), name_width + 2);
    put_padded(out, type_text(arena, &b->value->type), *quant ? 22 : 0);
    ork_str_printf(out, "%s%s%s\n", *quant ? "  " : "", quant, missing);
}

static void leave(rails *r, int own, int box)
{
    for (int i = 0; i < MOST_RAILS; i++)
        if (r->on[i] >= 0 && r->last_use[r->on[i]] <= box)
            r->on[i] = -1;
    r->rail[box] = own;
    if (own >= 0 && r->last_use[box] >= 0)
        r->on[own] = box;
    r->width = own >= r->width ? own + 1 : r->width;
}

static void walk(rails *r, int width, int name_width, ork_str *out)
{
    for (int box = 0; box < (int)r->p->boxes.count; box++) {
        ork_str missing = {0};
        int own = join(r, box, &missing);
        if (out) {
            put_rails(r, own, box, width, out);
            put_line(r, box, missing.text ? missing.text : "", name_width, out);
        }
        ork_str_free(&missing);
        leave(r, own, box);
    }
}

void ork_diagram_text(const ork_graph *graph, ork_str *out)
{
    enum { LONGEST_NAME = 44 };
    ork_arena *arena = ork_arena_new();
    picture p = picture_of(arena, graph);
    int name_width = 3;
    for (size_t i = 0; i < p.boxes.count; i++) {
        const picture_box *b = &p.boxes.items[i];
        int length = text_length(clean_text(arena, b->first ? b->first->name : b->value->name));
        name_width = length > name_width ? length : name_width;
    }
    rails first = rails_of(&p), second = rails_of(&p);
    walk(&first, 0, 0, NULL);
    ork_str_printf(out, "%s (%s), %zu layers\n", clean_text(arena, graph->name),
                   ork_stage_names[graph->stage], graph->node_count);
    walk(&second, first.width, name_width < LONGEST_NAME ? name_width : LONGEST_NAME, out);
    ork_arena_free(arena);
}
