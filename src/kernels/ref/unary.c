/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number: their meaning in binary64, and the tables of the quantised ones. */
#include "../internal.h"

#include <assert.h>

#define UNUSED (void)alpha, (void)beta
#define FUNCTION(name, expression)                                                                 \
    static double name(double x, double alpha, double beta)                                        \
    {                                                                                              \
        UNUSED;                                                                                    \
        return expression;                                                                         \
    }

static double clip(double x, double low, double high)
{
    return x < low ? low : (x > high ? high : x);
}

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* log(1 + exp(x)) without overflow */
static double log_one_plus_exp(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double softplus(double x, double sharpness, double threshold)
{
    if (sharpness == 0)
        sharpness = 1;
    if (threshold != 0 && x * sharpness > threshold)
        return x;
    return log_one_plus_exp(x * sharpness) / sharpness;
}

/* lgamma() writes a global variable. */
static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static const double sqrt_half = 0.70710678118654752440, sqrt_2_over_pi = 0.79788456080286535588;

FUNCTION(f_identity, x)
FUNCTION(f_relu, x < 0 ? 0 : x)
FUNCTION(f_clip, clip(x, alpha, beta))
FUNCTION(f_leaky_relu, x > 0 ? x : alpha * x)
FUNCTION(f_sigmoid, logistic(x))
FUNCTION(f_tanh, tanh(x))
FUNCTION(f_silu, x == -INFINITY ? 0 : (x)*logistic(x))
FUNCTION(f_hard_swish, (x)*clip(x + 3, 0, 6) / 6)
FUNCTION(f_hard_sigmoid, clip((alpha)*x + beta, 0, 1))
FUNCTION(f_elu, x > 0 ? x : alpha * expm1(x))
FUNCTION(f_selu, (beta) * (x > 0 ? x : alpha * expm1(x)))
FUNCTION(f_celu, x > 0 ? x : alpha * expm1(x / alpha))
FUNCTION(f_gelu, 0.5 * x * (1 + erf(x * sqrt_half)))
FUNCTION(f_gelu_tanh, 0.5 * x * (1 + tanh(sqrt_2_over_pi * (x + 0.044715 * x * x * x))))
FUNCTION(f_tan, tan(x))
FUNCTION(f_asin, asin(x))
FUNCTION(f_acos, acos(x))
FUNCTION(f_atan, atan(x))
FUNCTION(f_sinh, sinh(x))
FUNCTION(f_cosh, cosh(x))
FUNCTION(f_asinh, asinh(x))
FUNCTION(f_acosh, acosh(x))
FUNCTION(f_atanh, atanh(x))
FUNCTION(f_trunc, trunc(x))
FUNCTION(f_lgamma, log_gamma(x))
FUNCTION(f_exp, exp(x))
FUNCTION(f_log, log(x))
FUNCTION(f_sqrt, sqrt(x))
FUNCTION(f_rsqrt, 1 / sqrt(x))
FUNCTION(f_abs, fabs(x))
FUNCTION(f_neg, -x)
FUNCTION(f_floor, floor(x))
FUNCTION(f_ceil, ceil(x))
FUNCTION(f_round, rint(x))
FUNCTION(f_sin, sin(x))
FUNCTION(f_cos, cos(x))
FUNCTION(f_erf, erf(x))
FUNCTION(f_softplus, softplus(x, alpha, beta))
FUNCTION(f_mish, x == -INFINITY ? 0 : (x)*tanh(log_one_plus_exp(x)))
FUNCTION(f_softsign, x / (1 + fabs(x)))
FUNCTION(f_square, (x)*x)
FUNCTION(f_reciprocal, 1 / x)
FUNCTION(f_sign, x > 0 ? 1 : (x < 0 ? -1 : x))
FUNCTION(f_linear, (alpha)*x + beta)
FUNCTION(f_pow_scalar, pow(x, alpha))
FUNCTION(f_threshold, x > alpha ? x : beta)
FUNCTION(f_log_sigmoid, -log_one_plus_exp(-x))
FUNCTION(f_not, x == 0 ? 1 : 0)

const ork_unary_info ork_unary_table[ORK_UNARY_COUNT] = {
#define ORK_UNARY(symbol, name, function, rule, parameters)                                        \
    [ORK_UNARY_##symbol] = {name, parameters, function, ORK_UNARY_RULE_##rule},
#include "../unary.def"
#undef ORK_UNARY
};

bool ork_unary_from_name(const char *name, ork_unary_op *op)
{
    for (int i = 0; i < ORK_UNARY_COUNT; i++) {
        if (strcmp(ork_unary_table[i].name, name) == 0) {
            *op = (ork_unary_op)i;
            return true;
        }
    }
    return false;
}

/* ---- tables ---------------------------------------------------------------------------- */

/* What a table is made of. */
typedef struct table {
    const ork_activation *function;
    bool is_dfp;
    float in_scale, out_scale;
    int32_t in_zero, out_zero, min, max;
    int32_t in_fraction, out_fraction;
} table;

static double evaluate(const ork_activation *function, double x)
{
    return ork_unary_table[function->op].evaluate(x, (double)function->alpha,
                                                  (double)function->beta);
}

static int32_t store_exact(const table *t, double value)
{
    double scaled = t->is_dfp ? ldexp(value, t->out_fraction) : value / (double)t->out_scale;
    return ork_saturate_even(scaled + t->out_zero, t->min, t->max, t->out_zero);
}

static int32_t entry_exact(const table *t, int32_t q)
{
    int32_t d = q - t->in_zero;
    double x = t->is_dfp ? ldexp(d, -t->in_fraction) : (double)d * (double)t->in_scale;
    return store_exact(t, evaluate(t->function, x));
}

static int32_t entry_tp(const table *t, int32_t q)
{
    int32_t d = q - t->in_zero;
    if (t->function->op == ORK_UNARY_RELU && d < 0)
        d = 0;
    if (t->is_dfp)
        return ork_saturate_even(ldexp(d, t->out_fraction - t->in_fraction), t->min, t->max, 0);
    return ork_tp_copy(d, t->in_scale / t->out_scale, t->out_zero, t->min, t->max);
}

static int32_t entry_tp_leaky(const table *t, int32_t q)
{
    int32_t d = q - t->in_zero;
    if (d > 0)
        return entry_tp(t, q);
    double slope = (double)t->function->alpha;
    if (t->is_dfp) {
        double value = ork_near15(d * ork_near15(slope));
        return ork_saturate_even(ldexp(value, t->out_fraction - t->in_fraction), t->min, t->max, 0);
    }
    double ratio = ork_near15((double)(t->in_scale / t->out_scale));
    double value = ork_cut15(ork_cut15(d * ork_cut15(slope)) * ratio);
    return ork_saturate_even(ork_cut15(value + t->out_zero), t->min, t->max, t->out_zero);
}

/* A node's value: float32 arithmetic, then 15 mantissa bits, half up. exp and tanh are taken in
   binary64 and rounded, so that the result does not depend on the C library's float functions. */
static double node(const ork_activation *function, float x)
{
    float value;
    float sigmoid = 1.0f / (1.0f + (float)exp(-(double)x));
    switch (function->op) {
    case ORK_UNARY_SIGMOID:
        value = sigmoid;
        break;
    case ORK_UNARY_SILU:
        value = x * sigmoid;
        break;
    case ORK_UNARY_HARD_SWISH:
        value = x * (float)clip((double)(x + 3.0f), 0, 6) / 6.0f;
        break;
    default:
        value = (float)evaluate(function, (double)x);
    }
    return (double)ork_bits_float((ork_float_bits(value) + 0x80) & ~0xffu);
}

/* `t` between its two nodes, `segments` of them in every power of two. */
static double interpolate(const ork_activation *function, double t, int segments, float scale)
{
    if (t == 0)
        return node(function, 0.0f);
    int exponent;
    frexp(t, &exponent); /* |t| in [2^(exponent-1), 2^exponent) */
    double spacing = ldexp(1.0, exponent - 1) / segments;
    double n0 = floor(t / spacing) * spacing, n1 = n0 + spacing;
    double fraction = (t - n0) / spacing;
    double low = ork_near15(node(function, (float)n0 * scale) * (1 - fraction));
    double high = ork_near15(node(function, (float)n1 * scale) * fraction);
    return ork_near15(low + high);
}

static int32_t entry_interpolated(const table *t, int32_t q, int segments)
{
    int32_t d = q - t->in_zero;
    if (t->is_dfp) {
        double value = interpolate(t->function, ldexp(d, -t->in_fraction), segments, 1.0f);
        return ork_saturate_even(ldexp(value, t->out_fraction), t->min, t->max, 0);
    }
    double value = interpolate(t->function, d, segments, t->in_scale);
    return ork_tp_store(value, t->out_scale, t->out_zero, t->min, t->max);
}

static int32_t entry_lut16(const table *t, int32_t q)
{
    return entry_interpolated(t, q, 16);
}

static int32_t entry_lut32(const table *t, int32_t q)
{
    return entry_interpolated(t, q, 32);
}

typedef int32_t (*entry_fn)(const table *, int32_t);

static entry_fn entry_of(const ork_activation *function, ork_dtype dtype, bool is_dfp)
{
    static const entry_fn entries[] = {
        [ORK_UNARY_RULE_EXACT] = entry_exact,       [ORK_UNARY_RULE_TP] = entry_tp,
        [ORK_UNARY_RULE_TP_LEAKY] = entry_tp_leaky, [ORK_UNARY_RULE_LUT16] = entry_lut16,
        [ORK_UNARY_RULE_LUT16_CLIP] = entry_lut16,  [ORK_UNARY_RULE_LUT32] = entry_lut32,
    };
    ork_unary_rule rule = ork_unary_table[function->op].rule;
    bool is_tp = rule == ORK_UNARY_RULE_TP || rule == ORK_UNARY_RULE_TP_LEAKY;
    if (is_dfp && dtype == ORK_I8 && !is_tp)
        return entry_exact; /* measured: the chips' i8 sigmoid and tanh show no table */
    bool is_chip_clip = (function->alpha == 0.0f && function->beta == 6.0f) ||
                        (function->alpha == -1.0f && function->beta == 1.0f);
    if (rule == ORK_UNARY_RULE_LUT16_CLIP && !is_chip_clip)
        return entry_exact;
    return entries[rule];
}

static table table_of(const ork_activation *function, ork_dtype dtype, const ork_quant *in,
                      const ork_quant *out)
{
    table t = {
        .function = function,
        .is_dfp = in->scheme == ORK_SCHEME_DFP,
        .in_scale = (float)ork_quant_step64(in),
        .out_scale = (float)ork_quant_step64(out),
        .in_zero = ork_quant_zero(in),
        .out_zero = ork_quant_zero(out),
        .in_fraction = in->fraction_length,
        .out_fraction = out->fraction_length,
    };
    ork_dtype_range(dtype, &t.min, &t.max);
    return t;
}

void ork_unary_make_table8(const ork_activation *function, ork_dtype dtype, const ork_quant *in,
                           const ork_quant *out, uint8_t entries[256])
{
    assert(dtype == ORK_U8 || dtype == ORK_I8);
    table t = table_of(function, dtype, in, out);
    entry_fn entry = entry_of(function, dtype, t.is_dfp);
    for (int i = 0; i < 256; i++)
        entries[i] = (uint8_t)entry(&t, dtype == ORK_U8 ? i : (int8_t)i);
}

void ork_unary_make_table16(const ork_activation *function, const ork_quant *in,
                            const ork_quant *out, int16_t *entries)
{
    table t = table_of(function, ORK_I16, in, out);
    entry_fn entry = entry_of(function, ORK_I16, t.is_dfp);
    for (int i = 0; i < 65536; i++)
        entries[i] = (int16_t)entry(&t, (int16_t)(uint16_t)i);
}

void ork_table8_then(uint8_t first[256], const uint8_t second[256])
{
    for (int i = 0; i < 256; i++)
        first[i] = second[first[i]];
}

/* ---- application ----------------------------------------------------------------------- */

void ork_unary_ref(const ork_unary *unary, const float *in, float *out, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        for (int64_t i = 0; i < unary->length; i++)
            out[row * unary->out_stride + i] =
                ork_activate(&unary->function, in[row * unary->in_stride + i]);
    }
}

void ork_table8_ref(const ork_table_map *map, const uint8_t *entries, const uint8_t *in,
                    uint8_t *out, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        for (int64_t i = 0; i < map->length; i++)
            out[row * map->out_stride + i] = entries[in[row * map->in_stride + i]];
    }
}

void ork_table16_run(const ork_table_map *map, const int16_t *entries, const int16_t *in,
                     int16_t *out, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        for (int64_t i = 0; i < map->length; i++)
            out[row * map->out_stride + i] = entries[(uint16_t)in[row * map->in_stride + i]];
    }
}
