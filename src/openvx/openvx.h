/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a board's own NPU: its driver, libOpenVX.so.1, is looked for when the program runs,
   and the layers that it has entry points for are built there; the others are computed here, by
   plans.

   What is known of the driver are the entry points of OpenVX and its neural network extension
   (Khronos, vx_khr_nn 1.3) and, for tensors of affine bytes and for concatenation, three of the
   vendor's. No NPU was present when this was written: it has run against the stand-in of
   tests/openvx/ only. */
#ifndef ORK_OPENVX_H
#define ORK_OPENVX_H

#include "../base/base.h"
#include "../graph/graph.h"
#include "../plan/plan.h"

/* ---- the driver ---- */

typedef struct ork_openvx ork_openvx;

/* path NULL: the environment variable ORK_OPENVX, or libOpenVX.so.1 as the system finds it. NULL,
   with E0801, when there is none, or it lacks what every network needs. */
ork_openvx *ork_openvx_open(ork_diag *diag, const char *path);
void ork_openvx_close(ork_openvx *driver);
const char *ork_openvx_name(const ork_openvx *driver);
/* Entry points by number, and whether the driver has them; NULL after the last. */
const char *ork_openvx_entry(const ork_openvx *driver, size_t index, bool *found);
/* Whether the driver takes the node, as far as the graph and its entry points tell. */
bool ork_openvx_takes(const ork_openvx *driver, const ork_node *node);

/* ---- a network, partly there and partly here ---- */

typedef struct ork_openvx_network ork_openvx_network;

/* The graph must be verified; graph and driver must outlive the network. pool may be NULL. NULL on
   failure. What the driver refuses as a whole is computed here. */
ork_openvx_network *ork_openvx_network_new(ork_diag *diag, ork_openvx *driver,
                                           const ork_graph *graph, const ork_plan_options *options,
                                           ork_pool *pool);
void ork_openvx_network_free(ork_openvx_network *network);
/* Layers of either side, and pieces that the network was cut into. */
void ork_openvx_network_count(const ork_openvx_network *network, size_t *there, size_t *here,
                              size_t *pieces);
/* Elements of input `index` of the graph, row by row, in its type: to be filled before a run. */
void *ork_openvx_input(const ork_openvx_network *network, size_t index);
/* False, with the error set, when the driver fails. */
bool ork_openvx_run(ork_openvx_network *network, ork_diag *diag);
/* Output `index` likewise; valid until the next run. */
const void *ork_openvx_output(const ork_openvx_network *network, size_t index);

#endif
