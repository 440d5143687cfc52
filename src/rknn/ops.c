/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the vendor's operators and the ways to look it up. */
#include "internal.h"

#include <ctype.h>
#include <string.h>

const ork_rknn_op ork_rknn_ops[] = {
#define ORK_RKNN_OP(vsi, key, variant_key, variant, op, ports, vx, fits, write, read)              \
    {vsi, key, variant_key, variant, ORK_OP_##op, ports, ORK_RKNN_VX_##vx},
#include "rknn_ops.def"
#undef ORK_RKNN_OP
};
const int ork_rknn_op_count = (int)ORK_COUNT(ork_rknn_ops);

int ork_rknn_row_for(const ork_node *node)
{
    for (int i = 0; i < ork_rknn_op_count; i++)
        if (ork_rknn_ops[i].op == node->op && ork_rknn_fits[i](node))
            return i;
    return -1;
}

const char *ork_rknn_op_word(ork_arena *arena, const ork_node *node)
{
    const int row = ork_rknn_row_for(node);
    if (row >= 0)
        return ork_rknn_ops[row].vsi;
    char *name = ork_arena_printf(arena, "OPENRKNN_OP_%s", ork_op_table[node->op].name);
    for (char *c = name; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return name;
}

int ork_rknn_row_named(const char *vsi, const ork_json *nn)
{
    for (int i = 0; i < ork_rknn_op_count; i++) {
        const ork_rknn_op *row = &ork_rknn_ops[i];
        if (strcmp(row->vsi, vsi) != 0)
            continue;
        const char *variant =
            ork_json_get_text(ork_json_get(nn, row->key), row->variant_key, row->variant);
        if (strcmp(variant, row->variant) == 0)
            return i;
    }
    return -1;
}

int ork_rknn_row_pair(const char *vsi, ork_op op)
{
    for (int i = 0; i < ork_rknn_op_count; i++)
        if (ork_rknn_ops[i].op == op && strcmp(ork_rknn_ops[i].vsi, vsi) == 0)
            return i;
    return -1;
}

int ork_rknn_port(int row, int port)
{
    const char *ports = row < 0 ? "" : ork_rknn_ops[row].ports;
    return port < (int)strlen(ports) ? ports[port] - '0' : port;
}

bool ork_rknn_is_depthwise(const ork_node *node)
{
    return node->op == ORK_OP_CONV2D && node->attrs.conv2d.groups > 1 &&
           node->inputs[1]->type.shape.dim[1] == 1;
}
