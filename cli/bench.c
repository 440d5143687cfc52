/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a model runs, and where the time goes. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct values {
    ork_cli_model_values model;
    int repeat, top;
    bool sort;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_bench_options[] = {
    {"repeat", 'n', ORK_CLI_INT, "N", "runs to take the median of (50)", offsetof(values, repeat),
     1, 100000},
    {"sort", 0, ORK_CLI_FLAG, NULL, "slowest layers first", offsetof(values, sort), 0, 0},
    {"top", 0, ORK_CLI_INT, "N", "show so many layers only", offsetof(values, top), 1, 1000000},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

enum { MOST_INPUTS = 16, USUAL_REPEAT = 50, WARM_UP = 3, DTYPES = 16 };

typedef struct layer {
    ork_step_info info;
    double seconds; /* median */
    double peak;    /* multiplications in a second at most; 0: not known */
} layer;

typedef struct bench {
    ork_cli *cli;
    ork_model *model;
    ork_session *session;
    ork_input inputs[MOST_INPUTS];
    int input_count, repeat;
    double median, least, most; /* of a whole run, in seconds */
    double processor;           /* median of what all threads used of the processors */
    layer *layers;
    int layer_count, threads;
    double macs;
    double peaks[DTYPES]; /* of one processor, by type; 0: not measured yet */
} bench;

/* ---- inputs ---- */

/* Bytes that look like no picture, so that nothing is fast by accident; the same in every run. */
static void fill(uint8_t *bytes, size_t count)
{
    uint32_t state = 12345;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

/* Pictures come as bytes with their channels last. Zeros do for what is given in another way. */
static int make_input(bench *b, int index)
{
    ork_tensor_info info;
    if (!ork_model_input_info(b->model, index, &info))
        return ork_cli_model_failed(b->cli, b->model);
    ork_input *input = &b->inputs[index];
    const bool is_picture = info.rank == 4;
    *input = (ork_input){.dtype = is_picture ? ORK_U8 : info.dtype,
                         .format = is_picture ? ORK_NHWC : ORK_NCHW,
                         .rank = info.rank};
    static const int last[] = {0, 2, 3, 1};
    size_t count = 1;
    for (int i = 0; i < info.rank; i++) {
        input->dims[i] = info.dims[is_picture ? last[i] : i];
        count *= (size_t)info.dims[i];
    }
    uint8_t *bytes = ork_cli_alloc(count * ork_cli_dtype_size(input->dtype));
    if (input->dtype == ORK_U8)
        fill(bytes, count);
    input->data = bytes;
    return 0;
}

/* ---- measuring ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *numbers, int count)
{
    qsort(numbers, (size_t)count, sizeof(*numbers), by_value);
    return numbers[count / 2];
}

static int run_once(bench *b, double *seconds, double *processor)
{
    if (ork_cli_interrupted())
        return ork_cli_cancelled(b->cli);
    const double begun = ork_cli_seconds();
    const clock_t used = clock();
    if (!ork_session_run(b->session, b->inputs, b->input_count))
        return ork_cli_report(b->cli, ork_session_error(b->session));
    *processor = (double)(clock() - used) / CLOCKS_PER_SEC;
    *seconds = ork_cli_seconds() - begun;
    return 0;
}

static int measure_runs(bench *b)
{
    const size_t bytes = sizeof(double) * (size_t)(b->repeat + WARM_UP);
    double *seconds = ork_cli_alloc(bytes), *processor = ork_cli_alloc(bytes);
    int code = 0;
    for (int i = 0; i < b->repeat + WARM_UP && !code; i++)
        code = run_once(b, &seconds[i], &processor[i]);
    if (code)
        return code;
    seconds += WARM_UP;
    b->processor = median_of(processor + WARM_UP, b->repeat);
    b->median = median_of(seconds, b->repeat);
    b->least = seconds[0];
    b->most = seconds[b->repeat - 1];
    return 0;
}

static double peak_of(bench *b, ork_dtype dtype)
{
    if ((int)dtype >= DTYPES)
        return 0;
    if (b->peaks[dtype] <= 0)
        b->peaks[dtype] = ork_peak_macs(dtype);
    return b->peaks[dtype] * b->threads;
}

static int measure_layers(bench *b)
{
    const int count = ork_session_step_count(b->session);
    double *seconds = ork_cli_alloc(sizeof(double) * (size_t)count * (size_t)b->repeat);
    double whole, processor;
    int code = 0;
    b->layer_count = count;
    b->layers = ork_cli_alloc(sizeof(layer) * (size_t)count);
    ork_session_profile(b->session, true);
    for (int i = 0; i < b->repeat && !code; i++) {
        code = run_once(b, &whole, &processor);
        for (int k = 0; k < count; k++) {
            ork_session_step(b->session, k, &b->layers[k].info);
            seconds[k * b->repeat + i] = b->layers[k].info.seconds;
        }
    }
    ork_session_profile(b->session, false);
    for (int k = 0; k < count && !code; k++) {
        layer *l = &b->layers[k];
        l->seconds = median_of(seconds + k * b->repeat, b->repeat);
        l->peak = l->info.macs > 0 ? peak_of(b, l->info.dtype) : 0;
        b->macs += l->info.macs;
    }
    return code;
}

/* ---- telling ---- */

static double share(const layer *l)
{
    return l->peak > 0 && l->seconds > 0 ? l->info.macs / l->seconds / l->peak : 0;
}

static void tell_layers(const bench *b, int count)
{
    ork_cli_say(b->cli, "%9s %6s %8s %6s  %-24s %s", "us", "share", "GMAC/s", "peak", "kernel",
                "layer");
    double all = 0;
    for (int i = 0; i < b->layer_count; i++)
        all += b->layers[i].seconds;
    for (int i = 0; i < count; i++) {
        const layer *l = &b->layers[i];
        const double of_all = all > 0 ? l->seconds / all * 100 : 0;
        if (share(l) > 0)
            ork_cli_say(b->cli, "%9.1f %5.1f%% %8.1f %5.1f%%  %-24s %s", l->seconds * 1e6, of_all,
                        l->info.macs / l->seconds * 1e-9, share(l) * 100, l->info.kernel,
                        l->info.layer);
        else
            ork_cli_say(b->cli, "%9.1f %5.1f%% %8s %6s  %-24s %s", l->seconds * 1e6, of_all, "", "",
                        l->info.kernel, l->info.layer);
    }
}

static void tell(const bench *b, int count)
{
    ork_session_stats stats;
    ork_session_get_stats(b->session, &stats);
    tell_layers(b, count);
    ork_cli_say(b->cli, "%s: median of %d runs %.3f ms (%.3f..%.3f), %.1f GMAC/s, threads %d",
                b->cli->arguments.items[0], b->repeat, b->median * 1e3, b->least * 1e3,
                b->most * 1e3, b->macs / b->median * 1e-9, b->threads);
    ork_cli_say(b->cli, "processor time %.3f ms a run, all threads", b->processor * 1e3);
    ork_cli_say(b->cli, "tensors %s (%s at one time), weights %s", ork_cli_bytes(stats.arena_bytes),
                ork_cli_bytes(stats.live_bytes), ork_cli_bytes(stats.weight_bytes));
}

static void layer_to_json(ork_cli_json *json, const layer *l)
{
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_text(json, "layer", l->info.layer);
    ork_cli_json_text(json, "kernel", l->info.kernel);
    ork_cli_json_text(json, "type", ork_cli_dtype_name(l->info.dtype));
    ork_cli_json_number(json, "microseconds", l->seconds * 1e6);
    ork_cli_json_number(json, "multiplications", l->info.macs);
    ork_cli_json_number(json, "share_of_peak", share(l));
    ork_cli_json_close(json, '}');
}

static int tell_json(const bench *b, int count)
{
    ork_cli_json json;
    ork_session_stats stats;
    ork_session_get_stats(b->session, &stats);
    ork_cli_json_start(&json, b->cli);
    ork_cli_json_text(&json, "model", b->cli->arguments.items[0]);
    ork_cli_json_number(&json, "threads", b->threads);
    ork_cli_json_number(&json, "runs", b->repeat);
    ork_cli_json_number(&json, "median_ms", b->median * 1e3);
    ork_cli_json_number(&json, "least_ms", b->least * 1e3);
    ork_cli_json_number(&json, "most_ms", b->most * 1e3);
    ork_cli_json_number(&json, "processor_ms", b->processor * 1e3);
    ork_cli_json_number(&json, "multiplications", b->macs);
    ork_cli_json_number(&json, "tensor_bytes", (double)stats.arena_bytes);
    ork_cli_json_number(&json, "live_bytes", (double)stats.live_bytes);
    ork_cli_json_number(&json, "weight_bytes", (double)stats.weight_bytes);
    ork_cli_json_open(&json, "layers", '[');
    for (int i = 0; i < count; i++)
        layer_to_json(&json, &b->layers[i]);
    ork_cli_json_close(&json, ']');
    return ork_cli_json_end(&json, stdout) ? 0 : 8;
}

static int slowest_first(const void *a, const void *b)
{
    const layer *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

/* ---- the verb ---- */

static int measure(bench *b, const values *v)
{
    int code = 0;
    b->input_count = ork_model_input_count(b->model);
    if (b->input_count > MOST_INPUTS)
        return ork_cli_fail(b->cli, "E0701", NULL, NULL, NULL,
                            "networks of more than %d inputs cannot be measured", MOST_INPUTS);
    for (int i = 0; i < b->input_count && !code; i++)
        code = make_input(b, i);
    if (!code)
        code = measure_runs(b);
    if (!code)
        code = measure_layers(b);
    if (code)
        return code;
    if (v->sort)
        qsort(b->layers, (size_t)b->layer_count, sizeof(layer), slowest_first);
    const int count = v->top && v->top < b->layer_count ? v->top : b->layer_count;
    if (b->cli->json)
        return tell_json(b, count);
    tell(b, count);
    return 0;
}

int ork_cli_bench(ork_cli *cli)
{
    const values *v = cli->values;
    int code;
    ork_model *model = ork_cli_new_model(cli, &v->model, &code);
    if (!model)
        return code;
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    options.threads = cli->threads;
    bench b = {.cli = cli, .model = model, .repeat = v->repeat ? v->repeat : USUAL_REPEAT};
    code = ork_cli_load(cli, model, cli->arguments.items[0], &v->model, true);
    if (!code && !(b.session = ork_session_new(model, &options)))
        code = ork_cli_model_failed(cli, model);
    if (!code) {
        b.threads = ork_session_threads(b.session);
        code = measure(&b, v);
    }
    ork_session_free(b.session);
    ork_model_free(model);
    return code;
}
