/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of two elements. */
#include "torch.h"

#include <string.h>

/* param is the operator. */
ORK_TORCH_HANDLER(binary)
{
    return ork_torch_binary(torch, (ork_op)param, arg[0], arg[1], false);
}

ORK_TORCH_HANDLER(divide)
{
    return ork_torch_binary(torch, ORK_OP_DIV, arg[0], arg[1], true);
}

/* (a, b, rounding_mode) */
ORK_TORCH_HANDLER(divide_rounding)
{
    if (arg[2]->kind == ORK_TORCH_NONE)
        return ork_torch_op_divide(torch, arg, 0);
    if (!strcmp(arg[2]->text, "floor"))
        return ork_torch_binary(torch, ORK_OP_FLOOR_DIV, arg[0], arg[1], false);
    ork_value *a, *b;
    if (ork_torch_is_number(arg[0]) && ork_torch_is_number(arg[1]))
        return ork_torch_int(
            torch, ork_torch_as_int(ork_torch_binary(torch, ORK_OP_DIV, arg[0], arg[1], false)));
    if (!ork_torch_promote(torch, arg[0], arg[1], false, &a, &b))
        return NULL;
    ork_value *y = ork_build_add2(torch->build, ORK_OP_DIV, a, b);
    if (y && ork_dtype_table[a->type.dtype].is_float)
        y = ork_build_add1(torch->build, ORK_OP_TRUNC, NULL, y);
    return ork_torch_tensor(torch, y);
}

static ork_torch_value *scaled(ork_torch *torch, ork_torch_value *x, ork_torch_value *alpha)
{
    if (ork_torch_as_double(alpha) == 1.0)
        return x;
    return ork_torch_binary(torch, ORK_OP_MUL, x, alpha, false);
}

/* a op b * alpha */
ORK_TORCH_HANDLER(add)
{
    ork_torch_value *b = scaled(torch, arg[1], arg[2]);
    return b ? ork_torch_binary(torch, (ork_op)param, arg[0], b, false) : NULL;
}

/* b - a * alpha */
ORK_TORCH_HANDLER(rsub)
{
    ork_torch_value *a = scaled(torch, arg[0], arg[2]);
    return a ? ork_torch_binary(torch, ORK_OP_SUB, arg[1], a, false) : NULL;
}

/* x + value * a op b; param is the operator */
ORK_TORCH_HANDLER(addc)
{
    ork_torch_value *y =
        ork_torch_binary(torch, (ork_op)param, arg[1], arg[2], param == ORK_OP_DIV);
    y = y ? scaled(torch, y, arg[3]) : NULL;
    return y ? ork_torch_binary(torch, ORK_OP_ADD, arg[0], y, false) : NULL;
}

ORK_TORCH_HANDLER(atan2)
{
    return ork_torch_binary(torch, ORK_OP_ATAN2, arg[0], arg[1], true);
}
