/* SPDX-License-Identifier: Apache-2.0 */
/* The shape rules named in ops.def; private to this folder. */
#ifndef ORK_GRAPH_INFER_H
#define ORK_GRAPH_INFER_H

#include "graph.h"

#define ORK_OP(symbol, name, fewest, most, class, numbers, infer, inputs, doc, attrs)              \
    bool ork_infer_##infer(const ork_node *node, ork_type *out, ork_diag *diag);
#include "ops.def"
#undef ORK_OP

#endif
