/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, and the types that meet in arithmetic. The rules are those of torch.result_type: a
   tensor with axes decides the type, unless a 0-dim tensor or a number is of a higher category
   (bool < integer < float). */
#include "torch.h"

#include <math.h>

bool ork_ts_is_number(const ork_ts_value *value)
{
    return value->kind == ORK_TS_BOOL || value->kind == ORK_TS_INT || value->kind == ORK_TS_FLOAT;
}

double ork_ts_as_double(const ork_ts_value *number)
{
    if (number->kind == ORK_TS_FLOAT)
        return number->number;
    return number->kind == ORK_TS_INT ? (double)number->integer : number->boolean ? 1.0 : 0.0;
}

static int64_t truncated(double number)
{
    if (!(number > -9.2e18))
        return isnan(number) ? 0 : INT64_MIN;
    return number < 9.2e18 ? (int64_t)number : INT64_MAX;
}

int64_t ork_ts_as_int(const ork_ts_value *number)
{
    if (number->kind == ORK_TS_INT)
        return number->integer;
    return number->kind == ORK_TS_BOOL ? number->boolean : truncated(number->number);
}

ork_ts_value *ork_ts_to_number(ork_ts *ts, ork_ts_value *value)
{
    if (ork_ts_is_number(value))
        return value;
    if (value->kind != ORK_TS_TENSOR)
        return NULL;
    const ork_value *x = ork_ts_graph_value(ts, value);
    if (!x || x->kind != ORK_VALUE_CONSTANT || ork_shape_count(&x->type.shape) != 1)
        return NULL;
    if (x->type.dtype == ORK_BOOL)
        return ork_ts_bool(ts, ork_element_get_int(ORK_BOOL, x->data, 0) != 0);
    if (ork_dtype_table[x->type.dtype].is_float)
        return ork_ts_float(ts, ork_element_get(x->type.dtype, x->data, 0), true);
    return ork_ts_int(ts, ork_element_get_int(x->type.dtype, x->data, 0));
}

/* ---- arithmetic of two numbers ---- */

static ork_ts_value *number_binary(ork_ts *ts, ork_op op, const ork_ts_value *a,
                                   const ork_ts_value *b, bool to_float)
{
    bool are_whole = a->kind != ORK_TS_FLOAT && b->kind != ORK_TS_FLOAT, known = false;
    ork_binary_op function = (ork_binary_op)ork_op_table[op].function;
    int64_t whole = 0;
    if (are_whole && !to_float)
        whole = ork_binary_whole(function, ork_ts_as_int(a), ork_ts_as_int(b), &known);
    double real =
        known ? (double)whole
              : ork_binary_table[function].evaluate(ork_ts_as_double(a), ork_ts_as_double(b));
    if (op >= ORK_OP_EQUAL && op <= ORK_OP_LOGICAL_OR)
        return ork_ts_bool(ts, real != 0);
    if (!known)
        return ork_ts_float(ts, real, a->is_single || b->is_single || are_whole);
    return ork_ts_int(ts, whole);
}

/* ---- types ---- */

bool ork_ts_dtype(ork_ts *ts, int64_t code, ork_dtype *dtype)
{
    static const int dtypes[] = {
        ORK_U8,
        ORK_I8,
        ORK_I16,
        ORK_I32,
        ORK_I64,
        ORK_F32,
        ORK_F32,
        ORK_F32,
        -1 /* complex */,
        -1,
        -1,
        ORK_BOOL,
        -1 /* quantized */,
        -1,
        -1,
        ORK_F32,
    };
    if (code < 0 || code >= (int64_t)ORK_COUNT(dtypes) || dtypes[code] < 0)
        return ork_build_unsupported(ts->build, "tensors of torch type %lld", (long long)code) !=
               NULL;
    *dtype = (ork_dtype)dtypes[code];
    return true;
}

typedef struct operand {
    int priority; /* 2: tensor with axes, 1: 0-dim tensor, 0: number */
    ork_dtype dtype;
} operand;

static operand operand_of(const ork_ts_value *value)
{
    switch (value->kind) {
    case ORK_TS_TENSOR:
        return (operand){value->tensor.value->type.shape.rank > 0 ? 2 : 1,
                         value->tensor.value->type.dtype};
    case ORK_TS_BOOL:
        return (operand){0, ORK_BOOL};
    case ORK_TS_INT:
        return (operand){0, ORK_I64};
    default:
        return (operand){0, ORK_F32};
    }
}

static int category(ork_dtype dtype)
{
    return dtype == ORK_BOOL ? 0 : ork_dtype_table[dtype].is_float ? 2 : 1;
}

static ork_dtype wider(ork_dtype a, ork_dtype b)
{
    const ork_dtype_info *ia = &ork_dtype_table[a], *ib = &ork_dtype_table[b];
    if (category(a) != category(b))
        return category(a) > category(b) ? a : b;
    if (ia->size == ib->size && ia->is_signed != ib->is_signed)
        return ORK_I16; /* u8 with i8 */
    return ia->size >= ib->size ? a : b;
}

static ork_dtype common_dtype(operand a, operand b)
{
    if (a.priority == b.priority)
        return wider(a.dtype, b.dtype);
    operand strong = a.priority > b.priority ? a : b, weak = a.priority > b.priority ? b : a;
    return category(weak.dtype) > category(strong.dtype) ? weak.dtype : strong.dtype;
}

bool ork_ts_promote(ork_ts *ts, ork_ts_value *left, ork_ts_value *right, bool to_float,
                    ork_value **a, ork_value **b)
{
    ork_dtype dtype = common_dtype(operand_of(left), operand_of(right));
    if (to_float && category(dtype) < 2)
        dtype = ORK_F32;
    *a = ork_ts_is_number(left) ? ork_build_scalar(ts->build, dtype, ork_ts_as_double(left))
                                : ork_build_cast(ts->build, ork_ts_graph_value(ts, left), dtype);
    *b = ork_ts_is_number(right) ? ork_build_scalar(ts->build, dtype, ork_ts_as_double(right))
                                 : ork_build_cast(ts->build, ork_ts_graph_value(ts, right), dtype);
    return *a && *b;
}

/* Constants of no axes become numbers, so that arithmetic on shapes stays arithmetic. */
static ork_ts_value *simplified(ork_ts *ts, ork_ts_value *value)
{
    if (!value || value->kind != ORK_TS_TENSOR || value->tensor.value->type.shape.rank > 0)
        return value;
    ork_ts_value *number = ork_ts_to_number(ts, value);
    return number ? number : value;
}

ork_ts_value *ork_ts_binary(ork_ts *ts, ork_op op, ork_ts_value *a, ork_ts_value *b, bool to_float)
{
    a = simplified(ts, a);
    b = simplified(ts, b);
    if (ork_ts_is_number(a) && ork_ts_is_number(b))
        return number_binary(ts, op, a, b, to_float);
    ork_value *left, *right;
    if (!ork_ts_promote(ts, a, b, to_float, &left, &right))
        return NULL;
    return ork_ts_tensor(ts, ork_build_add2(ts->build, op, left, right));
}
