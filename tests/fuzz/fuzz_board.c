/* SPDX-License-Identifier: Apache-2.0 */
/* The board's end of the protocol: what a host sends. Bytes that begin with '#' are pieces (see
   wire_memory.h) behind a good greeting; a LOAD of no more than its 12 bytes gets a good model. */
#include "wire_memory.h"

#include "device/serve.h"
#include "rknn/rknn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char network[] = "graph \"n\" quant target \"rk1808\" {\n"
                              "  input %0 \"x\" u8[1x3x4x4]{0.5 1} mean [1 2 3] std [1 2 3] "
                              "reorder [2 1 0]\n"
                              "  %1 \"p\" u8[1x3x2x2]{0.5 1} = max_pool2d(%0) kernel [2 2] "
                              "stride [2 2] dilation [1 1] pad [0 0 0 0] ceil_mode false\n"
                              "  %2 \"r\" u8[1x3x2x2]{0.5 1} = relu(%1)\n"
                              "  output %2\n"
                              "}\n";

static ork_bytes model(void)
{
    static uint8_t *bytes;
    static size_t size;
    if (!bytes) {
        ork_diag *diag = ork_diag_new();
        ork_graph *graph = ork_graph_parse(diag, network, sizeof(network) - 1);
        if (!graph || !ork_rknn_write_memory(diag, graph, &bytes, &size))
            abort();
        ork_graph_free(graph);
        ork_diag_free(diag);
    }
    return (ork_bytes){bytes, size};
}

static void put_load(ork_str *out, const uint8_t *body, size_t size)
{
    ork_str load = {0};
    ork_bytes good = model();
    ork_str_append(&load, (const char *)body, size);
    memcpy(load.text + 4, "\1\0\0\0", 4); /* one thread: more of them only take time */
    if (size == 12)
        ork_str_append(&load, (const char *)good.data, good.size);
    put_frame(out, WIRE_LOAD, load.text, load.length);
    ork_str_free(&load);
}

static void put_pieces(ork_str *out, ork_reader reader)
{
    static const char greeting[] = "\1\0\0\0\0\0\0\0";
    put_frame(out, WIRE_HELLO, greeting, sizeof(greeting) - 1);
    while (reader.offset < reader.size && !reader.failed) {
        const uint8_t kind = ork_read_u8(&reader);
        const size_t size = ork_read_u16(&reader);
        const uint8_t *body = ork_read_bytes(&reader, size);
        if (body && kind == WIRE_LOAD && size >= 12)
            put_load(out, body, size);
        else if (body)
            put_frame(out, kind, body, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ork_board_options options = {.threads = 1, .chip = "rockchip,rk1808"};
    ork_str pieces = {0};
    memory host = {data, size, 0, 0};
    if (size && data[0] == '#') {
        put_pieces(&pieces, ork_reader_new((ork_bytes){data + 1, size - 1}));
        host = (memory){(const uint8_t *)pieces.text, pieces.length, 0, 0};
    }
    wire w = wire_of_memory(&host);
    serve_host(&w, &options);
    if (w.trouble == WIRE_FINE && host.frames == 0)
        abort(); /* it left without a reason and without a word */
    ork_str_free(&pieces);
    return 0;
}
