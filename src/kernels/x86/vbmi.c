/* SPDX-License-Identifier: Apache-2.0 */
/* What gains by AVX-512 VBMI besides: bytes are looked up in a table 64 at a time. */
#define ISA(name) name##_vbmi
#include "dot16.h"

#include "../simd/activation.h"
#include "../simd/elements.h"
#include "../simd/pooling.h"
