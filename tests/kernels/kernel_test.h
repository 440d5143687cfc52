/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of kernels: repeatable random numbers and guarded buffers. */
#ifndef ORK_TESTS_KERNEL_TEST_H
#define ORK_TESTS_KERNEL_TEST_H

#include "kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static inline uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1du;
}

/* In [low, high]. */
static inline int64_t random_in(int64_t low, int64_t high)
{
    return low + (int64_t)((random_bits() >> 11) % (uint64_t)(high - low + 1));
}

static inline float random_unit(void)
{
    return (float)random_in(-1000000, 1000000) * 1e-6f;
}

/* How many random cases to try where `usual` is the rule: ORK_TEST_PERCENT of them, for emulated
   processors. */
static inline int case_count(int usual)
{
    const char *percent = getenv("ORK_TEST_PERCENT");
    int count = percent ? usual * atoi(percent) / 100 : usual;
    return count > 1 ? count : 1;
}

/* What this processor has; ORK_TEST_SETS names those to try, others are passed over. */
static inline bool set_is_tested(ork_isa set)
{
    const char *wanted = getenv("ORK_TEST_SETS");
    return (ork_cpu_features() >> set & 1) && (!wanted || strstr(wanted, ork_isa_names[set]));
}

/* Bytes between two guards. The address is aligned to the element only, so that a kernel that
   counts on more is found; pack and scratch buffers are aligned to 64 as promised. */
enum { GUARD = 256, GUARD_BYTE = 0xa5 };

typedef struct guarded {
    uint8_t *memory, *data;
    size_t size;
} guarded;

static inline guarded guarded_new(size_t size, size_t element)
{
    guarded g = {.memory = malloc(size + 3 * GUARD), .size = size};
    assert_non_null(g.memory);
    size_t offset = (64 - (uintptr_t)g.memory % 64) % 64 + GUARD + (element == 64 ? 0 : element);
    g.data = g.memory + offset;
    memset(g.memory, GUARD_BYTE, size + 3 * GUARD);
    return g;
}

static inline bool guarded_intact(const guarded *g)
{
    for (const uint8_t *at = g->memory; at < g->data; at++) {
        if (*at != GUARD_BYTE)
            return false;
    }
    for (const uint8_t *at = g->data + g->size; at < g->memory + g->size + 3 * GUARD; at++) {
        if (*at != GUARD_BYTE)
            return false;
    }
    return true;
}

/* Random elements. With `all` every bit pattern of an integer may come. */
static inline void guarded_fill(guarded *g, ork_dtype dtype)
{
    for (size_t i = 0; i < g->size; i++)
        g->data[i] = (uint8_t)random_bits();
    for (size_t i = 0; dtype == ORK_F32 && i < g->size / sizeof(float); i++)
        ((float *)(void *)g->data)[i] = random_unit() * 4;
}

static inline void guarded_free(guarded *g)
{
    assert_true(guarded_intact(g));
    free(g->memory);
}

#endif
