/* SPDX-License-Identifier: Apache-2.0 */
/* A small network with convolutions of every kind that weights are packed for: for 3x3 windows,
   of few channels, depthwise, transposed, fully connected, split ones, in 8 and 16 bits and floats.
 */
#ifndef PACKED_NETWORK_H
#define PACKED_NETWORK_H

#define ONCE  "stride [1 1] dilation [1 1] pad [1 1 1 1] "
#define POINT "stride [1 1] dilation [1 1] pad [0 0 0 0] "

static const char packed_network[] =
    "graph \"packed\" quant target \"rk1808\" { input %0 \"x\" u8[1x3x13x14]{0.0078125 128}\n"
    "const %1 \"w1\" u8[32x3x3x3]{0.01 120} random 1 const %2 \"b1\" i32[32] random 2\n"
    "%3 \"first\" u8[1x32x13x14]{0.05 130} = conv2d(%0, %1, %2) " ONCE "groups 1\n"
    "%4 \"act\" u8[1x32x13x14]{0.03 10} = silu(%3)\n"
    "const %5 \"w2\" u8[32x32x3x3]{0.002 131} random 3\n"
    "%6 \"window\" u8[1x32x13x14]{0.07 90} = conv2d(%4, %5, _) " ONCE "groups 1\n"
    "const %7 \"w3\" u8[32x1x3x3]{0.01 100} random 4 const %8 \"b3\" i32[32] random 5\n"
    "%9 \"depthwise\" u8[1x32x13x14]{0.06 80} = conv2d(%6, %7, %8) " ONCE "groups 32\n"
    "const %10 \"w4\" u8[32x1x5x5]{0.01 99} random 6\n"
    "%11 \"wide\" u8[1x32x7x7]{0.06 80} = conv2d(%9, %10, _) stride [2 2] dilation [1 1] "
    "pad [2 2 2 2] groups 32\n"
    "const %12 \"w5\" u8[5x32x1x1]{0.01 99} random 7 const %13 \"b5\" i32[5] random 8\n"
    "%14 \"left\" u8[1x5x7x7]{0.05 70} = conv2d(%11, %12, %13) " POINT "groups 1\n"
    "const %15 \"w6\" u8[5x32x1x1]{0.03 90} random 9 const %16 \"b6\" i32[5] random 10\n"
    "%17 \"right\" u8[1x5x7x7]{0.05 70} = conv2d(%11, %15, %16) " POINT "groups 1\n"
    "%18 \"both\" u8[1x10x7x7]{0.05 70} = concat(%14, %17) axis 1\n"
    "const %19 \"w7\" u8[10x4x2x2]{0.03 90} random 11\n"
    "%20 \"back\" u8[1x4x14x14]{0.05 70} = conv_transpose2d(%18, %19, _) stride [2 2] "
    "dilation [1 1] groups 1\n"
    "%21 \"flat\" u8[1x784]{0.05 70} = reshape(%20) shape [1 784]\n"
    "const %22 \"w8\" u8[10x784]{0.03 90} random 12 const %23 \"b8\" i32[10] random 13\n"
    "%24 \"full\" u8[1x10]{0.5 70} = linear(%21, %22, %23)\n"
    "%25 \"real\" f32[1x10] = convert(%24)\n"
    "const %26 \"w9\" f32[6x10] random 14\n"
    "%27 \"floats\" f32[1x6] = linear(%25, %26, _)\n"
    "%28 \"fixed\" i16[1x10]{fl 4} = convert(%25)\n"
    "const %29 \"w10\" i16[6x10]{fl 8} random 15 const %30 \"b10\" i64[6] random 16\n"
    "%31 \"sixteen\" i16[1x6]{fl 2} = linear(%28, %29, %30)\n"
    "output %20 output %27 output %31 }";

#undef ONCE
#undef POINT
#endif
