/* SPDX-License-Identifier: Apache-2.0 */
#include "graph.h"
#include "infer.h"

#include <string.h>

const char *const ork_stage_names[ORK_STAGE_COUNT] = {"imported", "canon", "quant"};

/* An array of attributes per operator, ended by an entry without a name. */
#define ORK_ATTR(owner, kind, field)                                                               \
    {#field, ORK_ATTR_KIND_##kind, offsetof(ork_attrs, owner.field), NULL},
#define ORK_ATTR_ENUM(owner, field, values)                                                        \
    {#field, ORK_ATTR_KIND_ENUM, offsetof(ork_attrs, owner.field), values},
#define ORK_OP(symbol, name, fewest, most, class, numbers, infer, inputs, doc, attrs)              \
    static const ork_attr_info attrs_##symbol[] = {attrs{NULL, ORK_ATTR_KIND_INT, 0, NULL}};
#include "ops.def"
#undef ORK_OP

#define FUNCTION_UNARY(symbol)  ORK_UNARY_##symbol
#define FUNCTION_BINARY(symbol) ORK_BINARY_##symbol
#define FUNCTION_REDUCE(symbol) ORK_##symbol
#define FUNCTION_CONV(symbol)   0
#define FUNCTION_POOL(symbol)   0
#define FUNCTION_CAST(symbol)   0
#define FUNCTION_SHAPE(symbol)  0
#define FUNCTION_OTHER(symbol)  0

const ork_op_info ork_op_table[ORK_OP_COUNT] = {
#define ORK_OP(symbol, name, fewest, most, class, numbers, infer, inputs, doc, attrs)              \
    [ORK_OP_##symbol] = {#name,                                                                    \
                         fewest,                                                                   \
                         most,                                                                     \
                         ORK_CLASS_##class,                                                        \
                         FUNCTION_##class(symbol),                                                 \
                         ORK_NUMBERS_##numbers,                                                    \
                         ork_infer_##infer,                                                        \
                         inputs,                                                                   \
                         doc,                                                                      \
                         attrs_##symbol,                                                           \
                         (int)ORK_COUNT(attrs_##symbol) - 1},
#include "ops.def"
#undef ORK_OP
};

bool ork_op_from_name(const char *name, ork_op *op)
{
    for (int i = 0; i < ORK_OP_COUNT; i++) {
        if (strcmp(name, ork_op_table[i].name) == 0) {
            *op = (ork_op)i;
            return true;
        }
    }
    return false;
}

static void set_parameters(const ork_node *node, ork_activation *f)
{
    switch (node->op) {
    case ORK_OP_CLIP:
        f->alpha = (float)node->attrs.clip.low;
        f->beta = (float)node->attrs.clip.high;
        break;
    case ORK_OP_LEAKY_RELU:
        f->alpha = (float)node->attrs.leaky_relu.alpha;
        break;
    case ORK_OP_HARD_SIGMOID:
        f->alpha = 1.0f / 6.0f;
        f->beta = 0.5f;
        break;
    case ORK_OP_ELU:
        f->alpha = (float)node->attrs.elu.alpha;
        break;
    case ORK_OP_GELU:
        f->op = node->attrs.gelu.approximate ? ORK_UNARY_GELU_TANH : ORK_UNARY_GELU;
        break;
    case ORK_OP_SOFTPLUS:
        f->alpha = (float)node->attrs.softplus.beta;
        f->beta = (float)node->attrs.softplus.threshold;
        break;
    default:
        break;
    }
}

bool ork_node_function(const ork_node *node, ork_activation *function)
{
    const ork_op_info *info = &ork_op_table[node->op];
    if (info->op_class != ORK_CLASS_UNARY)
        return false;
    *function = (ork_activation){.op = (ork_unary_op)info->function};
    set_parameters(node, function);
    return true;
}
