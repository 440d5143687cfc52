/* SPDX-License-Identifier: Apache-2.0 */
/* Rewrites of the float graph, from IMPORTED to CANON. One rewrite a file, one row in passes.def;
   the runner verifies the graph after each and says what it did and how long it took. */
#ifndef ORK_PASS_H
#define ORK_PASS_H

#include "../base/base.h"
#include "../graph/graph.h"

/* Rewrites the graph; adds what it changed to *changes. False on failure, with the error set. */
typedef bool (*ork_pass_fn)(ork_graph *graph, ork_diag *diag, size_t *changes);

typedef struct ork_pass_info {
    const char *name;
    int level; /* lowest optimization_level at which it runs */
    ork_pass_fn run;
    const char *doc;
} ork_pass_info;
extern const ork_pass_info ork_pass_table[];
extern const size_t ork_pass_count;

/* Runs the passes of `level` (0 to 3) and below in the order of the table; the graph is CANON
   afterwards. */
bool ork_passes_run(ork_graph *graph, ork_diag *diag, int level);
/* One pass by name, for tests. */
bool ork_pass_run(ork_graph *graph, ork_diag *diag, const char *name, size_t *changes);

#endif
