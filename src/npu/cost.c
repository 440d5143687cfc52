/* SPDX-License-Identifier: Apache-2.0 */
/* What a network costs on a chip. Published times of whole networks fit a simple rule: the
   multipliers are busy at their full rate, and besides, every layer's bytes pass the bus, for they
   mostly do not fit into the chip. Which layers a driver joins is not known; functions other than
   ReLU are a pass over the data of their own, joining parts of one scale is none. */
#include "npu.h"

typedef struct rate {
    double macs[ORK_DTYPE_COUNT]; /* a cycle */
    double bytes;                 /* a cycle, fitted to published times */
} rate;

/* 192 multiplications of 16 bits and 64 of floats are RK3399Pro's; for PUMA nobody has published
   them: its are taken to be as much slower. */
static const rate rates[] = {
    [ORK_FAMILY_LION] = {{[ORK_U8] = 1920, [ORK_I8] = 1920, [ORK_I16] = 192, [ORK_F32] = 64}, 3.6},
    [ORK_FAMILY_PUMA] = {{[ORK_U8] = 768, [ORK_I8] = 768, [ORK_I16] = 76.8, [ORK_F32] = 25.6}, 2.5},
};

/* To start a layer: assumed, not measured. */
static const double launch = 1000;

static double bytes_of(const ork_value *value)
{
    const size_t size = ork_dtype_table[value->type.dtype].size;
    /* Floats of the graph are of 16 bits on a chip. */
    return (double)ork_shape_count(&value->type.shape) *
           (double)(value->type.dtype == ORK_F32 ? 2 : size);
}

static bool same_numbers(const ork_type *a, const ork_type *b)
{
    return a->dtype == b->dtype && ork_quant_equal(&a->quant, &b->quant, 1);
}

/* ReLU and the like clamp what a layer writes. */
static bool is_free(const ork_node *node)
{
    const ork_node *before = node->inputs[0]->producer;
    if (node->op == ORK_OP_RESHAPE)
        return true;
    return (node->op == ORK_OP_RELU || node->op == ORK_OP_CLIP) && before &&
           (ork_op_table[before->op].op_class == ORK_CLASS_CONV || before->op == ORK_OP_ADD) &&
           ork_value_single_user(node->inputs[0]) == node;
}

static double concat_cycles(const rate *r, const ork_node *node)
{
    double sum = 0;
    for (int i = 0; i < node->input_count; i++)
        if (!same_numbers(&node->inputs[i]->type, &node->output->type))
            sum += launch + 2 * bytes_of(node->inputs[i]) / r->bytes;
    return sum;
}

double ork_npu_cycles(ork_family family, const ork_graph *graph)
{
    const rate *r = &rates[family];
    double sum = 0;
    for (const ork_node *node = graph->first; node; node = node->next) {
        if (node->op == ORK_OP_CONCAT) {
            sum += concat_cycles(r, node);
            continue;
        }
        if (is_free(node))
            continue;
        double bytes = bytes_of(node->output);
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i])
                bytes += bytes_of(node->inputs[i]);
        const double macs = r->macs[node->output->type.dtype];
        sum += launch + bytes / r->bytes + (macs > 0 ? (double)ork_node_macs(node) / macs : 0);
    }
    return sum;
}
