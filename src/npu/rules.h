/* SPDX-License-Identifier: Apache-2.0 */
/* Private to npu/: what a rule looks at. */
#ifndef ORK_NPU_RULES_H
#define ORK_NPU_RULES_H

#include "npu.h"

typedef enum value_range {
    RANGE_UNKNOWN, /* inputs and constants */
    RANGE_UNIT,    /* 0..1 */
    RANGE_OPEN,
} value_range;

/* By value id. */
value_range *find_ranges(ork_arena *arena, const ork_graph *graph);

typedef struct subject {
    const ork_soc *soc;
    const ork_node *node;
    const value_range *ranges;
    bool is_quantized; /* whether the network will run, or runs, on integers */
} subject;

#define ORK_RULE(function, id, severity, reason, instead) bool is_##function(const subject *s);
#include "rules.def"
#undef ORK_RULE

#endif
