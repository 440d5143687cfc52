/* SPDX-License-Identifier: Apache-2.0 */
/* Adding to the graph while a file is imported, for all importers: nodes carry the user's layer
   name and place, what is constant is computed at once, and the memory for that is bounded. */
#ifndef ORK_IMPORT_BUILD_H
#define ORK_IMPORT_BUILD_H

#include "import.h"

typedef struct ork_build ork_build;

/* What an importer tells about the operator at work. */
typedef struct ork_build_names {
    const char *(*node)(const ork_build *build, ork_op op); /* the user's name of the layer */
    const char *(*scope)(const ork_build *build);           /* where it stands in the source */
    const char *(*place)(const ork_build *build);           /* both, for messages */
    const char *(*op)(const ork_build *build); /* the framework's operator, or NULL: "torch.add" */
} ork_build_names;

struct ork_build {
    ork_diag *diag;
    ork_arena *arena; /* lives as long as the import */
    ork_graph *graph;
    const ork_build_names *names;
    const void *importer; /* whose names they are */
    size_t bytes_left;    /* for what is made during the import rather than stored in the file */
};

/* Adds a node, or computes it now when all inputs are constants. A NULL among the required inputs
   stands for an error that was set before, so that calls can be nested. */
ork_value *ork_build_add(ork_build *build, ork_op op, const ork_attrs *attrs,
                         ork_value *const *inputs, int count);
ork_value *ork_build_add1(ork_build *build, ork_op op, const ork_attrs *attrs, ork_value *a);
ork_value *ork_build_add2(ork_build *build, ork_op op, ork_value *a, ork_value *b);

/* What changes nothing is not added. NULL stays NULL. */
ork_value *ork_build_reshape(ork_build *build, ork_value *x, const ork_shape *shape);
ork_value *ork_build_reshape_to(ork_build *build, ork_value *x, int rank, const int64_t *dims);
ork_value *ork_build_transpose(ork_build *build, ork_value *x, const int *perm);
ork_value *ork_build_expand(ork_build *build, ork_value *x, const ork_shape *shape);
ork_value *ork_build_cast(ork_build *build, ork_value *x, ork_dtype dtype);
/* Part [begin, end) of one axis. */
ork_value *ork_build_slice(ork_build *build, ork_value *x, int axis, int64_t begin, int64_t end,
                           int64_t step);
ork_value *ork_build_concat(ork_build *build, ork_value *const *parts, int count, int axis);
ork_value *ork_build_reduce(ork_build *build, ork_op op, ork_value *x, const ork_ints *axes,
                            bool keep);

ork_value *ork_build_scalar(ork_build *build, ork_dtype dtype, double number);
/* A new constant of the shape; *data is to be filled. NULL with an error when it is too large. */
ork_value *ork_build_constant(ork_build *build, ork_dtype dtype, const ork_shape *shape,
                              void **data);
ork_value *ork_build_filled(ork_build *build, ork_dtype dtype, const ork_shape *shape,
                            double number);
ork_value *ork_build_index_constant(ork_build *build, const int64_t *index, int64_t count);

/* Layers over `spatial` (1 or 2) axes work on N, C, H, W: brings x, with or without its batch axis,
   into this form (H is 1 for one axis), and the result back into the form of x. */
ork_value *ork_build_to_picture(ork_build *build, ork_value *x, int spatial);
ork_value *ork_build_from_picture(ork_build *build, ork_value *picture, int spatial, int rank);

/* ---- layers.c: layers made of several operators ---- */

/* Batch normalization over axis 1 with parameters scale, shift, mean, variance; a NULL among them
   is 1, 0, 0, 1 for every channel. */
ork_value *ork_build_batch_norm(ork_build *build, ork_value *x, ork_value *const parameters[4],
                                double epsilon);
/* Multiplies by weight and adds bias along axis 1; each may be NULL. */
ork_value *ork_build_scale_and_shift(ork_build *build, ork_value *x, ork_value *weight,
                                     ork_value *bias);
/* Normalizes groups of channels; instance normalization has one group for each channel. weight and
   bias may be NULL. */
ork_value *ork_build_group_norm(ork_build *build, ork_value *x, int64_t groups, ork_value *weight,
                                ork_value *bias, double epsilon);

/* ---- pick.c: elements picked or put in one by one ---- */
/* A place counts the elements of a tensor row by row. Places and indices are whole numbers of any
   type; floats are cut, for inputs of a network are floats unless the user says otherwise. */

ork_value *ork_build_as_index(ork_build *build, ork_value *index);
/* Entries of an axis by index, which may be below 0. */
ork_value *ork_build_gather(ork_build *build, ork_value *x, int axis, ork_value *index);
/* The elements of x at `places`, in their shape. */
ork_value *ork_build_pick(ork_build *build, ork_value *x, ork_value *places);
/* index + size where it is below 0 */
ork_value *ork_build_wrap_index(ork_build *build, ork_value *index, int64_t size);
/* Where in a tensor of `shape` the element is that stands where index does, but along axis where
   index, not below 0, says. */
ork_value *ork_build_places_along(ork_build *build, const ork_shape *shape, int axis,
                                  ork_value *index);
/* out[i][j][k] = x[i][index[i][j][k]][k] for axis 1 */
ork_value *ork_build_gather_elements(ork_build *build, ork_value *x, int axis, ork_value *index);
/* x with updates, cast to its type, at places; mode as in ork_scatter_mode. */
ork_value *ork_build_scatter(ork_build *build, ork_value *x, ork_value *places, ork_value *updates,
                             int mode);
/* ARG_MAX or ARG_MIN */
ork_value *ork_build_arg_extreme(ork_build *build, ork_op op, ork_value *x, int axis, bool keep);
/* The k greatest, or least, along an axis: where they are, and themselves. */
ork_value *ork_build_top_k(ork_build *build, ork_value *x, int axis, int64_t k, bool least,
                           ork_value **values);

/* Windows over a plane; h, w. */
typedef struct ork_windows {
    int64_t in[2], out[2], kernel[2], stride[2], dilation[2], pad[2]; /* pad: before */
} ork_windows;
/* [taps, windows]: places in the plane, -1 outside of it. */
ork_value *ork_build_window_places(ork_build *build, const ork_windows *windows);
/* [N, C, taps, windows] from x of [N, C, H, W] */
ork_value *ork_build_windows(ork_build *build, ork_value *x, ork_value *places, double outside);
/* [N, C, windows]: where in the plane the greatest element of each window is. */
ork_value *ork_build_window_maxima(ork_build *build, ork_value *x, ork_value *places);

/* The diagonal of two axes, `offset` above the main one, as the last axis. */
ork_value *ork_build_diagonal(ork_build *build, ork_value *x, int first, int second,
                              int64_t offset);

/* ---- einsum.c ---- */

/* The sum that "bij,bjk->bik" describes. */
ork_value *ork_build_einsum(ork_build *build, const char *equation, ork_value *const *operands,
                            int count);

/* ---- grid.c ---- */

typedef enum ork_grid_mode { ORK_GRID_LINEAR, ORK_GRID_NEAREST, ORK_GRID_CUBIC } ork_grid_mode;
typedef enum ork_grid_padding {
    ORK_GRID_ZEROS,
    ORK_GRID_BORDER,
    ORK_GRID_REFLECTION
} ork_grid_padding;
typedef struct ork_grid {
    ork_grid_mode mode;
    ork_grid_padding padding;
    bool align_corners;
} ork_grid;
/* x of [N, C, H, W] at places of [N, h, w, 2], x first, each from -1 to 1; or the same with a depth
   in front of H and behind y. Cubic over two axes only. */
ork_value *ork_build_grid_sample(ork_build *build, ork_value *x, ork_value *places,
                                 const ork_grid *grid);
/* The places for a picture of size [N, C, H, W] (or with D) moved by theta, [N, 2, 3] (or 3, 4). */
ork_value *ork_build_affine_grid(ork_build *build, ork_value *theta, const ork_shape *size,
                                 bool align_corners);

/* ---- volume.c: layers over three axes ---- */

/* Numbers per axis: depth, height, width. */
typedef struct ork_volume {
    int64_t kernel[3];                                     /* of pools */
    int64_t stride[3], dilation[3], pad[6], output_pad[3]; /* pad: before, then behind */
    int64_t groups, divisor;
    bool ceil_mode, count_include_pad;
} ork_volume;
/* x: N, C, D, H, W; weight: O, I, D, H, W, or I, O, D, H, W for the transposed; bias may be NULL.
 */
ork_value *ork_build_conv3d(ork_build *build, ork_value *x, ork_value *weight, ork_value *bias,
                            const ork_volume *volume);
ork_value *ork_build_conv_transpose3d(ork_build *build, ork_value *x, ork_value *weight,
                                      ork_value *bias, const ork_volume *volume);
/* ORK_OP_MAX_POOL2D or ORK_OP_AVG_POOL2D; x with or without its batch axis. */
ork_value *ork_build_pool3d(ork_build *build, ork_op op, ork_value *x, const ork_volume *volume);
/* For what works along each axis alone: N C planes with D as channels, to be worked on over H and
   W; then columns, [N C, 1, D, H W], to be worked on over D; then the shape of x again, with the
   sizes that came out. */
ork_value *ork_build_planes(ork_build *build, ork_value *x);
ork_value *ork_build_columns(ork_build *build, ork_value *planes);
ork_value *ork_build_from_columns(ork_build *build, ork_value *columns, const ork_value *planes,
                                  const ork_shape *shape);

/* ---- recurrent.c ---- */

typedef enum ork_cell_kind { ORK_LSTM, ORK_GRU, ORK_ELMAN } ork_cell_kind;

/* An operator of class UNARY. */
typedef struct ork_recurrent_function {
    ork_op op;
    ork_attrs attrs;
} ork_recurrent_function;

/* One layer of recurrent cells in one direction. */
typedef struct ork_recurrent {
    ork_cell_kind cell_kind;
    bool is_backward;                 /* begins at the end of the sequence */
    ork_value *x;                     /* steps x batch x inputs */
    ork_value *weight;                /* gates units x inputs */
    ork_value *recurrent_weight;      /* gates units x units */
    ork_value *bias, *recurrent_bias; /* gates units; may be NULL */
    ork_value *hidden, *cell;         /* first states, batch x units; NULL: zeros */
    ork_value *peepholes; /* LSTM: 3 units, of input, output and forget gate; may be NULL */
    /* Where in the weights the gates lie: input, forget, cell, output; or reset, update, new; or 0.
       torch has LSTM 0 1 2 3 and GRU 0 1 2, ONNX has LSTM 0 2 3 1 and GRU 1 0 2. */
    int order[4];
    /* Of the gates, of the new content, of an LSTM's cell. An Elman cell has the first only. */
    ork_recurrent_function functions[3];
    double clip;         /* of what enters a function of gates or new content; 0: none */
    bool couples_forget; /* LSTM: the forget gate is 1 - input gate */
    bool resets_behind;  /* GRU: the reset gate acts on the product with the hidden state, as in
                            torch, rather than on the hidden state */
} ork_recurrent;

typedef struct ork_recurrent_result {
    ork_value *outputs;       /* steps x batch x units, in the order of the sequence */
    ork_value *hidden, *cell; /* last states; cell is NULL but for an LSTM */
} ork_recurrent_result;

/* Adds the operators of all steps one by one. False with an error. */
bool ork_build_recurrent(ork_build *build, const ork_recurrent *recurrent,
                         ork_recurrent_result *result);

/* ---- quantized.c: networks that are quantized in their files ---- */

/* During import only conversions have quantized inputs and outputs; operators compute floats
   between them. The quantizer later turns what stands between two conversions into one operator on
   integers (ork_quantize_as_given). Types with other than 8 bits, scales that are computed, and
   channels of computed tensors have no such form: their rounding is spelled out in floats. */

/* Reads scale and zero point (NULL: 0) of a tensor: one of both, or one for each entry of `axis`.
   False with ORK_ERR_QUANTIZATION when they cannot be. Constants only. */
bool ork_build_quant(ork_build *build, const ork_type *type, const ork_value *scale,
                     const ork_value *zero_point, int axis, ork_quant *quant);
bool ork_build_is_quantized(const ork_value *value);
/* The real numbers as integers, and back. NULL stays NULL. */
ork_value *ork_build_quantize(ork_build *build, ork_value *real, ork_dtype dtype,
                              const ork_quant *quant);
ork_value *ork_build_dequantize(ork_build *build, ork_value *quantized);
/* Whole numbers, of which is known now how they stand for real ones: constants, and inputs that
   nothing used before. NULL without an error for others. */
ork_value *ork_build_as_quantized(ork_build *build, ork_value *whole, const ork_quant *quant);
/* A constant, or one behind a conversion. */
bool ork_build_is_weight(const ork_value *value);
/* Back to whole numbers. */
ork_value *ork_build_whole_numbers(ork_build *build, ork_value *quantized);

/* ---- the whole graph ---- */

/* Makes the named values the outputs, in this order, and drops what then is not needed: nodes, and
   inputs without a use. False with ORK_ERR_TENSOR_NAME when there is no such value. */
bool ork_build_cut(ork_build *build, const char *const *names, int count);
/* Drops inputs of the graph that nothing uses. */
void ork_build_drop_unused_inputs(ork_build *build);

/* ---- limits, errors ---- */

/* Takes from the memory that constants made during import may have; false with an error when it
   is used up. */
bool ork_build_spend(ork_build *build, const ork_shape *shape, ork_dtype dtype);

/* Errors of operators; they return NULL and name the place. */
void *ork_build_unsupported(ork_build *build, const char *what, ...) ORK_PRINTF(2, 3);
void *ork_build_bad_shape(ork_build *build, const char *what, ...) ORK_PRINTF(2, 3);
void *ork_build_bad_numbers(ork_build *build, const char *what, ...) ORK_PRINTF(2, 3); /* E0503 */

/* "net" of "folder/net.torchscript.pt" */
const char *ork_build_model_name(ork_arena *arena, const char *path);

/* Attributes of a SLICE that takes everything. */
ork_attrs ork_whole_slice(const ork_shape *shape);

#endif
