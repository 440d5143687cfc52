/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the search for the best integers; private to this folder. */
#ifndef ORK_QUANT_SEARCH_H
#define ORK_QUANT_SEARCH_H

#include "internal.h"

enum {
    ORK_MOST_GROUPS = 4,
    ORK_PROBE_SAMPLES = 16,
};

/* A unit that may be computed in groups of channels. */
typedef struct ork_candidate {
    const ork_unit *unit;
    double promise;                         /* the local measure by which candidates are chosen */
    uint8_t *group_of[ORK_MOST_GROUPS + 1]; /* by number of groups */
    double error[ORK_MOST_GROUPS + 1];      /* of the network with only this unit quantized */
    int groups;                             /* chosen */
} ork_candidate;

typedef struct ork_search {
    ork_diag *diag;
    ork_graph *graph; /* float, never changed; the statistics are of its values */
    ork_dataset *dataset;
    const ork_quantization *options;
    ork_pool *pool;
    ork_arena *arena;
    ork_statistics *statistics;         /* by value id of the graph */
    ork_range *ranges[ORK_RANGE_COUNT]; /* by value id of the graph; filled when asked for */
    ork_probe *probe;
    const ork_graph *heads; /* float, of the same network as the graph: forms of it are judged */
    bool is_equalized;      /* graph and heads are, and what is quantized must be */
    ork_sample_span measured;
    ORK_VEC(ork_candidate) candidates;
} ork_search;

/* ---- value_ranges.c ---- */

/* Outputs, and what is only put together to outputs. */
bool ork_value_is_answer(const ork_value *value);
/* The node only puts answers together. */
bool ork_node_assembles_answers(const ork_node *node);
/* Ranges by value id of a float copy of the search's graph in which units may be split. */
ork_range *ork_search_ranges(ork_search *search, ork_arena *arena, const ork_graph *graph,
                             const ork_map *origins, ork_range_algorithm algorithm);

/* ---- groups.c: which convolutions are computed in groups, and in which ---- */

/* Fills the candidates, and chooses the groups of each. */
bool ork_groups_choose(ork_search *search);
/* Splits a float copy of the search's graph as chosen; origins as ork_unit_split has them. */
bool ork_groups_apply(ork_search *search, ork_graph *graph, ork_map *origins);

/* ---- form.c: the network as a whole ---- */

/* A form of the network: what is chosen. */
typedef struct ork_form {
    bool split, rounded, shifted;
    bool joined_wide; /* answers are put together in 16 bits */
    ork_range_algorithm algorithm;
    const ork_map *wide; /* names of values of the search's graph that are computed in 16 bits; or
                            NULL */
} ork_form;

/* Integers of weights and shifts of biases by name, so that they serve every copy of the graph. */
typedef struct ork_form_weights {
    ork_map *weights, *shifts;
    ork_graph *owner; /* of the memory that they point into; NULL: none chosen */
    ork_rounding_report report;
} ork_form_weights;

/* Rounds the weights of the network as it is, or split. */
bool ork_form_round(ork_search *search, ork_form_weights *weights, bool split);
/* Tries forms, and keeps the one with the least error. */
bool ork_form_choose(ork_search *search, const ork_form_weights *weights, ork_form *best,
                     double *least);
/* For detectors, which the referee knows: tries again by boxes. The error of the heads says little
   of them: boxes may want other ranges, weights and biases, or to be joined to scores in 16 bits.
 */
bool ork_form_refit(ork_search *search, const ork_form_weights *weights, ork_form *best);
/* The first node that only puts answers together, or NULL. */
const ork_node *ork_form_joint(const ork_search *search);
/* The error of a form on samples of the probe. */
bool ork_form_judge(ork_search *search, const ork_form *form, const ork_form_weights *weights,
                    size_t samples, double *error);
/* Quantizes the graph, a float copy of the search's with the same or other outputs. */
bool ork_form_give(ork_search *search, ork_graph *graph, const ork_form *form,
                   const ork_form_weights *weights);

/* ---- mixed.c: which layers are computed in 16 bits ---- */

/* Adds 16 bits to the form until its loss is what options->precision asks for, and fills in what
   was done. */
bool ork_mixed_choose(ork_search *search, const ork_form_weights *weights, ork_form *form);

#endif
