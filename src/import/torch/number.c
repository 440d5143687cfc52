/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, and the types that meet in arithmetic. The rules are those of torch.result_type: a
   tensor with axes decides the type, unless a 0-dim tensor or a number is of a higher category
   (bool < integer < float). */
#include "torch.h"

#include <math.h>

bool ork_torch_is_number(const ork_torch_value *value)
{
    return value->kind == ORK_TORCH_BOOL || value->kind == ORK_TORCH_INT ||
           value->kind == ORK_TORCH_FLOAT;
}

double ork_torch_as_double(const ork_torch_value *number)
{
    if (number->kind == ORK_TORCH_FLOAT)
        return number->number;
    return number->kind == ORK_TORCH_INT ? (double)number->integer : number->boolean ? 1.0 : 0.0;
}

static int64_t truncated(double number)
{
    if (!(number > -9.2e18))
        return isnan(number) ? 0 : INT64_MIN;
    return number < 9.2e18 ? (int64_t)number : INT64_MAX;
}

int64_t ork_torch_as_int(const ork_torch_value *number)
{
    if (number->kind == ORK_TORCH_INT)
        return number->integer;
    return number->kind == ORK_TORCH_BOOL ? number->boolean : truncated(number->number);
}

ork_torch_value *ork_torch_to_number(ork_torch *torch, ork_torch_value *value)
{
    if (ork_torch_is_number(value))
        return value;
    if (value->kind != ORK_TORCH_TENSOR)
        return NULL;
    const ork_value *x = ork_torch_graph_value(torch, value);
    if (!x || x->kind != ORK_VALUE_CONSTANT || ork_shape_count(&x->type.shape) != 1)
        return NULL;
    if (x->type.dtype == ORK_BOOL)
        return ork_torch_bool(torch, ork_element_get_int(ORK_BOOL, x->data, 0) != 0);
    if (ork_dtype_table[x->type.dtype].is_float)
        return ork_torch_float(torch, ork_element_get(x->type.dtype, x->data, 0), true);
    return ork_torch_int(torch, ork_element_get_int(x->type.dtype, x->data, 0));
}

/* ---- arithmetic of two numbers ---- */

static ork_torch_value *number_binary(ork_torch *torch, ork_op op, const ork_torch_value *a,
                                      const ork_torch_value *b, bool to_float)
{
    bool are_whole = a->kind != ORK_TORCH_FLOAT && b->kind != ORK_TORCH_FLOAT, known = false;
    ork_binary_op function = (ork_binary_op)ork_op_table[op].function;
    int64_t whole = 0;
    if (are_whole && !to_float)
        whole = ork_binary_whole(function, ork_torch_as_int(a), ork_torch_as_int(b), &known);
    double real =
        known ? (double)whole
              : ork_binary_table[function].evaluate(ork_torch_as_double(a), ork_torch_as_double(b));
    if (op >= ORK_OP_EQUAL && op <= ORK_OP_LOGICAL_OR)
        return ork_torch_bool(torch, real != 0);
    if (!known)
        return ork_torch_float(torch, real, a->is_single || b->is_single || are_whole);
    return ork_torch_int(torch, whole);
}

/* ---- types ---- */

bool ork_torch_dtype(ork_torch *torch, int64_t code, ork_dtype *dtype)
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
        return ork_build_unsupported(torch->build, "tensors of torch type %lld", (long long)code) !=
               NULL;
    *dtype = (ork_dtype)dtypes[code];
    return true;
}

typedef struct operand {
    int priority; /* 2: tensor with axes, 1: 0-dim tensor, 0: number */
    ork_dtype dtype;
} operand;

static operand operand_of(const ork_torch_value *value)
{
    switch (value->kind) {
    case ORK_TORCH_TENSOR:
        return (operand){value->tensor.value->type.shape.rank > 0 ? 2 : 1,
                         value->tensor.value->type.dtype};
    case ORK_TORCH_BOOL:
        return (operand){0, ORK_BOOL};
    case ORK_TORCH_INT:
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

bool ork_torch_promote(ork_torch *torch, ork_torch_value *left, ork_torch_value *right,
                       bool to_float, ork_value **a, ork_value **b)
{
    ork_dtype dtype = common_dtype(operand_of(left), operand_of(right));
    if (to_float && category(dtype) < 2)
        dtype = ORK_F32;
    *a = ork_torch_is_number(left)
             ? ork_build_scalar(torch->build, dtype, ork_torch_as_double(left))
             : ork_build_cast(torch->build, ork_torch_graph_value(torch, left), dtype);
    *b = ork_torch_is_number(right)
             ? ork_build_scalar(torch->build, dtype, ork_torch_as_double(right))
             : ork_build_cast(torch->build, ork_torch_graph_value(torch, right), dtype);
    return *a && *b;
}

/* Constants of no axes become numbers, so that arithmetic on shapes stays arithmetic. */
static ork_torch_value *simplified(ork_torch *torch, ork_torch_value *value)
{
    if (!value || value->kind != ORK_TORCH_TENSOR || value->tensor.value->type.shape.rank > 0)
        return value;
    ork_torch_value *number = ork_torch_to_number(torch, value);
    return number ? number : value;
}

ork_torch_value *ork_torch_binary(ork_torch *torch, ork_op op, ork_torch_value *a,
                                  ork_torch_value *b, bool to_float)
{
    a = simplified(torch, a);
    b = simplified(torch, b);
    if (ork_torch_is_number(a) && ork_torch_is_number(b))
        return number_binary(torch, op, a, b, to_float);
    ork_value *left, *right;
    if (!ork_torch_promote(torch, a, b, to_float, &left, &right))
        return NULL;
    return ork_torch_tensor(torch, ork_build_add2(torch->build, op, left, right));
}
