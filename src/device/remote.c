/* SPDX-License-Identifier: Apache-2.0 */
/* A network on a board, from the host. */
#include "link.h"

#include "../rknn/rknn.h"

#include <stdlib.h>
#include <string.h>

struct ork_remote {
    ork_link *link;
    const ork_graph *graph;
    void **raw;     /* of each output: read from the wire into it */
    float **floats; /* NULL where the output is float itself */
    ork_remote_stats stats;
    char name[WIRE_TEXT]; /* of the last layer */
    float *seen;          /* its numbers */
    size_t seen_size;
};

static size_t value_bytes(const ork_value *value)
{
    return (size_t)ork_shape_count(&value->type.shape) * ork_dtype_table[value->type.dtype].size;
}

static bool garbled(ork_remote *r, ork_diag *diag)
{
    wire_trouble_is(&r->link->wire, WIRE_GARBLED);
    return link_failed(r->link, diag);
}

/* ---- loading ---- */

static bool send_model(ork_remote *r, ork_diag *diag, const ork_remote_options *options)
{
    uint8_t *model;
    size_t size;
    if (!ork_rknn_write_memory(diag, r->graph, &model, &size))
        return false;
    ork_str head = {0};
    wire_put_u32(&head, options->family == ORK_FAMILY_PUMA);
    wire_put_u32(&head, (uint32_t)(options->threads > 0 ? options->threads : 0));
    wire_put_u32(&head, options->layers);
    const struct iovec parts[] = {{head.text, head.length}, {model, size}};
    const bool good = wire_send(&r->link->wire, WIRE_LOAD, parts, 2) || link_failed(r->link, diag);
    ork_str_free(&head);
    free(model);
    return good;
}

/* The board must have understood the network as it was meant. */
static bool read_ready(ork_remote *r, ork_diag *diag)
{
    uint8_t room[WIRE_SMALL];
    ork_reader reader;
    if (!link_answer(r->link, diag, WIRE_READY))
        return false;
    if (!wire_take_small(&r->link->wire, room, &reader))
        return link_failed(r->link, diag);
    bool good = ork_read_u32(&reader) == r->graph->inputs.count;
    good = ork_read_u32(&reader) == r->graph->outputs.count && good;
    r->stats.threads = (int)(ork_read_u32(&reader) & 0xffff);
    r->stats.arena_bytes = (size_t)ork_read_u64(&reader);
    r->stats.weight_bytes = (size_t)ork_read_u64(&reader);
    for (size_t i = 0; good && i < r->graph->outputs.count; i++)
        good = ork_read_u64(&reader) == value_bytes(r->graph->outputs.items[i]);
    return (good && !reader.failed) || garbled(r, diag);
}

static bool make_outputs(ork_remote *r, ork_diag *diag)
{
    const size_t count = r->graph->outputs.count;
    bool good = count <= WIRE_MOST_TENSORS && r->graph->inputs.count <= WIRE_MOST_TENSORS;
    if (!good)
        return ork_fail(diag, ORK_ERR_UNSUPPORTED,
                        "a board takes networks of at most %d inputs and outputs",
                        WIRE_MOST_TENSORS);
    r->raw = calloc(count + 1, sizeof(*r->raw));
    r->floats = calloc(count + 1, sizeof(*r->floats));
    good = r->raw && r->floats;
    for (size_t i = 0; good && i < count; i++) {
        const ork_type *type = &r->graph->outputs.items[i]->type;
        const size_t bytes = value_bytes(r->graph->outputs.items[i]);
        r->raw[i] = ork_data_alloc(bytes ? bytes : 1);
        if (type->dtype != ORK_F32)
            r->floats[i] = ork_data_alloc((size_t)ork_shape_count(&type->shape) * sizeof(float));
        good = r->raw[i] && (r->floats[i] || type->dtype == ORK_F32);
        if (good)
            memset(r->raw[i], 0, bytes);
        if (good && r->floats[i])
            ork_value_to_floats(r->graph->outputs.items[i], r->raw[i], r->floats[i]);
    }
    return good || ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory for the network's outputs");
}

ork_remote *ork_remote_new(ork_diag *diag, ork_link *link, const ork_graph *graph,
                           const ork_remote_options *options)
{
    ork_remote *r = calloc(1, sizeof(*r));
    if (!r) {
        ork_link_free(link);
        return NULL;
    }
    r->link = link;
    r->graph = graph;
    link_ask(link, diag);
    const bool good = make_outputs(r, diag) && send_model(r, diag, options) && read_ready(r, diag);
    link_ask(link, NULL);
    if (good)
        return r;
    ork_remote_free(r);
    return NULL;
}

void ork_remote_free(ork_remote *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->raw && r->floats && i < r->graph->outputs.count; i++) {
        ork_data_free(r->raw[i]);
        ork_data_free(r->floats[i]);
    }
    free(r->raw);
    free(r->floats);
    ork_data_free(r->seen);
    ork_link_free(r->link);
    free(r);
}

ork_board_info ork_remote_board(const ork_remote *r)
{
    return ork_link_board(r->link);
}

/* ---- running ---- */

enum { IS_NHWC = 1, PASS_THROUGH = 2 };

static size_t put_descriptor(ork_str *body, const ork_feed *feed)
{
    const size_t bytes = (size_t)ork_shape_count(&feed->shape) * ork_dtype_table[feed->dtype].size;
    wire_put_u8(body, (uint8_t)feed->dtype);
    wire_put_u8(body,
                (uint8_t)((feed->is_nhwc ? IS_NHWC : 0) | (feed->pass_through ? PASS_THROUGH : 0)));
    wire_put_u8(body, (uint8_t)feed->shape.rank);
    wire_put_u8(body, 0);
    for (int i = 0; i < ORK_MAX_RANK; i++)
        wire_put_u64(body, i < feed->shape.rank ? (uint64_t)feed->shape.dim[i] : 0);
    wire_put_u64(body, bytes);
    return bytes;
}

/* All descriptors in one text; the parts point into it and at the feeds. */
static bool send_run(ork_remote *r, const ork_feed *feeds)
{
    struct iovec parts[2 * WIRE_MOST_TENSORS + 1];
    ork_str heads = {0};
    const size_t count = r->graph->inputs.count;
    wire_put_u32(&heads, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = put_descriptor(&heads, &feeds[i]);
        parts[2 * i + 2] = (struct iovec){(void *)(uintptr_t)feeds[i].data, bytes};
    }
    parts[0] = (struct iovec){heads.text, 4};
    for (size_t i = 0; i < count; i++)
        parts[2 * i + 1] = (struct iovec){heads.text + 4 + i * WIRE_DESCRIPTOR, WIRE_DESCRIPTOR};
    const bool good = wire_send(&r->link->wire, WIRE_RUN, parts, (int)(2 * count + 1));
    ork_str_free(&heads);
    return good;
}

static bool reserve_seen(ork_remote *r, size_t size)
{
    if (size <= r->seen_size)
        return true;
    ork_data_free(r->seen);
    r->seen = ork_data_alloc(size);
    r->seen_size = r->seen ? size : 0;
    return r->seen != NULL;
}

/* u16 length and the name, u8 whether channels come last, u64 count, then the numbers. */
static bool read_layer(ork_remote *r, ork_diag *diag, ork_remote_value *value)
{
    wire *w = &r->link->wire;
    uint8_t head[2], more[9];
    if (!wire_take(w, head, sizeof(head)))
        return link_failed(r->link, diag);
    const size_t length = (size_t)(head[0] | head[1] << 8);
    if (length >= sizeof(r->name))
        return garbled(r, diag);
    if (!wire_take(w, r->name, length) || !wire_take(w, more, sizeof(more)))
        return link_failed(r->link, diag);
    r->name[length] = '\0';
    ork_reader reader = ork_reader_new((ork_bytes){more, sizeof(more)});
    const bool is_nhwc = ork_read_u8(&reader) != 0;
    const uint64_t count = ork_read_u64(&reader);
    if (count > WIRE_MOST_BYTES || count * sizeof(float) != w->left)
        return garbled(r, diag);
    const size_t size = (size_t)count * sizeof(float);
    if (!reserve_seen(r, size ? size : 1))
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory for a layer of %zu bytes", size);
    if (!wire_take(w, r->seen, size))
        return link_failed(r->link, diag);
    *value = (ork_remote_value){r->name, is_nhwc, r->seen, (int64_t)count};
    return true;
}

/* Straight into the outputs. */
static bool read_result(ork_remote *r, ork_diag *diag)
{
    uint8_t head[8];
    wire *w = &r->link->wire;
    bool good = wire_take(w, head, sizeof(head));
    ork_reader reader = ork_reader_new((ork_bytes){head, sizeof(head)});
    r->stats.seconds = good ? (double)ork_read_u64(&reader) * 1e-9 : 0;
    for (size_t i = 0; good && i < r->graph->outputs.count; i++)
        good = wire_take(w, r->raw[i], value_bytes(r->graph->outputs.items[i]));
    if (!good)
        return link_failed(r->link, diag);
    if (w->left > 0)
        return garbled(r, diag);
    for (size_t i = 0; i < r->graph->outputs.count; i++)
        if (r->floats[i])
            ork_value_to_floats(r->graph->outputs.items[i], r->raw[i], r->floats[i]);
    return true;
}

bool ork_remote_start(ork_remote *r, ork_diag *diag, const ork_feed *feeds)
{
    if (r->link->wire.trouble == WIRE_CANCELLED) {
        ork_fail(diag, ORK_ERR_CALL_ORDER, "the run before was cancelled");
        return ork_fix(diag, "call init_runtime() again");
    }
    link_ask(r->link, diag);
    const bool good = send_run(r, feeds) || link_failed(r->link, diag);
    link_ask(r->link, NULL);
    return good;
}

static bool next(ork_remote *r, ork_diag *diag, ork_remote_value *value)
{
    uint32_t kind;
    *value = (ork_remote_value){0};
    if (!wire_next(&r->link->wire, &kind))
        return link_failed(r->link, diag);
    if (kind == WIRE_LAYER)
        return read_layer(r, diag, value);
    if (kind == WIRE_RESULT)
        return read_result(r, diag);
    return kind == WIRE_ERROR ? link_read_error(r->link, diag) : garbled(r, diag);
}

bool ork_remote_next(ork_remote *r, ork_diag *diag, ork_remote_value *value)
{
    link_ask(r->link, diag);
    const bool good = next(r, diag, value);
    link_ask(r->link, NULL);
    return good;
}

bool ork_remote_run(ork_remote *r, ork_diag *diag, const ork_feed *feeds)
{
    ork_remote_value value;
    if (!ork_remote_start(r, diag, feeds))
        return false;
    do {
        if (!ork_remote_next(r, diag, &value))
            return false;
    } while (value.name);
    return true;
}

const void *ork_remote_output_raw(const ork_remote *r, size_t index)
{
    return r->raw[index];
}

const float *ork_remote_output(const ork_remote *r, size_t index)
{
    return r->floats[index] ? r->floats[index] : r->raw[index];
}

ork_remote_stats ork_remote_get_stats(const ork_remote *r)
{
    return r->stats;
}
