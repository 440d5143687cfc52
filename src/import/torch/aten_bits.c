/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on bits. */
#include "torch.h"

static bool is_bool(const ork_torch_value *value)
{
    return value->kind == ORK_TORCH_BOOL ||
           (value->kind == ORK_TORCH_TENSOR && value->tensor.value->type.dtype == ORK_BOOL);
}

/* (a, b); param is the operator, which for truth values is the same on one bit. */
ORK_TORCH_HANDLER(bitwise)
{
    static const ork_op logic[] = {ORK_OP_LOGICAL_AND, ORK_OP_LOGICAL_OR, ORK_OP_NOT_EQUAL};
    if (is_bool(arg[0]) && is_bool(arg[1]))
        return ork_torch_binary(torch, logic[param - ORK_OP_BIT_AND], arg[0], arg[1], false);
    return ork_torch_binary(torch, (ork_op)param, arg[0], arg[1], false);
}

/* ~x = -1 - x */
ORK_TORCH_HANDLER(bitwise_not)
{
    if (!is_bool(arg[0]))
        return ork_torch_binary(torch, ORK_OP_SUB, ork_torch_int(torch, -1), arg[0], false);
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    return x ? ork_torch_tensor(torch, ork_build_add1(torch->build, ORK_OP_LOGICAL_NOT, NULL, x))
             : NULL;
}

/* x 2^count, or with floor division x / 2^count; param is the operator. In 64 bits, so that 2^31
   has its sign. */
ORK_TORCH_HANDLER(shift)
{
    ork_value *x, *count;
    if (!ork_torch_promote(torch, arg[0], arg[1], false, &x, &count))
        return NULL;
    ork_dtype dtype = x->type.dtype;
    if (ork_dtype_table[dtype].is_float)
        return ork_build_unsupported(torch->build, "bits of floats");
    count = ork_build_cast(torch->build, count, ORK_I64);
    count = ork_build_add2(torch->build, ORK_OP_MINIMUM, count,
                           ork_build_scalar(torch->build, ORK_I64, 62));
    count =
        ork_build_add2(torch->build, ORK_OP_POW, ork_build_scalar(torch->build, ORK_I64, 2), count);
    x = ork_build_add2(torch->build, (ork_op)param, ork_build_cast(torch->build, x, ORK_I64),
                       count);
    return ork_torch_tensor(torch, x ? ork_build_cast(torch->build, x, dtype) : NULL);
}
