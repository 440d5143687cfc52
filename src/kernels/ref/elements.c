/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of numbers of any types without quantization. */
#include "../internal.h"

static int64_t floor_quotient(int64_t a, int64_t b)
{
    if (b == 0 || (a == INT64_MIN && b == -1))
        return 0;
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t power(int64_t base, int64_t exponent)
{
    if (exponent < 0) /* a fraction, cut toward zero */
        return base == 1 || base == -1 ? (exponent % 2 ? base : 1) : 0;
    uint64_t result = 1, factor = (uint64_t)base;
    for (; exponent > 0; exponent >>= 1, factor *= factor)
        if (exponent & 1)
            result *= factor;
    return (int64_t)result;
}

int64_t ork_binary_whole(ork_binary_op op, int64_t a, int64_t b, bool *known)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    *known = true;
    switch (op) {
    case ORK_BINARY_ADD:
        return (int64_t)(x + y);
    case ORK_BINARY_SUB:
        return (int64_t)(x - y);
    case ORK_BINARY_MUL:
        return (int64_t)(x * y);
    case ORK_BINARY_DIV:
        return b == 0 || (a == INT64_MIN && b == -1) ? 0 : a / b;
    case ORK_BINARY_FLOOR_DIV:
        return floor_quotient(a, b);
    case ORK_BINARY_REMAINDER:
        return b == 0 || b == -1 ? 0 : (int64_t)(x - (uint64_t)floor_quotient(a, b) * y);
    case ORK_BINARY_POW:
        return power(a, b);
    case ORK_BINARY_MAXIMUM:
        return a > b ? a : b;
    case ORK_BINARY_MINIMUM:
        return a < b ? a : b;
    case ORK_BINARY_FMOD:
        return b == 0 || b == -1 ? 0 : a % b;
    case ORK_BINARY_BIT_AND:
        return (int64_t)(x & y);
    case ORK_BINARY_BIT_OR:
        return (int64_t)(x | y);
    case ORK_BINARY_BIT_XOR:
        return (int64_t)(x ^ y);
    case ORK_BINARY_EQUAL:
        return a == b;
    case ORK_BINARY_NOT_EQUAL:
        return a != b;
    case ORK_BINARY_LESS:
        return a < b;
    case ORK_BINARY_LESS_EQUAL:
        return a <= b;
    case ORK_BINARY_GREATER:
        return a > b;
    case ORK_BINARY_GREATER_EQUAL:
        return a >= b;
    default:
        *known = false;
        return 0;
    }
}

static bool is_whole(ork_dtype dtype)
{
    return !ork_dtype_table[dtype].is_float;
}

void ork_store_whole(ork_dtype dtype, void *out, int64_t at, int64_t value)
{
    switch (dtype) {
    case ORK_U8:
        ((uint8_t *)out)[at] = (uint8_t)value;
        return;
    case ORK_I8:
        ((int8_t *)out)[at] = (int8_t)(uint8_t)value;
        return;
    case ORK_I16:
        ((int16_t *)out)[at] = (int16_t)(uint16_t)value;
        return;
    case ORK_I32:
        ((int32_t *)out)[at] = (int32_t)(uint32_t)value;
        return;
    case ORK_I64:
        ((int64_t *)out)[at] = value;
        return;
    default: /* truth, floats */
        ork_element_set(dtype, out, at, (double)value);
    }
}

static void apply_one(const ork_elements *e, const void *a, void *out,
                      const int64_t at[ORK_LOOP_OPERANDS])
{
    const ork_activation *f = &e->function;
    if (f->op == ORK_UNARY_IDENTITY && is_whole(e->a_dtype))
        ork_store_whole(e->out_dtype, out, at[0], ork_element_get_int(e->a_dtype, a, at[1]));
    else
        ork_element_set(e->out_dtype, out, at[0],
                        ork_unary_table[f->op].evaluate(ork_element_get(e->a_dtype, a, at[1]),
                                                        (double)f->alpha, (double)f->beta));
}

static void apply_two(const ork_elements *e, const void *a, const void *b, void *out,
                      const int64_t at[ORK_LOOP_OPERANDS])
{
    bool known = is_whole(e->a_dtype) && is_whole(e->b_dtype);
    int64_t whole = 0;
    if (known)
        whole = ork_binary_whole(e->op, ork_element_get_int(e->a_dtype, a, at[1]),
                                 ork_element_get_int(e->b_dtype, b, at[2]), &known);
    if (known)
        ork_store_whole(e->out_dtype, out, at[0], whole);
    else
        ork_element_set(e->out_dtype, out, at[0],
                        ork_binary_table[e->op].evaluate(ork_element_get(e->a_dtype, a, at[1]),
                                                         ork_element_get(e->b_dtype, b, at[2])));
}

void ork_elements_run(const ork_elements *e, const void *a, const void *b, void *out, int64_t begin,
                      int64_t end)
{
    const ork_loop *loop = &e->loop;
    int last = loop->rank - 1;
    for (int64_t row = begin; row < end; row++) {
        int64_t at[ORK_LOOP_OPERANDS];
        ork_loop_offsets(loop, row, at);
        for (int64_t i = 0; i < loop->dim[last]; i++) {
            if (b)
                apply_two(e, a, b, out, at);
            else
                apply_one(e, a, out, at);
            for (int k = 0; k < ORK_LOOP_OPERANDS; k++)
                at[k] += loop->stride[k][last];
        }
    }
}
