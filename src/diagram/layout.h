/* SPDX-License-Identifier: Apache-2.0 */
/* Private to diagram/: where boxes and lines stand, whatever they mean. Boxes stand in rows, every
   link goes down by one row or more; what passes a row passes it straight, through a place of its
   own (a lane). Time is about linear in boxes and links. */
#ifndef ORK_DIAGRAM_LAYOUT_H
#define ORK_DIAGRAM_LAYOUT_H

#include "../base/base.h"

typedef struct layout_box {
    double width, height; /* given */
    double x, y;          /* of the middle, and of the upper edge */
    int row;
} layout_box;

typedef struct layout_link {
    int from, to; /* boxes; from < to */
} layout_link;

typedef struct layout_point {
    double x, y;
} layout_point;

/* The line of a link: from the lower edge of its first box, or from the line of another link of the
   same box that it leaves, to the upper edge of its second. Points come in pairs: curves from an
   odd one to the next, straight from an even one. */
typedef struct layout_line {
    layout_point *points;
    int count;
    bool is_direct; /* one of too many long links: no place was kept for it */
} layout_line;

typedef struct layout {
    double width, height;
    int rows;
    layout_line *lines; /* one for each link */
} layout;

/* Links must be sorted by `from`. */
layout layout_make(ork_arena *arena, layout_box *boxes, int box_count, const layout_link *links,
                   int link_count);

/* ---- between the parts ------------------------------------------------------------------- */

/* A line between neighbouring rows. */
typedef struct segment {
    int upper, lower; /* places */
    bool is_crossed;  /* by a lane: must not be straightened */
} segment;

/* Segments at one side of each place: those of place p are items[first[p] .. first[p + 1]). */
typedef struct sides {
    int *first, *items;
} sides;

/* What stands in the rows: boxes first, then lanes. */
typedef struct places {
    ork_arena *arena;
    int count, box_count, rows;
    double *width;
    int *row, *position; /* of each place: its row, and where it stands in it */
    int *row_first;      /* rows + 1 */
    int *order;          /* the places of row r, from the left: order[row_first[r] ..) */
    segment *segments;
    int segment_count;
    sides up, down;
} places;

static inline bool is_lane(const places *p, int place)
{
    return place >= p->box_count;
}

/* order.c: the order within rows, with few crossings. Segments end up sorted from the left. */
void places_order(places *p);
/* straighten.c: x of the middle of each place. */
double *places_straighten(places *p);

#endif
