/* SPDX-License-Identifier: Apache-2.0 */
/* From a float graph and sample pictures to a graph of integers. */
#ifndef ORK_QUANT_H
#define ORK_QUANT_H

#include "../base/base.h"
#include "../graph/graph.h"
#include "../plan/plan.h"

/* ---- samples --------------------------------------------------------------------------- */

/* The text file that lists samples: one a line, one file for each input of the network, separated
   by spaces. Names with spaces stand in double or single quotes; # in front of a name starts a
   comment. Files are pictures or .npy, named relative to the list or to the working folder. */
typedef struct ork_dataset ork_dataset;

/* Reads the list and checks that every file is there. NULL with E0401, E0402 or E0403. */
ork_dataset *ork_dataset_open(ork_diag *diag, const char *path, size_t input_count);
/* The same for a list already read; files are named relative to the folder of `path`. */
ork_dataset *ork_dataset_read(ork_diag *diag, const char *path, ork_bytes text, size_t input_count);
void ork_dataset_free(ork_dataset *dataset);
size_t ork_dataset_count(const ork_dataset *dataset);
/* Loads sample `index` and stores it as the runner's inputs: pictures are decoded as RGB and
   stretched to the input's size, then treated as any input (channel order, mean, std); 4-axis
   arrays are N H W C. False, with the error set, when a file cannot be used. */
bool ork_dataset_feed(ork_dataset *dataset, ork_diag *diag, size_t index, ork_runner *runner,
                      const ork_graph *graph);

/* ---- ranges ---------------------------------------------------------------------------- */

typedef struct ork_range {
    float min, max;
    bool seen;
} ork_range;

/* How ranges are chosen from what is seen. */
typedef enum ork_range_algorithm {
    ORK_RANGE_EXTREMES,   /* least and greatest number: the vendor's "normal" */
    ORK_RANGE_PERCENTILE, /* all but one in ten thousand on each side */
    ORK_RANGE_SQUARES,    /* least squared error: "mmse" */
    ORK_RANGE_DIVERGENCE, /* least divergence of the distributions: "kl_divergence" */
    ORK_RANGE_COUNT
} ork_range_algorithm;

/* Samples that are used: batch_size * epochs, all when epochs < 1. */
size_t ork_dataset_used(const ork_dataset *dataset, int batch_size, int epochs);

/* Runs the float graph over the samples and keeps the least and greatest number of every value;
   ranges has one entry per value id. Uses batch_size * epochs samples, all when epochs < 1. Samples
   that cannot be read are skipped with a warning; none left is E0403. Memory does not depend on the
   number of samples. */
bool ork_calibrate(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset, int batch_size,
                   int epochs, ork_pool *pool, ork_range *ranges);

/* u8: scale = (max - min) / 255 in float32 over a range that holds 0, zero point =
   round(-min / scale). i8, i16: the most fraction bits with which the range fits. */
ork_quant ork_quant_of_range(ork_dtype dtype, ork_range range);

/* ---- the rewrite ----------------------------------------------------------------------- */

/* What to quantize, and into which numbers. */
typedef struct ork_recipe {
    ork_dtype dtype;
    const ork_range *ranges;    /* by value id */
    const bool *only;           /* by value id: nodes with this output; NULL: all that can be */
    const void *const *weights; /* by value id of a constant: its integers, under the scale of its
                                   extremes, in memory of the graph; or NULL */
    bool centre_floors;         /* biases make up for layers that round down */
} ork_recipe;
bool ork_quantize_by(ork_diag *diag, ork_graph *graph, const ork_recipe *recipe);

/* Turns the CANON graph into a QUANT graph of u8 (affine), i8 or i16 (dynamic fixed point).
   Operators that have no integer form stay float between conversions. */
bool ork_quantize(ork_diag *diag, ork_graph *graph, ork_dtype dtype, const ork_range *ranges);

/* The same for a CANON graph that is quantized in part (ork_graph_is_quantized): its conversions
   tell which values are integers, and with which numbers. i8 becomes u8 with a zero point 128
   higher, which stands for the same numbers. */
bool ork_quantize_as_given(ork_diag *diag, ork_graph *graph);

/* ---- the search ------------------------------------------------------------------------ */

typedef struct ork_quantization {
    ork_dtype dtype;
    ork_family family;
    ork_range_algorithm algorithm;  /* ORK_RANGE_COUNT: the one with the least error */
    int splits;                     /* launches that splits may add; 0: none */
    bool rounding, bias_correction; /* may be used where they lower the error */
    size_t samples;                 /* of the dataset, from its beginning */
} ork_quantization;

/* Turns the CANON graph into a QUANT graph whose answers to samples of the dataset differ little
   from those of the float graph: convolutions whose channels differ in range are computed in
   groups, ranges and the rounding of weights are chosen by measurement, and nothing is kept that
   does not lower the error on samples that ranges were not measured on (when there are enough).
   What was done is logged. */
bool ork_quantize_best(ork_diag *diag, ork_graph *graph, ork_dataset *dataset,
                       const ork_quantization *options, ork_pool *pool);

#endif
