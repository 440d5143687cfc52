/* SPDX-License-Identifier: Apache-2.0 */
/* Private to diagram/: which layer of one graph is which of another. */
#ifndef ORK_DIAGRAM_MATCH_H
#define ORK_DIAGRAM_MATCH_H

#include "diagram.h"

typedef struct match_side {
    const ork_graph *graph;
    const ork_node **nodes; /* in order of execution */
    int count;
    int *of_value; /* by value id: the node that computes it, or -1 - the index of an input, or
                      MATCH_CONSTANT */
    int *partner;  /* by node: the node of the other side, or -1 */
    uint64_t *label, *forward, *backward, *both; /* by node */
} match_side;

enum { MATCH_CONSTANT = INT32_MIN };

typedef struct match {
    ork_arena *arena;
    match_side sides[2];
} match;

match *match_graphs(ork_arena *arena, const ork_graph *first, const ork_graph *second);

/* The order of the two inputs makes no difference. */
bool match_commutes(const ork_node *node);
/* Both are the same input of the network, or computed by layers that are partners, or constants of
   the same type and shape. */
bool match_same_value(const match *m, const ork_value *first, const ork_value *second);

#endif
