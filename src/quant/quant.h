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
   keeps its proportions, in the middle or the corner of a grey frame, as detectors are used, and
   where the input has a channel order some come as blue, green, red. */
void ork_dataset_vary_fits(ork_dataset *dataset, bool vary);
/* Statistics of the samples that were measured before, or are to be measured in shares. */
typedef struct ork_statistics_source {
    ork_bytes given;      /* complete statistics to use; with `collected` merged extremes, or
                             nothing */
    size_t share, shares; /* with `collected`: which share of the samples, from 0 */
    ork_str *collected;   /* NULL: the statistics are used. Else they are written here when they
                             are measured, and quantizing ends with is_done and no error */
    bool is_done;
} ork_statistics_source;
/* What is quantized with the dataset takes its statistics from there. NULL: from the samples. */
void ork_dataset_set_source(ork_dataset *dataset, ork_statistics_source *source);
/* Merges shares; the same bytes in any order. False with E0501. */
bool ork_statistics_merge(ork_diag *diag, const ork_bytes *parts, size_t count, ork_str *merged);

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
                                   scales of its extremes, in memory of the graph; or NULL */
    bool by_channel;            /* weights of u8 have a scale for each output channel */
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
                      ork_dtype dtype, bool by_channel, const char *checksum);
/* Quantizes the CANON graph as the configuration says, a text that ends with a 0: its ranges, and
   `dtype` for the layers that it does not name. Unknown layers and lines without effect are E0504,
   with what is nearest. */
bool ork_hybrid_quantize(ork_diag *diag, ork_graph *graph, const char *text, ork_dtype dtype,
                         bool by_channel, const char *checksum);

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
    bool by_channel; /* weights of u8 have a scale for each output channel */
    ork_family family;
    ork_range_algorithm algorithm; /* ORK_RANGE_COUNT: the one with the least error */
    int splits;                    /* launches that splits may add; 0: none */
    bool rounding, bias_correction, equalization; /* may be used where they lower the error */
    size_t samples;                               /* of the dataset, from its beginning */
    ork_precision *precision;                     /* NULL: all layers are of one type */
    ork_referee referee; /* of the precision; the error of the answers without one */
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

/* ---- where accuracy is lost ---------------------------------------------------------------- */

/* How far numbers are from those of the float network, over all samples. */
typedef struct ork_distance {
    double cosine;         /* of the angle between both; NaN when one is all zero */
    double euclidean;      /* length of the difference */
    double unit_euclidean; /* the same with both scaled to length 1 */
    double sqnr;           /* signal over squared error, in dB; infinite when nothing differs */
    double channel_sqnr;   /* the same of the average channel, each channel counting alike */
    double greatest;       /* |difference| */
    int64_t lost_channels; /* those with an error of more than half of their own signal */
    int64_t not_finite;    /* numbers of either */
} ork_distance;

enum { ORK_ACCURACY_BINS = 64 };

/* A layer: an operator of the float network, with the function that is computed together with it.
 */
typedef struct ork_layer_accuracy {
    const char *name;   /* of the operator */
    const char *output; /* of the value that is compared, behind the function */
    const char *op;     /* "conv2d + silu" */
    const char *file;   /* of dumps, without its ending */
    ork_shape shape;
    ork_dtype dtype; /* of the quantized network; F32 where it stays float */
    int64_t channels;
    int groups;            /* of channels in which it is computed; 1: whole */
    bool is_isolated;      /* the next two were measured */
    ork_distance isolated; /* the layer alone on integers, fed with the float network's numbers */
    double damage;         /* error of the network's answers with this layer alone on integers: 0
                              none, 1 nothing left (the measure of ork_quantize_best) */
    ork_distance accumulated; /* in the quantized network */
    double saturated;         /* share of the float numbers that the range cuts off */
    double weight_ratio; /* greatest over least range of channels whose weights share a scale; 0:
                            there are no weights */
    double output_ratio; /* the same of the channels of the output */
    double peak;         /* greatest |number| over the standard deviation */
    float low, high;     /* of the float numbers */
    uint32_t bins[2][ORK_ACCURACY_BINS];     /* between them: float, quantized */
    int64_t weight_channels;                 /* output channels of its weights; 0: there are none */
    float weight_low, weight_high;           /* of the float weights, 0 among them */
    uint32_t weight_bins[ORK_ACCURACY_BINS]; /* between them */
    int32_t *weight_codes; /* by output channel: integers between the least and the greatest of its
                              weights, 0 among them; 0 where it stays float */
    bool is_bad, is_culprit;
    ork_names advice; /* sentences */
} ork_layer_accuracy;

typedef struct ork_accuracy {
    ork_arena *arena;
    const char *network, *target;
    size_t samples;
    double bad_sqnr;                    /* as it was asked for */
    double error;                       /* of the answers of the whole quantized network */
    ORK_VEC(ork_layer_accuracy) layers; /* in order of execution */
    ORK_VEC(size_t) culprits;           /* layers by damage, the worst first */
    int first_bad;                      /* the first whose output is bad; -1: none */
    size_t unmatched;                   /* layers of the float network that the other has not */
    const char *verdict;
    ork_names advice; /* on the network as a whole */
} ork_accuracy;

typedef enum ork_dump_kind { ORK_DUMP_NONE, ORK_DUMP_TEXT, ORK_DUMP_NPY } ork_dump_kind;

typedef struct ork_analysis_task {
    const ork_graph *reference; /* CANON, float */
    const ork_graph *quantized; /* made of it, its values with their origins */
    ork_family family;
    size_t samples;           /* of the dataset, from its beginning */
    const char *folder;       /* for the files of the vendor's toolkit; NULL: none are written */
    ork_dump_kind dump;       /* numbers of each layer, of the first sample */
    bool dump_reference_only; /* nothing is compared */
    double bad_sqnr;          /* dB of the average channel below which a layer is bad */
} ork_analysis_task;

/* Compares the quantized network with the float one, layer by layer. NULL with the error set. */
ork_accuracy *ork_analyze(ork_diag *diag, const ork_analysis_task *analysis, ork_dataset *dataset,
                          ork_pool *pool);
void ork_accuracy_free(ork_accuracy *accuracy);

/* A name for files of a layer's output, as the vendor's toolkit names them, without an ending. */
const char *ork_layer_file(ork_arena *arena, const char *op, const char *name, size_t index,
                           const ork_shape *shape);
/* Writes numbers, given in the graph's order of axes, pictures as N H W C. */
bool ork_layer_write(ork_diag *diag, const char *path, ork_dump_kind kind, const ork_shape *shape,
                     const float *numbers);

#endif
