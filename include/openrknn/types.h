/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENRKNN_TYPES_H
#define OPENRKNN_TYPES_H

/* Element types of tensors. */
typedef enum ork_dtype {
    ORK_F32,
    ORK_F16,
    ORK_BF16,
    ORK_F64,
    ORK_U8,
    ORK_I8,
    ORK_I16,
    ORK_I32,
    ORK_I64,
    ORK_BOOL,
    ORK_DTYPE_COUNT
} ork_dtype;

/* The two families of first-generation chips; they differ in how they round. */
typedef enum ork_family {
    ORK_FAMILY_LION, /* RK1806, RK1808, RK3399Pro */
    ORK_FAMILY_PUMA, /* RV1109, RV1126 */
} ork_family;

#endif
