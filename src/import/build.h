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
/* Normalizes groups of channels; instance normalization has one group for each channel. weight and
   bias may be NULL. */
ork_value *ork_build_group_norm(ork_build *build, ork_value *x, int64_t groups, ork_value *weight,
                                ork_value *bias, double epsilon);

/* ---- volume.c: layers over depth, height and width, in operators over height and width ---- */

/* In the order depth, height, width. */
typedef struct ork_window3d {
    int64_t stride[3], dilation[3], before[3], after[3];
} ork_window3d;

/* x: N C D H W, weight: O I D H W with I = channels / groups, bias may be NULL. */
ork_value *ork_build_conv3d(ork_build *build, ork_value *x, ork_value *weight, ork_value *bias,
                            const ork_window3d *w, int64_t groups);
/* weight: I O D H W with O = channels / groups. */
ork_value *ork_build_conv_transpose3d(ork_build *build, ork_value *x, ork_value *weight,
                                      ork_value *bias, const ork_window3d *w,
                                      const int64_t output_pad[3], int64_t groups);
/* op: MAX_POOL2D or AVG_POOL2D */
ork_value *ork_build_pool3d(ork_build *build, ork_op op, ork_value *x, const int64_t kernel[3],
                            const ork_window3d *w, bool ceil_mode, bool count_include_pad);

/* ---- grid.c: samples of pictures ---- */

enum { ORK_GRID_LINEAR, ORK_GRID_NEAREST, ORK_GRID_CUBIC };
enum { ORK_GRID_ZEROS, ORK_GRID_BORDER, ORK_GRID_REFLECTION };

typedef struct ork_grid_sample {
    int mode, padding; /* of those above; padding: what is beyond the edges */
    bool
        align_corners; /* -1 and 1 are the middles of the outermost pixels, not their outer edges */
} ork_grid_sample;

/* x: N C H W, grid: N height width 2, in which x comes before y, from -1 to 1; the result is
   N C height width. */
ork_value *ork_build_grid_sample(ork_build *build, ork_value *x, ork_value *grid,
                                 const ork_grid_sample *options);

/* ---- pick.c: elements by index ---- */

/* An i64 index in which numbers below 0 count from the end of `size` entries, as one that counts
   from the beginning. */
ork_value *ork_build_from_end(ork_build *build, ork_value *index, int64_t size);
/* out[i][j][k] = x[i][index[i][j][k]][k], for axis 1; the index is no larger than x along the other
   axes, and not below 0. */
ork_value *ork_build_pick(ork_build *build, ork_value *x, ork_value *index, int axis);
/* x with x[i][index[i][j][k]][k] = updates[i][j][k]; mode: that of SCATTER. */
ork_value *ork_build_put(ork_build *build, ork_value *x, ork_value *index, ork_value *updates,
                         int axis, int mode);

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

/* "net" of "folder/net.torchscript.pt" */
const char *ork_build_model_name(ork_arena *arena, const char *path);

/* Attributes of a SLICE that takes everything. */
ork_attrs ork_whole_slice(const ork_shape *shape);

#endif
