/* SPDX-License-Identifier: Apache-2.0 */
/* The rounding rules of the chips. Everything integer goes through here; docs/numerics.md names
   the rules. */
#include "../internal.h"

#include <assert.h>

float ork_multiplier(float in_scale, float weight_scale, float out_scale)
{
    /* volatile: no compiler may keep more than float32 between the two steps (x87, -ffast-math) */
    volatile float product = in_scale * weight_scale;
    return product / out_scale;
}

static uint64_t double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double bits_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

enum { DROPPED_BITS = 52 - 15 };

double ork_cut15(double value)
{
    return bits_double(double_bits(value) & ~(((uint64_t)1 << DROPPED_BITS) - 1));
}

double ork_near15(double value)
{
    uint64_t bits = double_bits(value);
    uint64_t odd = bits >> DROPPED_BITS & 1;
    bits += ((uint64_t)1 << (DROPPED_BITS - 1)) - 1 + odd;
    return bits_double(bits & ~(((uint64_t)1 << DROPPED_BITS) - 1));
}

int32_t ork_saturate_even(double value, int32_t min, int32_t max, int32_t nan)
{
    if (isnan(value))
        return nan;
    if (value <= min)
        return min;
    if (value >= max)
        return max;
    return (int32_t)rint(value);
}

void ork_dtype_range(ork_dtype dtype, int32_t *min, int32_t *max)
{
    assert(dtype == ORK_U8 || dtype == ORK_I8 || dtype == ORK_I16);
    *min = (int32_t)ork_dtype_table[dtype].min;
    *max = (int32_t)ork_dtype_table[dtype].max;
}

int32_t ork_quant_zero(const ork_quant *quant)
{
    return quant->scheme == ORK_SCHEME_AFFINE ? quant->zero_point : 0;
}

double ork_quant_step64(const ork_quant *quant)
{
    if (quant->scheme == ORK_SCHEME_DFP)
        return ldexp(1.0, -quant->fraction_length);
    return quant->scheme == ORK_SCHEME_AFFINE ? (double)quant->scale : 1.0;
}

/* A positive finite float as mantissa * 2^exponent, the mantissa below 2^24. */
static void split(float value, int64_t *mantissa, int *exponent)
{
    uint32_t bits = ork_float_bits(value);
    int biased = (int)(bits >> 23 & 0xff);
    *mantissa = bits & 0x7fffff;
    if (biased)
        *mantissa |= 0x800000;
    *exponent = (biased ? biased : 1) - 150;
}

static float cut_multiplier(float m)
{
    return ork_bits_float(ork_float_bits(m) & ~0xffu);
}

static float round_multiplier(float m)
{
    uint32_t bits = ork_float_bits(m);
    return ork_bits_float((bits + 0x7f + (bits >> 8 & 1)) & ~0xffu);
}

/* floor(product * 2^exponent + half), half being 0 or 0.5; |product| < 2^56. Results beyond +-2^40
   are given as +-2^40, all that a saturation to 16 bits needs. */
static int64_t scale_up(int64_t product, int exponent, bool half)
{
    const int64_t limit = (int64_t)1 << 40;
    if (exponent >= 0) {
        if (product > limit >> (exponent < 40 ? exponent : 40))
            return limit;
        if (product < -(limit >> (exponent < 40 ? exponent : 40)))
            return -limit;
        return product * ((int64_t)1 << (exponent < 40 ? exponent : 40));
    }
    int shift = -exponent < 62 ? -exponent : 62;
    int64_t result = (product + (half ? (int64_t)1 << (shift - 1) : 0)) >> shift;
    return result > limit ? limit : (result < -limit ? -limit : result);
}

static int64_t scale_away(int64_t product, int exponent)
{
    return product < 0 ? -scale_up(-product, exponent, true) : scale_up(product, exponent, true);
}

/* Half to even of accumulator * 2^-shift. */
static int64_t scale_even(int64_t accumulator, int32_t shift)
{
    const int64_t limit = (int64_t)1 << 40;
    if (shift <= 0) {
        int left = shift < -40 ? 40 : -shift;
        if (accumulator > limit >> left)
            return limit;
        if (accumulator < -(limit >> left))
            return -limit;
        return accumulator * ((int64_t)1 << left);
    }
    if (shift > 63)
        return 0; /* |accumulator| <= 2^63: at most the tie at 0.5, which goes to 0 */
    /* floor and remainder, so that nothing overflows near the ends */
    int64_t floored = shift == 63 ? (accumulator < 0 ? -1 : 0) : accumulator >> shift;
    uint64_t mask = ((uint64_t)1 << shift) - 1, half = (uint64_t)1 << (shift - 1);
    uint64_t rest = (uint64_t)accumulator & mask;
    return floored + (rest > half || (rest == half && (floored & 1)));
}

void ork_requant_split(ork_rule rule, float multiplier, int64_t *mantissa, int *exponent)
{
    if (!(multiplier > 0.0f))
        multiplier = 0.0f;
    if (rule == ORK_RULE_LION)
        multiplier = cut_multiplier(multiplier);
    else if (rule == ORK_RULE_FLOOR)
        multiplier = round_multiplier(multiplier);
    split(multiplier, mantissa, exponent);
}

int32_t ork_requant_one(const ork_requant *requant, float multiplier, int64_t accumulator)
{
    int64_t mantissa, value;
    int exponent;
    if (requant->rule == ORK_RULE_DFP) {
        value = scale_even(accumulator, requant->shift);
    } else {
        ork_requant_split(requant->rule, multiplier, &mantissa, &exponent);
        assert(accumulator >= INT32_MIN && accumulator <= INT32_MAX);
        if (requant->rule == ORK_RULE_PUMA)
            value = scale_away(accumulator * mantissa, exponent);
        else
            value = scale_up(accumulator * mantissa, exponent, requant->rule != ORK_RULE_FLOOR);
    }
    value += requant->out_zero;
    return (int32_t)ork_max64(requant->clamp_min, ork_min64(requant->clamp_max, value));
}

/* What an accumulator becomes grows with it. */
static int64_t first_that_reaches(const ork_requant *r, float multiplier, int32_t value,
                                  double guess)
{
    const double most = 2147483647.0;
    int64_t at = (int64_t)fmin(fmax(guess, -most), most), low = INT32_MIN, high = INT32_MAX;
    enum { NEAR = 4 };
    if (at - NEAR > low && ork_requant_one(r, multiplier, at - NEAR) < value)
        low = at - NEAR;
    if (at + NEAR < high && ork_requant_one(r, multiplier, at + NEAR) >= value)
        high = at + NEAR;
    while (low <= high) {
        const int64_t middle = low + (high - low) / 2;
        if (ork_requant_one(r, multiplier, middle) >= value)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return low;
}

void ork_requant_steps(const ork_requant *r, float multiplier, int64_t first[255])
{
    int64_t mantissa = (int64_t)1 << 23;
    int exponent = -r->shift - 23;
    if (r->rule != ORK_RULE_DFP)
        ork_requant_split(r->rule, multiplier, &mantissa, &exponent);
    const double factor = ldexp((double)mantissa, exponent);
    for (int i = 0; i < 255; i++) {
        const int32_t value = r->clamp_min + 1 + i;
        const double guess = factor > 0 ? (value - r->out_zero - 0.5) / factor : 0;
        first[i] = first_that_reaches(r, multiplier, value, guess);
    }
}

int32_t ork_tp_copy(int32_t d, float ratio, int32_t zero, int32_t min, int32_t max)
{
    double value = ork_cut15((double)d * ork_near15((double)ratio));
    return ork_saturate_even(ork_cut15(value + zero), min, max, zero);
}

int32_t ork_tp_store(double value, float out_scale, int32_t zero, int32_t min, int32_t max)
{
    double inverse = ork_near15((double)(1.0f / out_scale));
    return ork_saturate_even(ork_cut15(ork_cut15(value * inverse) + zero), min, max, zero);
}

/* The chips make the average a convolution. Affine: weight 255 of scale 1/(255 divisor). DFP: the
   nearest weight of 7 bits to 2^fraction / divisor. */
int32_t ork_average_weight(ork_rule rule, int64_t divisor, int32_t *fraction)
{
    *fraction = 0;
    if (rule != ORK_RULE_DFP)
        return 255;
    while (*fraction < 62 && rint(ldexp(1.0, *fraction + 1) / (double)divisor) <= 127)
        ++*fraction;
    return (int32_t)rint(ldexp(1.0, *fraction) / (double)divisor);
}

ork_requant ork_average_requant(ork_family family, ork_dtype dtype, const ork_quant *in,
                                const ork_quant *out, int64_t divisor)
{
    ork_requant requant = {.in_zero = ork_quant_zero(in), .out_zero = ork_quant_zero(out)};
    ork_dtype_range(dtype, &requant.clamp_min, &requant.clamp_max);
    if (in->scheme == ORK_SCHEME_DFP) {
        int32_t fraction;
        requant.rule = ORK_RULE_DFP;
        ork_average_weight(ORK_RULE_DFP, divisor, &fraction);
        requant.shift = fraction + in->fraction_length - out->fraction_length;
    } else {
        requant.rule = ork_rule_of(family, false);
        float weight_scale = (float)(1.0 / (255.0 * (double)divisor));
        requant.multiplier =
            ork_multiplier((float)ork_quant_step64(in), weight_scale, (float)ork_quant_step64(out));
    }
    return requant;
}

size_t ork_size_product(size_t element, int64_t a, int64_t b, int64_t c)
{
    size_t product = element;
    if (a < 0 || b < 0 || c < 0 || !ork_mul_size(product, (size_t)a, &product) ||
        !ork_mul_size(product, (size_t)b, &product) ||
        !ork_mul_size(product, (size_t)c, &product) || product > SIZE_MAX / 4)
        return 0;
    return product;
}
