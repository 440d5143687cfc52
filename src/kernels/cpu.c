/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#if defined(__linux__) && defined(ORK_ARCH_ARM)
    #include <sys/auxv.h>
#endif

const char *const ork_isa_names[ORK_ISA_COUNT] = {
    [ORK_ISA_C] = "c",
    [ORK_ISA_AVX2] = "avx2",
    [ORK_ISA_AVX512] = "avx512",
    [ORK_ISA_VNNI] = "vnni",
    [ORK_ISA_VBMI] = "vbmi",
    [ORK_ISA_NEON] = "neon",
    [ORK_ISA_DOTPROD] = "dotprod",
};

#define BIT(isa) (1u << ORK_ISA_##isa)

/* What each named set builds on, itself included. */
static const uint32_t implied[ORK_ISA_COUNT] = {
    [ORK_ISA_C] = BIT(C),
    [ORK_ISA_AVX2] = BIT(C) | BIT(AVX2),
    [ORK_ISA_AVX512] = BIT(C) | BIT(AVX2) | BIT(AVX512),
    [ORK_ISA_VNNI] = BIT(C) | BIT(AVX2) | BIT(AVX512) | BIT(VNNI),
    [ORK_ISA_VBMI] = BIT(C) | BIT(AVX2) | BIT(AVX512) | BIT(VNNI) | BIT(VBMI),
    [ORK_ISA_NEON] = BIT(C) | BIT(NEON),
    [ORK_ISA_DOTPROD] = BIT(C) | BIT(NEON) | BIT(DOTPROD),
};

static uint32_t detect(void)
{
    uint32_t features = BIT(C);
#if defined(ORK_ARCH_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        features |= BIT(AVX2);
    if ((features & BIT(AVX2)) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        features |= BIT(AVX512);
    if ((features & BIT(AVX512)) && __builtin_cpu_supports("avx512vnni"))
        features |= BIT(VNNI);
    if ((features & BIT(VNNI)) && __builtin_cpu_supports("avx512vbmi"))
        features |= BIT(VBMI);
#elif defined(__aarch64__)
    features |= BIT(NEON);
    #if defined(__linux__)
    if (getauxval(AT_HWCAP) >> 20 & 1) /* HWCAP_ASIMDDP */
        features |= BIT(DOTPROD);
    #endif
#elif defined(ORK_ARCH_ARM) && defined(__linux__)
    unsigned long capabilities = getauxval(AT_HWCAP);
    if ((capabilities >> 12 & 1) && (capabilities >> 16 & 1)) /* HWCAP_NEON, HWCAP_VFPv4 */
        features |= BIT(NEON);
#endif
    const char *wanted = getenv("ORK_CPU");
    for (int i = 0; wanted && i < ORK_ISA_COUNT; i++) {
        if (strcmp(wanted, ork_isa_names[i]) == 0)
            features &= implied[i];
    }
    return features;
}

/* 0: not looked at yet. Two threads that look at once find the same. */
static atomic_uint found;
static atomic_uint limit = UINT32_MAX;

uint32_t ork_cpu_features(void)
{
    uint32_t features = atomic_load_explicit(&found, memory_order_relaxed);
    if (!features) {
        features = detect();
        atomic_store_explicit(&found, features, memory_order_relaxed);
    }
    return features & (atomic_load_explicit(&limit, memory_order_relaxed) | BIT(C));
}

void ork_cpu_limit(uint32_t features)
{
    atomic_store(&limit, features);
}
