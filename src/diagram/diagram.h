/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs to look at, and the differences of two. */
#ifndef ORK_DIAGRAM_H
#define ORK_DIAGRAM_H

#include "../base/base.h"
#include "../graph/graph.h"

/* ---- pictures ----------------------------------------------------------------------------- */

/* Appends the graph, of any stage, as a drawing. Names may hold anything: what is no character of
   the notation is replaced. Time and size are about linear in the graph. */
typedef void (*ork_diagram_fn)(const ork_graph *graph, ork_str *out);

/* Lines with rails beside them, as a history of revisions is drawn. */
void ork_diagram_text(const ork_graph *graph, ork_str *out);
/* A picture that needs nothing else: no scripts, no fonts; readable on white and on black. */
void ork_diagram_svg(const ork_graph *graph, ork_str *out);
/* For Graphviz. */
void ork_diagram_dot(const ork_graph *graph, ork_str *out);
/* Boxes with their places, and lines. */
void ork_diagram_json(const ork_graph *graph, ork_str *out);

/* ---- differences -------------------------------------------------------------------------- */

typedef enum ork_difference_kind {
    ORK_DIFFERENCE_ADDED,
    ORK_DIFFERENCE_REMOVED,
    ORK_DIFFERENCE_CHANGED,
} ork_difference_kind;
extern const char *const ork_difference_names[]; /* "added", "removed", "changed" */

/* Texts that do not apply are "". */
typedef struct ork_difference_row {
    ork_difference_kind kind;
    const char *first, *second; /* the layer in each graph */
    const char *op;
    const char *what;           /* "stride", "weight", "output's scale"; of changed ones */
    const char *before, *after; /* as text */
} ork_difference_row;

typedef struct ork_graph_diff {
    ORK_VEC(ork_difference_row) rows;                 /* in the order of the layers of the second */
    size_t matched, first_only, second_only, changed; /* layers */
    double weight_difference; /* the greatest between weights of matched layers, relative to
                                 the greatest weight of its tensor where that is above 1 */
} ork_graph_diff;

/* Compares structure: neither names nor the order of layers make a difference, nor does the order
   of the inputs of what commutes. Weights differ when they do by more than `tolerance`, relative as
   above. The result is in the arena. Time is about linear. */
ork_graph_diff *ork_graph_compare(ork_arena *arena, const ork_graph *first, const ork_graph *second,
                                  double tolerance);

#endif
