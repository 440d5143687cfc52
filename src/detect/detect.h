/* SPDX-License-Identifier: Apache-2.0 */
/* Detection heads: from the outputs of a YOLOX-class network to boxes on a picture.

   A head gives each anchor (a cell of a map) 5 + C channels: centre x and y, width, height,
   objectness, and one score a class. What is left to do to them is read from the graph. */
#ifndef ORK_DETECT_H
#define ORK_DETECT_H

#include <openrknn/types.h>

#include "../base/base.h"
#include "../graph/graph.h"
#include "../image/image.h"
#include "../quant/quant.h"
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

/* ---- labelled pictures ------------------------------------------------------------------- */

typedef struct ork_coco_category {
    int64_t id;
    const char *name;
} ork_coco_category;

/* An object that somebody marked. */
typedef struct ork_coco_object {
    int image, category;             /* indices, not ids */
    double left, top, width, height; /* pixels of the picture */
    double area;  /* of the object's outline, in pixels; of the box without one */
    bool crowd;   /* many objects in one box: finding it is neither good nor bad */
    size_t order; /* in the file */
} ork_coco_object;

typedef struct ork_coco_image {
    int64_t id;
    const char *file_name;
    int width, height;   /* 0 where the file does not tell */
    size_t first, count; /* its objects */
} ork_coco_image;

/* An annotation file in the form of COCO's "Object Detection". Images go by their ids, categories
   as the file lists them, objects by image and category and then as the file lists them. */
typedef struct ork_coco {
    ork_coco_image *images;
    int image_count;
    ork_coco_category *categories;
    int category_count;
    ork_coco_object *objects;
    size_t object_count;
    size_t skipped; /* annotations of images or categories that are not listed */
} ork_coco;

/* Everything goes to the arena. Fails with ORK_ERR_JSON or ORK_ERR_ANNOTATIONS, which names the
   entry. */
bool ork_coco_read(ork_diag *diag, ork_arena *arena, ork_bytes text, ork_coco *coco);

/* Boxes that a detector found, from a file in the form of COCO's results; class ids are indices of
   categories, -1 for categories that are not listed. Sorted by image, then as the file lists them.
 */
typedef struct ork_coco_result {
    int image;
    uint32_t order;
    ork_box box;
} ork_coco_result;
typedef struct ork_coco_results {
    ork_coco_result *items;
    size_t count;
} ork_coco_results;

/* Fails as ork_coco_read; and for images that the annotations do not list. */
bool ork_coco_read_results(ork_diag *diag, ork_arena *arena, ork_bytes text, const ork_coco *coco,
                           ork_coco_results *results);

/* ---- average precision ------------------------------------------------------------------- */

/* The twelve figures of COCO's evaluation (cocodataset.org/#detection-eval), computed as its
   reference implementation, pycocotools, does: of each picture the best 100 boxes of each class are
   matched greedily, best first, with the marked object that they overlap most; crowds and objects
   outside of the range of areas are ignored; precision is read at 101 recalls. */

/* "AP50"; and what it is, in words. */
extern const char *const ork_figure_names[ORK_FIGURE_COUNT];
extern const char *const ork_figure_helps[ORK_FIGURE_COUNT];

/* Boxes held against marked objects. Memory grows with the boxes, whatever the pictures. */
typedef struct ork_judge ork_judge;

/* coco must stay; never NULL. */
ork_judge *ork_judge_new(const ork_coco *coco);
void ork_judge_free(ork_judge *judge);
/* The boxes found on an image: class ids are indices of categories, corners pixels of the picture;
   boxes of other classes, or with numbers that are not finite, are left out. Of equal scores the
   first given is the better. Each image once, in any order; images never added count for nothing.
   False when the image has been added. */
bool ork_judge_add(ork_judge *judge, int image, const ork_box *boxes, size_t count);
bool ork_judge_has(const ork_judge *judge, int image);
int ork_judge_image_count(const ork_judge *judge); /* of the annotations */
/* The boxes of an added image, as they were given. */
ork_boxes ork_judge_boxes(const ork_judge *judge, int image);
/* -1 where there is nothing to measure. chosen: a flag for each image, or NULL for all added ones.
   category: an index, or -1 for the mean over all that have objects. */
void ork_judge_figures(ork_judge *judge, const bool *chosen, int category,
                       double figures[ORK_FIGURE_COUNT]);
/* Sets the flags of half of the added images, rounded up: a choice that depends on the seed and on
   which images were added. */
void ork_judge_half(const ork_judge *judge, uint64_t seed, bool *chosen);

/* What became of the first model's boxes in another's, over the images that both have. */
typedef struct ork_box_changes {
    size_t kept, lost, fresh;
    double score_change; /* mean of other minus first over the kept */
} ork_box_changes;
/* Boxes of at least this score, of equal class, are pairs when they overlap by at least `overlap`;
   the best pairs are taken first, each box once. */
ork_box_changes ork_judge_compare(const ork_judge *first, const ork_judge *other, float score,
                                  float overlap);

/* ---- how much worse a form of a detector is, without labels -------------------------------- */

/* Some samples with what the float network finds on them. */
typedef struct ork_agreement ork_agreement;

/* Samples [begin, end) of the dataset. *agreement is NULL when the network is no detector that is
   known, or finds nothing; false only on failure. The graph, float, must stay. */
bool ork_agreement_new(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset, size_t begin,
                       size_t end, ork_pool *pool, ork_family family, ork_agreement **agreement);
void ork_agreement_free(ork_agreement *agreement);
size_t ork_agreement_objects(const ork_agreement *agreement); /* that the figures are made of */
/* Points of AP (0 to 100) that a form of the graph reaches less than the float network does, the
   truth being what the float network finds on the same pictures moved by some pixels. */
bool ork_agreement_loss(ork_agreement *agreement, const ork_graph *graph, double *points);
/* What moves smoothly: where the float network sees something in a few samples, the mean of
   (1 - overlap)^2 + (difference of scores)^2. 0: the same boxes. */
bool ork_agreement_difference(ork_agreement *agreement, const ork_graph *graph, double *mean);

#endif
