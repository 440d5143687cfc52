/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <string.h>
#include <time.h>

static float bits_to_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

float ork_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
    if (exponent == 31)
        return bits_to_float(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) { /* zero and denormals: fraction * 2^-24 is exact */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return bits_to_float(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t ork_float_to_half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return sign | 0x7e00u; /* not a number */
    if (magnitude >= 0x477ff000u)
        return sign | 0x7c00u;     /* rounds to infinity */
    if (magnitude < 0x38800000u) { /* denormal: adding 0.5 aligns the bits and rounds them */
        float shifted = bits_to_float(magnitude) + 0.5f;
        memcpy(&bits, &shifted, sizeof(bits));
        return (uint16_t)(sign | (bits - 0x3f000000u));
    }
    magnitude += 0xc8000fffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | magnitude >> 13);
}

float ork_bfloat_to_float(uint16_t bits)
{
    return bits_to_float((uint32_t)bits << 16);
}

static double seconds_of(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double ork_seconds(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double ork_thread_seconds(void)
{
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}
