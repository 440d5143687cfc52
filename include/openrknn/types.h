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

/* The figures of COCO's evaluation of boxes, in its order. An overlap is the area that a box and an
   object share over the area that both cover. */
typedef enum ork_figure {
    ORK_FIGURE_AP,   /* average precision, mean over overlaps of 0.5 to 0.95 and classes: "mAP" */
    ORK_FIGURE_AP50, /* at an overlap of 0.5 */
    ORK_FIGURE_AP75, /* at an overlap of 0.75 */
    ORK_FIGURE_AP_SMALL,  /* of objects below 32 x 32 pixels */
    ORK_FIGURE_AP_MEDIUM, /* of those between */
    ORK_FIGURE_AP_LARGE,  /* of objects above 96 x 96 pixels */
    ORK_FIGURE_AR_1,      /* average recall with one box of a class on a picture */
    ORK_FIGURE_AR_10,
    ORK_FIGURE_AR_100,
    ORK_FIGURE_AR_SMALL,
    ORK_FIGURE_AR_MEDIUM,
    ORK_FIGURE_AR_LARGE,
    ORK_FIGURE_COUNT
} ork_figure;

#endif
