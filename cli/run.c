/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct values {
    ork_cli_model_values model;
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

/* What was read for one input of the network. */
typedef struct sample_data {
    ork_picture picture;
    ork_array array;
} sample_data;

static void free_sample(sample_data *sample)
{
    ork_picture_free(&sample->picture);
    ork_array_free(&sample->array);
}

/* ---- reading inputs ---- */

/* Whether the array has the sizes of the network's input, whose axes are N C H W; or, with
   channels_last, has them as N H W C. */
static bool has_sizes(const ork_array *array, const ork_tensor_info *info, bool channels_last)
{
    static const int orders[2][4] = {{0, 1, 2, 3}, {0, 2, 3, 1}};
    bool same = array->rank == 4 && info->rank == 4;
    for (int i = 0; same && i < 4; i++)
        same = array->dims[i] == info->dims[orders[channels_last][i]];
    return same;
}

/* Numpy users keep pictures with their channels last: so where both orders fit, and where neither
   does, 1, 3 or 4 of something on the last axis are channels. */
static ork_format format_of(const ork_array *array, const ork_tensor_info *info)
{
    bool first = has_sizes(array, info, false), last = has_sizes(array, info, true);
    if (first != last)
        return first ? ORK_NCHW : ORK_NHWC;
    int64_t count = array->rank >= 3 ? array->dims[array->rank - 1] : 0;
    return count == 1 || count == 3 || count == 4 ? ORK_NHWC : ORK_NCHW;
}

static int read_array(const runner *run, const char *path, const ork_tensor_info *info,
                      sample_data *sample, ork_input *input)
{
    if (!ork_array_read_npy(run->model, path, &sample->array))
        return ork_cli_model_failed(run->cli, run->model);
    const ork_array *array = &sample->array;
    *input = (ork_input){.data = array->data,
                         .dtype = array->dtype,
                         .format = format_of(array, info),
                         .rank = array->rank};
    memcpy(input->dims, array->dims, sizeof(input->dims));
    return 0;
}

static int read_picture(const runner *run, const char *path, const ork_tensor_info *info,
                        sample_data *sample, ork_input *input)
{
    ork_picture read = {0};
    if (info->rank != 4)
        return ork_cli_fail(run->cli, "E0702", path, "the network's input is no picture",
                            "give a .npy array", "a picture does not fit input %s", info->name);
    if (!ork_picture_read(run->model, path, &read))
        return ork_cli_model_failed(run->cli, run->model);
    bool good = ork_picture_resize(run->model, &read, (int)info->dims[3], (int)info->dims[2],
                                   &sample->picture);
    ork_picture_free(&read);
    if (!good)
        return ork_cli_model_failed(run->cli, run->model);
    *input = (ork_input){.data = sample->picture.pixels,
                         .dtype = ORK_U8,
                         .format = ORK_NHWC,
                         .rank = 4,
                         .dims = {1, info->dims[2], info->dims[3], 3}};
    return 0;
}

static int read_input(const runner *run, int index, const char *path, sample_data *sample,
                      ork_input *input)
{
    ork_tensor_info info;
    if (!ork_model_input_info(run->model, index, &info))
        return ork_cli_model_failed(run->cli, run->model);
    int code = ork_cli_ends_with(path, ".npy") ? read_array(run, path, &info, sample, input)
                                               : read_picture(run, path, &info, sample, input);
    input->pass_through = run->options->pass_through;
    return code;
}

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
    sample_data samples[MOST_INPUTS] = {0};
    ork_input inputs[MOST_INPUTS] = {0};
    double milliseconds = 0;
    int code = 0;
    for (int i = 0; i < run->group && !code; i++)
        code = read_input(run, i, paths[i], &samples[i], &inputs[i]);
    if (!code)
        code = run_times(run, inputs, &milliseconds);
    if (!code) {
        ork_cli_say(run->cli, "%s: %.2f ms", paths[0], milliseconds);
        ork_cli_json_open(run->json, NULL, '{');
        ork_cli_json_text(run->json, "input", paths[0]);
        ork_cli_json_number(run->json, "milliseconds", milliseconds);
        code = tell_outputs(run, paths[0]);
        ork_cli_json_close(run->json, '}');
    }
    for (int i = 0; i < run->group; i++)
        free_sample(&samples[i]);
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
    options.threads = cli->threads;
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
