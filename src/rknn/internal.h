/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share.

   The vendor counts axes from the innermost: its size is our shape reversed, its axis a is our
   axis rank - 1 - a, and its pairs are [width, height]. Padding is [left, right, top, bottom]. */
#ifndef ORK_RKNN_INTERNAL_H
#define ORK_RKNN_INTERNAL_H

#include "../codec/codec.h"
#include "rknn.h"

enum {
    ORK_RKNN_HEADER = 24,
    ORK_RKNN_EXTRA_FORMAT = 1, /* of the objects under ORK_RKNN_EXTRA_KEY */
    ORK_RKNN_PACKING_FORMAT = 1,
    ORK_RKNN_MAX_OUTPUTS = 64, /* of one node */
};
#define ORK_RKNN_EXTRA_KEY    "openrknn"
#define ORK_RKNN_PACKED_MAGIC "ORKPACK1"

/* ---- container.c ---- */

typedef struct ork_rknn_container {
    ork_rknn_info info;
    ork_bytes data; /* the constants */
    ork_json *json;
} ork_rknn_container;

/* Fills in what the bytes tell; `json` only when the container has one that can be read. */
void ork_rknn_look(ork_arena *arena, ork_bytes bytes, ork_rknn_container *container);
/* The error that belongs to a kind that cannot be read. Returns false. */
bool ork_rknn_refuse(ork_diag *diag, const ork_rknn_info *info);

/* ---- types.c ---- */

/* "size": [...], "dim_num": n, "dtype": {...} */
void ork_rknn_put_type(ork_json_writer *writer, const ork_type *type, bool with_size);
/* Reads a "dtype" object into dtype and quant of a type whose shape is known. */
bool ork_rknn_get_dtype(ork_diag *diag, ork_arena *arena, const ork_json *dtype, ork_type *type);
/* Reads "size". */
bool ork_rknn_get_shape(ork_diag *diag, const ork_json *tensor, ork_shape *shape);

/* ---- attrs.c ---- */

/* Attributes of any operator under our own names, as one object. */
void ork_rknn_put_attrs(ork_json_writer *writer, ork_op op, const ork_attrs *attrs);
bool ork_rknn_get_attrs(ork_diag *diag, const ork_json *json, ork_op op, ork_attrs *attrs);

/* ---- ops.c, ops_write.c, ops_read.c ---- */

typedef enum ork_rknn_vx {
    ORK_RKNN_VX_NONE,
    ORK_RKNN_VX_SIZES, /* how sizes are rounded */
    ORK_RKNN_VX_ALL,   /* also how numbers are rounded */
} ork_rknn_vx;

typedef struct ork_rknn_op {
    const char *vsi;         /* "VSI_NN_OP_CONV2D" */
    const char *key;         /* of its parameters inside "nn"; "" when it has none */
    const char *variant_key; /* parameter that tells rows of the same vsi apart; "" when none */
    const char *variant;     /* its value in this row; the first row serves when it is absent */
    ork_op op;
    const char *ports; /* the vendor's port of each of our inputs, as digits; "" when the same */
    ork_rknn_vx vx;
} ork_rknn_op;

extern const ork_rknn_op ork_rknn_ops[];
extern const int ork_rknn_op_count;

/* Whether the row can say what the node does; and writes the node's parameters. */
typedef bool (*ork_rknn_fits_fn)(const ork_node *node);
typedef void (*ork_rknn_write_fn)(ork_json_writer *writer, const ork_node *node);
extern const ork_rknn_fits_fn ork_rknn_fits[];
extern const ork_rknn_write_fn ork_rknn_writers[];

/* A node of the file on its way into the graph. A read function turns parameters into attributes
   of `op`; it may also emit nodes before it, and change `op` and `inputs`. One that computes all
   outputs itself sets is_done. */
typedef struct ork_rknn_step {
    ork_diag *diag;
    ork_graph *graph;
    const ork_json *params; /* of the vendor's operator, or NULL */
    const char *name;
    ork_op op;
    ork_attrs attrs;
    ork_value **inputs;
    int input_count;
    int output_count;
    const ork_json **output_dtypes; /* of each output, or NULL */
    ork_value **outputs;
    bool is_done;
} ork_rknn_step;
typedef bool (*ork_rknn_read_fn)(ork_rknn_step *step);
extern const ork_rknn_read_fn ork_rknn_readers[];

/* The row to write a node with, -1 when the vocabulary has none. */
int ork_rknn_row_for(const ork_node *node);
/* The word to write it with: the row's, or one of our own. */
const char *ork_rknn_op_word(ork_arena *arena, const ork_node *node);
/* The row to read a node of this name and these parameters ("nn") with, or -1. */
int ork_rknn_row_named(const char *vsi, const ork_json *nn);
/* The row of this name for our operator, or -1. */
int ork_rknn_row_pair(const char *vsi, ork_op op);
/* The vendor's port of our input `port`. */
int ork_rknn_port(int row, int port);

/* Adds a node; its output takes the type that the file gives to output `index` (NULL: none). */
ork_value *ork_rknn_emit(ork_rknn_step *step, ork_op op, const ork_attrs *attrs,
                         ork_value *const *inputs, int input_count, int index);
/* A convolution with one filter per channel, which the vendor writes in its own way. */
bool ork_rknn_is_depthwise(const ork_node *node);

#endif
