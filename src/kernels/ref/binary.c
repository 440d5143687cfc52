/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of two numbers, with broadcasting. */
#include "../internal.h"

#define FUNCTION(name, expression)                                                                 \
    static double name(double a, double b)                                                         \
    {                                                                                              \
        return expression;                                                                         \
    }

static double python_remainder(double a, double b)
{
    double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* A real number cut to an integer; 0 when it is too large for one. */
static int64_t bits_of(double value)
{
    return fabs(value) < 9.2e18 ? (int64_t)value : 0;
}

FUNCTION(f_add, a + b)
FUNCTION(f_sub, a - b)
FUNCTION(f_mul, (a)*b)
FUNCTION(f_div, a / b)
FUNCTION(f_maximum, a > b || isnan(a) ? a : b)
FUNCTION(f_minimum, a < b || isnan(a) ? a : b)
FUNCTION(f_pow, pow(a, b))
FUNCTION(f_prelu, a > 0 ? a : (a)*b)
FUNCTION(f_floor_div, floor(a / b))
FUNCTION(f_remainder, python_remainder(a, b))
FUNCTION(f_fmod, fmod(a, b))
FUNCTION(f_atan2, atan2(a, b))
FUNCTION(f_bit_and, (double)(bits_of(a) & bits_of(b)))
FUNCTION(f_bit_or, (double)(bits_of(a) | bits_of(b)))
FUNCTION(f_bit_xor, (double)(bits_of(a) ^ bits_of(b)))
FUNCTION(f_equal, a == b)
FUNCTION(f_not_equal, a != b)
FUNCTION(f_greater, a > b)
FUNCTION(f_greater_equal, a >= b)
FUNCTION(f_less, a < b)
FUNCTION(f_less_equal, a <= b)
FUNCTION(f_and, a != 0 && b != 0)
FUNCTION(f_or, a != 0 || b != 0)

const ork_binary_info ork_binary_table[ORK_BINARY_COUNT] = {
#define ORK_BINARY(symbol, name, function) [ORK_BINARY_##symbol] = {name, function},
#include "../binary.def"
#undef ORK_BINARY
};

/* Scales of 0 or no number, which no quantizer gives, count as 0. */
static int32_t whole(double value)
{
    return ork_saturate_even(value, -INT32_MAX, INT32_MAX, 0);
}

/* The chips' sum: a convolution of both inputs with 8-bit weights, both less a's zero point, what
   is wrong with b's then put right in the bias. */
static void make_add(ork_binary *binary, double a, double b)
{
    double big = a > b ? a : b;
    binary->a_weight = whole(255 * a / big);
    binary->b_weight = whole(255 * b / big);
    double zeros = (double)binary->a_quant.zero_point - binary->b_quant.zero_point;
    binary->bias = whole(zeros * 255.0 * b / big);
    binary->requant.multiplier = (float)big / 255.0f / binary->out_quant.scale;
}

/* The difference shares one weight scale; 127.5 (equal scales) was seen to become 127. */
static void make_sub(ork_binary *binary, double a, double b)
{
    double sum = a + b;
    binary->a_weight = whole(ceil(255 * a / sum - 0.5));
    binary->b_weight = -whole(ceil(255 * b / sum - 0.5));
    double zeros = (double)binary->a_quant.zero_point - binary->b_quant.zero_point;
    binary->bias = -whole(zeros * 255.0 * b / sum);
    binary->requant.multiplier = (float)sum / 255.0f / binary->out_quant.scale;
}

bool ork_is_chip_sum(const ork_binary *binary)
{
    return (binary->op == ORK_BINARY_ADD || binary->op == ORK_BINARY_SUB) &&
           binary->a_quant.scheme == ORK_SCHEME_AFFINE &&
           binary->b_quant.scheme == ORK_SCHEME_AFFINE &&
           binary->out_quant.scheme == ORK_SCHEME_AFFINE;
}

ork_binary ork_binary_make(ork_family family, ork_binary_op op, ork_dtype dtype, const ork_quant *a,
                           const ork_quant *b, const ork_quant *out)
{
    ork_binary binary = {.op = op, .dtype = dtype};
    if (dtype == ORK_F32)
        return binary;
    binary.a_quant = *a;
    binary.b_quant = *b;
    binary.out_quant = *out;
    ork_dtype_range(dtype, &binary.clamp_min, &binary.clamp_max);
    binary.requant.rule = ork_rule_of(family, false);
    binary.requant.in_zero = ork_quant_zero(a);
    binary.requant.out_zero = ork_quant_zero(out);
    if (ork_is_chip_sum(&binary) && op == ORK_BINARY_ADD)
        make_add(&binary, (double)a->scale, (double)b->scale);
    else if (ork_is_chip_sum(&binary))
        make_sub(&binary, (double)a->scale, (double)b->scale);
    return binary;
}

static void store(const ork_binary *binary, void *out, int64_t at, int32_t q)
{
    ork_store_int(binary->dtype, out, at, binary->table ? binary->table[(uint8_t)q] : q);
}

static void row_sum(const ork_binary *binary, const void *a, const void *b, void *out,
                    const int64_t at[ORK_LOOP_OPERANDS])
{
    const ork_loop *loop = &binary->loop;
    int last = loop->rank - 1;
    ork_requant requant = binary->requant;
    requant.clamp_min = binary->clamp_min;
    requant.clamp_max = binary->clamp_max;
    for (int64_t i = 0; i < loop->dim[last]; i++) {
        int32_t x = ork_load_int(binary->dtype, a, at[1] + i * loop->stride[1][last]);
        int32_t y = ork_load_int(binary->dtype, b, at[2] + i * loop->stride[2][last]);
        int64_t sum = (int64_t)binary->a_weight * (x - requant.in_zero) +
                      (int64_t)binary->b_weight * (y - requant.in_zero) + binary->bias;
        int32_t q = ork_requant_one(&requant, requant.multiplier, sum);
        store(binary, out, at[0] + i * loop->stride[0][last], q);
    }
}

static void row_int(const ork_binary *binary, const void *a, const void *b, void *out,
                    const int64_t at[ORK_LOOP_OPERANDS])
{
    const ork_loop *loop = &binary->loop;
    int last = loop->rank - 1;
    double (*evaluate)(double, double) = ork_binary_table[binary->op].evaluate;
    double a_step = ork_quant_step64(&binary->a_quant), b_step = ork_quant_step64(&binary->b_quant);
    double out_step = ork_quant_step64(&binary->out_quant);
    int32_t a_zero = ork_quant_zero(&binary->a_quant), b_zero = ork_quant_zero(&binary->b_quant);
    int32_t zero = ork_quant_zero(&binary->out_quant);
    for (int64_t i = 0; i < loop->dim[last]; i++) {
        int32_t x = ork_load_int(binary->dtype, a, at[1] + i * loop->stride[1][last]);
        int32_t y = ork_load_int(binary->dtype, b, at[2] + i * loop->stride[2][last]);
        double value = evaluate((x - a_zero) * a_step, (y - b_zero) * b_step) / out_step;
        int32_t q =
            ork_saturate_even(rint(value) + zero, binary->clamp_min, binary->clamp_max, zero);
        store(binary, out, at[0] + i * loop->stride[0][last], q);
    }
}

#define DEFINE_ROW(name, expression)                                                               \
    static void row_##name(const ork_loop *loop, const float *a, const float *b, float *out)       \
    {                                                                                              \
        int last = loop->rank - 1;                                                                 \
        int64_t count = loop->dim[last], sa = loop->stride[1][last], sb = loop->stride[2][last];   \
        int64_t so = loop->stride[0][last];                                                        \
        for (int64_t i = 0; i < count; i++) {                                                      \
            float x = a[i * sa], y = b[i * sb];                                                    \
            out[i * so] = expression;                                                              \
        }                                                                                          \
    }
DEFINE_ROW(add, x + y)
DEFINE_ROW(sub, x - y)
DEFINE_ROW(mul, (x)*y)
DEFINE_ROW(div, x / y)

/* The four operations in float32; the others in binary64, rounded once. */
static void row_f32(const ork_binary *binary, const float *a, const float *b, float *out)
{
    static void (*const fast[ORK_BINARY_COUNT])(const ork_loop *, const float *, const float *,
                                                float *) = {
        [ORK_BINARY_ADD] = row_add,
        [ORK_BINARY_SUB] = row_sub,
        [ORK_BINARY_MUL] = row_mul,
        [ORK_BINARY_DIV] = row_div,
    };
    const ork_loop *loop = &binary->loop;
    int last = loop->rank - 1;
    int64_t count = loop->dim[last], so = loop->stride[0][last];
    if (fast[binary->op]) {
        fast[binary->op](loop, a, b, out);
    } else {
        double (*evaluate)(double, double) = ork_binary_table[binary->op].evaluate;
        for (int64_t i = 0; i < count; i++)
            out[i * so] = (float)evaluate((double)a[i * loop->stride[1][last]],
                                          (double)b[i * loop->stride[2][last]]);
    }
    if (binary->activation.op == ORK_UNARY_IDENTITY)
        return;
    ork_unary unary = {binary->activation, 1, count, count, count};
    if (so == 1)
        ork_unary_run(&unary, out, out, 0, 1);
    else
        for (int64_t i = 0; i < count; i++)
            out[i * so] = ork_activate(&binary->activation, out[i * so]);
}

void ork_binary_ref(const ork_binary *binary, const void *a, const void *b, void *out,
                    int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        int64_t at[ORK_LOOP_OPERANDS];
        ork_loop_offsets(&binary->loop, row, at);
        if (binary->dtype == ORK_F32)
            row_f32(binary, (const float *)a + at[1], (const float *)b + at[2],
                    (float *)out + at[0]);
        else if (ork_is_chip_sum(binary))
            row_sum(binary, a, b, out, at);
        else
            row_int(binary, a, b, out, at);
    }
}
