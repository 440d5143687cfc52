/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the analysis share. */
#ifndef ORK_QUANT_ACCURACY_H
#define ORK_QUANT_ACCURACY_H

#include "internal.h"

/* ---- distance.c ---- */

typedef struct channel_sums {
    double sum, squares, error;
    float most; /* greatest |number| of the float network */
} channel_sums;

/* Sums over pairs of numbers, from which a distance follows. */
typedef struct comparison {
    int64_t channels;
    channel_sums *of; /* each channel */
    double product, other_squares, greatest;
    int64_t count, not_finite; /* count: of a channel, finite pairs and others */
} comparison;

void comparison_start(comparison *c, ork_arena *arena, const ork_shape *shape);
/* Numbers in the graph's order of axes. Channels are axis 1 of 4. */
void comparison_add(comparison *c, const ork_shape *shape, const float *reference,
                    const float *other);
ork_distance comparison_distance(const comparison *c);

/* ---- layers.c ---- */

/* A layer of the float network and what holds its numbers in the quantized one. */
typedef struct studied {
    const ork_node *node;       /* names it; NULL: an input of the network */
    const ork_value *output;    /* of the float network, behind the function */
    ORK_VEC(ork_value *) parts; /* of the quantized network */
    comparison isolated, accumulated;
    double damage;
    uint64_t saturated;
    float *reference, *joined; /* numbers of the sample at work, or NULL */
    int64_t missing;           /* channels of `joined` that are not there yet */
} studied;

typedef struct layer_list {
    ORK_VEC(studied) items;
    size_t unmatched;
    int *by_reference; /* by value id of the float graph: the layer whose output it is, or -1 */
    int *by_part;      /* by value id of the quantized graph */
    bool *borders;     /* by value id of the quantized graph: what a layer alone can be fed with */
} layer_list;

/* observed: by value id of the quantized graph. */
void layers_find(layer_list *list, ork_arena *arena, const ork_graph *reference,
                 const ork_graph *quantized, const bool *observed);
/* The value of the float graph that a value of the quantized one holds, whole or in part; or NULL.
 */
const ork_value *layers_source(const ork_graph *reference, const ork_value *part);

/* Between the whole and a part of its channels, both in the graph's order of axes. */
void part_to_whole(const ork_value *part, const float *numbers, const ork_shape *whole,
                   float *joined);
void part_of_whole(const ork_value *part, float *numbers, const ork_shape *whole,
                   const float *joined);
int64_t part_channels(const ork_value *part);
/* What channel i of the part was multiplied by. */
float part_factor(const ork_value *part, int64_t i);

/* ---- channels.c ---- */

/* Fills in the ratios of the layer, and what there is of its weights. */
void channels_describe(ork_arena *arena, const studied *l, ork_layer_accuracy *a);

/* ---- advice.c ---- */

/* Finds the first bad layer and the culprits, and says what to do. */
void accuracy_judge(ork_accuracy *accuracy);

/* ---- snapshot.c: the folders and files of the vendor's toolkit ---- */

typedef enum snapshot_folder { SNAPSHOT_FLOAT, SNAPSHOT_ENTIRE, SNAPSHOT_ALONE } snapshot_folder;

/* Makes the folders. */
bool snapshot_open(ork_diag *diag, const ork_analysis_task *analysis);
bool snapshot_dump(ork_diag *diag, const ork_analysis_task *analysis, snapshot_folder folder,
                   const char *name, const ork_shape *shape, const float *numbers);
/* The lists of errors, and the order of the layers. */
bool snapshot_close(ork_diag *diag, const ork_analysis_task *analysis,
                    const ork_accuracy *accuracy);

#endif
