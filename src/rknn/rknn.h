/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's `.rknn` container, version 1, to and from the graph.

     0   "RKNN\0\0\0\0"
     8   u64 version (1)      16  u64 length of the data
     24  data: the constants
         u64 length of the JSON, then the JSON: nodes in the VSI_NN_OP_* vocabulary, tensors, edges

   What the vocabulary cannot say (value names, strides of our own operators, per-channel
   quantization ...) stands in objects under the key "openrknn", which other readers ignore. Files
   without that key, made by the vendor's toolkit, are read through the vendor's parameters alone.
 */
#ifndef ORK_RKNN_H
#define ORK_RKNN_H

#include "../base/base.h"
#include "../graph/graph.h"
#include "../tensor/tensor.h"

/* ---- what a file is -------------------------------------------------------------------- */

typedef enum ork_rknn_kind {
    ORK_RKNN_PLAIN,       /* version 1 with a readable network: the only kind that can be read */
    ORK_RKNN_PRECOMPILED, /* version 1 whose data is a network binary of one chip */
    ORK_RKNN_PACKED,      /* version 1 with weights packed by us for one kind of processor */
    ORK_RKNN_ENCRYPTED,
    ORK_RKNN_CUSTOM_OP, /* version 2: carries compiled operators of the user */
    ORK_RKNN_LATER,     /* of RKNN-Toolkit2 or later: RK35xx, RV1103, RV1106 ... */
    ORK_RKNN_BARE_NBG,  /* the chip's network binary without a container */
    ORK_RKNN_DAMAGED,   /* version 1 with consistent lengths and an unreadable JSON */
    ORK_RKNN_TRUNCATED,
    ORK_RKNN_EMPTY,
    ORK_RKNN_LFS_POINTER, /* Git LFS's stand-in for a file that was not downloaded */
    ORK_RKNN_WEB_PAGE,
    ORK_RKNN_TEXT,
    ORK_RKNN_OTHER_MODEL, /* a framework's model: zip, ONNX, TFLite, HDF5 */
    ORK_RKNN_UNKNOWN,
    ORK_RKNN_KIND_COUNT
} ork_rknn_kind;

/* Texts are "" when the file does not tell. */
typedef struct ork_rknn_info {
    ork_rknn_kind kind;
    uint64_t version; /* of the container, 0 without one */
    uint64_t data_size, json_size;
    char chip[64];        /* which the binary or the JSON names: "RV1109/RV1126" */
    char toolkit[32];     /* version of the toolkit that made the file: "1.7.5b1" */
    uint32_t nbg_target;  /* of the binary's header: 0x82, 0xB5; else 0 */
    uint32_t nbg_version; /* of the binary's header; else 0 */
    const char *other;    /* OTHER_MODEL: "a zip archive, perhaps TorchScript"; else "" */
} ork_rknn_info;

/* Looks at the data itself; the flag "pre_compile" is wrong in files of some toolkit versions.
   Reads the whole JSON, in memory given back before it returns. */
ork_rknn_kind ork_rknn_probe(ork_bytes bytes, ork_rknn_info *info); /* info may be NULL */
const char *ork_rknn_kind_name(ork_rknn_kind kind);                 /* "plain", "precompiled" */

/* ---- reading --------------------------------------------------------------------------- */

/* Maps the file; constants point into the mapping, which the graph keeps. The graph is verified.
   Fails with RKNN_FORMAT, RKNN_PRECOMPILED, RKNN_ENCRYPTED, RKNN_VERSION, RKNN_OP or FILE_OPEN.
   Files of the vendor come out as stage QUANT; ours as the stage they were written in. */
ork_graph *ork_rknn_read(ork_diag *diag, const char *path);
/* The same from memory, which must outlive the graph. */
ork_graph *ork_rknn_read_bytes(ork_diag *diag, ork_bytes bytes);

/* The same, and takes packed files as well: the graph then has a packing, can be planned and
   nothing else. */
ork_graph *ork_rknn_read_to_run(ork_diag *diag, ork_bytes bytes);

/* ---- writing --------------------------------------------------------------------------- */

/* The file appears whole or not at all. The same graph gives the same bytes. Constants start at
   multiples of 64 bytes of the file. */
bool ork_rknn_write(ork_diag *diag, const ork_graph *graph, const char *path);
/* The same into memory from malloc, which the caller frees. */
bool ork_rknn_write_memory(ork_diag *diag, const ork_graph *graph, uint8_t **data, size_t *size);
/* A packed file, pre_compile 1: with a packing of the graph (plan.h) in place of the constants that
   it was made of. The data begins with the magic "ORKPACK1". path NULL: into memory. */
bool ork_rknn_write_packed(ork_diag *diag, const ork_graph *graph, const ork_packing *packing,
                           const char *path, uint8_t **data, size_t *size);

/* Appends the quantization of the inputs and outputs, or of every layer's output, weights and bias,
   as YAML in the form of the vendor's quant_param.yml. Names are those of the written file. */
void ork_rknn_put_quant_params(const ork_graph *graph, bool only_io, ork_str *out);

#endif
