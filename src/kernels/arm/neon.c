/* SPDX-License-Identifier: Apache-2.0 */
#define ISA(name) name##_neon
#include "lanes4.h"

#define DOT_ELEMENT 2
#define DOT_ROWS    8
#define DOT_VECTORS 2
#define DOT_EACH_TILE(tile)                                                                        \
    tile(1, 1) tile(1, 2) tile(1, 3) tile(1, 4) tile(1, 5) tile(1, 6) tile(1, 7) tile(1, 8)        \
        tile(2, 1) tile(2, 2) tile(2, 3) tile(2, 4) tile(2, 5) tile(2, 6) tile(2, 7) tile(2, 8)
#define DOT_MOST_ROWS                                                                              \
    {                                                                                              \
        0, 8, ROWS                                                                                 \
    }
enum { WINO_LEAST_CHANNELS = 16, DW_LEAST_CHANNELS = 1 };
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
