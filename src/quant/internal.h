/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef ORK_QUANT_INTERNAL_H
#define ORK_QUANT_INTERNAL_H

#include "quant.h"

/* ---- which operators ---- */

/* The simulator, and the chips, compute this operator on integers. */
bool ork_quant_has_integer_form(const ork_node *node);
/* The output has the quantization of the first input, whose elements are moved. */
bool ork_quant_keeps_numbers(const ork_node *node);

/* ---- samples.c: runs over a dataset ---- */

/* Samples begin, begin + step, ... below end. */
typedef struct ork_sample_span {
    const char *stage; /* of the progress that is reported */
    size_t begin, end, step;
    bool quiet; /* samples that cannot be read were told before */
} ork_sample_span;

/* Feeds and runs each sample; `after` (or NULL) is called behind each run. Samples that cannot be
   read are skipped with a warning; false with E0403 when none is left, or when cancelled. */
bool ork_samples_run(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                     const ork_sample_span *span, ork_runner *runner, void (*after)(void *user),
                     void *user);

/* ---- statistics.c: what values are like over the samples ---- */

enum { ORK_TENSOR_BINS = 2048, ORK_CHANNEL_BINS = 128 };

/* One channel of a value, or a whole value. Counts and fixed-point sums, so that the statistics of
   two halves of the samples add up to those of all, in any order and to the last bit. */
typedef struct ork_part {
    float min, max;
    uint32_t *bins; /* from min to max, in equal steps of the root with the number's sign, which
                       are fine where channels of few great numbers have all the others; NULL
                       before the second pass */
    int64_t sum, squares; /* of x / most and its square, in units of 2^-40, `most` the greatest |x|,
                             each the mean of one sample */
} ork_part;

typedef struct ork_statistics {
    int64_t channels; /* parts: one for each channel of a picture, else 1 */
    int bin_count;
    uint32_t samples;
    ork_part *parts; /* NULL where nothing was seen */
} ork_statistics;

/* Entries by value id. Two passes over the samples of `span`: extremes, then distributions. False
   when a value is not finite, or an input constant. */
bool ork_statistics_measure(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                            const ork_sample_span *span, ork_pool *pool, ork_arena *arena,
                            ork_statistics *statistics);
/* The same, extremes only. */
bool ork_statistics_extremes(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                             const ork_sample_span *span, ork_pool *pool, ork_arena *arena,
                             ork_statistics *statistics);
/* What several machines measured of their shares of the samples, or all of it. */
typedef struct ork_statistics_part {
    char network[ORK_SHA256_TEXT];
    bool distributions; /* else extremes alone */
    bool varied;        /* ork_dataset_vary_fits */
    uint64_t samples;   /* those of the list that count, not those of the share */
    uint64_t step;      /* distributions are of every so many of them */
    uint8_t *seen;      /* a bit for each sample that was looked at */
    size_t value_count;
    ork_statistics *values; /* by value id */
} ork_statistics_part;

/* The SHA-256 of the network, weights included, as text. */
void ork_statistics_print(const ork_graph *graph, char text[ORK_SHA256_TEXT]);
void ork_statistics_write(const ork_statistics_part *part, ork_str *out);
/* False with E0501. Needs memory in proportion to the bytes. */
bool ork_statistics_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes,
                         ork_statistics_part *part);
/* Adds another share of the same samples; false with E0501 when they do not go together. */
bool ork_statistics_add(ork_diag *diag, ork_statistics_part *to, const ork_statistics_part *from);
bool ork_statistics_complete(const ork_statistics_part *part);
/* Where the statistics of a dataset come from, or NULL. */
ork_statistics_source *ork_dataset_source(const ork_dataset *dataset);
bool ork_dataset_fits_vary(const ork_dataset *dataset);
/* Where a bin begins; that is where the one before it ends. */
double ork_part_edge(const ork_part *part, int bin_count, int bin);
double ork_part_mean(const ork_part *part, uint32_t samples);
double ork_part_variance(const ork_part *part, uint32_t samples);

/* Some channels of a value: those listed, or all when `channels` is NULL. */
typedef struct ork_portion {
    const ork_statistics *of;
    const int32_t *channels;
    int64_t count;
} ork_portion;

/* Least and greatest number. */
ork_range ork_portion_extremes(const ork_portion *portion);

/* ---- ranges.c: from distributions to ranges ---- */

/* The range in which the portion is represented best by the type under the algorithm. `function`
   is what alone reads the value (the error counts behind it), or NULL. */
ork_range ork_range_choose(ork_range_algorithm algorithm, ork_dtype dtype,
                           const ork_portion *portion, const ork_activation *function);

/* The range of what a function gives of numbers in the range `before`: `after`, or one with the
   step of `before` where that errs less behind both roundings. A function that leaves great numbers
   nearly as they are then rounds nothing a second time. portion: of what the function reads; u8. */
ork_range ork_range_align(const ork_portion *portion, const ork_activation *function,
                          ork_range before, ork_range after);

/* ---- split.c: convolutions in parts ---- */

/* A convolution whose output channels may be computed in groups. A chain is one whose output only
   depthwise convolutions read: they are split by the same groups, so that the tensor between has a
   scale for each group too. */
typedef struct ork_unit {
    const char *layer;          /* name of the convolution's output */
    const char *output;         /* name of the value behind its function, or the same */
    int64_t channels;           /* of the output */
    const char **followers;     /* names of the depthwise convolutions' outputs, of a chain */
    const char **follower_ends; /* the same behind their functions */
    int follower_count;         /* 0: no chain */
} ork_unit;

typedef ORK_VEC(ork_unit) ork_units;

/* All convolutions that can be split in the graph: what reads their channels must bear another
   order of them. */
void ork_units_find(const ork_graph *graph, ork_arena *arena, ork_units *units);

/* Launches that a split into `groups` adds. */
int ork_unit_cost(const ork_unit *unit, int groups);

/* Computes the unit in parts: channel c belongs to group_of[c] < groups. The parts are joined again
   channel after channel of each group, and what reads them is rewritten to that order: every value
   gets its origin, and `origins` that of every part, by name. The graph may be any copy of the one
   in which the unit was found, also one in which other units are split. */
bool ork_unit_split(ork_graph *graph, ork_diag *diag, const ork_unit *unit, const uint8_t *group_of,
                    int groups, ork_map *origins);

/* ---- equalize.c: the same range for the channels of a value ---- */

/* Rewrites a float graph so that weights of channels differ less in range, between convolutions
   with nothing but ReLU, leaky ReLU, PReLU, pooling and resizing between; its answers stay the same
   to the last bit. *count: the values between that were scaled; they, and what was made of them,
   tell by their origins what their channels were multiplied by. The same for every copy of a graph.
 */
bool ork_equalize(ork_diag *diag, ork_graph *graph, size_t *count);

/* ---- borders.c: which channels go together ---- */

/* What is quantized with one scale for each group: of channel c the least and greatest number
   (least <= 0 <= greatest), and what a squared step costs there. */
typedef struct ork_feature {
    const float *low, *high;
    const double *cost;
} ork_feature;

/* Groups channels so that the sum over groups and features of (range of the group)^2 times the sum
   of its costs is small: clusters are merged two by two, then single channels moved. Writes
   group_of[c] in 0 .. groups-1, no group empty. channels >= groups >= 1. */
void ork_borders_choose(const ork_feature *features, int feature_count, int64_t channels,
                        int groups, uint8_t *group_of);
/* What ork_borders_choose makes small. */
double ork_borders_cost(const ork_feature *features, int feature_count, int64_t channels,
                        int groups, const uint8_t *group_of);

/* ---- probe.c: how far a network's answers move ---- */

/* A few samples with the float network's answers to them. */
typedef struct ork_probe ork_probe;

/* NULL, with the error set, on failure. */
ork_probe *ork_probe_new(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                         const ork_sample_span *span, ork_pool *pool, ork_family family);
void ork_probe_free(ork_probe *probe);
/* The float graph with the heads as outputs; forms of it can be judged. */
const ork_graph *ork_probe_graph(const ork_probe *probe);
size_t ork_probe_samples(const ork_probe *probe);
/* Stores a sample that was kept as inputs of a form of the graph. */
void ork_probe_feed(const ork_probe *probe, size_t sample, ork_runner *runner);
/* The error, as below, of a runner that has run the sample and whose first outputs are the heads.
 */
double ork_probe_error(const ork_probe *probe, size_t sample, const ork_runner *runner);
/* A copy whose first outputs are the heads, in the order of the probe's graph; its own follow. */
ork_graph *ork_graph_with_heads(const ork_graph *graph);
/* Runs a form of the graph, with the same inputs and outputs, on at most `samples` samples. The
   error is the mean over the heads of squared error over variance: 0 the same, 1 nothing left. */
bool ork_probe_judge(ork_probe *probe, const ork_graph *graph, size_t samples, double *error);

/* ---- weights.c: scales of weights and biases ---- */

/* Extremes of a constant, 0 among them. */
ork_range ork_constant_range(const ork_value *value);
/* The same of the weights of each output channel; NULL where channels lie in groups. */
ork_range *ork_weight_ranges(ork_arena *arena, const ork_node *node);
/* How the weights of a convolution or linear layer become integers: under the scale of their
   extremes, or, with `by_channel` and u8, in the same way for each output channel (memory of the
   arena). Channels that lie in groups keep one scale. */
ork_quant ork_weight_quant(ork_arena *arena, const ork_node *node, ork_dtype dtype,
                           bool by_channel);
/* Real numbers of one step of a layer's sums, in float32, as the chips compute it. */
float ork_bias_step(const ork_quant *in, const ork_quant *weight, int64_t channel);
/* How the bias lies that is added to them. */
ork_quant ork_bias_quant(ork_arena *arena, const ork_quant *in, const ork_quant *weight,
                         int64_t channels);

/* ---- rounding.c: weights whose errors cancel out ---- */

typedef struct ork_rounding_report {
    size_t layers, rounded, too_wide; /* all; those that gained; those left out for their size */
} ork_rounding_report;

/* Chooses the integers of convolutions' and linear layers' weights column after column, so that
   later columns make up for the errors of earlier ones under the inputs that the layers see (E.
   Frantar et al., "GPTQ", 2022; B. Hassibi and D. Stork, 1993). Where that does not lower the
   squared error of the layer's output, nothing is chosen. `weights` as in ork_recipe; `shifts`, by
   value id of the layer's output, gets the mean error of its channels with these weights, or with
   the nearest ones where there are none: what is to be added to the biases. The graph is float;
   memory stays bounded by taking the layers in turns, each over the samples anew. */
bool ork_rounding_choose(ork_diag *diag, ork_graph *graph, ork_dataset *dataset,
                         const ork_sample_span *span, ork_pool *pool, ork_dtype dtype,
                         bool by_channel, const void **weights, float **shifts,
                         ork_rounding_report *report);
/* Adds the shifts to the biases of the float graph. */
bool ork_biases_shift(ork_diag *diag, ork_graph *graph, float *const *shifts, size_t count);

#endif
