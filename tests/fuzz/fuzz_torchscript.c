/* SPDX-License-Identifier: Apache-2.0 */
/* What begins like a zip archive is imported as it is. Anything else is taken as the text of
   code/__torch__.py and put into an archive with a small module tree, so that the parser and the
   operators see more than damaged containers. A first line "#n" asks for n inputs. */
#include "../zip_writer.h"
#include "import/import.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the module: attributes w [4, 4], b [4], s (a module of the same class) ---- */

/* Of every pickle the first tensor names what its followers fetch by number: an import reads them
   each time. */
#define FIRST_TENSOR(sizes, strides)                                                               \
    "ctorch._utils\n_rebuild_tensor_v2\nq\0((X\x07\0\0\0storagectorch\nFloatStorage\n"             \
    "X\x01\0\0\0"                                                                                  \
    "0X\x03\0\0\0cpuK\x10tQq\1K\0(" sizes "t(" strides "t\x89"                                     \
    "ccollections\nOrderedDict\n)Rq\2tR"
#define TENSOR(sizes, strides) "h\0(h\1K\0(" sizes "t(" strides "t\x89h\2tR"
#define FIRST_MATRIX           FIRST_TENSOR("K\x04K\x04", "K\x04K\x01")
#define MATRIX                 TENSOR("K\x04K\x04", "K\x04K\x01")
#define VECTOR                 TENSOR("K\x04", "K\x01")
#define NUMBER                 TENSOR("", "")
#define OBJECT(matrix, more)                                                                       \
    "c__torch__\nM\n)\x81}("                                                                       \
    "X\x01\0\0\0w" matrix "X\x01\0\0\0"                                                            \
    "b" VECTOR more "ub"

static const char module_pickle[] =
    "\x80\x02" OBJECT(FIRST_MATRIX, "X\x01\0\0\0s" OBJECT(MATRIX, "")) ".";
static const char constants_pickle[] = "\x80\x02(" FIRST_MATRIX VECTOR NUMBER "t.";

static void import(const void *data, size_t size, int inputs)
{
    ork_import_input input[4];
    for (int i = 0; i < 4; i++)
        input[i] = (ork_import_input){.rank = 4, .dim = {1, 4, 6, 6}};
    ork_import_options options = {.inputs = input, .input_count = inputs, .exact_sizes = true};
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_import_pytorch_bytes(diag, "fuzz.pt", (ork_bytes){data, size}, &options);
    if (graph ? !ork_graph_verify(graph, diag) : ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_GRAPH) /* a fault of ours */
        abort();
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* The archive but for its code: made once, since making it takes longer than most imports. */
static const zip_archive *module_archive(void)
{
    static const float weights[16] = {0, 1, 2, 3, 0.5f, -1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    static zip_archive a;
    if (a.count)
        return &a;
    zip_add(&a, "net/version", "3\n", 2);
    zip_add(&a, "net/data.pkl", module_pickle, sizeof(module_pickle) - 1);
    zip_add(&a, "net/constants.pkl", constants_pickle, sizeof(constants_pickle) - 1);
    zip_add(&a, "net/data/0", weights, sizeof(weights));
    zip_add(&a, "net/constants/0", weights, sizeof(weights));
    return &a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int inputs = size > 1 && data[0] == '#' ? 1 + data[1] % 4 : 1;
    if (size > 2 && data[0] == 'P' && data[1] == 'K') {
        import(data, size, inputs);
        return 0;
    }
    zip_archive a = zip_again(module_archive());
    zip_add(&a, "net/code/__torch__.py", data, size);
    zip_finish(&a);
    import(a.bytes.text, a.bytes.length, inputs);
    zip_free(&a);
    return 0;
}
