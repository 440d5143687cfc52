/* SPDX-License-Identifier: Apache-2.0 */
/* Detection heads: from the outputs of a YOLOX-class network to boxes on a picture.

   A head gives each anchor (a cell of a map) 5 + C channels: centre x and y, width, height,
   objectness, and one score a class. What is left to do to them is read from the graph. */
#ifndef ORK_DETECT_H
#define ORK_DETECT_H

#include "../base/base.h"
#include "../graph/graph.h"
#include "../image/image.h"
#include "../tensor/tensor.h"

/* ---- what the graph does to one element -------------------------------------------------- */

/* An element of an output followed back, through operators that only move or transform single
   elements, to the convolution or linear layer that computes it. */
typedef struct ork_trace {
    const ork_value *root; /* where it ends */
    int64_t index[ORK_MAX_RANK];
    bool found;     /* the root is computed by a convolution or linear layer */
    bool activated; /* went through sigmoid, hard_sigmoid or softmax */
    bool exp;
    bool shifted, scaled; /* something was added, multiplied */
} ork_trace;

/* index has the rank of the value and lies inside of it. */
ork_trace ork_trace_element(const ork_value *value, const int64_t *index);

/* ---- heads ------------------------------------------------------------------------------- */

enum { ORK_HEAD_MAX_PARTS = 8, ORK_HEAD_MAX_CLASSES = 65536 };

typedef enum ork_answer {
    ORK_ANSWER_NO,
    ORK_ANSWER_YES,
    ORK_ANSWER_UNKNOWN, /* the graph does not tell; the values decide, in each run */
} ork_answer;

typedef enum ork_head_layout {
    ORK_HEAD_MAPS,    /* an output [1,5+C,H,W] for each stride */
    ORK_HEAD_ROWS,    /* one output [1,N,5+C], map after map, each row by row */
    ORK_HEAD_COLUMNS, /* one output [1,5+C,N] */
} ork_head_layout;

/* The cell that an anchor stands in, and the size of the cell in pixels of the network's input. */
typedef struct ork_anchor {
    float x, y, stride;
} ork_anchor;

/* Anchors whose channels lie regularly in one output: channel c of anchor i is element
   i * anchor_step + c * channel_step. */
typedef struct ork_head_part {
    int output;
    size_t count, anchor_step, channel_step;
    const ork_anchor *anchors;
} ork_head_part;

typedef struct ork_head {
    ork_head_layout layout;
    int input_width, input_height; /* of the network */
    int class_count;
    ork_answer boxes_decoded; /* centre and size are pixels already */
    ork_answer object_logits; /* objectness still needs its sigmoid */
    ork_answer class_logits;  /* class scores still need theirs */
    int part_count;
    ork_head_part parts[ORK_HEAD_MAX_PARTS];
    size_t anchor_count;
    const char *description; /* "YOLOX, 3 maps, 80 classes, sigmoid inside" */
} ork_head;

/* Tells from the graph's outputs, and from what the graph does to them, which head it is. Anchors
   and texts go to the arena. Fails with ORK_ERR_DETECT_HEAD, naming the outputs found. */
bool ork_head_recognise(ork_diag *diag, ork_arena *arena, const ork_graph *graph, ork_head *head);

/* ---- boxes ------------------------------------------------------------------------------- */

typedef struct ork_box {
    int class_id;
    float score;      /* objectness times class score */
    float corners[4]; /* left, top, right, bottom in pixels of the network's input */
    uint32_t anchor;  /* counted over all parts; breaks ties */
} ork_box;

typedef struct ork_boxes {
    ork_box *items;
    size_t count;
} ork_boxes;

/* Reads the boxes of all anchors whose best class (the first among equals) scores at least
   `threshold`. outputs[i] holds the real values of output i of the graph in its own order. At most
   head->anchor_count boxes, best first: by score, then class, then anchor. Boxes with numbers that
   are not finite are dropped. The boxes go to the arena; NULL items only when count is 0. Fails
   only for lack of memory. */
bool ork_head_decode(ork_diag *diag, ork_arena *arena, const ork_head *head,
                     const float *const *outputs, float threshold, ork_boxes *boxes);

/* Area of the intersection over area of the union, 0 when the union is empty. */
float ork_box_overlap(const ork_box *a, const ork_box *b);

/* Greedy non-maximum suppression in place: of boxes sorted best first, keeps each that overlaps no
   better kept one (of its class, unless class_agnostic) by more than `threshold`, until max_boxes
   are kept; the rest is dropped. Corners are taken as points, without the pixel that some
   implementations add to widths and heights. */
void ork_boxes_suppress(ork_boxes *boxes, float threshold, bool class_agnostic, size_t max_boxes);

/* From pixels of the network's input to pixels of the picture, clipped to it. */
void ork_boxes_to_picture(ork_boxes *boxes, const ork_letterbox *letterbox);

#endif
