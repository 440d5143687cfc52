/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of two elements. */
#include "torch.h"

#include <string.h>

/* param is the operator. */
ORK_TS_HANDLER(binary)
{
    return ork_ts_binary(ts, (ork_op)param, arg[0], arg[1], false);
}

ORK_TS_HANDLER(divide)
{
    return ork_ts_binary(ts, ORK_OP_DIV, arg[0], arg[1], true);
}

/* (a, b, rounding_mode) */
ORK_TS_HANDLER(divide_rounding)
{
    if (arg[2]->kind == ORK_TS_NONE)
        return ork_ts_op_divide(ts, arg, 0);
    if (!strcmp(arg[2]->text, "floor"))
        return ork_ts_binary(ts, ORK_OP_FLOOR_DIV, arg[0], arg[1], false);
    ork_value *a, *b;
    if (ork_ts_is_number(arg[0]) && ork_ts_is_number(arg[1]))
        return ork_ts_int(ts, ork_ts_as_int(ork_ts_binary(ts, ORK_OP_DIV, arg[0], arg[1], false)));
    if (!ork_ts_promote(ts, arg[0], arg[1], false, &a, &b))
        return NULL;
    ork_value *y = ork_build_add2(ts->build, ORK_OP_DIV, a, b);
    if (y && ork_dtype_table[a->type.dtype].is_float)
        y = ork_build_add1(ts->build, ORK_OP_TRUNC, NULL, y);
    return ork_ts_tensor(ts, y);
}

static ork_ts_value *scaled(ork_ts *ts, ork_ts_value *x, ork_ts_value *alpha)
{
    if (ork_ts_as_double(alpha) == 1.0)
        return x;
    return ork_ts_binary(ts, ORK_OP_MUL, x, alpha, false);
}

/* a op b * alpha */
ORK_TS_HANDLER(add)
{
    ork_ts_value *b = scaled(ts, arg[1], arg[2]);
    return b ? ork_ts_binary(ts, (ork_op)param, arg[0], b, false) : NULL;
}

/* b - a * alpha */
ORK_TS_HANDLER(rsub)
{
    ork_ts_value *a = scaled(ts, arg[0], arg[2]);
    return a ? ork_ts_binary(ts, ORK_OP_SUB, arg[1], a, false) : NULL;
}

/* x + value * a op b; param is the operator */
ORK_TS_HANDLER(addc)
{
    ork_ts_value *y = ork_ts_binary(ts, (ork_op)param, arg[1], arg[2], param == ORK_OP_DIV);
    y = y ? scaled(ts, y, arg[3]) : NULL;
    return y ? ork_ts_binary(ts, ORK_OP_ADD, arg[0], y, false) : NULL;
}

ORK_TS_HANDLER(atan2)
{
    return ork_ts_binary(ts, ORK_OP_ATAN2, arg[0], arg[1], true);
}
