/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of hybrid quantization: read, and used on a network of the layers they name. */
#include "quant/quant.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char network[] =
    "graph \"n\" canon { input %0 \"x\" f32[1x2x4x4]\n"
    "const %1 \"w\" f32[2x2x1x1] [1 -0.5 0.25 0.5]\n"
    "%2 \"c\" f32[1x2x4x4] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] groups 1\n"
    "%3 \"r\" f32[1x2x4x4] = relu(%2)\noutput %3 }";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, network, sizeof(network) - 1);
    char *text = calloc(1, size + 1);
    if (!graph || !text)
        abort();
    memcpy(text, data, size);
    /* The checksum is that of block.cfg. */
    if (!ork_hybrid_quantize(diag, graph, text, ORK_U8, false, "abc") &&
        !*ork_diag_error(diag)->what)
        abort();
    free(text);
    ork_graph_free(graph);
    ork_diag_free(diag);
    return 0;
}
