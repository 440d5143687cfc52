/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a graph with one small node of each operator: what reads, writes or runs graphs is
   tested with all of them. */
#ifndef ORK_TESTS_EVERY_OPERATOR_H
#define ORK_TESTS_EVERY_OPERATOR_H

#include "graph/graph.h"

/* Inputs and constants for the choosing. */
enum { FIRST_NODE = 12 };
static const char *const operands =
    "graph \"all\" imported origin \"pytorch\" target \"rk1808,rv1126\" {\n"
    "  input %0 \"x\" f32[1x4x6x6] mean [1.5 2 3 4] std [0.1 2 3 4] reorder [3 2 1 0]\n"
    "  input %1 \"y\" f32[1x4x6x6]\n  input %2 \"c\" bool[1x4x6x6]\n"
    "  input %3 \"m\" f32[2x6]\n  input %4 \"n\" f32[6x3]\n"
    "  const %5 \"w\" f32[4x4x3x3] random 1\n  const %6 \"b\" f32[4] random 2\n"
    "  const %7 \"fc\" f32[3x6] random 3\n  const %8 \"fb\" f32[3] random 4\n"
    "  const %9 \"index\" i64[2] [1 0]\n  const %10 \"dw\" f32[8x1x3x3] random 5\n"
    "  const %11 \"u\" f32[2] random 6\n";

static const struct {
    ork_op op;
    const char *call, *type;
} calls[] = {
    {ORK_OP_CONV2D, "(%0, %5, %6) stride [1 2] dilation [1 1] pad [1 2 0 1] groups 1",
     "f32[1x4x5x4]"},
    {ORK_OP_CONV2D, "(%0, %10) stride [2 2] dilation [1 1] pad [1 1 1 1] groups 4", "f32[1x8x3x3]"},
    {ORK_OP_CONV_TRANSPOSE2D,
     "(%0, %5, %6) stride [2 1] dilation [1 1] pad [1 0 0 1] "
     "output_pad [1 0] groups 1",
     "f32[1x4x13x7]"},
    {ORK_OP_CONV_TRANSPOSE2D, "(%0, %5) stride [1 1] dilation [2 2] groups 1", "f32[1x4x10x10]"},
    {ORK_OP_LINEAR, "(%3, %7, %8)", "f32[2x3]"},
    {ORK_OP_MATMUL, "(%3, %4)", "f32[2x3]"},
    {ORK_OP_MAX_POOL2D,
     "(%0) kernel [3 2] stride [2 1] dilation [1 1] pad [1 0 1 0] ceil_mode true", "f32[1x4x4x5]"},
    {ORK_OP_AVG_POOL2D, "(%0) kernel [2 2] stride [2 2] dilation [1 1] pad [1 1 1 1]",
     "f32[1x4x4x4]"},
    {ORK_OP_AVG_POOL2D, "(%0) kernel [2 2] stride [2 2] dilation [1 1] divisor 3", "f32[1x4x3x3]"},
    {ORK_OP_ADAPTIVE_AVG_POOL2D, "(%0) size [1 1]", "f32[1x4x1x1]"},
    {ORK_OP_ADAPTIVE_AVG_POOL2D, "(%0) size [2 3]", "f32[1x4x2x3]"},
    {ORK_OP_BATCH_NORM, "(%0, %6, %6, %6, %6) epsilon 1e-05", "f32[1x4x6x6]"},
    {ORK_OP_LAYER_NORM, "(%4, %8, %8) axes 1 epsilon 1e-05", "f32[6x3]"},
    {ORK_OP_LAYER_NORM, "(%4) axes 2 epsilon 1e-05", "f32[6x3]"},
    {ORK_OP_LAYER_NORM, "(%4, _, %8) axes 1 epsilon 1e-05", "f32[6x3]"},
    {ORK_OP_SOFTMAX, "(%0) axis 1", "f32[1x4x6x6]"},
    {ORK_OP_LOG_SOFTMAX, "(%0) axis 3", "f32[1x4x6x6]"},
    {ORK_OP_CLIP, "(%0) low -inf high 6", "f32[1x4x6x6]"},
    {ORK_OP_LEAKY_RELU, "(%0) alpha 0.1", "f32[1x4x6x6]"},
    {ORK_OP_ELU, "(%0) alpha 1", "f32[1x4x6x6]"},
    {ORK_OP_GELU, "(%0) approximate tanh", "f32[1x4x6x6]"},
    {ORK_OP_SOFTPLUS, "(%0) beta 1 threshold 20", "f32[1x4x6x6]"},
    {ORK_OP_SOFTPLUS, "(%0) beta 2 threshold 20", "f32[1x4x6x6]"},
    {ORK_OP_PRELU, "(%0, %1)", "f32[1x4x6x6]"},
    {ORK_OP_LOGICAL_NOT, "(%2)", "bool[1x4x6x6]"},
    {ORK_OP_LOGICAL_AND, "(%2, %2)", "bool[1x4x6x6]"},
    {ORK_OP_LOGICAL_OR, "(%2, %2)", "bool[1x4x6x6]"},
    {ORK_OP_WHERE, "(%2, %0, %1)", "f32[1x4x6x6]"},
    {ORK_OP_REDUCE_MEAN, "(%0) axes [2 3] keep_dims true", "f32[1x4x1x1]"},
    {ORK_OP_REDUCE_SUM, "(%0) axes [1]", "f32[1x6x6]"},
    {ORK_OP_REDUCE_MAX, "(%0) axes [0 3]", "f32[4x6]"},
    {ORK_OP_REDUCE_MIN, "(%0) axes [2] keep_dims true", "f32[1x4x1x6]"},
    {ORK_OP_REDUCE_PROD, "(%0) axes [2] keep_dims true", "f32[1x4x1x6]"},
    {ORK_OP_ARG_MAX, "(%0) axis 1", "i64[1x6x6]"},
    {ORK_OP_ARG_MIN, "(%0) axis 2 keep_dims true last true", "i64[1x4x1x6]"},
    {ORK_OP_TOP_K, "(%0) axis 3 k 2 least true", "i64[1x4x6x2]"},
    {ORK_OP_CUM_SUM, "(%0) axis 1 reverse true", "f32[1x4x6x6]"},
    {ORK_OP_CUM_PROD, "(%0) axis 3 exclusive true", "f32[1x4x6x6]"},
    {ORK_OP_SCATTER, "(%6, %9, %11) mode add", "f32[4]"},
    {ORK_OP_CONCAT, "(%0, %1, %0) axis 2", "f32[1x4x18x6]"},
    {ORK_OP_SLICE, "(%0) begin [0 1 0 1] end [1 3 6 6] step [1 1 2 3]", "f32[1x2x3x2]"},
    {ORK_OP_RESHAPE, "(%0) shape [4 36]", "f32[4x36]"},
    {ORK_OP_TRANSPOSE, "(%0) perm [0 2 3 1]", "f32[1x6x6x4]"},
    {ORK_OP_EXPAND, "(%3) shape [5 2 6]", "f32[5x2x6]"},
    {ORK_OP_PAD, "(%0) before [0 0 1 2] after [0 0 3 1] mode reflect", "f32[1x4x10x9]"},
    {ORK_OP_PAD, "(%3) before [1 2] after [0 1] value 0.5", "f32[3x9]"},
    {ORK_OP_PAD, "(%0) before [0 1 0 2] after [0 0 3 0] mode replicate", "f32[1x5x9x8]"},
    {ORK_OP_RESIZE, "(%0) mode bilinear coordinates half_pixel size [9 12] scale_h 0.66",
     "f32[1x4x9x12]"},
    {ORK_OP_GATHER, "(%0, %9) axis 1", "f32[1x2x6x6]"},
    {ORK_OP_CAST, "(%0) dtype i64", "i64[1x4x6x6]"},
    {ORK_OP_CONVERT, "(%0)", "f16[1x4x6x6]"},
};

static inline void add_call(ork_str *text, int *id, ork_op op, const char *call, const char *type)
{
    ork_str_printf(text, "  %%%d \"%s %d\" %s = %s%s layer \"layer.%d\" scope \"a/b\"\n", *id,
                   ork_op_table[op].name, *id, type, ork_op_table[op].name, call, *id);
    (*id)++;
}

static inline void add_default(ork_str *text, int *id, ork_op op)
{
    bool two = ork_op_table[op].min_inputs == 2;
    bool compares = op >= ORK_OP_EQUAL && op <= ORK_OP_GREATER_EQUAL;
    add_call(text, id, op, two ? "(%0, %1)" : "(%0)", compares ? "bool[1x4x6x6]" : "f32[1x4x6x6]");
}

/* The head and nodes of the graph, without its outputs and end; the first free id. */
static inline int add_every_operator(ork_str *text)
{
    int id = FIRST_NODE;
    ork_str_printf(text, "%s", operands);
    for (int op = 0; op < ORK_OP_COUNT; op++) {
        bool listed = false;
        for (size_t i = 0; i < ORK_COUNT(calls); i++) {
            if (calls[i].op != (ork_op)op)
                continue;
            listed = true;
            add_call(text, &id, calls[i].op, calls[i].call, calls[i].type);
        }
        if (!listed)
            add_default(text, &id, (ork_op)op);
    }
    return id;
}

#endif
