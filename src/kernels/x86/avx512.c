/* SPDX-License-Identifier: Apache-2.0 */
#define ISA(name) name##_avx512
#include "lanes16.h"

#define DOT_ELEMENT 2
#include "tiles.h"
enum { WINO_LEAST_CHANNELS = 16, DW_LEAST_CHANNELS = LANES + 1 };
#include "../simd/activation.h"
#include "../simd/convert.h"
#include "../simd/dense_dot8.h"
#include "../simd/dense_f32.h"
#include "../simd/depthwise_f32.h"
#include "../simd/depthwise_i16.h"
#include "../simd/depthwise_i8.h"
#include "../simd/elements.h"
#include "../simd/matmul.h"
#include "../simd/peak.h"
#include "../simd/pooling.h"
#include "../simd/winograd_f32.h"
#include "../simd/winograd_i8.h"
