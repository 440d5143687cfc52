/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on bits. */
#include "torch.h"

static bool is_bool(const ork_ts_value *value)
{
    return value->kind == ORK_TS_BOOL ||
           (value->kind == ORK_TS_TENSOR && value->tensor.value->type.dtype == ORK_BOOL);
}

/* (a, b); param is the operator, which for truth values is the same on one bit. */
ORK_TS_HANDLER(bitwise)
{
    static const ork_op logic[] = {ORK_OP_LOGICAL_AND, ORK_OP_LOGICAL_OR, ORK_OP_NOT_EQUAL};
    if (is_bool(arg[0]) && is_bool(arg[1]))
        return ork_ts_binary(ts, logic[param - ORK_OP_BIT_AND], arg[0], arg[1], false);
    return ork_ts_binary(ts, (ork_op)param, arg[0], arg[1], false);
}

/* ~x = -1 - x */
ORK_TS_HANDLER(bitwise_not)
{
    if (!is_bool(arg[0]))
        return ork_ts_binary(ts, ORK_OP_SUB, ork_ts_int(ts, -1), arg[0], false);
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    return x ? ork_ts_tensor(ts, ork_build_add1(ts->build, ORK_OP_LOGICAL_NOT, NULL, x)) : NULL;
}

/* x 2^count, or with floor division x / 2^count; param is the operator. In 64 bits, so that 2^31
   has its sign. */
ORK_TS_HANDLER(shift)
{
    ork_value *x, *count;
    if (!ork_ts_promote(ts, arg[0], arg[1], false, &x, &count))
        return NULL;
    ork_dtype dtype = x->type.dtype;
    if (ork_dtype_table[dtype].is_float)
        return ork_build_unsupported(ts->build, "bits of floats");
    count = ork_build_cast(ts->build, count, ORK_I64);
    count =
        ork_build_add2(ts->build, ORK_OP_MINIMUM, count, ork_build_scalar(ts->build, ORK_I64, 62));
    count = ork_build_add2(ts->build, ORK_OP_POW, ork_build_scalar(ts->build, ORK_I64, 2), count);
    x = ork_build_add2(ts->build, (ork_op)param, ork_build_cast(ts->build, x, ORK_I64), count);
    return ork_ts_tensor(ts, x ? ork_build_cast(ts->build, x, dtype) : NULL);
}
