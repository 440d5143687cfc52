/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on bits, in arithmetic: whole numbers are in two's complement. */
#include "torch.h"

static bool is_bool(const ork_ts_value *value)
{
    return value->kind == ORK_TS_BOOL ||
           (value->kind == ORK_TS_TENSOR && value->tensor.value->type.dtype == ORK_BOOL);
}

static ork_ts_value *with_int(ork_ts *ts, ork_op op, ork_ts_value *x, int64_t number)
{
    return x ? ork_ts_binary(ts, op, x, ork_ts_int(ts, number), false) : NULL;
}

/* The lowest `count` bits of x. */
static ork_ts_value *low_bits(ork_ts *ts, ork_ts_value *x, int count)
{
    return count == 0 ? with_int(ts, ORK_OP_MUL, x, 0)
                      : with_int(ts, ORK_OP_REMAINDER, x, (int64_t)1 << count);
}

/* x & mask, mask not below 0: each run of ones [low, high) takes the lowest `high` bits less the
   lowest `low`. */
static ork_ts_value *masked(ork_ts *ts, ork_ts_value *x, int64_t mask)
{
    ork_ts_value *sum = low_bits(ts, x, 0);
    for (int low = 0; sum && low < 63; low++) {
        if (!(mask >> low & 1))
            continue;
        int high = low;
        while (high < 63 && (mask >> high & 1))
            high++;
        if (high == 63)
            return ork_build_unsupported(ts->build, "bits of integers above 2^62");
        ork_ts_value *upper = low_bits(ts, x, high), *lower = low_bits(ts, x, low);
        ork_ts_value *part =
            upper && lower ? ork_ts_binary(ts, ORK_OP_SUB, upper, lower, false) : NULL;
        sum = part ? ork_ts_binary(ts, ORK_OP_ADD, sum, part, false) : NULL;
        low = high;
    }
    return sum;
}

/* What is not in the mask is taken away where the mask is below 0. */
static ork_ts_value *bits_and(ork_ts *ts, ork_ts_value *x, int64_t mask)
{
    if (mask >= 0)
        return masked(ts, x, mask);
    ork_ts_value *others = masked(ts, x, -(mask + 1));
    return others ? ork_ts_binary(ts, ORK_OP_SUB, x, others, false) : NULL;
}

/* (a, b); param is the operator on truth values: "and", "or", and "differs" for xor. Of whole
   numbers one must be known: a | b = a + b - (a & b), a ^ b = a + b - 2 (a & b). */
ORK_TS_HANDLER(bitwise)
{
    if (is_bool(arg[0]) && is_bool(arg[1]))
        return ork_ts_binary(ts, (ork_op)param, arg[0], arg[1], false);
    ork_ts_value *x = arg[0], *mask = ork_ts_to_number(ts, arg[1]);
    if (!mask && (mask = ork_ts_to_number(ts, arg[0])))
        x = arg[1];
    if (!mask || mask->kind == ORK_TS_FLOAT)
        return ork_build_unsupported(ts->build, "bits of two integers that are both computed");
    ork_ts_value *both = bits_and(ts, x, ork_ts_as_int(mask));
    if (!both || param == ORK_OP_LOGICAL_AND)
        return both;
    ork_ts_value *sum = ork_ts_binary(ts, ORK_OP_ADD, x, mask, false);
    if (param == ORK_OP_NOT_EQUAL)
        both = with_int(ts, ORK_OP_MUL, both, 2);
    return sum && both ? ork_ts_binary(ts, ORK_OP_SUB, sum, both, false) : NULL;
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
