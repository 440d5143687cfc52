/* SPDX-License-Identifier: Apache-2.0 */
#include "../internal.h"

enum { SUMS = 8, STEPS = 64 };

/* The reference sums integers in 64 bits and floats in binary64. */
int64_t ork_peak_ref(ork_dtype dtype, int64_t rounds)
{
    volatile int64_t whole_seed = 3;
    volatile double real_seed = 1.0;
    int64_t whole[SUMS] = {0};
    double real[SUMS] = {0};
    for (int64_t i = 0; i < rounds * STEPS; i++) {
        const int64_t x = whole_seed;
        const double y = real_seed;
        for (int k = 0; k < SUMS; k++) {
            if (dtype == ORK_F32)
                real[k] += y * y;
            else
                whole[k] += x * x;
        }
    }
    for (int k = 0; k < SUMS; k++) {
        whole_seed = whole[k];
        real_seed = real[k];
    }
    return rounds * STEPS * SUMS;
}
