/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of hybrid quantization between its file and its use; private to this folder. */
#ifndef ORK_QUANT_HYBRID_H
#define ORK_QUANT_HYBRID_H

#include "internal.h"

/* "conv2_3: float32" */
typedef struct ork_hybrid_layer {
    const char *selector, *dtype;
    size_t line; /* from 1 */
} ork_hybrid_layer;

/* What stands under '@conv2_3:out0'. */
typedef struct ork_hybrid_tensor {
    const char *key; /* without the @ */
    double min, max;
    bool has_min, has_max;
    size_t line;
} ork_hybrid_tensor;

typedef struct ork_hybrid_config {
    const char *checksum; /* of the .data file, or "" */
    ORK_VEC(ork_hybrid_layer) layers;
    ORK_VEC(ork_hybrid_tensor) tensors;
} ork_hybrid_config;

/* Reads the part of YAML that the file is written in: blocks by indentation, {a: b} and [a] on one
   line, quotes. E0504 tells the line. `text` ends with a 0. */
bool ork_hybrid_read(ork_diag *diag, ork_arena *arena, const char *text, ork_hybrid_config *config);

/* The layer's name with its place in the network, which begins at 1: "conv2_3". */
const char *ork_hybrid_name(ork_arena *arena, const ork_value *value, size_t place);

#endif
