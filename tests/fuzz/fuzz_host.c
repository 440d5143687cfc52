/* SPDX-License-Identifier: Apache-2.0 */
/* The host's end of the protocol: what a board answers. The host greets, loads a network and runs
   it twice. Bytes that begin with '#' are pieces (see wire_memory.h) behind a good WELCOME and
   READY. */
#include "wire_memory.h"

#include "device/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char network[] = "graph \"n\" quant target \"rk1808\" {\n"
                              "  input %0 \"x\" u8[1x1x2x2]{0.5 1}\n"
                              "  %1 \"r\" u8[1x1x2x2]{0.5 1} = relu(%0)\n"
                              "  output %1\n"
                              "}\n";

static const ork_graph *graph(void)
{
    static ork_graph *made;
    ork_diag *diag = ork_diag_new();
    if (!made && !(made = ork_graph_parse(diag, network, sizeof(network) - 1)))
        abort();
    ork_diag_free(diag);
    return made;
}

static void put_start(ork_str *out)
{
    ork_str body = {0};
    wire_put_u32(&body, WIRE_PROTOCOL);
    wire_put_text(&body, ORK_VERSION);
    wire_put_text(&body, "aarch64");
    wire_put_text(&body, "rockchip,rk1808");
    wire_put_u32(&body, 2);
    put_frame(out, WIRE_WELCOME, body.text, body.length);
    body.length = 0;
    wire_put_u32(&body, 1);
    wire_put_u32(&body, 1);
    wire_put_u32(&body, 2);
    wire_put_u64(&body, 100);
    wire_put_u64(&body, 200);
    wire_put_u64(&body, 4);
    put_frame(out, WIRE_READY, body.text, body.length);
    ork_str_free(&body);
}

static void put_pieces(ork_str *out, ork_reader reader)
{
    put_start(out);
    while (reader.offset < reader.size && !reader.failed) {
        const uint8_t kind = ork_read_u8(&reader);
        const size_t size = ork_read_u16(&reader);
        const uint8_t *body = ork_read_bytes(&reader, size);
        if (body)
            put_frame(out, kind, body, size);
    }
}

static void check_value(const ork_remote_value *value)
{
    float sum = 0;
    for (int64_t i = 0; i < value->count; i++)
        sum += value->data[i];
    if (strlen(value->name) >= WIRE_TEXT || sum == 0.123f)
        abort();
}

/* Every failure of a run must leave its error, and an output that can be read. */
static void run(ork_remote *remote, ork_diag *diag)
{
    static const uint8_t pixels[4] = {1, 2, 3, 4};
    const ork_feed feed = {
        .data = pixels, .dtype = ORK_U8, .shape = {.rank = 4, .dim = {1, 1, 2, 2}}};
    ork_remote_value value = {0};
    bool good = ork_remote_start(remote, diag, &feed);
    while (good && (good = ork_remote_next(remote, diag, &value)) && value.name)
        check_value(&value);
    for (int i = 0; i < 4; i++)
        if (ork_remote_output(remote, 0)[i] == 0.123f)
            abort();
}

static void talk(wire w)
{
    ork_diag *diag = ork_diag_new();
    ork_link *link = calloc(1, sizeof(*link));
    const ork_remote_options options = {.layers = true};
    if (!link)
        abort();
    link->fd = -1;
    link->wire = w;
    link->probing = true; /* nobody is asked what became of the board */
    if (!link_greet(link, diag, "token")) {
        ork_link_free(link);
    } else {
        ork_remote *remote = ork_remote_new(diag, link, graph(), &options);
        for (int i = 0; remote && i < 2; i++)
            run(remote, diag);
        ork_remote_free(remote);
    }
    ork_diag_free(diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_str pieces = {0};
    memory board = {data, size, 0, 0};
    if (size && data[0] == '#') {
        put_pieces(&pieces, ork_reader_new((ork_bytes){data + 1, size - 1}));
        board = (memory){(const uint8_t *)pieces.text, pieces.length, 0, 0};
    }
    talk(wire_of_memory(&board));
    ork_str_free(&pieces);
    return 0;
}
