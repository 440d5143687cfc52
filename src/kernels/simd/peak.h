/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the most multiplications with a sum that the set can do for a type, as the convolutions
   do them, with all operands in registers: what their speed is a share of. See lanes.h; a set with
   dot(sum, x, w) for four products of bytes defines HAS_DOT. */
#include "lanes.h"

enum { PEAK_SUMS = 12, PEAK_STEPS = 64 };

#if defined(ORK_ARCH_X86)
    #define KEEP(value) __asm__ volatile("" : "+v"(value))
#elif defined(__aarch64__) || defined(__arm__)
    #define KEEP(value) __asm__ volatile("" : "+w"(value))
#endif

/* Sums that do not wait for each other; the compiler must not see that the operands stay. */
#define DEFINE_PEAK(name, type, step)                                                              \
    static int64_t peak_##name(int64_t rounds, int products)                                       \
    {                                                                                              \
        type sums[PEAK_SUMS] = {{0}}, x = {0}, w = {0};                                            \
        _Pragma("GCC unroll 16") for (int k = 0; k < PEAK_SUMS; k++) KEEP(sums[k]);                \
        KEEP(w);                                                                                   \
        for (int64_t i = 0; i < rounds * PEAK_STEPS; i++) {                                        \
            _Pragma("GCC unroll 16") for (int k = 0; k < PEAK_SUMS; k++)                           \
            {                                                                                      \
                KEEP(x);                                                                           \
                sums[k] = step(sums[k], x, w);                                                     \
            }                                                                                      \
        }                                                                                          \
        _Pragma("GCC unroll 16") for (int k = 0; k < PEAK_SUMS; k++) KEEP(sums[k]);                \
        return rounds * PEAK_STEPS * PEAK_SUMS * LANES * products;                                 \
    }
DEFINE_PEAK(f32, vec, vec_fma)
DEFINE_PEAK(i16, ivec, madd)
#if defined(HAS_DOT)
DEFINE_PEAK(i8, ivec, dot)
#endif

int64_t ISA(ork_peak)(ork_dtype dtype, int64_t rounds)
{
    if (dtype == ORK_F32)
        return peak_f32(rounds, 1);
#if defined(HAS_DOT)
    if (dtype == ORK_U8 || dtype == ORK_I8)
        return peak_i8(rounds, 4);
#endif
    return peak_i16(rounds, 2);
}
