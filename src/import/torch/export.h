/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the reader of torch.export archives (.pt2). Such an archive holds the network as a list
   of operators in JSON, every one with its place in the user's code, and the weights as plain
   bytes. The reader calls the operators one after the other, as the TorchScript reader does when it
   meets them in code. Layout: "PT2 Archive Spec" of the documentation of PyTorch, 2025.

     export_archive.c  records, versions, weights
     export_graph.c    nodes: arguments, calls, graphs inside graphs
     export_symbols.c  arithmetic on sizes
     export.c          inputs and outputs, places in the code */
#ifndef ORK_TORCH_EXPORT_H
#define ORK_TORCH_EXPORT_H

#include "torch.h"

/* Tensors by name: described by a table, their bytes in records of the archive; or, as torch 2.1 to
   2.6 wrote them, a file of torch.save inside the archive. */
typedef struct ork_torch_payload {
    ork_torch_storage storage;
    const ork_json *table; /* name -> type, sizes, strides and record; NULL for a file */
    ork_map *tensors;      /* name -> ork_pickle_value; NULL for a table */
} ork_torch_payload;

struct ork_torch_export {
    const ork_json *graph;       /* graph_module.graph */
    const ork_json *signature;   /* graph_module.signature */
    ork_torch_payload weights;   /* parameters and buffers that are saved */
    ork_torch_payload constants; /* the other buffers, and tensors written into the code */
};

/* ---- export_archive.c ---- */

bool ork_torch_export_open(ork_diag *diag, ork_arena *arena, ork_zip *zip,
                           ork_torch_archive *archive);
/* A tensor of one of the two payloads. As ork_torch_stored_tensor; an error too when there is none
   of this name. */
ork_torch_value *ork_torch_export_tensor(ork_torch *torch, const char *name);
/* A size, {"as_int": 3} or an expression with the value it had at export; false when it has none.
 */
bool ork_torch_export_size(const ork_json *size, int64_t *value);
/* Storage class of a number of the file's ScalarType, as in "FloatStorage"; NULL when unknown. */
const char *ork_torch_export_storage_class(int64_t scalar_type);
/* E0204 with the lines that export again; always NULL. */
void *ork_torch_export_malformed(ork_torch *torch, const char *format, ...) ORK_PRINTF(2, 3);

/* ---- export.c ---- */

/* Where a node stands in the user's code. */
ork_torch_site ork_torch_export_site(ork_torch *torch, const ork_json *node);

/* ---- export_graph.c ---- */

/* `values` are those that the names of a graph stand for: name -> ork_torch_value. */

/* The value of an argument, an object with one member that says its kind; NULL with an error. */
ork_torch_value *ork_torch_export_argument(ork_torch *torch, ork_map *values,
                                           const ork_json *argument);
/* Runs all nodes. */
bool ork_torch_export_run(ork_torch *torch, ork_map *values, const ork_json *graph);

/* ---- export_symbols.c ---- */

/* Arithmetic of Python on sizes, as in "_operator.add" and "math.ceil". Sets *found to false and
   gives NULL when the name is none of it. */
ork_torch_value *ork_torch_export_symbol(ork_torch *torch, const char *name,
                                         ork_torch_value **items, size_t count, bool *found);

#endif
