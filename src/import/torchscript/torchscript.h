/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the TorchScript reader. A traced file holds a tree of module objects (pickle), weights,
   and the methods of their classes as text in a small subset of Python. The reader runs the
   `forward` of the top module on symbolic tensors: what the methods compute becomes the graph.

     archive.c     records of the zip container
     unpickle.c    module objects, weights and constants
     code_scan.c, code_parse.c  the method texts
     interpret.c   runs methods
     value.c       what methods compute with
     view.c        views of tensors and writes through them
     number.c      numbers, and types that meet in arithmetic
     bind.c        arguments of operators against their schemas
     aten_*.c      the operators, by family; torch_ops.def lists them
     inputs.c      input_size_list
     foreign.c     what a file that is not TorchScript is
     saved.c       files of torch.save, and how to make TorchScript of them
     torchscript.c the import as a whole */
#ifndef ORK_TORCHSCRIPT_H
#define ORK_TORCHSCRIPT_H

#include "../../codec/codec.h"
#include "../build.h"

typedef struct ork_ts ork_ts; /* one import at work */
typedef struct ork_ts_value ork_ts_value;

/* ---- code.c: method texts -------------------------------------------------------------- */

typedef enum ork_ts_expr_kind {
    ORK_TS_LOCAL,   /* slot */
    ORK_TS_GLOBAL,  /* text: "torch.add", "CONSTANTS.c0" */
    ORK_TS_INTEGER, /* integer */
    ORK_TS_NUMBER,  /* number */
    ORK_TS_TEXT,    /* text */
    ORK_TS_TRUE,
    ORK_TS_FALSE,
    ORK_TS_NOTHING,   /* None */
    ORK_TS_ATTRIBUTE, /* object.text */
    ORK_TS_CALLING,   /* object(items, keywords) */
    ORK_TS_LISTING,   /* [items] */
    ORK_TS_TUPLING,   /* (items) */
    ORK_TS_DICTING,   /* items: key, value, key, value */
    ORK_TS_SUBSCRIPT, /* object[items[0]] */
    ORK_TS_NEGATIVE,  /* -object */
} ork_ts_expr_kind;

typedef struct ork_ts_expr ork_ts_expr;
struct ork_ts_expr {
    ork_ts_expr_kind kind;
    uint32_t line;
    int slot;
    const char *text;
    int64_t integer;
    double number;
    ork_ts_expr *object;
    ORK_VEC(ork_ts_expr *) items;
    const char **keywords; /* of a call: NULL for positional items; NULL when there are none */
    const void *cache;     /* of a call of an operator: its rows in the table */
};

typedef enum ork_ts_statement_kind {
    ORK_TS_ASSIGN, /* one target */
    ORK_TS_UNPACK, /* several targets, or one with a trailing comma */
    ORK_TS_RETURN,
    ORK_TS_EVALUATE,
    ORK_TS_CONTROL_FLOW, /* `text` is the keyword; nothing behind it is parsed */
} ork_ts_statement_kind;

typedef struct ork_ts_statement {
    ork_ts_statement_kind kind;
    uint32_t line;
    ORK_VEC(int) targets; /* slots */
    ork_ts_expr *expr;    /* NULL: None */
    const char *text;
} ork_ts_statement;

typedef struct ork_ts_parameter {
    const char *name;
    ork_ts_expr *type;     /* NULL when not written */
    ork_ts_expr *standard; /* the default, or NULL */
} ork_ts_parameter;

typedef struct ork_ts_class ork_ts_class;

/* A method or a free function. Its body is parsed when it is first called. */
typedef struct ork_ts_function {
    const char *name;
    const ork_ts_class *owner; /* NULL for a free function */
    const char *file;          /* "code/__torch__.py" */
    const char *begin, *end;   /* from "def" on */
    uint32_t line;
    bool is_parsed;
    ORK_VEC(ork_ts_parameter) parameters; /* take the first slots */
    ORK_VEC(ork_ts_statement) statements;
    int slot_count;
} ork_ts_function;

struct ork_ts_class {
    const char *name;           /* "Conv2d" */
    const char *qualified_name; /* "__torch__.torch.nn.modules.conv.Conv2d" */
    const char *file;
    const char *begin, *end;
    uint32_t line;
    ORK_VEC(ork_ts_function *) methods;
};

/* One text of the code folder, cut into classes and functions. */
typedef struct ork_ts_file {
    const char *path;
    ORK_VEC(ork_ts_class *) classes;
    ORK_VEC(ork_ts_function *) functions;
} ork_ts_file;

ork_ts_file *ork_ts_scan_file(ork_arena *arena, const char *path, const char *module_name,
                              ork_bytes text);
/* ORK_ERR_TORCH_CODE with file and line when the text is none that torch writes. */
bool ork_ts_parse_function(ork_diag *diag, ork_arena *arena, ork_ts_function *function);
/* The value of a class attribute `name : Final[type] = value`; NULL without an error when the class
   has none. */
ork_ts_expr *ork_ts_class_constant(ork_diag *diag, ork_arena *arena, const ork_ts_class *owner,
                                   const char *name);
ork_ts_function *ork_ts_find_method(const ork_ts_class *owner, const char *name);

/* ---- archive.c ------------------------------------------------------------------------- */

typedef struct ork_ts_archive {
    ork_zip *zip;
    const char *root; /* "net/" */
    ork_pickle_value *module, *constants;
} ork_ts_archive;

/* The record root/name; false without an error when absent. */
bool ork_ts_find_record(ork_arena *arena, const ork_ts_archive *archive, const char *name,
                        size_t *index);
/* Its bytes; false with an error when absent. */
bool ork_ts_record(ork_diag *diag, const ork_ts_archive *archive, const char *name,
                   ork_arena *inflate_into, ork_bytes *bytes);
/* Text up to the first '/' of the first entry, '/' included; "" when there is none. */
const char *ork_ts_archive_root(ork_arena *arena, const ork_zip *zip);
/* Opens what is known to be a TorchScript archive. */
bool ork_ts_archive_open(ork_diag *diag, ork_arena *arena, ork_zip *zip, ork_ts_archive *archive);

/* A tensor as a pickle describes it. */
typedef struct ork_ts_tensor_info {
    const char *storage_class; /* "FloatStorage" */
    const char *key;           /* record of the storage */
    int64_t offset;            /* in elements */
    ork_shape shape;
    int64_t stride[ORK_MAX_RANK];
    const ork_pickle_value *quantizer; /* of a quantized tensor: scheme, scale, ...; else NULL */
} ork_ts_tensor_info;
/* False when the value is no plain tensor. */
bool ork_ts_tensor_info_get(const ork_pickle_value *value, ork_ts_tensor_info *info);

/* What an attribute or constant of the pickle is for a method. `name` is its path in the module
   tree; folder is "data" or "constants". */
ork_ts_value *ork_ts_from_pickle(ork_ts *ts, const ork_pickle_value *pickled, const char *name,
                                 const char *folder, int depth);

/* ---- value.c --------------------------------------------------------------------------- */

typedef enum ork_ts_kind {
    ORK_TS_NONE,
    ORK_TS_BOOL,
    ORK_TS_INT,
    ORK_TS_FLOAT,
    ORK_TS_STRING,
    ORK_TS_DEVICE,
    ORK_TS_LIST,
    ORK_TS_TUPLE,
    ORK_TS_TENSOR,
    ORK_TS_MODULE,
    ORK_TS_UNKNOWN,     /* result of an unknown operator, or computed from one */
    ORK_TS_UNAVAILABLE, /* known to exist, but cannot be used: `text` says what */
    ORK_TS_KIND_COUNT
} ork_ts_kind;

typedef struct ork_ts_module {
    const char *path; /* "backbone.stem.conv", "" at the top */
    const ork_ts_class *type;
    const ork_pickle_value *object;
    ork_map *attributes; /* those read so far: name -> ork_ts_value */
} ork_ts_module;

/* Values are shared by reference, as in Python: a tensor that is written to changes for all who
   hold it. Numbers that came from 0-dim tensors are plain numbers here. */
struct ork_ts_value {
    ork_ts_kind kind;
    bool is_single; /* FLOAT: came from a 0-dim float tensor, so results are rounded to float */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *text;
        struct {
            ork_ts_value **items;
            size_t count;
        } list;
        struct {
            ork_value *value;
            ork_ts_value *base; /* the tensor this is a view of, or NULL */
            ork_op view_op;     /* RESHAPE, TRANSPOSE, SLICE or EXPAND of base */
            ork_attrs view_attrs;
            int view_depth;
            uint64_t version; /* of the storage when `value` was computed */
            uint64_t writes;  /* of a tensor without base: how often it was written to */
        } tensor;
        ork_ts_module *module;
    };
};

extern const char *const ork_ts_kind_names[ORK_TS_KIND_COUNT];

ork_ts_value *ork_ts_new(ork_ts *ts, ork_ts_kind kind);
ork_ts_value *ork_ts_bool(ork_ts *ts, bool boolean);
ork_ts_value *ork_ts_int(ork_ts *ts, int64_t integer);
ork_ts_value *ork_ts_float(ork_ts *ts, double number, bool is_single);
ork_ts_value *ork_ts_text(ork_ts *ts, ork_ts_kind kind, const char *text);
/* Keeps the array. */
ork_ts_value *ork_ts_list(ork_ts *ts, ork_ts_kind kind, ork_ts_value **items, size_t count);
/* NULL stays NULL, so that `return ork_ts_tensor(ts, ork_ts_add(...))` works. */
ork_ts_value *ork_ts_tensor(ork_ts *ts, ork_value *value);

bool ork_ts_is_sequence(const ork_ts_value *value);
/* The graph's value for a tensor or number; NULL with an error for others, and when a view that
   has to be computed anew does not fit. */
ork_value *ork_ts_graph_value(ork_ts *ts, ork_ts_value *value);
/* Shape of a tensor or number. */
ork_shape ork_ts_shape(const ork_ts_value *value);

/* ---- number.c -------------------------------------------------------------------------- */

bool ork_ts_is_number(const ork_ts_value *value); /* BOOL, INT or FLOAT */
double ork_ts_as_double(const ork_ts_value *number);
int64_t ork_ts_as_int(const ork_ts_value *number); /* truncates and saturates */
/* A number from a number or a constant tensor of one element; NULL without an error otherwise. */
ork_ts_value *ork_ts_to_number(ork_ts *ts, ork_ts_value *value);
/* Any of the operators with two inputs, as torch promotes their types. to_float: integers become
   floats first. NULL with an error. */
ork_ts_value *ork_ts_binary(ork_ts *ts, ork_op op, ork_ts_value *a, ork_ts_value *b, bool to_float);
/* Brings two values to one type as torch does; numbers and 0-dim tensors give way. */
bool ork_ts_promote(ork_ts *ts, ork_ts_value *left, ork_ts_value *right, bool to_float,
                    ork_value **a, ork_value **b);
/* The type of tensors for a number of torch.dtype; floats of all widths become f32. */
bool ork_ts_dtype(ork_ts *ts, int64_t code, ork_dtype *dtype);

/* ---- view.c ---------------------------------------------------------------------------- */

/* RESHAPE, TRANSPOSE, SLICE or EXPAND of `base` that stays tied to it. */
ork_ts_value *ork_ts_view(ork_ts *ts, ork_ts_value *base, ork_op op, const ork_attrs *attrs);
ork_ts_value *ork_ts_reshape(ork_ts *ts, ork_ts_value *base, const ork_shape *shape);
ork_ts_value *ork_ts_slice(ork_ts *ts, ork_ts_value *base, int axis, int64_t begin, int64_t end,
                           int64_t step);
ork_ts_value *ork_ts_transpose(ork_ts *ts, ork_ts_value *base, const int *perm);
ork_ts_value *ork_ts_expand(ork_ts *ts, ork_ts_value *base, const ork_shape *shape);
/* True when torch keeps the elements in order without gaps. */
bool ork_ts_is_contiguous(const ork_ts_value *tensor);
/* True when torch.reshape gives a view of this shape rather than a copy. */
bool ork_ts_can_view(const ork_ts_value *tensor, const ork_shape *shape);
/* Computes a view again when what it looks at was written to. */
ork_value *ork_ts_view_value(ork_ts *ts, ork_ts_value *tensor);
/* Writes into a tensor: it, the tensor it is a view of, and all other views of that change. */
bool ork_ts_write(ork_ts *ts, ork_ts_value *target, ork_ts_value *source);

/* ---- operators ------------------------------------------------------------------------- */

enum { ORK_TS_MAX_ARGS = 20 };

typedef ork_ts_value *(*ork_ts_handler)(ork_ts *ts, ork_ts_value **arg, int param);

typedef struct ork_ts_op {
    const char *name;   /* "torch.conv2d" */
    const char *schema; /* see bind.c */
    ork_ts_handler handler;
    int param; /* tells apart the operators that share a handler */
} ork_ts_op;

/* Arguments come in the order of the row's schema. */
#define ORK_TS_HANDLER(function)                                                                   \
    ork_ts_value *ork_ts_op_##function(__attribute__((unused)) ork_ts *ts,                         \
                                       __attribute__((unused)) ork_ts_value **arg,                 \
                                       __attribute__((unused)) int param)
#define ORK_TS_OP(name, schema, function, param) ORK_TS_HANDLER(function);
#include "torch_ops.def"
#undef ORK_TS_OP

/* First row of this name, the others follow it; NULL when unknown. */
const ork_ts_op *ork_ts_find_op(const char *name);
/* Chooses among the rows of a name the first one that fits and puts the arguments in the order of
   its schema. NULL with an error when none fits. */
const ork_ts_op *ork_ts_bind(ork_ts *ts, const ork_ts_op *first, ork_ts_value *const *items,
                             const char *const *keywords, size_t count, ork_ts_value **arg);

/* How many arguments its schema has. */
size_t ork_ts_parameter_count(const ork_ts_op *row);

/* Reading bound arguments, whose kinds were checked by ork_ts_bind. */

/* All numbers of a list, or a single one; false with an error when there are more than 8. */
bool ork_ts_arg_ints(ork_ts *ts, const ork_ts_value *list, ork_ints *out);
/* Exactly `count` numbers: a single one is repeated. */
bool ork_ts_arg_fixed(ork_ts *ts, const ork_ts_value *list, int count, int64_t *out);
bool ork_ts_arg_shape(ork_ts *ts, const ork_ts_value *list, ork_shape *out);
/* An axis in 0..rank-1 from one that may be negative. */
bool ork_ts_arg_axis(ork_ts *ts, const ork_ts_value *axis, int rank, int *out);
/* Several; None and [] mean all. */
bool ork_ts_arg_axes(ork_ts *ts, const ork_ts_value *axes, int rank, ork_ints *out);
/* A dtype argument, or `standard` when it is None. */
bool ork_ts_arg_dtype(ork_ts *ts, const ork_ts_value *dtype, ork_dtype standard, ork_dtype *out);
/* The tensor as f32. */
ork_value *ork_ts_arg_float(ork_ts *ts, ork_ts_value *tensor);

/* ---- aten_quantized.c ------------------------------------------------------------------ */

/* Calls the row's handler. Handlers that do not know quantized tensors get real numbers for them,
   and their result is quantized as the first was. */
ork_ts_value *ork_ts_run_row(ork_ts *ts, const ork_ts_op *row, ork_ts_value **arg);
/* The packed weights in the state of a pickled layer, and of an object of torch's own; NULL, with
   an error or without, when it is something else. */
ork_ts_value *ork_ts_packed_conv(ork_ts *ts, const ork_pickle_value *state, const char *name,
                                 const char *folder, int depth);
ork_ts_value *ork_ts_packed_object(ork_ts *ts, const ork_pickle_value *state, const char *name,
                                   const char *folder, int depth);

/* ---- the import at work ---------------------------------------------------------------- */

typedef struct ork_ts_frame {
    struct ork_ts_frame *caller;
    const ork_ts_module *module; /* NULL inside a free function */
    const ork_ts_function *function;
    ork_ts_value **slots;
    uint32_t line;
    int depth;
} ork_ts_frame;

typedef struct ork_ts_unknown_op {
    const char *name;
    const char *place; /* where it was met first */
    size_t count;
} ork_ts_unknown_op;

struct ork_ts {
    ork_diag *diag;
    ork_arena *arena;
    ork_graph *graph;
    ork_build *build; /* adds to the graph */
    const ork_ts_archive *archive;
    ork_ts_frame *frame;
    const ork_ts_op *op; /* being called */
    ork_map *files;      /* path of a code text -> ork_ts_file */
    ork_map *tensors;    /* storage, offset, sizes and strides -> ork_value */
    ork_map *objects;    /* address of a pickle value -> ork_ts_value */
    ork_map *constants;  /* "CONSTANTS.c0" -> ork_ts_value */
    ORK_VEC(ork_ts_unknown_op *) unknown;
    size_t steps_left;   /* expressions that may still be evaluated */
    const char *example; /* what torch.jit.trace would be given: "torch.zeros(1, 3, H, W)" */
    int depth;           /* of expressions inside each other, calls included */
};

/* The module whose code is running, or the nearest caller that is one; may be NULL. */
const ork_ts_module *ork_ts_current_module(const ork_ts *ts);
/* "BaseConv, code/__torch__/blocks.py:12", the scope of nodes; and with the layer in front, for
   messages. */
const char *ork_ts_scope(const ork_ts *ts);
const char *ork_ts_place(const ork_ts *ts);
extern const ork_build_names ork_ts_names;
ork_ts_class *ork_ts_find_class(ork_ts *ts, const char *module, const char *name);
/* Calls a method; arguments fill the parameters in order. */
ork_ts_value *ork_ts_call(ork_ts *ts, const ork_ts_module *module, ork_ts_function *function,
                          ork_ts_value *const *args, size_t count);

/* ---- inputs.c, foreign.c --------------------------------------------------------------- */

/* What forward() takes. */
typedef struct ork_ts_signature {
    int tensors;      /* single tensors, those in tuples included */
    bool has_list;    /* and a list of any number of them */
    const char *text; /* "x: Tensor, others: List[Tensor]" */
} ork_ts_signature;

/* Sizes that the inputs may have, to be tried in order. */
typedef struct ork_ts_sizes {
    int count;
    ork_import_input *tries[3];
    int try_count;
    ork_import_input *from_nhwc; /* what it would be were the user's list NHWC, or NULL */
    bool is_user_list;
} ork_ts_sizes;

/* Fails with ORK_ERR_INPUT_SIZE, or with what is wrong in the file. */
bool ork_ts_sizes_choose(ork_diag *diag, ork_arena *arena, const ork_ts_archive *archive,
                         const ork_ts_signature *signature, const ork_import_options *options,
                         ork_ts_sizes *sizes);
/* "[[3, 224, 224], [10]]" */
const char *ork_ts_sizes_text(ork_arena *arena, const ork_import_input *inputs, int count,
                              bool without_batch);

/* Sets the error that says what the bytes are and what to run instead, unless they are
   a TorchScript archive: then the result is true and *zip open. */
bool ork_ts_recognise(ork_diag *diag, ork_arena *arena, const char *path, ork_bytes bytes,
                      const ork_import_options *options, ork_zip **zip);

/* In place of the error at hand when the archive is one for mobile phones: its code was rewritten.
 */
void ork_ts_fail_mobile(ork_diag *diag, ork_arena *arena, const char *path,
                        const ork_ts_archive *archive, const ork_import_options *options);

/* Sets the error for the object that torch.save wrote; always false. */
bool ork_ts_fail_saved(ork_diag *diag, ork_arena *arena, const char *path,
                       const ork_pickle_value *object, const ork_import_options *options);
/* "torch.zeros(1, 3, 416, 416)": what torch.jit.trace needs, from the user's sizes or, where they
   are not given, from what is known. */
const char *ork_ts_example_input(ork_arena *arena, const ork_import_options *options,
                                 const char *otherwise);

#endif
