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
