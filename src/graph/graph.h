/* SPDX-License-Identifier: Apache-2.0 */
/* The graph: what a network is between its file and its execution.

   Nodes compute values; every value is an input, a constant, or the output of one node. The one
   form passes through stages, each with stricter rules (verify.c):

     IMPORTED  as the importer built it: float, any operator
     CANON     shapes folded, batch norms folded, no identities: what quantizer, checker and
               reports look at
     QUANT     some or all values are integers. "Is it int8?" is a question about a value's type.

   A graph owns its nodes, values and names through its arena, and keeps the files whose mapped
   bytes its constants point into. */
#ifndef ORK_GRAPH_H
#define ORK_GRAPH_H

#include "../base/base.h"
#include "../kernels/kernels.h"
#include "../tensor/tensor.h"

/* ---- operators ------------------------------------------------------------------------- */

typedef enum ork_op {
#define ORK_OP(symbol, name, fewest, most, class, numbers, infer, inputs, doc, attrs)              \
    ORK_OP_##symbol,
#include "ops.def"
#undef ORK_OP
    ORK_OP_COUNT
} ork_op;

typedef struct ork_ints {
    int count;
    int64_t v[ORK_MAX_RANK];
} ork_ints;

/* C types of the attribute kinds. */
typedef int64_t ork_attr_INT;
typedef double ork_attr_FLOAT;
typedef bool ork_attr_BOOL;
typedef struct ork_attr_PAIR {
    int64_t v[2]; /* h, w */
} ork_attr_PAIR;
typedef struct ork_attr_QUAD {
    int64_t v[4]; /* top, left, bottom, right */
} ork_attr_QUAD;
typedef ork_ints ork_attr_INTS;
typedef ork_dtype ork_attr_DTYPE;

/* The attributes of a node: attrs.conv2d.stride.v[0]. */
typedef union ork_attrs {
#define ORK_OP(symbol, name, fewest, most, class, numbers, infer, inputs, doc, attrs)              \
    struct {                                                                                       \
        attrs char unused;                                                                         \
    } name;
#define ORK_ATTR(owner, kind, field)        ork_attr_##kind field;
#define ORK_ATTR_ENUM(owner, field, values) int field;
#include "ops.def"
#undef ORK_OP
#undef ORK_ATTR
#undef ORK_ATTR_ENUM
} ork_attrs;

typedef enum ork_attr_kind {
    ORK_ATTR_KIND_INT,
    ORK_ATTR_KIND_FLOAT,
    ORK_ATTR_KIND_BOOL,
    ORK_ATTR_KIND_PAIR,
    ORK_ATTR_KIND_QUAD,
    ORK_ATTR_KIND_INTS,
    ORK_ATTR_KIND_DTYPE,
    ORK_ATTR_KIND_ENUM,
} ork_attr_kind;

typedef struct ork_attr_info {
    const char *name;
    ork_attr_kind kind;
    size_t offset;      /* inside ork_attrs */
    const char *values; /* of an enum: "a|b" */
} ork_attr_info;

typedef enum ork_op_class {
    ORK_CLASS_CONV,
    ORK_CLASS_POOL,
    ORK_CLASS_UNARY,
    ORK_CLASS_BINARY,
    ORK_CLASS_REDUCE,
    ORK_CLASS_CAST,
    ORK_CLASS_SHAPE,
    ORK_CLASS_OTHER,
} ork_op_class;

/* How the quantizer treats the output. */
typedef enum ork_op_numbers {
    ORK_NUMBERS_OWN,   /* by its own range */
    ORK_NUMBERS_KEPT,  /* as the first input: its elements are moved */
    ORK_NUMBERS_UNIT,  /* 0 to 1 */
    ORK_NUMBERS_FLOAT, /* computed in float */
} ork_op_numbers;

typedef struct ork_node ork_node;
typedef struct ork_value ork_value;
typedef struct ork_graph ork_graph;

/* Computes shape and dtype of the node's output from inputs and attributes; false with an error
   when they do not fit. Quantization is not inferred: float graphs have none, and in QUANT the
   quantizer decides. */
typedef bool (*ork_infer_fn)(const ork_node *node, ork_type *out, ork_diag *diag);

typedef struct ork_op_info {
    const char *name;
    int min_inputs, max_inputs; /* max -1: any number */
    ork_op_class op_class;
    int function; /* UNARY: ork_unary_op; BINARY: ork_binary_op; REDUCE: ork_reduce_op */
    ork_op_numbers numbers;
    ork_infer_fn infer;
    const char *inputs, *doc;
    const ork_attr_info *attrs;
    int attr_count;
} ork_op_info;
extern const ork_op_info ork_op_table[ORK_OP_COUNT];

bool ork_op_from_name(const char *name, ork_op *op);

/* ---- nodes and values ------------------------------------------------------------------ */

typedef struct ork_use {
    ork_node *node;
    int port; /* which input of the node */
} ork_use;

typedef enum ork_value_kind {
    ORK_VALUE_INPUT,
    ORK_VALUE_CONSTANT,
    ORK_VALUE_COMPUTED,
} ork_value_kind;

/* What a value holds of a value of the network as it was before its convolutions were computed in
   parts, or equalized: channel i is channel channels[i] of the value that had this name, multiplied
   by factors[i]. */
typedef struct ork_origin {
    const char *of;
    const int32_t *channels;
    int64_t count;
    const float *factors; /* NULL: all 1 */
} ork_origin;

struct ork_value {
    uint32_t id; /* index into graph->values; printed as %id */
    ork_value_kind kind;
    const char *name; /* the user's name; unique in the graph */
    ork_type type;
    const void *data;   /* constants: elements in row-major order, maybe unaligned; else NULL */
    ork_node *producer; /* computed values; else NULL */
    ORK_VEC(ork_use) uses;
    ORK_VEC(size_t) places;   /* in graph->outputs, of an output of the graph */
    const ork_origin *origin; /* NULL: what has its name, in the same order */
};

struct ork_node {
    ork_node *previous, *next; /* execution order */
    ork_op op;
    const char *name;  /* the user's layer name: "backbone.stem.conv" */
    const char *scope; /* where it stands in the user's source, or "" */
    ork_attrs attrs;
    ork_value **inputs; /* NULL for an optional input that is absent */
    size_t *places;     /* of each input: in the uses of its value */
    int input_count;
    ork_value *output;
    bool sync;  /* the user wants it done before the next one begins; here it always is */
    void *user; /* free for the pass or planner at work */
};

/* What happens to a picture before it enters the network: channel order, then (x - mean) / std.
   count is the number of channels, 0 when nothing happens. */
typedef struct ork_preprocess {
    int count;
    float *mean, *std;
    int *reorder; /* channel c of the network is channel reorder[c] of the picture */
} ork_preprocess;

typedef struct ork_graph_input {
    ork_value *value;
    ork_preprocess preprocess;
} ork_graph_input;

typedef enum ork_stage {
    ORK_STAGE_IMPORTED,
    ORK_STAGE_CANON,
    ORK_STAGE_QUANT,
    ORK_STAGE_COUNT,
} ork_stage;
extern const char *const ork_stage_names[ORK_STAGE_COUNT];

/* The weights of a network's convolutions as kernels want them, in place of the constants that they
   were made of, whose data is NULL then. Such a graph can be planned and run where it was packed
   for, and nothing else. */
typedef struct ork_packed_part {
    const char *layer, *kernel;
    uint32_t version; /* of the kernel's packing */
    uint64_t size;
} ork_packed_part;

enum { ORK_PACKING_ALIGNMENT = 64 };
typedef struct ork_packing {
    const char *machine;          /* "aarch64", "armhf", "x86-64" */
    const ork_packed_part *parts; /* in the order of the plan's steps */
    size_t count;
    ork_bytes data; /* all parts, each at a multiple of ORK_PACKING_ALIGNMENT, as is the data */
} ork_packing;

/* Whether a constant is nothing but weights or bias of convolutions: packing takes its place. */
bool ork_value_is_packable(const ork_value *value);

struct ork_graph {
    ork_arena *arena;
    ork_stage stage;
    const char *name;
    const char *origin; /* "pytorch", "onnx", ... */
    const char *target; /* platforms as the user gave them, comma separated: "rk1808" */
    int optimization_level;
    ORK_VEC(ork_value *) values; /* all; those without uses or producer may be leftovers */
    ork_node *first, *last;
    size_t node_count;
    ORK_VEC(ork_graph_input) inputs;
    ORK_VEC(ork_value *) outputs;
    const ork_packing *packing; /* or NULL */
    ORK_VEC(ork_file) files;    /* mapped files that constants point into */
    ork_map *names;             /* name -> value */
    ork_map *name_counts;       /* name -> how often it was wanted again */
};

ork_graph *ork_graph_new(const char *name);
void ork_graph_free(ork_graph *graph);
/* A copy that shares nothing but constant data, which is copied only when copy_data. A graph that
   shares data must be freed before the one it came from. */
ork_graph *ork_graph_clone(const ork_graph *graph, bool copy_data);
/* The part of the graph that computes the outputs from values marked by their ids, which become its
   inputs, by name; shares constant data. */
ork_graph *ork_graph_extract(const ork_graph *graph, ork_value *const *outputs, size_t count,
                             const bool *inputs);
/* The graph takes over the mapping and unmaps it when freed. */
void ork_graph_keep_file(ork_graph *graph, ork_file file);

/* ---- builder --------------------------------------------------------------------------- */
/* Values are checked and typed as they are added. NULL means failure, with the error set. */

ork_value *ork_graph_add_input(ork_graph *graph, const char *name, const ork_type *type);
/* Does not copy data, which must live as long as the graph: use ork_graph_alloc or a kept file. */
ork_value *ork_graph_add_constant(ork_graph *graph, const char *name, const ork_type *type,
                                  const void *data);
void ork_graph_add_output(ork_graph *graph, ork_value *value);
/* Before others are added. */
void ork_graph_clear_outputs(ork_graph *graph);

/* Memory of the graph for a constant's data; NULL, with the error set, when there is none. */
void *ork_graph_alloc(ork_graph *graph, ork_diag *diag, size_t size);
/* Small constants: copied. */
ork_value *ork_graph_constant_f32(ork_graph *graph, const char *name, int rank, const int64_t *dims,
                                  const float *data);
ork_value *ork_graph_scalar(ork_graph *graph, ork_dtype dtype, double number);

/* Appends a node and returns its output, whose type is inferred. attrs may be NULL for all zero.
 * name may be NULL. */
ork_value *ork_graph_add(ork_graph *graph, ork_diag *diag, ork_op op, const ork_attrs *attrs,
                         ork_value *const *inputs, int input_count, const char *name);
/* The same for up to three inputs. */
ork_value *ork_graph_add1(ork_graph *graph, ork_diag *diag, ork_op op, const ork_attrs *attrs,
                          ork_value *a, const char *name);
ork_value *ork_graph_add2(ork_graph *graph, ork_diag *diag, ork_op op, const ork_attrs *attrs,
                          ork_value *a, ork_value *b, const char *name);
/* Like ork_graph_add1, placed directly before or after `at`. The type may be given when it is not
   to be inferred (CONVERT), or NULL. */
ork_value *ork_graph_insert(ork_graph *graph, ork_diag *diag, ork_node *at, bool after, ork_op op,
                            const ork_attrs *attrs, ork_value *const *inputs, int input_count,
                            const ork_type *type, const char *name);

/* Tells where in an error: the layer, and its line of code when known; always false. */
bool ork_node_where(const ork_node *node, ork_diag *diag);

/* ---- change ---------------------------------------------------------------------------- */

/* A port one beyond the inputs that the node has adds an input. */
void ork_node_set_input(ork_graph *graph, ork_node *node, int port, ork_value *value);
/* All uses of `from`, graph outputs included, become uses of `to`. When `from` is a graph output
   its name moves to `to`. */
void ork_graph_replace(ork_graph *graph, ork_value *from, ork_value *to);
/* The same where `to` is what the user knows as `from`, computed in another way: the name always
   moves. */
void ork_graph_supersede(ork_graph *graph, ork_value *from, ork_value *to);
void ork_graph_remove(ork_graph *graph, ork_node *node); /* its output must have no uses left */
/* Removes nodes whose outputs nobody uses; returns how many. */
size_t ork_graph_remove_dead(ork_graph *graph);
bool ork_value_is_output(const ork_value *value);
/* The only node that uses the value, or NULL; graph outputs count as a use. */
ork_node *ork_value_single_user(const ork_value *value);
void ork_value_rename(ork_graph *graph, ork_value *value, const char *name); /* made unique */
ork_value *ork_graph_find(const ork_graph *graph, const char *name);
/* The function, with its parameters, of a node of class UNARY; false when it is none. */
bool ork_node_function(const ork_node *node, ork_activation *function);

/* ---- evaluation ------------------------------------------------------------------------ */

/* Computes the node from constant inputs into a new constant (used to fold shape arithmetic and
   weights). Returns NULL without an error when the operator is not evaluated here, NULL with an
   error when it fails. Not meant to be fast. */
ork_value *ork_graph_evaluate(ork_graph *graph, ork_diag *diag, const ork_node *node);
/* The same for a node that is not to be added: what ork_graph_add would have added. Importers use
   it so that arithmetic on shapes never enters the graph. */
ork_value *ork_graph_add_folded(ork_graph *graph, ork_diag *diag, ork_op op, const ork_attrs *attrs,
                                ork_value *const *inputs, int input_count, const char *name);

/* A constant of 8 or 32 bits as f32, quantized as its type or in one way for each channel. */
ork_value *ork_graph_dequantized(ork_graph *graph, ork_diag *diag, const ork_value *constant);
/* Whether any value that is used is quantized. In a float graph only conversions have such values:
   what stands between two of them is meant to be computed on integers. */
bool ork_graph_is_quantized(const ork_graph *graph);

/* ---- verification and text ------------------------------------------------------------- */

/* Checks every rule of the graph's stage. A failure is a fault of ours, not of the user. */
bool ork_graph_verify(const ork_graph *graph, ork_diag *diag);

typedef struct ork_text_options {
    bool all_constants; /* print constants in full, so that the text reads back */
} ork_text_options;

/* The value of an attribute as the text form writes it; nothing when it is zero. */
void ork_attr_print(ork_str *out, const ork_attr_info *info, const ork_attrs *attrs);

/* The text form:
     graph "eyes" canon origin "pytorch" target "rk1808" {
       input %0 "x" f32[1x3x416x416] mean [123.675 116.28 103.53] std [...] reorder [2 1 0]
       const %1 "stem.weight" f32[16x12x3x3] [0.5 0.25 ...]
       %3 "stem" f32[1x16x208x208] = conv2d(%0, %1, _) stride [1 1] pad [1 1 1 1] groups 1
       output %3
     }
   "_" is an absent optional input. A quantized type is u8[4]{0.5 128}, i8[4]{fl 5}, and per
   channel i8[4x2]{axis 0 [0.5 0.25 1 2] [0 0 0 0]}. Constants may also be given as `zeros`,
   `fill 0.5`, `random 7` (uniform in -1..1, or over the whole range of an integer type, by seed),
   and are shortened to `...` unless all_constants. # starts a comment. */
void ork_graph_print(const ork_graph *graph, const ork_text_options *options, ork_str *out);
ork_graph *ork_graph_parse(ork_diag *diag, const char *text, size_t length);

#endif
