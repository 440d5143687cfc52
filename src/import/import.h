/* SPDX-License-Identifier: Apache-2.0 */
/* From a framework's file to a graph in stage IMPORTED: one function per framework. */
#ifndef ORK_IMPORT_H
#define ORK_IMPORT_H

#include "../graph/graph.h"

/* Size of one input of the network, as the user gave it. */
typedef struct ork_import_input {
    ork_dtype dtype; /* ORK_F32 unless the network takes indices */
    int rank;        /* 3: [C, H, W] of one picture, 4: [N, C, H, W] */
    int64_t dim[ORK_MAX_RANK];
} ork_import_input;

/* A tensor that is known beforehand. */
typedef struct ork_import_constant {
    const char *name;
    ork_tensor value;
} ork_import_constant;

typedef struct ork_import_options {
    const ork_import_input *inputs; /* input_size_list; NULL when not given */
    int input_count;
    bool exact_sizes; /* sizes are meant as they stand: no batch axis is ever put in front */

    /* The part between these tensors is imported; the model's own inputs and outputs when NULL.
       Sizes above are those of the named inputs. Of a TorchScript network only the outputs can be
       named, as `ork info --graph` shows them. */
    const char *const *input_names;
    int input_name_count;
    const char *const *output_names;
    int output_name_count;
    /* ONNX: inputs that are constants from now on: shapes that the model takes as inputs. */
    const ork_import_constant *constants;
    int constant_count;
} ork_import_options;

/* Reads a file of torch.jit.trace (zip container, file versions 2 to 10) or of torch.export (.pt2,
   versions 5 to 8 of its JSON). Sizes come from the options or, when these name none, from the file
   (torch 2.0 and newer). options may be NULL. Constants point into the mapped file, which the graph
   keeps. The graph is the caller's; NULL on failure, with one of E0201 neither of the two E0202
   weights without a network E0203 not traced                   E0204 code or a graph that torch
   does not write E0205 unknown operators (all)      E0206 an operator in a way that is not
   supported E0207 input_size_list              E0208 shapes that do not fit each other E0101,
   E0104, E0105, E0106         file, zip container, pickle, JSON */
ork_graph *ork_import_pytorch(ork_diag *diag, const char *path, const ork_import_options *options);

/* The same from bytes, which must live as long as the graph. name is shown in messages. */
ork_graph *ork_import_pytorch_bytes(ork_diag *diag, const char *name, ork_bytes bytes,
                                    const ork_import_options *options);

/* Reads an ONNX file, operator sets 7 to 22. Sizes come from the options or, when these name none,
   from the file, where an unknown first size becomes 1. Constants point into the mapped files,
   which the graph keeps. Data in other files must lie in the model's folder. NULL on failure, with
   one of
     E0201 not an ONNX model            E0205 unknown operators (all)
     E0206 an operator in a way that is not supported
     E0207 input_size_list              E0208 shapes that do not fit each other
     E0211 a tensor of this name is not in the model
     E0101, E0109                       file, protocol buffer */
ork_graph *ork_import_onnx(ork_diag *diag, const char *path, const ork_import_options *options);

/* The same from bytes, which must live as long as the graph; `name` is shown in messages, and other
   files are looked for in its folder when `is_path`. */
ork_graph *ork_import_onnx_bytes(ork_diag *diag, const char *name, ork_bytes bytes, bool is_path,
                                 const ork_import_options *options);

#endif
