/* SPDX-License-Identifier: Apache-2.0 */
/* What begins like a zip archive is imported as it is. Anything else is taken as the JSON of a
   network of torch.export and put into an archive with some weights, so that the reader of graphs
   and the operators see more than damaged containers. A first line "#n" asks for a size other than
   the file's. */
#include "../zip_writer.h"
#include "import/import.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void import(const void *data, size_t size, int pixels)
{
    ork_import_input input = {.rank = 4, .dim = {1, 4, pixels, 5}};
    ork_import_options options = {.inputs = &input, .input_count = 1, .exact_sizes = true};
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_import_pytorch_bytes(diag, "fuzz.pt2", (ork_bytes){data, size},
                                                pixels > 0 ? &options : NULL);
    if (graph ? !ork_graph_verify(graph, diag) : ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_GRAPH) /* a fault of ours */
        abort();
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* ---- weights: w [4, 4], b [4], n (a number) ---- */

#define TENSOR(name, record, dtype, sizes, strides)                                                \
    "\"" name "\":{\"path_name\":\"" record                                                        \
    "\",\"use_pickle\":false,\"tensor_meta\":{\"dtype\":" dtype ",\"sizes\":[" sizes               \
    "],\"strides\":[" strides "],\"storage_offset\":{\"as_int\":0}}}"
#define INT(n) "{\"as_int\":" #n "}"

static const char weights[] =
    "{\"config\":{" TENSOR("w", "weight_0", "7", INT(4) "," INT(4), INT(4) "," INT(1)) "," TENSOR(
        "b", "weight_0", "7", INT(4), INT(1)) "," TENSOR("n", "weight_1", "5", "", "") "}}";
static const char constants[] = "{\"config\":{" TENSOR("c", "tensor_0", "7", "", "") "}}";

/* The archive but for its network: made once, since making it takes longer than most imports. */
static const zip_archive *with_weights(void)
{
    static const float numbers[16] = {0, 1, 2, 3, 0.5f, -1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    static zip_archive a;
    if (a.count)
        return &a;
    zip_add(&a, "net/archive_format", "pt2", 3);
    zip_add(&a, "net/data/weights/model_weights_config.json", weights, sizeof(weights) - 1);
    zip_add(&a, "net/data/constants/model_constants_config.json", constants, sizeof(constants) - 1);
    zip_add(&a, "net/data/weights/weight_0", numbers, sizeof(numbers));
    zip_add(&a, "net/data/weights/weight_1", "\3\0\0\0\0\0\0", 8);
    zip_add(&a, "net/data/constants/tensor_0", numbers + 4, 4);
    return &a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pixels = 0;
    if (size > 2 && data[0] == '#') {
        pixels = 1 + data[1] % 8;
        data += 2;
        size -= 2;
    }
    if (size > 2 && data[0] == 'P' && data[1] == 'K') {
        import(data, size, pixels);
        return 0;
    }
    zip_archive a = zip_again(with_weights());
    zip_add(&a, "net/models/model.json", data, size);
    zip_finish(&a);
    import(a.bytes.text, a.bytes.length, pixels);
    zip_free(&a);
    return 0;
}
