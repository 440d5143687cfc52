/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of LANES floats or int32 in the compilers' common vector language, so that one template
   serves every instruction set. Included once by each instruction set's file, which defines first
     LANES            floats in a register
     ROWS, PANEL_VECTORS  pixels and registers of channels of a matrix product's tile
     SUM_REGISTERS    registers for the sums of a tile of floats, 12 or 24
     ISA(name)        the name with the set's suffix
   and after it, before the templates
     vec_max(a, b), vec_min(a, b)    not a number when b is not
     vec_fma(sum, a, b)              sum + a b
     and with HAS_RECIPROCAL  vec_reciprocal(x)  1 / x of x from 1 to 2^126, all but the last bit
     and with HAS_SIXTEENTHS  vec_sixteenths(k)  the bits of 2^(k / 16) less k << 19, k modulo 16
     madd(sum, x, w)                 sum + pairwise products of int16
     requantize(...) and the order of things in vectors: see requant.h, depthwise_i8.h */
#ifndef ORK_KERNELS_LANES_H
#define ORK_KERNELS_LANES_H

#include "../internal.h"

typedef float vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint32_t uvec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

enum { PANEL = LANES * PANEL_VECTORS };

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE vec vec_load(const float *from)
{
    return *(const vec *)(const void *)from;
}

ALWAYS_INLINE void vec_store(float *to, vec value)
{
    *(vec *)(void *)to = value;
}

ALWAYS_INLINE ivec ivec_load(const int32_t *from)
{
    return *(const ivec *)(const void *)from;
}

ALWAYS_INLINE void ivec_store(int32_t *to, ivec value)
{
    *(ivec *)(void *)to = value;
}

/* The same for bytes, which may lie at any address. */
ALWAYS_INLINE ivec ivec_load_bytes(const uint8_t *from)
{
    ivec value;
    memcpy(&value, from, sizeof(value));
    return value;
}

ALWAYS_INLINE void ivec_store_bytes(uint8_t *to, ivec value)
{
    memcpy(to, &value, sizeof(value));
}

ALWAYS_INLINE vec vec_of(float value)
{
    return (vec){0} + value;
}

ALWAYS_INLINE ivec ivec_of(int32_t value)
{
    return (ivec){0} + value;
}

ALWAYS_INLINE uvec uvec_of(uint32_t value)
{
    return (uvec){0} + value;
}

/* `on` where the comparison gave -1, else `off`. */
ALWAYS_INLINE vec vec_select(ivec mask, vec on, vec off)
{
    return (vec)((mask & (ivec)on) | (~mask & (ivec)off));
}

/* The first `count` of LANES floats; 0 behind them. */
#if !defined(HAS_PARTS)
ALWAYS_INLINE vec vec_load_part(const float *from, int64_t count)
{
    vec value = {0};
    memcpy(&value, from, (size_t)count * sizeof(float));
    return value;
}

ALWAYS_INLINE void vec_store_part(float *to, vec value, int64_t count)
{
    memcpy(to, &value, (size_t)count * sizeof(float));
}
#endif

#if !defined(HAS_RECIPROCAL)
ALWAYS_INLINE vec vec_reciprocal(vec x)
{
    return 1.0f / x;
}
#endif

#endif
