/* SPDX-License-Identifier: Apache-2.0 */
/* What gains by AVX-512 VNNI. */
#define ISA(name) name##_vnni
#include "dot16.h"

#include "../simd/depthwise_i16.h"
