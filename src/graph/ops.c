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
#define ORK_OP(symbol, name, fewest, most, class, infer, inputs, doc, attrs)                       \
    static const ork_attr_info attrs_##symbol[] = {attrs{NULL, ORK_ATTR_KIND_INT, 0, NULL}};
#include "ops.def"
#undef ORK_OP

const ork_op_info ork_op_table[ORK_OP_COUNT] = {
#define ORK_OP(symbol, name, fewest, most, class, infer, inputs, doc, attrs)                       \
    [ORK_OP_##symbol] = {#name,                                                                    \
                         fewest,                                                                   \
                         most,                                                                     \
                         ORK_CLASS_##class,                                                        \
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
