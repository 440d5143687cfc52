/* SPDX-License-Identifier: Apache-2.0 */
/* Private to diagram/: the boxes of a drawing and what is written in them. A layer and the
   activations after it share a box. */
#ifndef ORK_DIAGRAM_PICTURE_H
#define ORK_DIAGRAM_PICTURE_H

#include "diagram.h"
#include "layout.h"

typedef enum row_kind {
    ROW_TITLE,  /* an operator with its attributes, on its colour */
    ROW_NAME,   /* the user's name */
    ROW_DETAIL, /* weights */
    ROW_TYPE,   /* what comes out */
} row_kind;

typedef struct picture_row {
    row_kind kind;
    const char *left, *right; /* UTF-8 that any notation takes once it is escaped */
    int colour;               /* of titles: index into picture_colours */
} picture_row;

typedef struct picture_box {
    const ork_node *first, *last; /* NULL for inputs and outputs of the network */
    const ork_value *value;       /* what comes out, or goes in to an output */
    bool is_output;
    ORK_VEC(picture_row) rows;
    const char *tip; /* lines on everything there is to know */
} picture_box;

typedef struct picture_colour {
    const char *name, *fill;
} picture_colour;
extern const picture_colour picture_colours[];
extern const int picture_colour_count;

typedef struct picture {
    ork_arena *arena;
    const ork_graph *graph;
    ORK_VEC(picture_box) boxes; /* in order of execution */
    ORK_VEC(layout_link) links; /* sorted by `from` */
    ORK_VEC(const ork_value *) link_values;
} picture;

/* Sizes as a font of usual width needs them; rows from the top are row_height high. */
double row_height(row_kind kind);
layout_box *picture_boxes(const picture *p);

picture picture_of(ork_arena *arena, const ork_graph *graph);

/* "3x3/2 pad 1 groups 16" */
const char *node_attributes(ork_arena *arena, const ork_node *node);
/* "f32 1x16x208x208" and "" or "scale 0.02, zero point 128" */
const char *type_text(ork_arena *arena, const ork_type *type);
const char *quant_text(ork_arena *arena, const ork_type *type);
/* Valid UTF-8 without control characters. */
const char *clean_text(ork_arena *arena, const char *text);
/* At most `most` characters, with an ellipsis in the middle. */
const char *shorten(ork_arena *arena, const char *text, int most);
int text_length(const char *text); /* in characters; the text is clean */

#endif
