/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef ORK_PLAN_INTERNAL_H
#define ORK_PLAN_INTERNAL_H

#include "plan.h"

/* How a value lies in memory. PLAIN is row-major in the graph's order of axes; PIXELS is
   N H W C with a stride from pixel to pixel, for values of 4 axes. */
typedef enum layout {
    LAYOUT_PLAIN,
    LAYOUT_PIXELS,
} layout;

/* The memory of a value, or a place inside another one's memory. */
typedef struct slot {
    const ork_value *value;
    layout layout;
    int64_t pixel_stride; /* PIXELS: in elements */
    struct slot *parent;  /* NULL for a root */
    size_t parent_offset; /* bytes */
    const void *constant; /* roots outside of the arena; else NULL */
    /* Roots: */
    size_t bytes, offset;
    int first, last; /* the steps between which it is alive */
} slot;

enum { MOST_INPUTS = 5, WHOLE_RUN = 1 << 30 };

typedef struct operand {
    slot *slot;
    size_t offset; /* bytes into the slot, for slices */
} operand;

/* The resolved pointers of a step. */
typedef struct call {
    const void *in[MOST_INPUTS];
    void *out, *scratch;
} call;

typedef void (*step_fn)(const void *params, const call *c, int64_t begin, int64_t end);

typedef struct step {
    const char *layer, *kernel;
    step_fn run;
    const void *params;
    operand in[MOST_INPUTS], out;
    int in_count;
    int64_t units;          /* what run's range is over */
    double work;            /* about how many operations; small steps are not split */
    double macs;            /* of convolutions and matrix products */
    size_t scratch_bytes;   /* for each worker */
    const ork_value *value; /* computed by this step, or NULL */
} step;

struct ork_plan {
    ork_arena *arena; /* everything here */
    const ork_graph *graph;
    ork_plan_options options;
    ORK_VEC(step) steps;
    ORK_VEC(slot *) roots; /* those in the arena */
    slot **inputs, **outputs;
    size_t arena_bytes, live_bytes, weight_bytes, scratch_bytes;
    ork_packing packing;
};

/* The table of a function of 16 bits. */
typedef struct shared_table {
    struct shared_table *next;
    ork_activation function;
    ork_quant in, out;
    int16_t *entries;
} shared_table;

/* A convolution whose weights are known while the plan is made. */
typedef struct known_weights {
    const ork_conv *conv;
    const ork_conv_kernel *kernel;
    const void **packed; /* set in the end */
    size_t at;           /* among the packed weights of all */
} known_weights;

/* While a plan is made. */
typedef struct planner {
    ork_plan *plan;
    ork_diag *diag;
    layout *layouts;         /* by value id */
    slot **slots;            /* by value id; NULL until asked for */
    slot **converted;        /* by value id: its copy in the other layout */
    const ork_value **homes; /* by value id: the concat it is written into, or NULL */
    int64_t *home_channels;  /* by value id: at which channel */
    bool *fused;             /* by value id: computed by another node's step, or not at all */
    const ork_node *
        *focuses; /* by a convolution's value id: the concat it looks through, or NULL */
    shared_table *tables;
    ORK_VEC(known_weights) known;
    ORK_VEC(ork_packed_part) parts; /* of each known one */
} planner;

/* layout.c */
void choose_layouts(planner *p);
void choose_homes(planner *p);
slot *slot_of(planner *p, const ork_value *value);
/* The value in the layout wanted, copied there by a step when it lies otherwise. */
slot *slot_in(planner *p, const ork_value *value, layout wanted);
/* Strides, in elements, of the value's axes. */
void slot_strides(const slot *s, int64_t strides[ORK_MAX_RANK]);
bool slot_is_dense(const slot *s); /* no gaps between pixels */
size_t element_size(const ork_value *value);
/* Memory for what a step makes besides values; it lies like the value given and holds `bytes`. */
slot *new_temporary(planner *p, const ork_value *like, layout where, size_t bytes);
/* Float or quantized, which most kernels compute; other types are whole numbers and truth. */
bool is_number(const ork_value *value);
bool same_quant(const ork_value *a, const ork_value *b);
/* The value as the type given has it, by a step where it differs. Same layout. */
slot *requantized(planner *p, const ork_node *node, slot *in, const ork_type *type);
/* A quantized value as floats, any other as it is. */
slot *without_quant(planner *p, const ork_node *node, slot *in);
/* Orders axes, given as the graph has them, as the output lies in memory: the innermost loop is
   contiguous. */
void order_axes(ork_loop *loop, const slot *out);
/* Dimensions of the output and strides of the operands along them, in the order in which the output
   lies in memory. Inputs broadcast; NULL ends them. */
ork_loop broadcast_loop(const slot *out, slot *const *inputs, int count);

/* Rows of equal length that cover a value, for functions of one element. */
typedef struct rows {
    int64_t count, length, stride[2]; /* stride: of out, in */
} rows;
rows rows_of(const slot *out, const slot *in);
/* Brings the rows of a value to the type and quantization of another. */
step *emit_convert(planner *p, const ork_node *node, rows r, slot *out, slot *in);

/* Takes the bytes of rows through a table. */
void emit_table(planner *p, const ork_node *node, rows r, operand out, operand in,
                const uint8_t table[256]);

/* The sizes that all operators on pictures have, for the initializer of their parameters. */
#define PICTURE_SIZES(node, in, out)                                                               \
    .batch = (node)->output->type.shape.dim[0], .in_h = (node)->inputs[0]->type.shape.dim[2],      \
    .in_w = (node)->inputs[0]->type.shape.dim[3], .out_h = (node)->output->type.shape.dim[2],      \
    .out_w = (node)->output->type.shape.dim[3], .in_stride = (in)->pixel_stride,                   \
    .out_stride = (out)->pixel_stride

/* packing.c */
/* The best for this processor, or the one that weights were packed for. NULL on failure. */
const ork_conv_kernel *choose_kernel(planner *p, const ork_node *node, const ork_conv *conv);
/* Weights that are known get their place among all; *packed is set by pack_weights. */
bool know_weights(planner *p, const ork_node *node, const ork_conv *conv,
                  const ork_conv_kernel *kernel, const void **packed);
/* Packs those of all convolutions, side by side, or takes what was packed before. */
bool pack_weights(planner *p, ork_pool *pool);

/* focus.c */
/* Convolutions of pictures taken apart: p->focuses. */
void find_focuses(planner *p);
const ork_value *focus_source(const ork_node *focus); /* the picture itself */
void focus_shape(const ork_node *focus, ork_conv_shape *shape);
/* The weights of the convolution of the picture itself; NULL when there is no memory. */
const void *focus_weights(planner *p, const ork_node *focus, const ork_value *weights,
                          const void *data);

/* memory.c */
void touch(slot *s, int at);
void place_roots(ork_plan *plan);

/* lower_*.c: emit the steps of a node. */
typedef bool (*lower_fn)(planner *p, const ork_node *node);
bool lower_convolution(planner *p, const ork_node *node);
bool lower_pool(planner *p, const ork_node *node);
bool lower_unary(planner *p, const ork_node *node);
bool lower_convert(planner *p, const ork_node *node);
bool lower_where(planner *p, const ork_node *node);
bool lower_binary(planner *p, const ork_node *node);
bool lower_resize(planner *p, const ork_node *node);
bool lower_softmax(planner *p, const ork_node *node);
bool lower_reduce(planner *p, const ork_node *node);
bool lower_matmul(planner *p, const ork_node *node);
bool lower_layer_norm(planner *p, const ork_node *node);
bool lower_batch_norm(planner *p, const ork_node *node);
bool lower_concat(planner *p, const ork_node *node);
bool lower_movement(planner *p, const ork_node *node);
bool lower_reshape(planner *p, const ork_node *node);
bool lower_pad(planner *p, const ork_node *node);
bool lower_gather(planner *p, const ork_node *node);
bool lower_order(planner *p, const ork_node *node);
bool lower_running(planner *p, const ork_node *node);
bool lower_scatter(planner *p, const ork_node *node);

/* Adds a step; the operands' slots live from their first to their last step. */
step *emit(planner *p, const ork_node *node, const char *kernel, step_fn run, const void *params,
           int64_t units, double work, slot *out, slot *a, slot *b);
/* The step, which must be the newest, gets one more input. */
void add_input(planner *p, step *s, slot *input);
void emit_copy(planner *p, const char *layer, const ork_loop *loop, size_t size, operand out,
               operand in, const ork_value *value);
void *plan_params(planner *p, const void *params, size_t size);
bool not_yet(planner *p, const ork_node *node, const char *why);

/* activation.c */
/* The table of a quantized 8-bit function. After a convolution of the same scale, relu and clip
   are the convolution's clamp, as on the chips, whether they are fused or not. */
void function_table(const ork_node *node, uint8_t table[256]);
/* Whether the value goes into a concat of another quantization; then the way there is added to the
   table of the step that makes it. */
bool add_way_home(const planner *p, const ork_value *value, uint8_t table[256]);
/* The function that can be computed in the step of `node`, or NULL. */
const ork_node *fusable_function(planner *p, const ork_node *node);

#endif
