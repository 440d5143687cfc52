/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the ONNX reader. A file is one protocol buffer: nodes with named inputs and outputs,
   and the weights. Only what the wanted outputs need is imported, in an order in which everything
   comes after what it is computed from.

     model.c      messages of the file, read once into small structs; weights stay where they are
     tensor.c     weights to constants, data in other files included
     attributes.c attributes of nodes
     flow.c       nodes in order; subgraphs and functions
     op_*.c       the operators, by family; onnx_ops.def lists them
     onnx.c       inputs, outputs, the import as a whole

   The messages are described in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
#ifndef ORK_ONNX_H
#define ORK_ONNX_H

#include "../../codec/codec.h"
#include "../build.h"

typedef struct ork_onnx ork_onnx; /* one import at work */

/* ---- model.c --------------------------------------------------------------------------- */

/* Names of the numbers in TensorProto.DataType. */
typedef enum ork_onnx_type {
    ORK_ONNX_UNDEFINED = 0,
    ORK_ONNX_FLOAT = 1,
    ORK_ONNX_UINT8 = 2,
    ORK_ONNX_INT8 = 3,
    ORK_ONNX_UINT16 = 4,
    ORK_ONNX_INT16 = 5,
    ORK_ONNX_INT32 = 6,
    ORK_ONNX_INT64 = 7,
    ORK_ONNX_STRING = 8,
    ORK_ONNX_BOOL = 9,
    ORK_ONNX_FLOAT16 = 10,
    ORK_ONNX_DOUBLE = 11,
    ORK_ONNX_UINT32 = 12,
    ORK_ONNX_UINT64 = 13,
    ORK_ONNX_BFLOAT16 = 16,
} ork_onnx_type;

typedef struct ork_onnx_graph ork_onnx_graph;

typedef struct ork_onnx_attribute {
    const char *name;
    const char *refers_to; /* inside a function: the attribute of the call, or NULL */
    int64_t integer;
    float number;
    ork_bytes text;
    ork_bytes tensor;      /* a TensorProto; no data when there is none */
    ork_onnx_graph *graph; /* or NULL */
    ORK_VEC(int64_t) integers;
    ORK_VEC(float) numbers;
    ORK_VEC(const char *) texts;
} ork_onnx_attribute;

typedef struct ork_onnx_node {
    const char *name, *op, *domain; /* domain "" is ONNX's own */
    ORK_VEC(const char *) inputs;   /* "" is an input that is left out */
    ORK_VEC(const char *) outputs;
    ORK_VEC(ork_onnx_attribute) attributes;
} ork_onnx_node;

typedef struct ork_onnx_value_info {
    const char *name;
    bool is_tensor;
    int64_t type; /* ork_onnx_type */
    bool has_shape;
    int rank;
    int64_t dim[ORK_MAX_RANK];          /* -1: not fixed */
    const char *dim_name[ORK_MAX_RANK]; /* of those not fixed, or NULL */
    void *type_message;                 /* while the file is read */
} ork_onnx_value_info;

typedef struct ork_onnx_initializer {
    const char *name;
    ork_bytes tensor; /* a TensorProto */
} ork_onnx_initializer;

struct ork_onnx_graph {
    const char *name;
    ORK_VEC(ork_onnx_node) nodes;
    ORK_VEC(ork_onnx_initializer) initializers;
    ORK_VEC(ork_onnx_value_info) inputs, outputs, values;
    ork_map *producers; /* name of a value -> ork_onnx_node */
    ork_map *weights;   /* name of a value -> ork_onnx_initializer */
};

typedef struct ork_onnx_opset {
    const char *domain;
    int64_t version;
} ork_onnx_opset;

/* A function of the model's own; its body is a graph without weights. */
typedef struct ork_onnx_function {
    const char *name, *domain;
    ORK_VEC(const char *) inputs;
    ORK_VEC(const char *) outputs;
    ORK_VEC(ork_onnx_opset) opsets;
    ork_onnx_graph body;
} ork_onnx_function;

typedef struct ork_onnx_model {
    const char *producer; /* "pytorch" */
    int64_t ir_version;
    ORK_VEC(ork_onnx_opset) opsets;
    ORK_VEC(ork_onnx_function) functions;
    ork_onnx_graph *graph;
} ork_onnx_model;

/* False with ORK_ERR_PROTOBUF, or ORK_ERR_MODEL_FORMAT when the bytes are something else. Texts and
   structs are in the arena, everything else points into the bytes. */
bool ork_onnx_model_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes, ork_onnx_model *model);
/* Version of a domain's operators; 0 when the model does not name the domain. */
int64_t ork_onnx_version(const ork_onnx_opset *opsets, size_t count, const char *domain);

/* ---- tensor.c -------------------------------------------------------------------------- */

/* The element type of the graph for one of the file: floats of all widths become f32 (see
   ork_onnx_constant), unsigned integers the next larger signed ones. False when there is none. */
bool ork_onnx_dtype(int64_t type, ork_dtype *dtype);
const char *ork_onnx_type_name(int64_t type); /* "float16" */
/* A constant from a TensorProto; NULL with an error. Data is used where it lies when its type is
   the graph's. */
ork_value *ork_onnx_constant(ork_onnx *onnx, ork_bytes tensor, const char *name);

/* ---- attributes.c, calls ----------------------------------------------------------------- */

enum { ORK_ONNX_MAX_OUTPUTS = 64 };

/* An operator being imported: its inputs are there, its outputs are to be set. */
typedef struct ork_onnx_call {
    const ork_onnx_node *node;
    struct ork_onnx_frame *frame;
    int64_t version; /* of the operator's domain */
    ork_value **in;  /* NULL: left out; in[input_count] is readable up to the row's most */
    int input_count;
    ork_value **out;
    int output_count; /* wanted; a name of "" is an output that nobody wants */
} ork_onnx_call;

typedef bool (*ork_onnx_handler)(ork_onnx *onnx, ork_onnx_call *call, int param);

typedef struct ork_onnx_op {
    const char *name; /* "Conv", or "com.microsoft.Gelu" */
    int64_t since;    /* first version of which the row holds */
    int fewest, most; /* inputs; most -1: any number */
    ork_onnx_handler handler;
    int param; /* tells apart the operators that share a handler */
} ork_onnx_op;

/* Reductions that are several operators. */
typedef enum ork_onnx_reduction {
    ORK_ONNX_L1,
    ORK_ONNX_L2,
    ORK_ONNX_SUM_SQUARE,
    ORK_ONNX_LOG_SUM,
    ORK_ONNX_LOG_SUM_EXP,
} ork_onnx_reduction;

typedef enum ork_onnx_signal_window {
    ORK_ONNX_HANN,
    ORK_ONNX_HAMMING,
    ORK_ONNX_BLACKMAN,
} ork_onnx_signal_window;

/* Sets call->out, out[0] at least, and returns true; or false with an error. */
#define ORK_ONNX_HANDLER(function)                                                                 \
    bool ork_onnx_op_##function(__attribute__((unused)) ork_onnx *onnx,                            \
                                __attribute__((unused)) ork_onnx_call *call,                       \
                                __attribute__((unused)) int param)
#define ORK_ONNX_OP(name, since, fewest, most, function, param) ORK_ONNX_HANDLER(function);
#include "onnx_ops.def"
#undef ORK_ONNX_OP

/* The row that holds for a version of the domain; NULL when there is none. */
const ork_onnx_op *ork_onnx_find_op(const char *domain, const char *name, int64_t version);

/* The most common end of a handler: one output; NULL is a failure that was told before. */
bool ork_onnx_result(ork_onnx_call *call, ork_value *value);

/* NULL when the attribute is absent. */
const ork_onnx_attribute *ork_onnx_attribute_of(const ork_onnx_call *call, const char *name);
int64_t ork_onnx_int(const ork_onnx_call *call, const char *name, int64_t standard);
double ork_onnx_float(const ork_onnx_call *call, const char *name, double standard);
const char *ork_onnx_text(const ork_onnx *onnx, const ork_onnx_call *call, const char *name,
                          const char *standard);
/* An attribute that says one of `names`; false with an error when it is none of them. */
bool ork_onnx_choice(ork_onnx *onnx, const ork_onnx_call *call, const char *name,
                     const char *const *names, int count, int standard, int *choice);
/* Numbers of an attribute; count 0 when it is absent. False with an error beyond 8 (ORK_MAX_RANK),
   or 16 for `pads`, which is why pads have their own function. */
bool ork_onnx_ints(ork_onnx *onnx, const ork_onnx_call *call, const char *name, ork_ints *ints);
/* Numbers of a constant input; count 0 when it is left out. */
bool ork_onnx_input_ints(ork_onnx *onnx, const ork_onnx_call *call, int input, ork_ints *ints);
/* From the input when the version has it there, else from the attribute. */
bool ork_onnx_ints_either(ork_onnx *onnx, const ork_onnx_call *call, const char *name, int input,
                          int64_t input_since, ork_ints *ints);
/* The number in a constant input of one element; `standard` when it is left out. */
bool ork_onnx_input_number(ork_onnx *onnx, const ork_onnx_call *call, int input, double standard,
                           double *number);
/* True when input i is there and its elements are known; false with an error otherwise. */
bool ork_onnx_must_be_constant(ork_onnx *onnx, const ork_onnx_call *call, int input);
/* An axis in 0..rank-1 from one that may be negative. */
bool ork_onnx_axis(ork_onnx *onnx, int64_t axis, int rank, int *out);
/* The same for several; sorted and without repetition is not checked. Empty: all axes when
   all_if_empty. */
bool ork_onnx_axes(ork_onnx *onnx, ork_ints *axes, int rank, bool all_if_empty);

/* ---- op_conv.c: windows that move over a picture ------------------------------------------- */

/* Depth, height, width; with fewer axes the first are as if they had one element. */
typedef struct ork_onnx_window {
    int spatial, auto_pad;
    ork_volume steps;
} ork_onnx_window;

/* Reads strides, dilations, pads and auto_pad. kernel, size: of each of the spatial axes. */
bool ork_onnx_window_of(ork_onnx *onnx, const ork_onnx_call *call, int spatial,
                        const int64_t *kernel, const int64_t *size, ork_onnx_window *w);
/* Stride, dilation and padding of height and width, which convolutions and pools have under
   different names at different places. */
void ork_onnx_window_attrs(const ork_onnx_window *w, ork_attr_PAIR *stride, ork_attr_PAIR *dilation,
                           ork_attr_QUAD *pad);

/* ---- parts.c: what operators are put together from ------------------------------------------- */

/* i64 0, 1, 2 ... */
ork_value *ork_onnx_count_up(ork_onnx *onnx, int64_t count);
/* A number of the type of x. */
ork_value *ork_onnx_number_like(ork_onnx *onnx, const ork_value *x, double number);
ork_value *ork_onnx_with_number(ork_onnx *onnx, ork_op op, ork_value *x, double number);
/* Elements from the last to the first along an axis. NULL stays NULL. */
ork_value *ork_onnx_backwards(ork_onnx *onnx, ork_value *x, int axis);

/* ---- op_quantized.c -------------------------------------------------------------------- */

/* Calls the row's handler. Quantized tensors reach only the handlers that know them; others get
   what they stand for: real numbers where an operator moves them, else whole numbers. */
bool ork_onnx_run_op(ork_onnx *onnx, ork_onnx_call *call, const ork_onnx_op *op);

/* ---- flow.c ---------------------------------------------------------------------------- */

/* Values by name, of one graph and of those around it. */
typedef struct ork_onnx_frame {
    struct ork_onnx_frame *outer; /* whose values a subgraph sees; NULL at the top */
    const ork_onnx_graph *graph;
    const ork_onnx_opset *opsets;
    size_t opset_count;
    const ork_onnx_call *call; /* of the function whose body this is, or NULL */
    ork_map *values;           /* name -> ork_value */
    uint8_t *state;            /* of each node of the graph: whether it was imported */
    int depth;
} ork_onnx_frame;

/* Imports what `name` needs and returns its value; NULL with an error. */
ork_value *ork_onnx_value(ork_onnx *onnx, ork_onnx_frame *frame, const char *name);
/* Runs a subgraph of the operator at work: `in` are the values of its inputs, `out` receives its
   outputs. */
bool ork_onnx_run_body(ork_onnx *onnx, const ork_onnx_call *call, const ork_onnx_graph *body,
                       ork_value *const *in, int input_count, ork_value **out, int output_count);

/* Stands for what an unknown operator would compute. */
bool ork_onnx_is_unknown(const ork_value *value);
ork_value *ork_onnx_unknown_value(void);

/* ---- the import at work ---------------------------------------------------------------- */

typedef struct ork_onnx_unknown {
    const char *place; /* the layer where it was met first */
    size_t count;
} ork_onnx_unknown;

struct ork_onnx {
    ork_diag *diag;
    ork_arena *arena;
    ork_graph *graph;
    ork_build *build; /* adds to the graph */
    const ork_onnx_model *model;
    const char *folder;        /* of the model's file, for data in other files */
    ork_map *files;            /* mapped files of weights: path -> ork_file */
    ork_map *unknown;          /* name of an unknown operator -> ork_onnx_unknown */
    const ork_onnx_call *call; /* at work, or NULL */
    size_t steps_left;         /* nodes that may still be imported, those of loops each time */
};

extern const ork_build_names ork_onnx_names;

#endif
