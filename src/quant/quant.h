/* SPDX-License-Identifier: Apache-2.0 */
/* From a float graph and sample pictures to a graph of integers. */
#ifndef ORK_QUANT_H
#define ORK_QUANT_H

#include "../base/base.h"
#include "../graph/graph.h"
#include "../image/image.h"
#include "../plan/plan.h"

/* ---- lists of files ---------------------------------------------------------------------- */

/* A line of a text file that lists files: its words stand between blanks, or in double or single
   quotes where they hold blanks; a word that begins with # ends the line. */
typedef struct ork_list_line {
    size_t number; /* from 1 */
    const char **words;
    size_t count; /* at least 1: empty lines are left out */
} ork_list_line;

typedef ORK_VEC(ork_list_line) ork_list;

#define ORK_LIST_ADVICE                                                                            \
    "write one file for each input, separated by spaces; put names with spaces in double or "      \
    "single quotes"

/* Maps the list's file, or fails with E0401. */
bool ork_list_map(ork_diag *diag, const char *path, ork_file *file);
/* E0401 for what is no text, E0402 for quotes that are not closed. */
bool ork_list_read(ork_diag *diag, ork_arena *arena, const char *path, ork_bytes text,
                   ork_list *list);
/* The file beside the list, or else from the working folder; NULL when it is in neither. *beside is
   where it was looked for first. */
const char *ork_list_file(ork_arena *arena, const char *list_path, const char *name,
                          const char **beside);

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
/* Pictures are stretched to the input's size, as the toolkit does it; with `vary` every other one
   keeps its proportions, in the middle or the corner of a grey frame, as detectors are used. */
void ork_dataset_vary_fits(ork_dataset *dataset, bool vary);
/* Loads sample `index` and stores it as the runner's inputs: pictures are decoded as RGB and
   fitted into the input's size, then treated as any input (channel order, mean, std); 4-axis
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
    ork_dtype dtype;              /* of inputs */
    const ork_range *ranges;      /* by value id */
    const ork_range *wide_ranges; /* the same for 16 bits, which need nothing cut off; or NULL */
    const ork_dtype *dtypes;    /* by value id of a node's output: what it computes with, F32 stays
                                   float; NULL: dtype, where it can */
    const void *const *weights; /* by value id of a constant: its integers of type dtype, under the
                                   scale of its extremes, in memory of the graph; or NULL */
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

/* ---- hybrid quantization --------------------------------------------------------------- */

/* The configuration file: which layers are computed with which numbers (none yet), and the range of
   every tensor. checksum: of the network's data, so that files are not mixed up. */
void ork_hybrid_write(ork_str *out, const ork_graph *graph, const ork_range *ranges,
                      ork_dtype dtype, const char *checksum);
/* Quantizes the CANON graph as the configuration says, a text that ends with a 0: its ranges, and
   `dtype` for the layers that it does not name. Unknown layers and lines without effect are E0504,
   with what is nearest. */
bool ork_hybrid_quantize(ork_diag *diag, ork_graph *graph, const char *text, ork_dtype dtype,
                         const char *checksum);

/* ---- what calibration pictures hold ------------------------------------------------------ */

typedef struct ork_surveyed {
    const char *path;
    const char *problem; /* NULL, or why it cannot be used */
    const char *format;  /* "JPEG" ..., "NPY"; "" when it is none */
    int width, height;   /* 0: no picture */
    ork_sketch sketch;   /* of pictures */
    bool is_dark, is_bright, is_blank;
    int twin; /* the first picture that looks the same, or -1 */
} ork_surveyed;

/* Pictures looked at one by one; what is kept of each is small. */
typedef struct ork_picture_set {
    ork_arena *arena;
    ORK_VEC(ork_surveyed) items;
    ork_names advice; /* sentences */
} ork_picture_set;

ork_picture_set *ork_picture_set_new(void);
void ork_picture_set_free(ork_picture_set *set);
/* Reads the files, or what one list or folder names. What cannot be read becomes an item with a
   problem; lists and folders that cannot be read, E0401 to E0403, and cancelling are failures. */
bool ork_picture_set_read(ork_picture_set *set, ork_diag *diag, const char *const *paths,
                          size_t count, int alike_bits);
/* Farthest-first (Gonzalez, 1985): begins with the picture nearest to the mean, then takes again
   and again the one whose nearest chosen picture is farthest; the first among equals. Pictures with
   a problem, blank ones and twins are left out. Returns how many were chosen. */
size_t ork_picture_set_sample(const ork_picture_set *set, size_t count, int *chosen);

/* ---- the search ------------------------------------------------------------------------ */

/* Who tells how much worse a form of the network is than the float network. */
typedef struct ork_referee {
    /* In points of a figure that goes to 100. NULL: nobody tells. */
    bool (*loss)(void *user, const ork_graph *graph, double *points);
    /* In a measure that is quick and in which the errors of layers add up. */
    bool (*error)(void *user, const ork_graph *graph, double *error);
    void *user;
} ork_referee;

/* A layer that is computed in 16 bits. */
typedef struct ork_wide_layer {
    const char *layer;          /* the convolution, or what puts answers together */
    const char *why;            /* a sentence */
    double error_before, error; /* of the answers, without and with it, the ones above it counted */
    double cost; /* what it adds, of the whole network in 8 bits: 0.01 is a hundredth */
} ork_wide_layer;

/* What is asked for and what was done. */
typedef struct ork_precision {
    double most_loss; /* in points */
    ork_arena *arena; /* of what follows, which is filled in */
    double loss_before, loss;
    double cost; /* of the network with 16 bits, relative to that in 8 bits: 1.05 */
    ORK_VEC(ork_wide_layer) layers;
} ork_precision;

typedef struct ork_quantization {
    ork_dtype dtype;
    ork_family family;
    ork_range_algorithm algorithm;  /* ORK_RANGE_COUNT: the one with the least error */
    int splits;                     /* launches that splits may add; 0: none */
    bool rounding, bias_correction; /* may be used where they lower the error */
    size_t samples;                 /* of the dataset, from its beginning */
    ork_precision *precision;       /* NULL: all layers are of one type */
    ork_referee referee;            /* of the precision; the error of the answers without one */
    double (*cost)(const void *chip, const ork_graph *graph); /* of one run, in any unit */
    const void *chip;
} ork_quantization;

/* Turns the CANON graph into a QUANT graph whose answers to samples of the dataset differ little
   from those of the float graph: convolutions whose channels differ in range are computed in
   groups, ranges and the rounding of weights are chosen by measurement, and nothing is kept that
   does not lower the error on samples that ranges were not measured on (when there are enough).
   What was done is logged. */
bool ork_quantize_best(ork_diag *diag, ork_graph *graph, ork_dataset *dataset,
                       const ork_quantization *options, ork_pool *pool);

#endif
