/* SPDX-License-Identifier: Apache-2.0 */
/* Shared between the files of kernels/ only. */
#ifndef ORK_KERNELS_INTERNAL_H
#define ORK_KERNELS_INTERNAL_H

#include "kernels.h"

#include <math.h>
#include <string.h>

/* Stores a whole number, wrapped around as C and the frameworks do; binary64 would lose bits. In
   elements.c. */
void ork_store_whole(ork_dtype dtype, void *out, int64_t at, int64_t value);

static inline int64_t ork_min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t ork_max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline uint32_t ork_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline float ork_bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* The chips' float format with 15 explicit mantissa bits, as doubles: cut toward zero, and to
   nearest even. Products and sums of two such numbers and small integers are exact in binary64, so
   the one rounding asked for is the only one. */
double ork_cut15(double value);
double ork_near15(double value);

/* Half-to-even integer inside [min, max]; NaN gives `nan`. */
int32_t ork_saturate_even(double value, int32_t min, int32_t max, int32_t nan);
void ork_dtype_range(ork_dtype dtype, int32_t *min, int32_t *max);

/* Zero point and step of a per-tensor quant; NONE is 0 and 1. */
int32_t ork_quant_zero(const ork_quant *quant);
double ork_quant_step64(const ork_quant *quant);

/* Element of an integer type. */
static inline int32_t ork_load_int(ork_dtype dtype, const void *data, int64_t index)
{
    switch (dtype) {
    case ORK_U8:
        return ((const uint8_t *)data)[index];
    case ORK_I8:
        return ((const int8_t *)data)[index];
    default:
        return ((const int16_t *)data)[index];
    }
}

static inline void ork_store_int(ork_dtype dtype, void *data, int64_t index, int32_t value)
{
    switch (dtype) {
    case ORK_U8:
        ((uint8_t *)data)[index] = (uint8_t)value;
        return;
    case ORK_I8:
        ((int8_t *)data)[index] = (int8_t)value;
        return;
    default:
        ((int16_t *)data)[index] = (int16_t)value;
    }
}

/* Tensor-processor copy of the integer distance `d` from zero, to (`zero`, range of dtype):
   `ratio` is f32(s_in / s_out). */
int32_t ork_tp_copy(int32_t d, float ratio, int32_t zero, int32_t min, int32_t max);
/* The same unit fed with a real number: f16 and interpolated tables. */
int32_t ork_tp_store(double value, float out_scale, int32_t zero, int32_t min, int32_t max);

/* What a rule (not DFP) makes of a multiplier: mantissa * 2^exponent, the mantissa below 2^24. */
void ork_requant_split(ork_rule rule, float multiplier, int64_t *mantissa, int *exponent);

/* Of a requantization to a byte: the least int32 accumulator that becomes clamp_min + 1 + i or
   more, 2^31 where none does. Between these accumulators nothing changes. */
void ork_requant_steps(const ork_requant *requant, float multiplier, int64_t first[255]);

/* The weight of an integer average over `divisor` inputs, and for DFP its fraction bits. */
int32_t ork_average_weight(ork_rule rule, int64_t divisor, int32_t *fraction);

/* What an f32 average divides by: its window begins at input pixel (y, x) and `taps` of its pixels
   lie inside the picture. */
int64_t ork_average_divisor(const ork_pooling *pooling, int64_t y, int64_t x, int64_t taps);

/* Where a row of a matrix product finds its row of a and its matrix b. */
void ork_matmul_operands(const ork_matmul *matmul, int64_t row, const float *a, const float *b,
                         const float **left, const float **right);

/* Multiplier of output channel c. */
static inline float ork_requant_multiplier(const ork_requant *requant, int64_t c)
{
    return requant->multipliers ? requant->multipliers[c] : requant->multiplier;
}

static inline int32_t ork_requant_weight_zero(const ork_requant *requant, int64_t c)
{
    return requant->weight_zeros ? requant->weight_zeros[c] : requant->weight_zero;
}

/* As it is for output channel c alone. */
static inline ork_requant ork_requant_of(const ork_requant *requant, int64_t c)
{
    ork_requant one = *requant;
    one.multiplier = ork_requant_multiplier(requant, c);
    one.multipliers = NULL;
    if (requant->out_zeros)
        one.out_zero = requant->out_zeros[c];
    one.out_zeros = NULL;
    return one;
}

/* One float through an activation, as the reference does it. */
static inline float ork_activate(const ork_activation *activation, float value)
{
    if (activation->op == ORK_UNARY_IDENTITY)
        return value;
    return (float)ork_unary_table[activation->op].evaluate((double)value, (double)activation->alpha,
                                                           (double)activation->beta);
}

/* add or sub of u8, done as the chips' convolution. */
bool ork_is_chip_sum(const ork_binary *binary);

/* Element offsets of a row of a loop. */
void ork_loop_offsets(const ork_loop *loop, int64_t row, int64_t offset[ORK_LOOP_OPERANDS]);

/* Sizes for packed_bytes: 0 once anything has overflowed. */
size_t ork_size_product(size_t element, int64_t a, int64_t b, int64_t c);
static inline size_t ork_align64(size_t size)
{
    return (size + 63) & ~(size_t)63;
}

/* ---- rows of kernels.def ---------------------------------------------------------------- */

#if defined(__x86_64__)
    #define ORK_ARCH_X86 1
#endif
#if defined(__aarch64__) || defined(__arm__)
    #define ORK_ARCH_ARM 1
#endif

/* Signatures of the operators that have overlays besides convolution. */
typedef void ork_run_UNARY(const ork_unary *, const float *, float *, int64_t, int64_t);
typedef void ork_run_TABLE8(const ork_table_map *, const uint8_t *, const uint8_t *, uint8_t *,
                            int64_t, int64_t);
typedef void ork_run_CONVERT(const ork_convert *, const void *, void *, int64_t, int64_t);
typedef void ork_run_POOLING(const ork_pooling *, const void *, void *, int64_t, int64_t);
typedef void ork_run_BINARY(const ork_binary *, const void *, const void *, void *, int64_t,
                            int64_t);
typedef void ork_run_MATMUL(const ork_matmul *, const float *, const float *, float *, int64_t,
                            int64_t);
typedef int64_t ork_run_PEAK(ork_dtype, int64_t);
/* ork_conv_packing_is_safe of a packing that holds more than numbers. */
typedef bool ork_places(const ork_conv *, const void *);
typedef ork_places ork_run_DENSE_PLACES, ork_run_DEPTHWISE_PLACES, ork_run_DEPTHWISE3_PLACES,
    ork_run_SUM_PLACES;

#define ORK_CONV_KERNEL(kind, dtype, isa, name, supports, packed_bytes, pack, scratch_bytes, run)  \
    bool supports(const ork_conv *);                                                               \
    size_t packed_bytes(const ork_conv *);                                                         \
    void pack(const ork_conv *, void *);                                                           \
    size_t scratch_bytes(const ork_conv *);                                                        \
    void run(const ork_conv *, const void *, const void *, void *, int64_t, int64_t, void *);
#define ORK_RUN_KERNEL(op, isa, function) ork_run_##op function;
#include "kernels.def"
#undef ORK_CONV_KERNEL
#undef ORK_RUN_KERNEL

#endif
