/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    ork_cli_board_values board;
    const char *npy_folder;
    int repeat;
    bool pass_through;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_run_options[] = {
    {"npy-out", 0, ORK_CLI_TEXT, "DIR",
     "write each output as DIR/INPUT-NUMBER.npy; further inputs of the same name are INPUT-2, "
     "INPUT-3",
     offsetof(values, npy_folder), 0, 0},
    {"repeat", 'n', ORK_CLI_INT, "N", "run each input N times, for timing",
     offsetof(values, repeat), 1, 1000000},
    {"pass-through", 0, ORK_CLI_FLAG, NULL,
     "no channel order, mean and std: arrays go in as they are", offsetof(values, pass_through), 0,
     0},
    ORK_CLI_BOARD_OPTIONS(values, board),
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

enum { MOST_INPUTS = 16, TOP = 5 };

typedef struct runner {
    ork_cli *cli;
    const values *options;
    ork_model *model;
    ork_session *session;
    ork_cli_json *json;
    int group;          /* inputs of the network */
    ork_cli_list names; /* of written arrays */
} runner;

/* ---- telling outputs ---- */

typedef struct summary {
    double least, most, mean;
    size_t top[TOP];
    int top_count;
} summary;

static void add_top(summary *sum, const float *data, size_t index)
{
    int place = sum->top_count;
    while (place > 0 && data[sum->top[place - 1]] < data[index])
        place--;
    if (place == TOP)
        return;
    int kept = sum->top_count < TOP ? sum->top_count : TOP - 1;
    memmove(&sum->top[place + 1], &sum->top[place], sizeof(size_t) * (size_t)(kept - place));
    sum->top[place] = index;
    sum->top_count = kept + 1;
}

static summary summarize(const ork_output_view *view)
{
    summary sum = {.least = INFINITY, .most = -INFINITY};
    for (size_t i = 0; i < view->count; i++) {
        double value = (double)view->data[i];
        sum.least = fmin(sum.least, value);
        sum.most = fmax(sum.most, value);
        sum.mean += value / (double)view->count;
        add_top(&sum, view->data, i);
    }
    return sum;
}

static void say_output(const runner *run, int index, const ork_output_view *view,
                       const summary *sum)
{
    ork_cli_say(run->cli, "  output %d  %s  min %.6g  max %.6g  mean %.6g", index,
                ork_cli_shape(view->dims, view->rank), sum->least, sum->most, sum->mean);
    char *top = ork_cli_format("    top");
    for (int i = 0; i < sum->top_count; i++)
        top = ork_cli_format("%s  [%zu] %.6g", top, sum->top[i], (double)view->data[sum->top[i]]);
    ork_cli_say(run->cli, "%s", top);
}

static void output_to_json(ork_cli_json *json, const ork_output_view *view, const summary *sum)
{
    ork_cli_json_dims(json, "shape", view->dims, view->rank);
    ork_cli_json_number(json, "min", sum->least);
    ork_cli_json_number(json, "max", sum->most);
    ork_cli_json_number(json, "mean", sum->mean);
    ork_cli_json_open(json, "top", '[');
    for (int i = 0; i < sum->top_count; i++) {
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_number(json, "index", (double)sum->top[i]);
        ork_cli_json_number(json, "value", (double)view->data[sum->top[i]]);
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
}

/* What the arrays of this input are called: inputs of the same name get a number. */
static const char *array_name(runner *run, const char *input)
{
    const char *base = ork_cli_with_extension(ork_cli_base_name(input), ""), *name = base;
    for (int i = 2; !ork_cli_names_add(&run->names, name); i++)
        name = ork_cli_format("%s-%d", base, i);
    return name;
}

static int write_array(const runner *run, const char *name, int index, const ork_output_view *view)
{
    ork_array array = {.dtype = ORK_F32, .rank = view->rank, .data = (void *)view->data};
    memcpy(array.dims, view->dims, sizeof(array.dims));
    const char *folder = run->options->npy_folder;
    const char *path = ork_cli_format("%s/%s-%d.npy", folder, name, index);
    int code = ork_cli_make_folder(run->cli, folder);
    if (!code && !ork_array_write_npy(run->model, path, &array))
        code = ork_cli_model_failed(run->cli, run->model);
    if (!code)
        ork_cli_json_text(run->json, "npy", path);
    return code;
}

static int tell_outputs(runner *run, const char *input)
{
    ork_output_view view;
    const char *name = run->options->npy_folder ? array_name(run, input) : NULL;
    int code = 0;
    ork_cli_json_open(run->json, "outputs", '[');
    for (int i = 0; i < ork_model_output_count(run->model) && !code; i++) {
        if (!ork_session_output(run->session, i, &view))
            return ork_cli_report(run->cli, ork_session_error(run->session));
        summary sum = summarize(&view);
        say_output(run, i, &view, &sum);
        ork_cli_json_open(run->json, NULL, '{');
        output_to_json(run->json, &view, &sum);
        if (name)
            code = write_array(run, name, i, &view);
        ork_cli_json_close(run->json, '}');
    }
    ork_cli_json_close(run->json, ']');
    return code;
}

/* ---- running ---- */

static int run_times(const runner *run, const ork_input *inputs, double *milliseconds)
{
    int times = run->options->repeat ? run->options->repeat : 1;
    double begun = ork_cli_seconds();
    for (int i = 0; i < times; i++) {
        if (ork_cli_interrupted())
            return ork_cli_cancelled(run->cli);
        if (!ork_session_run(run->session, inputs, run->group))
            return ork_cli_report(run->cli, ork_session_error(run->session));
        if (times > 1)
            ork_cli_progress(run->cli, "running", (uint64_t)i + 1, (uint64_t)times);
    }
    *milliseconds = (ork_cli_seconds() - begun) * 1000 / times;
    return 0;
}

static int run_group(runner *run, const char *const *paths)
{
    ork_cli_sample samples[MOST_INPUTS] = {0};
    ork_input inputs[MOST_INPUTS] = {0};
    double milliseconds = 0;
    int code = 0;
    for (int i = 0; i < run->group && !code; i++)
        code = ork_cli_read_input(run->cli, run->model, i, paths[i], &samples[i], &inputs[i]);
    for (int i = 0; i < run->group; i++)
        inputs[i].pass_through = run->options->pass_through;
    if (!code)
        code = run_times(run, inputs, &milliseconds);
    if (!code) {
        ork_session_stats stats;
        ork_session_get_stats(run->session, &stats);
        ork_cli_say(run->cli, "%s: %.2f ms", paths[0], milliseconds);
        if (stats.board_run_ms > 0)
            ork_cli_say(run->cli, "  of which the board computed %.2f ms (the last run)",
                        stats.board_run_ms);
        ork_cli_json_open(run->json, NULL, '{');
        ork_cli_json_text(run->json, "input", paths[0]);
        ork_cli_json_number(run->json, "milliseconds", milliseconds);
        if (stats.board_run_ms > 0)
            ork_cli_json_number(run->json, "board_milliseconds", stats.board_run_ms);
        code = tell_outputs(run, paths[0]);
        ork_cli_json_close(run->json, '}');
    }
    for (int i = 0; i < run->group; i++)
        ork_cli_free_sample(&samples[i]);
    return code;
}

static int run_all(runner *run)
{
    ork_cli *cli = run->cli;
    int count = cli->arguments.count - 1;
    run->group = ork_model_input_count(run->model);
    if (run->group < 1 || run->group > MOST_INPUTS || count % run->group)
        return ork_cli_fail(cli, "E0701", NULL, NULL,
                            "give the inputs of each run one after another",
                            "%d inputs were given to a network of %d", count, run->group);
    int code = 0;
    for (int i = 0; i < count && !code; i += run->group)
        code = run_group(run, cli->arguments.items + 1 + i);
    return code;
}

static int run_model(ork_cli *cli, ork_model *model)
{
    const values *v = cli->values;
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    ork_cli_set_board(cli, &v->board, &options);
    ork_cli_json json;
    runner run = {.cli = cli, .options = v, .model = model, .json = &json};
    run.session = ork_session_new(model, &options);
    if (!run.session)
        return ork_cli_model_failed(cli, model);
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "model", cli->arguments.items[0]);
    ork_cli_json_open(&json, "runs", '[');
    int code = run_all(&run);
    ork_cli_json_close(&json, ']');
    if (!code && cli->json)
        ork_cli_json_end(&json, stdout);
    ork_cli_json_drop(&json);
    ork_session_free(run.session);
    return code;
}

int ork_cli_run(ork_cli *cli)
{
    const values *v = cli->values;
    int code = ork_cli_check_output(cli, v->npy_folder, true);
    return code ? code : ork_cli_with_model(cli, true, run_model);
}
