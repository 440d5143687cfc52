/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each chip. */
#ifndef ORK_NPU_H
#define ORK_NPU_H

#include "../base/base.h"
#include "../graph/graph.h"

typedef struct ork_soc {
    const char *name; /* "rk1808" */
    ork_family family;
    const char *family_name; /* "LION" */
    /* Clocks at which times were published: of the NPU, of the memory. */
    double npu_mhz, memory_mhz;
} ork_soc;

size_t ork_soc_count(void);
const ork_soc *ork_soc_at(size_t index);
/* NULL when there is no such chip. Case does not matter. */
const ork_soc *ork_soc_find(const char *name);

/* The board that this program runs on, by the system's description of it or by the environment
   variable ORK_BOARD ("rv1126"); NULL on other computers. */
const ork_soc *ork_soc_here(void);
/* False with ORK_ERR_TARGET on a board of the other family. */
bool ork_soc_check_here(ork_diag *diag, ork_family family);

/* A comma separated list of chips, as in target_platform: all must be known and of one family.
   False with ORK_ERR_TARGET. */
bool ork_soc_family(ork_diag *diag, const char *targets, ork_family *family);

/* ---- what a chip takes: check.c ---------------------------------------------------------- */

bool ork_npu_has_op(ork_op op);

typedef enum ork_severity {
    ORK_SEVERITY_STOPS,    /* the vendor's driver refuses the network */
    ORK_SEVERITY_HOST,     /* the layer runs on the host processor */
    ORK_SEVERITY_ACCURACY, /* eight bits lose much here */
    ORK_SEVERITY_SLOW,     /* it runs, but not well */
    ORK_SEVERITY_COUNT
} ork_severity;
extern const char *const ork_severity_names[ORK_SEVERITY_COUNT]; /* "stops", "host", ... */

typedef struct ork_check_rule {
    const char *id; /* "kernel-size" */
    ork_severity severity;
    const char *reason, *instead;
} ork_check_rule;

size_t ork_check_rule_count(void);
const ork_check_rule *ork_check_rule_at(size_t index);

typedef struct ork_finding {
    const ork_check_rule *rule;
    const ork_node *node;
} ork_finding;

typedef struct ork_check {
    const ork_soc *soc;
    ORK_VEC(ork_finding) findings;  /* in the order of the layers */
    ORK_VEC(const ork_value *) cut; /* where to end the network instead; empty: nowhere */
    size_t npu_nodes, host_nodes, refused_nodes;
    int64_t macs, weights; /* multiplications of one inference; numbers in constants */
    int64_t peak;          /* numbers that wait in memory at the worst moment */
} ork_check;

/* Multiplications with addition of one run; 0 for what only moves or compares. */
int64_t ork_node_macs(const ork_node *node);

/* Holds the network against the rules. The result is in the arena and points into the graph. */
ork_check *ork_check_run(ork_arena *arena, const ork_graph *graph, const ork_soc *soc,
                         bool is_quantized);

/* ---- how long it takes: estimate.c ------------------------------------------------------- */

/* What of a chip computes a layer. */
typedef enum ork_npu_unit {
    ORK_UNIT_WINDOW,    /* convolutions of more than one pixel */
    ORK_UNIT_POINT,     /* convolutions of one pixel */
    ORK_UNIT_DEPTHWISE, /* of each channel for itself */
    ORK_UNIT_FULL,      /* fully connected layers, matrix products */
    ORK_UNIT_FUNCTION,  /* functions of one element */
    ORK_UNIT_POOL,
    ORK_UNIT_MOVE, /* sums, products, resizing, transposing, cutting */
    ORK_UNIT_FREE, /* done by a neighbour, or by nobody */
    ORK_UNIT_COUNT
} ork_npu_unit;
extern const char *const ork_npu_unit_names[ORK_UNIT_COUNT]; /* "window", "point", ... */

/* What takes most of a layer's time. */
typedef enum ork_npu_reason {
    ORK_REASON_NOTHING, /* it takes none */
    ORK_REASON_LAUNCH,
    ORK_REASON_MULTIPLY,
    ORK_REASON_ELEMENT, /* numbers that are passed one by one */
    ORK_REASON_BUS,
    ORK_REASON_COUNT
} ork_npu_reason;
extern const char *const ork_npu_reason_names[ORK_REASON_COUNT]; /* "launch", "multiply", ... */

typedef struct ork_npu_layer {
    const ork_node *node;
    ork_npu_unit unit;
    ork_dtype dtype;
    double macs, elements; /* multiplications; numbers that it writes */
    double data_bytes, weight_bytes;
    double seconds; /* estimated */
    ork_npu_reason reason;
} ork_npu_layer;

typedef struct ork_npu_estimate {
    const ork_soc *soc;
    ORK_VEC(ork_npu_layer) layers; /* in the order of the graph */
    double seconds;                /* of a run */
} ork_npu_estimate;

/* Values that are floats in the graph count as `assumed`: what they will be when the network has
   been quantized, or ORK_F32 for the chip's halves. The result is in the arena and points into the
   graph. */
ork_npu_estimate *ork_npu_estimate_run(ork_arena *arena, const ork_graph *graph, const ork_soc *soc,
                                       ork_dtype assumed);

/* How long a layer of that unit, type, multiplications, elements and bytes takes. */
double ork_npu_layer_seconds(const ork_soc *soc, const ork_npu_layer *layer);

/* ---- what would be faster: advise.c ------------------------------------------------------ */

typedef struct ork_advice_rule {
    const char *id; /* "activation" */
    const char *why, *instead;
} ork_advice_rule;

typedef struct ork_advised_layer {
    const ork_npu_layer *layer;
    double seconds; /* of it, and of those that go with it */
    double saved;   /* of these, by the estimate */
} ork_advised_layer;

typedef struct ork_advice {
    const ork_advice_rule *rule;
    ORK_VEC(ork_advised_layer) layers; /* most saved first */
    double saved;                      /* in all of them, each taken for itself */
} ork_advice;

typedef ORK_VEC(ork_advice) ork_advices; /* most saved first */
/* Of an estimate of the graph. The result is in the arena and points into both. */
ork_advices *ork_npu_advise(ork_arena *arena, const ork_graph *graph,
                            const ork_npu_estimate *estimate);

/* ---- how much memory it takes: memory.c -------------------------------------------------- */

/* Bytes. What the network itself needs: a driver's own pools and its commands come on top. */
typedef struct ork_npu_memory {
    const ork_soc *soc;
    double weights;  /* constants */
    double internal; /* the most that values need at one time */
    double values;   /* all values, had each memory of its own */
    double inputs, outputs;
} ork_npu_memory;

/* `assumed` as for ork_npu_estimate_run. */
ork_npu_memory ork_npu_memory_run(const ork_graph *graph, const ork_soc *soc, ork_dtype assumed);
/* Bytes of a value as the chip has it. */
double ork_npu_value_bytes(const ork_value *value, ork_dtype assumed);
/* Whether a neighbour does the node's work, or nobody. */
bool ork_npu_is_free(const ork_node *node);

#endif
