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
    /* Version of the objects under the key "openrknn". */
    ORK_RKNN_EXTRA_FORMAT = 1,
};
#define ORK_RKNN_EXTRA_KEY "openrknn"

/* ---- container.c ----------------------------------------------------------------------- */

typedef struct ork_rknn_container {
    ork_rknn_info info;
    ork_bytes data; /* the constants */
    ork_json *json;
} ork_rknn_container;

/* Fills in what the bytes tell; `json` only when the container has one that can be read. */
void ork_rknn_look(ork_arena *arena, ork_bytes bytes, ork_rknn_container *container);
/* The error that belongs to a kind that cannot be read. Returns false. */
bool ork_rknn_refuse(ork_diag *diag, const ork_rknn_info *info);

/* ---- types.c --------------------------------------------------------------------------- */

/* Writes "dtype": {...}. */
void ork_rknn_put_dtype(ork_json_writer *writer, const ork_type *type);
/* Writes "size" and "dim_num". */
void ork_rknn_put_size(ork_json_writer *writer, const ork_shape *shape);
/* Reads a "dtype" object into dtype and quant of a type whose shape is known. */
bool ork_rknn_get_dtype(ork_diag *diag, ork_arena *arena, const ork_json *dtype, ork_type *type);
/* Reads "size" of a tensor. */
bool ork_rknn_get_size(ork_diag *diag, const ork_json *tensor, ork_shape *shape);

/* ---- attrs.c --------------------------------------------------------------------------- */

/* Attributes of any operator under our own names, as one object. */
void ork_rknn_put_attrs(ork_json_writer *writer, ork_op op, const ork_attrs *attrs);
bool ork_rknn_get_attrs(ork_diag *diag, const ork_json *json, ork_op op, ork_attrs *attrs);
/* Infinities and NaN as text, which JSON cannot write as numbers. */
void ork_rknn_put_number(ork_json_writer *writer, double number);
bool ork_rknn_get_number(const ork_json *json, double *number);

/* ---- ops.c, ops_write.c, ops_read.c ---------------------------------------------------- */

/* A node of the file on its way into the graph. A read function turns parameters into attributes
   of `op`; it may also emit nodes before it, and change `op` and `inputs`. Those that compute all
   outputs themselves set is_done. */
typedef struct ork_rknn_step {
    ork_diag *diag;
    ork_graph *graph;
    const ork_json *params; /* "nn": {"conv2d": params}, or NULL */
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

typedef enum ork_rknn_vx {
    ORK_RKNN_VX_NONE,
    ORK_RKNN_VX_ROUND, /* rounding of sizes only */
    ORK_RKNN_VX_FULL,  /* also of numbers */
} ork_rknn_vx;

typedef struct ork_rknn_op {
    const char *vsi;         /* "VSI_NN_OP_CONV2D" */
    const char *key;         /* of its parameters inside "nn"; "" when it has none */
    const char *variant_key; /* parameter that tells apart rows of the same vsi, or NULL */
    const char *variant;     /* its value in this row; the first row serves when it is absent */
    ork_op op;
    const char *ports; /* vendor's port of each of our inputs as digits; NULL when the same */
    ork_rknn_vx vx;
    bool (*fits)(const ork_node *node); /* whether the vendor's operator can say it; NULL: always */
    void (*write)(ork_json_writer *writer, const ork_node *node); /* NULL: read only */
    bool (*read)(ork_rknn_step *step);
} ork_rknn_op;

/* How to write a node; NULL when the vocabulary has nothing for it. */
const ork_rknn_op *ork_rknn_op_for(const ork_node *node);
/* How to read a node of this name with these parameters ("nn"); NULL when nothing is known. */
const ork_rknn_op *ork_rknn_op_named(const char *vsi, const ork_json *nn);
/* The row of this name for our operator, or NULL. */
const ork_rknn_op *ork_rknn_op_pair(const char *vsi, ork_op op);
/* The vendor's port of our input `port`. */
int ork_rknn_port(const ork_rknn_op *row, int port);

/* Adds a node to the graph; the output takes the type that the file gives to output `index`. */
ork_value *ork_rknn_emit(ork_rknn_step *step, ork_op op, const ork_attrs *attrs,
                         ork_value *const *inputs, int input_count, int index);


#endif
