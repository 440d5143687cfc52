/* SPDX-License-Identifier: Apache-2.0 */
/* One host at the board's end: greets it, loads its network, runs it as often as it likes. */
#include "serve.h"

#include "../rknn/rknn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

typedef struct session {
    wire *wire;
    const ork_board_options *options;
    ork_diag *diag;
    uint8_t *model; /* the graph's constants lie in it */
    ork_graph *graph;
    ork_plan *plan;
    ork_pool *pool;
    ork_runner *runner;
    struct {
        void *data;
        size_t size;
    } inputs[WIRE_MOST_TENSORS]; /* read from the wire into these; kept from run to run */
    bool layers;
} session;

/* ---- answers ---- */

static bool send_error(session *s)
{
    const ork_error *error = ork_diag_error(s->diag);
    ork_str body = {0};
    wire_put_text(&body, error->id);
    wire_put_text(&body, error->what);
    wire_put_text(&body, error->where);
    wire_put_text(&body, error->why);
    wire_put_text(&body, error->fix);
    const bool good = wire_send_text(s->wire, WIRE_ERROR, &body);
    ork_str_free(&body);
    return good;
}

static size_t value_bytes(const ork_value *value)
{
    return (size_t)ork_shape_count(&value->type.shape) * ork_dtype_table[value->type.dtype].size;
}

/* ---- greeting ---- */

/* Takes the same time wherever the two differ. */
static bool is_token(const char *expected, const char *given)
{
    char sums[2][ORK_SHA256_TEXT];
    ork_sha256((ork_bytes){(const uint8_t *)expected, strlen(expected)}, sums[0]);
    ork_sha256((ork_bytes){(const uint8_t *)given, strlen(given)}, sums[1]);
    int difference = 0;
    for (size_t i = 0; i < ORK_SHA256_TEXT; i++)
        difference |= sums[0][i] ^ sums[1][i];
    return difference == 0;
}

static bool check_hello(session *s, uint32_t protocol, const char *token)
{
    if (protocol != WIRE_PROTOCOL) {
        ork_fail(s->diag, ORK_ERR_BOARD_PROTOCOL,
                 "the board speaks version %d of the protocol, this host version %u", WIRE_PROTOCOL,
                 (unsigned)protocol);
        return ork_why(s->diag, "ork-board there is of OpenRKNN " ORK_VERSION);
    }
    if (!s->options->token || is_token(s->options->token, token))
        return true;
    return ork_fail(s->diag, ORK_ERR_BOARD_TOKEN,
                    *token ? "the board does not take this token" : "the board wants a token");
}

static bool welcome(session *s)
{
    struct utsname machine;
    ork_str body = {0};
    wire_put_u32(&body, WIRE_PROTOCOL);
    wire_put_text(&body, ORK_VERSION);
    wire_put_text(&body, uname(&machine) == 0 ? machine.machine : "");
    wire_put_text(&body, s->options->chip ? s->options->chip : "");
    wire_put_u32(&body, (uint32_t)sysconf(_SC_NPROCESSORS_ONLN));
    const bool good = wire_send_text(s->wire, WIRE_WELCOME, &body);
    ork_str_free(&body);
    return good;
}

static bool greet(session *s)
{
    uint8_t room[WIRE_SMALL];
    char token[WIRE_TEXT], version[WIRE_TEXT];
    ork_reader reader;
    uint32_t kind;
    s->wire->hurry = true; /* who says nothing would keep others out */
    if (!wire_next(s->wire, &kind))
        return false;
    s->wire->hurry = false;
    if (kind != WIRE_HELLO || !wire_take_small(s->wire, room, &reader))
        return wire_trouble_is(s->wire, WIRE_GARBLED);
    const uint32_t protocol = ork_read_u32(&reader);
    wire_get_text(&reader, token); /* later versions begin like this one */
    wire_get_text(&reader, version);
    if (reader.failed)
        return wire_trouble_is(s->wire, WIRE_GARBLED);
    if (check_hello(s, protocol, token))
        return welcome(s);
    send_error(s);
    return false;
}

/* ---- loading ---- */

static void unload(session *s)
{
    for (size_t i = 0; i < WIRE_MOST_TENSORS; i++)
        ork_data_free(s->inputs[i].data);
    memset(s->inputs, 0, sizeof(s->inputs));
    ork_runner_free(s->runner);
    ork_plan_free(s->plan);
    ork_pool_free(s->pool);
    ork_graph_free(s->graph);
    ork_data_free(s->model);
    s->runner = NULL;
    s->plan = NULL;
    s->pool = NULL;
    s->graph = NULL;
    s->model = NULL;
}

static bool take_model(session *s)
{
    const size_t size = (size_t)s->wire->left;
    s->model = ork_data_alloc(size ? size : 1);
    if (!s->model)
        return ork_fail(s->diag, ORK_ERR_OUT_OF_MEMORY,
                        "the board has no memory for a model of %zu bytes", size);
    if (!wire_take(s->wire, s->model, size))
        return false;
    s->graph = ork_rknn_read_bytes(s->diag, (ork_bytes){s->model, size});
    if (!s->graph)
        return false;
    if (s->graph->inputs.count <= WIRE_MOST_TENSORS && s->graph->outputs.count <= WIRE_MOST_TENSORS)
        return true;
    return ork_fail(s->diag, ORK_ERR_UNSUPPORTED, "a board takes networks of at most %d %s",
                    WIRE_MOST_TENSORS, "inputs and outputs");
}

static bool plan_model(session *s, uint32_t family, uint32_t threads)
{
    const ork_plan_options options = {.family = family ? ORK_FAMILY_PUMA : ORK_FAMILY_LION,
                                      .observable = s->layers};
    const uint32_t most = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    const int wanted = threads > 0 && threads <= most ? (int)threads : s->options->threads;
    s->pool = ork_pool_new(wanted);
    if (!s->pool)
        return ork_fail(s->diag, ORK_ERR_OUT_OF_MEMORY, "threads cannot be started on the board");
    s->plan = ork_plan_new(s->diag, s->graph, &options);
    s->runner = s->plan ? ork_runner_new(s->diag, s->plan, s->pool) : NULL;
    return s->runner != NULL;
}

static bool send_ready(session *s)
{
    ork_str body = {0};
    wire_put_u32(&body, (uint32_t)s->graph->inputs.count);
    wire_put_u32(&body, (uint32_t)s->graph->outputs.count);
    wire_put_u32(&body, (uint32_t)ork_pool_threads(s->pool));
    wire_put_u64(&body, ork_plan_arena_bytes(s->plan));
    wire_put_u64(&body, ork_plan_weight_bytes(s->plan));
    for (size_t i = 0; i < s->graph->outputs.count; i++)
        wire_put_u64(&body, value_bytes(s->graph->outputs.items[i]));
    const bool good = wire_send_text(s->wire, WIRE_READY, &body);
    ork_str_free(&body);
    return good;
}

static bool answer_load(session *s)
{
    uint8_t head[12];
    unload(s);
    if (!wire_take(s->wire, head, sizeof(head)))
        return false;
    ork_reader reader = ork_reader_new((ork_bytes){head, sizeof(head)});
    const uint32_t family = ork_read_u32(&reader), threads = ork_read_u32(&reader);
    s->layers = ork_read_u32(&reader) != 0;
    if (take_model(s) && plan_model(s, family, threads))
        return send_ready(s);
    unload(s);
    return ork_diag_error_id(s->diag) != ORK_ERR_NONE && wire_skip(s->wire) && send_error(s);
}

/* ---- running ---- */

enum { IS_NHWC = 1, PASS_THROUGH = 2 };

static bool take_descriptor(session *s, ork_feed *feed, uint64_t *bytes)
{
    uint8_t head[WIRE_DESCRIPTOR];
    if (!wire_take(s->wire, head, sizeof(head)))
        return false;
    ork_reader reader = ork_reader_new((ork_bytes){head, sizeof(head)});
    const uint8_t dtype = ork_read_u8(&reader), flags = ork_read_u8(&reader);
    const uint8_t rank = ork_read_u8(&reader);
    ork_read_u8(&reader);
    if (dtype >= ORK_DTYPE_COUNT || rank > ORK_MAX_RANK)
        return wire_trouble_is(s->wire, WIRE_GARBLED);
    *feed = (ork_feed){.dtype = (ork_dtype)dtype,
                       .shape = {.rank = rank},
                       .is_nhwc = (flags & IS_NHWC) != 0,
                       .pass_through = (flags & PASS_THROUGH) != 0};
    for (int i = 0; i < ORK_MAX_RANK; i++) {
        const uint64_t size = ork_read_u64(&reader);
        feed->shape.dim[i] = i < rank ? (int64_t)size : 0;
    }
    *bytes = ork_read_u64(&reader);
    return true;
}

/* What is read over when it does not fit leaves its error behind. */
static bool take_input(session *s, size_t index, ork_feed *feed)
{
    uint64_t bytes = 0;
    if (!take_descriptor(s, feed, &bytes) || !ork_feed_check(s->graph, s->diag, index, feed))
        return false;
    if (bytes > s->wire->left ||
        bytes != (uint64_t)ork_shape_count(&feed->shape) * ork_dtype_table[feed->dtype].size)
        return wire_trouble_is(s->wire, WIRE_GARBLED);
    const size_t size = (size_t)bytes;
    if (s->inputs[index].size < size) {
        ork_data_free(s->inputs[index].data);
        s->inputs[index].data = ork_data_alloc(size);
        s->inputs[index].size = s->inputs[index].data ? size : 0;
    }
    if (!s->inputs[index].data)
        return ork_fail(s->diag, ORK_ERR_OUT_OF_MEMORY,
                        "the board has no memory for an input of %zu bytes", size);
    feed->data = s->inputs[index].data;
    return wire_take(s->wire, s->inputs[index].data, size);
}

static bool take_inputs(session *s, ork_feed feeds[WIRE_MOST_TENSORS])
{
    uint8_t head[4];
    if (!wire_take(s->wire, head, sizeof(head)))
        return false;
    ork_reader reader = ork_reader_new((ork_bytes){head, sizeof(head)});
    const uint32_t count = ork_read_u32(&reader);
    if (!s->runner)
        return ork_fail(s->diag, ORK_ERR_CALL_ORDER, "there is no network on the board");
    if (count != s->graph->inputs.count)
        return ork_fail(s->diag, ORK_ERR_INPUT_COUNT, "%u inputs for a network of %zu",
                        (unsigned)count, s->graph->inputs.count);
    for (size_t i = 0; i < count; i++)
        if (!take_input(s, i, &feeds[i]))
            return false;
    return s->wire->left == 0 || wire_trouble_is(s->wire, WIRE_GARBLED);
}

/* Straight from where the plan keeps the value. */
static void send_layer(void *user, const ork_observation *seen)
{
    session *s = user;
    ork_str head = {0};
    wire_put_text(&head, seen->value->name);
    wire_put_u8(&head, seen->is_nhwc);
    wire_put_u64(&head, (uint64_t)seen->count);
    const struct iovec parts[] = {{head.text, head.length},
                                  {(void *)(uintptr_t)seen->data, (size_t)seen->count * 4}};
    wire_send(s->wire, WIRE_LAYER, parts, 2);
    ork_str_free(&head);
}

static bool send_result(session *s, double seconds)
{
    ork_str head = {0};
    struct iovec parts[WIRE_MOST_TENSORS + 1];
    wire_put_u64(&head, (uint64_t)(seconds * 1e9));
    parts[0] = (struct iovec){head.text, head.length};
    const size_t count = s->graph->outputs.count;
    for (size_t i = 0; i < count; i++)
        parts[i + 1] = (struct iovec){(void *)(uintptr_t)ork_runner_output_raw(s->runner, i),
                                      value_bytes(s->graph->outputs.items[i])};
    const bool good = wire_send(s->wire, WIRE_RESULT, parts, (int)count + 1);
    ork_str_free(&head);
    return good;
}

static bool answer_run(session *s)
{
    ork_feed feeds[WIRE_MOST_TENSORS];
    if (!take_inputs(s, feeds))
        return ork_diag_error_id(s->diag) != ORK_ERR_NONE && wire_skip(s->wire) && send_error(s);
    const double start = ork_seconds();
    ork_runner_observe(s->runner, s->layers ? send_layer : NULL, s);
    for (size_t i = 0; i < s->graph->inputs.count; i++)
        ork_runner_set_input(s->runner, i, &feeds[i]);
    ork_runner_run(s->runner);
    return send_result(s, ork_seconds() - start);
}

/* ---- the session ---- */

static bool answer(session *s, uint32_t kind)
{
    static bool (*const answers[])(session *) = {
        [WIRE_LOAD] = answer_load, [WIRE_RUN] = answer_run};
    ork_diag_clear(s->diag);
    if (kind >= ORK_COUNT(answers) || !answers[kind])
        return wire_trouble_is(s->wire, WIRE_GARBLED);
    return answers[kind](s);
}

void serve_host(wire *w, const ork_board_options *options)
{
    session s = {.wire = w, .options = options, .diag = ork_diag_new()};
    uint32_t kind;
    if (greet(&s))
        while (wire_next(w, &kind) && answer(&s, kind))
            ;
    unload(&s);
    ork_diag_free(s.diag);
}

void serve_refusal(wire *w, int sessions)
{
    session s = {.wire = w, .diag = ork_diag_new()};
    ork_fail(s.diag, ORK_ERR_BOARD_BUSY, "the board serves as many hosts as it may: %d", sessions);
    send_error(&s);
    ork_diag_free(s.diag);
}
