/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the readers of PyTorch's files. Two kinds of archives hold a network: TorchScript (.pt,
   script.h), whose code is run on symbolic tensors, and torch.export (.pt2, export.h), a list of
   calls. Both end in calls of the same operators on the same values; what these compute becomes the
   graph. For both of them:

     run.c         the import as a whole: sizes of inputs tried, outputs collected
     inputs.c      input_size_list
     archive.c     records of the zip container
     storage.c     tensors in records
     place.c       names of nodes and places for messages
     value.c       what networks compute with
     view.c        views of tensors and writes through them
     number.c      numbers, and types that meet in arithmetic
     call.c        operators by name
     bind.c        arguments of operators against their schemas
     aten_*.c      the operators, by family; torch_ops.def lists them
     foreign.c     what a file of neither kind is
     saved.c       files of torch.save, and how to make TorchScript of them */
#ifndef ORK_IMPORT_TORCH_H
#define ORK_IMPORT_TORCH_H

#include "../../codec/codec.h"
#include "../build.h"

typedef struct ork_torch ork_torch; /* one import at work */
typedef struct ork_torch_value ork_torch_value;
typedef struct ork_torch_module ork_torch_module; /* of TorchScript */
typedef struct ork_torch_frame ork_torch_frame;
typedef struct ork_torch_export ork_torch_export;
typedef struct ork_torch_reader ork_torch_reader; /* of one of the two kinds of archives */

/* ---- archive.c ------------------------------------------------------------------------- */

typedef struct ork_torch_archive {
    ork_zip *zip;
    const char *root;                     /* "net/" */
    ork_pickle_value *module, *constants; /* TorchScript */
    const ork_torch_export *exported;     /* torch.export, see export.h */
} ork_torch_archive;

/* The record root/name; false without an error when absent. */
bool ork_torch_find_record(ork_arena *arena, const ork_torch_archive *archive, const char *name,
                           size_t *index);
/* Its bytes; false with an error when absent. */
bool ork_torch_record(ork_diag *diag, const ork_torch_archive *archive, const char *name,
                      ork_arena *inflate_into, ork_bytes *bytes);
/* Text up to the first '/' of the first entry, '/' included; "" when there is none. */
const char *ork_torch_archive_root(ork_arena *arena, const ork_zip *zip);
/* False with an error when a record says that numbers are big-endian. */
bool ork_torch_check_byte_order(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive);

/* ---- unpickle.c, storage.c ------------------------------------------------------------- */

/* A tensor as a pickle or a table describes it. */
typedef struct ork_torch_tensor_info {
    const char *storage_class; /* "FloatStorage" */
    const char *key;           /* record of the storage */
    int64_t offset;            /* in elements */
    ork_shape shape;
    int64_t stride[ORK_MAX_RANK];
    const ork_pickle_value *quantizer; /* of a quantized tensor: scheme, scale, ...; else NULL */
} ork_torch_tensor_info;
/* False when the value is no plain tensor. */
bool ork_torch_tensor_info_get(const ork_pickle_value *value, ork_torch_tensor_info *info);

/* What is inside a list or dictionary with its type: torch.jit._pickle build_intlist([...]),
   restore_type_tag([...], "type"). Other values as they are. */
const ork_pickle_value *ork_torch_unwrapped(const ork_pickle_value *pickled);

/* Where the bytes of tensors are: records archive/folder/key. */
typedef struct ork_torch_storage {
    const ork_torch_archive *archive;
    const char *folder;
    bool has_numbers; /* tensors without axes are numbers to the code */
} ork_torch_storage;

/* Element types of a storage class, in the file and in the graph; false when there is none. */
bool ork_torch_storage_dtype(const char *storage_class, ork_dtype *stored, ork_dtype *wanted);
/* The constant of this name. Tied weights are one constant. An UNAVAILABLE value for element types
   that the graph does not have; NULL with an error when the tensor leaves its record. */
ork_torch_value *ork_torch_stored_tensor(ork_torch *torch, const ork_torch_storage *storage,
                                         const ork_torch_tensor_info *info, const char *name);

/* ---- value.c --------------------------------------------------------------------------- */

typedef enum ork_torch_kind {
    ORK_TORCH_NONE,
    ORK_TORCH_BOOL,
    ORK_TORCH_INT,
    ORK_TORCH_FLOAT,
    ORK_TORCH_STRING,
    ORK_TORCH_DEVICE,
    ORK_TORCH_LIST,
    ORK_TORCH_TUPLE,
    ORK_TORCH_TENSOR,
    ORK_TORCH_MODULE,
    ORK_TORCH_UNKNOWN,     /* result of an unknown operator, or computed from one */
    ORK_TORCH_UNAVAILABLE, /* known to exist, but cannot be used: `text` says what */
    ORK_TORCH_KIND_COUNT
} ork_torch_kind;

/* Values are shared by reference, as in Python: a tensor that is written to changes for all who
   hold it. Numbers that came from 0-dim tensors are plain numbers here. */
struct ork_torch_value {
    ork_torch_kind kind;
    bool is_single; /* FLOAT: came from a 0-dim float tensor, so results are rounded to float */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *text;
        struct {
            ork_torch_value **items;
            size_t count;
        } list;
        struct {
            ork_value *value;
            ork_torch_value *base; /* the tensor this is a view of, or NULL */
            ork_op view_op;        /* RESHAPE, TRANSPOSE, SLICE or EXPAND of base */
            ork_attrs view_attrs;
            int view_depth;
            uint64_t version; /* of the storage when `value` was computed */
            uint64_t writes;  /* of a tensor without base: how often it was written to */
        } tensor;
        ork_torch_module *module;
    };
};

extern const char *const ork_torch_kind_names[ORK_TORCH_KIND_COUNT];

ork_torch_value *ork_torch_new(ork_torch *torch, ork_torch_kind kind);
ork_torch_value *ork_torch_bool(ork_torch *torch, bool boolean);
ork_torch_value *ork_torch_int(ork_torch *torch, int64_t integer);
ork_torch_value *ork_torch_float(ork_torch *torch, double number, bool is_single);
ork_torch_value *ork_torch_text(ork_torch *torch, ork_torch_kind kind, const char *text);
/* Keeps the array. */
ork_torch_value *ork_torch_list(ork_torch *torch, ork_torch_kind kind, ork_torch_value **items,
                                size_t count);
/* NULL stays NULL, so that `return ork_torch_tensor(torch, ork_torch_add(...))` works. */
ork_torch_value *ork_torch_tensor(ork_torch *torch, ork_value *value);

bool ork_torch_is_sequence(const ork_torch_value *value);
/* The graph's value for a tensor or number; NULL with an error for others, and when a view that
   has to be computed anew does not fit. */
ork_value *ork_torch_graph_value(ork_torch *torch, ork_torch_value *value);
/* Shape of a tensor or number. */
ork_shape ork_torch_shape(const ork_torch_value *value);

/* ---- number.c -------------------------------------------------------------------------- */

bool ork_torch_is_number(const ork_torch_value *value); /* BOOL, INT or FLOAT */
double ork_torch_as_double(const ork_torch_value *number);
int64_t ork_torch_as_int(const ork_torch_value *number); /* truncates and saturates */
/* A number from a number or a constant tensor of one element; NULL without an error otherwise. */
ork_torch_value *ork_torch_to_number(ork_torch *torch, ork_torch_value *value);
/* Any of the operators with two inputs, as torch promotes their types. to_float: integers become
   floats first. NULL with an error. */
ork_torch_value *ork_torch_binary(ork_torch *torch, ork_op op, ork_torch_value *a,
                                  ork_torch_value *b, bool to_float);
/* Brings two values to one type as torch does; numbers and 0-dim tensors give way. */
bool ork_torch_promote(ork_torch *torch, ork_torch_value *left, ork_torch_value *right,
                       bool to_float, ork_value **a, ork_value **b);
/* The type of tensors for a number of torch.dtype; floats of all widths become f32. */
bool ork_torch_dtype(ork_torch *torch, int64_t code, ork_dtype *dtype);

/* ---- view.c ---------------------------------------------------------------------------- */

/* RESHAPE, TRANSPOSE, SLICE or EXPAND of `base` that stays tied to it. */
ork_torch_value *ork_torch_view(ork_torch *torch, ork_torch_value *base, ork_op op,
                                const ork_attrs *attrs);
ork_torch_value *ork_torch_reshape(ork_torch *torch, ork_torch_value *base, const ork_shape *shape);
ork_torch_value *ork_torch_slice(ork_torch *torch, ork_torch_value *base, int axis, int64_t begin,
                                 int64_t end, int64_t step);
ork_torch_value *ork_torch_transpose(ork_torch *torch, ork_torch_value *base, const int *perm);
ork_torch_value *ork_torch_expand(ork_torch *torch, ork_torch_value *base, const ork_shape *shape);
/* True when torch keeps the elements in order without gaps. */
bool ork_torch_is_contiguous(const ork_torch_value *tensor);
/* True when torch.reshape gives a view of this shape rather than a copy. */
bool ork_torch_can_view(const ork_torch_value *tensor, const ork_shape *shape);
/* Computes a view again when what it looks at was written to. */
ork_value *ork_torch_view_value(ork_torch *torch, ork_torch_value *tensor);
/* Writes into a tensor: it, the tensor it is a view of, and all other views of that change. */
bool ork_torch_write(ork_torch *torch, ork_torch_value *target, ork_torch_value *source);

/* ---- operators ------------------------------------------------------------------------- */

enum { ORK_TORCH_MAX_ARGS = 20 };

typedef ork_torch_value *(*ork_torch_handler)(ork_torch *torch, ork_torch_value **arg, int param);

typedef struct ork_torch_op {
    const char *name;   /* "torch.conv2d" */
    const char *schema; /* see bind.c */
    ork_torch_handler handler;
    int param;           /* tells apart the operators that share a handler */
    const char *formula; /* of ork_torch_op_formula, which needs no other */
} ork_torch_op;

/* Arguments come in the order of the row's schema. */
#define ORK_TORCH_HANDLER(function)                                                                \
    ork_torch_value *ork_torch_op_##function(__attribute__((unused)) ork_torch *torch,             \
                                             __attribute__((unused)) ork_torch_value **arg,        \
                                             __attribute__((unused)) int param)
#define ORK_TORCH_OP(name, schema, function, param) ORK_TORCH_HANDLER(function);
#define ORK_TORCH_FORMULA(name, schema, formula)
#include "torch_ops.def"
#undef ORK_TORCH_OP
#undef ORK_TORCH_FORMULA
ORK_TORCH_HANDLER(formula); /* formula.c; the text is that of torch->op */

/* First row of this name, the others follow it; NULL when unknown. */
const ork_torch_op *ork_torch_find_op(const char *name);
/* Chooses among the rows of a name the first one that fits and puts the arguments in the order of
   its schema. NULL with an error when none fits. */
const ork_torch_op *ork_torch_bind(ork_torch *torch, const ork_torch_op *first,
                                   ork_torch_value *const *items, const char *const *keywords,
                                   size_t count, ork_torch_value **arg);

/* How many arguments its schema has. */
size_t ork_torch_parameter_count(const ork_torch_op *row);

/* Reading bound arguments, whose kinds were checked by ork_torch_bind. */

/* All numbers of a list, or a single one; false with an error when there are more than 8. */
bool ork_torch_arg_ints(ork_torch *torch, const ork_torch_value *list, ork_ints *out);
/* Exactly `count` numbers: a single one is repeated. */
bool ork_torch_arg_fixed(ork_torch *torch, const ork_torch_value *list, int count, int64_t *out);
bool ork_torch_arg_shape(ork_torch *torch, const ork_torch_value *list, ork_shape *out);
/* An axis in 0..rank-1 from one that may be negative. */
bool ork_torch_arg_axis(ork_torch *torch, const ork_torch_value *axis, int rank, int *out);
/* Several; None and [] mean all. */
bool ork_torch_arg_axes(ork_torch *torch, const ork_torch_value *axes, int rank, ork_ints *out);
/* A dtype argument, or `standard` when it is None. */
bool ork_torch_arg_dtype(ork_torch *torch, const ork_torch_value *dtype, ork_dtype standard,
                         ork_dtype *out);
/* The tensor as f32. */
ork_value *ork_torch_arg_float(ork_torch *torch, ork_torch_value *tensor);

/* ---- aten_quantized.c ------------------------------------------------------------------ */

/* Calls the row's handler. Handlers that do not know quantized tensors get real numbers for them,
   and their result is quantized as the first was. */
ork_torch_value *ork_torch_run_row(ork_torch *torch, const ork_torch_op *row,
                                   ork_torch_value **arg);
/* The packed weights in the state of a pickled layer, and of an object of torch's own; NULL, with
   an error or without, when it is something else. */
ork_torch_value *ork_torch_packed_conv(ork_torch *torch, const ork_pickle_value *state,
                                       const char *name, const char *folder, int depth);
ork_torch_value *ork_torch_packed_object(ork_torch *torch, const ork_pickle_value *state,
                                         const char *name, const char *folder, int depth);

/* ---- the import at work ---------------------------------------------------------------- */

typedef struct ork_torch_unknown_op {
    const char *name;
    const char *place; /* where it was met first */
    size_t count;
} ork_torch_unknown_op;

/* Where in the user's network the operator at work stands. */
typedef struct ork_torch_site {
    const char *path;       /* of the layer: "backbone.stem.conv", "" at the top */
    const char *class_name; /* of the layer, or the function: "Conv2d"; NULL when not known */
    const char *source;     /* line of the code: "model.py:12"; NULL when not known */
    bool is_torch_layer;    /* the layer is one of torch.nn */
} ork_torch_site;

struct ork_torch {
    ork_diag *diag;
    ork_arena *arena;
    ork_graph *graph;
    ork_build *build; /* adds to the graph */
    const ork_torch_reader *reader;
    const ork_torch_archive *archive;
    ork_torch_frame *frame; /* TorchScript: the method that runs */
    ork_torch_site site;    /* torch.export: the place of the node that runs */
    const ork_torch_op *op; /* being called */
    ork_map *files;         /* path of a code text -> ork_torch_file */
    ork_map *tensors;       /* storage, offset, sizes and strides -> ork_value */
    ork_map *objects;       /* address of a pickle value -> ork_torch_value */
    ork_map *constants;     /* "CONSTANTS.c0" -> ork_torch_value */
    ORK_VEC(ork_torch_unknown_op *) unknown;
    bool has_more_unknown; /* than are kept */
    size_t steps_left;     /* expressions that may still be evaluated */
    const char *example;   /* what torch.jit.trace would be given: "torch.zeros(1, 3, H, W)" */
    int depth;             /* of expressions inside each other, calls included */
};

/* ---- call.c ---------------------------------------------------------------------------- */

/* An operator of the table by its name, as in "torch.add_". Unknown ones are noted and give an
   unknown value, so that all can be told at once. Keywords as in ork_torch_bind. */
ork_torch_value *ork_torch_call_op(ork_torch *torch, const char *name, ork_torch_value **items,
                                   const char *const *keywords, size_t count);
/* The error that lists those noted; always false. */
bool ork_torch_fail_unknown(ork_torch *torch);

/* ---- run.c, inputs.c, place.c, foreign.c, saved.c -------------------------------------- */

enum { ORK_TORCH_MAX_INPUTS = 1024 };

/* What forward() takes. */
typedef struct ork_torch_signature {
    int tensors;                /* single tensors, those in tuples included */
    bool has_list;              /* and a list of any number of them */
    const char *text;           /* "x: Tensor, others: List[Tensor]" */
    ork_import_input *recorded; /* sizes that the file keeps */
    int recorded_count;
    unsigned *free_axes; /* of each: a bit for every axis that may be of any size; NULL: none may */
} ork_torch_signature;

/* One of the two kinds of archives. */
struct ork_torch_reader {
    bool (*open)(ork_diag *diag, ork_arena *arena, ork_zip *zip, ork_torch_archive *archive);
    /* What the network takes, in torch->arena. */
    bool (*signature)(ork_torch *torch, ork_torch_signature *signature);
    /* Runs the network on symbolic inputs of these sizes, `in_list` of them in its list. What it
       returns; NULL with an error. */
    ork_torch_value *(*run)(ork_torch *torch, const ork_import_input *inputs, int in_list);
    ork_torch_site (*site)(const ork_torch *torch);
};

extern const ork_torch_reader ork_torch_script_reader, ork_torch_export_reader;

extern const ork_build_names ork_torch_names;
/* "layer 'stem.conv' (Conv2d, model.py:12)", for messages. */
const char *ork_torch_place(const ork_torch *torch);

/* Sizes that the inputs may have, to be tried in order. */
typedef struct ork_torch_sizes {
    int count;
    ork_import_input *tries[3];
    int try_count;
    ork_import_input *from_nhwc; /* what it would be were the user's list NHWC, or NULL */
    bool is_user_list;
} ork_torch_sizes;

/* Fails with ORK_ERR_INPUT_SIZE, or with what is wrong in the file. */
bool ork_torch_sizes_choose(ork_diag *diag, ork_arena *arena, const ork_torch_signature *signature,
                            const ork_import_options *options, ork_torch_sizes *sizes);
/* "[[3, 224, 224], [10]]" */
const char *ork_torch_sizes_text(ork_arena *arena, const ork_import_input *inputs, int count,
                                 bool without_batch);

/* Sets the error that says what the bytes are and what to run instead, unless they are an archive
   of TorchScript or torch.export: then the result is true and *zip open. */
bool ork_torch_recognise(ork_diag *diag, ork_arena *arena, const char *path, ork_bytes bytes,
                         const ork_import_options *options, ork_zip **zip);
/* True for an archive of torch.export. */
bool ork_torch_is_export(ork_arena *arena, const ork_zip *zip);

/* In place of the error at hand when the archive is one for mobile phones: its code was rewritten.
 */
void ork_torch_fail_mobile(ork_diag *diag, ork_arena *arena, const char *path,
                           const ork_torch_archive *archive, const ork_import_options *options);

/* Sets the error for the object that torch.save wrote; always false. */
bool ork_torch_fail_saved(ork_diag *diag, ork_arena *arena, const char *path,
                          const ork_pickle_value *object, const ork_import_options *options);
/* "torch.zeros(1, 3, 416, 416)": what torch.jit.trace needs, from the user's sizes or, where they
   are not given, from what is known. */
const char *ork_torch_example_input(ork_arena *arena, const ork_import_options *options,
                                    const char *otherwise);

#endif
