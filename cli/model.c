/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a model with the options that all verbs share. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct dtype_row {
    const char *name;
    size_t size;
} dtype_row;

static const dtype_row dtypes[ORK_DTYPE_COUNT] = {
    [ORK_F32] = {"f32", 4},   [ORK_F16] = {"f16", 2}, [ORK_BF16] = {"bf16", 2},
    [ORK_F64] = {"f64", 8},   [ORK_U8] = {"u8", 1},   [ORK_I8] = {"i8", 1},
    [ORK_I16] = {"i16", 2},   [ORK_I32] = {"i32", 4}, [ORK_I64] = {"i64", 8},
    [ORK_BOOL] = {"bool", 1},
};

const char *ork_cli_dtype_name(ork_dtype dtype)
{
    return (unsigned)dtype < ORK_DTYPE_COUNT ? dtypes[dtype].name : "?";
}

size_t ork_cli_dtype_size(ork_dtype dtype)
{
    return (unsigned)dtype < ORK_DTYPE_COUNT ? dtypes[dtype].size : 0;
}

int ork_cli_model_failed(ork_cli *cli, ork_model *model)
{
    return ork_cli_report(cli, ork_model_error(model));
}

bool ork_cli_config(ork_model *model, const char *key, const char *value)
{
    return !value || ork_model_config(model, key, value);
}

static int add_pair(ork_cli *cli, ork_model *model, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (!equals)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "write --config key=value",
                            "--config does not take '%s'", pair);
    const char *key = ork_cli_format("%.*s", (int)(equals - pair), pair);
    return ork_model_config(model, key, equals + 1) ? 0 : ork_cli_model_failed(cli, model);
}

static int configure(ork_cli *cli, ork_model *model, const ork_cli_model_values *values)
{
    if (!ork_cli_config(model, "mean_values", values->mean) ||
        !ork_cli_config(model, "std_values", values->std) ||
        !ork_cli_config(model, "reorder_channel", values->reorder))
        return ork_cli_model_failed(cli, model);
    int code = 0;
    for (int i = 0; i < values->config.count && !code; i++)
        code = add_pair(cli, model, values->config.items[i]);
    return code;
}

ork_model *ork_cli_new_model(ork_cli *cli, const ork_cli_model_values *values, int *code)
{
    ork_model *model = ork_model_new();
    ork_log_level level = (ork_log_level)(ORK_LOG_WARNING + cli->verbose);
    if (level > ORK_LOG_DEBUG)
        level = ORK_LOG_DEBUG;
    ork_model_set_log(model, ork_cli_log, cli, cli->quiet ? ORK_LOG_ERROR : level);
    ork_model_set_progress(model, ork_cli_progress, cli);
    ork_model_set_threads(model, cli->threads);
    *code = configure(cli, model, values);
    if (!*code)
        return model;
    ork_model_free(model);
    return NULL;
}

/* The library explains missing sizes to Python; here an option gives them. */
static int load_failed(ork_cli *cli, ork_model *model, bool sizes_given)
{
    ork_error error = *ork_model_error(model);
    if (!sizes_given && strcmp(error.id, "E0207") == 0)
        error.fix = "give channels, height and width, for example --input-size 3x416x416";
    return ork_cli_report(cli, &error);
}

/* "3x416x416", also with commas or '*'. */
static bool parse_size(const char *text, ork_input_size *size)
{
    *size = (ork_input_size){0};
    for (;;) {
        char *end;
        long number = strtol(text, &end, 10);
        if (end == text || number < 1 || number > 1000000 || size->rank == 8)
            return false;
        size->dims[size->rank++] = number;
        if (!*end)
            return true;
        if (!strchr("xX,*", *end))
            return false;
        text = end + 1;
    }
}

int ork_cli_load(ork_cli *cli, ork_model *model, const char *path,
                 const ork_cli_model_values *values, bool to_run)
{
    int count = values->input_sizes.count;
    ork_input_size *sizes = ork_cli_alloc(sizeof(*sizes) * (size_t)(count + 1));
    for (int i = 0; i < count; i++)
        if (!parse_size(values->input_sizes.items[i], &sizes[i]))
            return ork_cli_fail(cli, "E0004", NULL, NULL, "write --input-size 3x416x416",
                                "--input-size does not take '%s'", values->input_sizes.items[i]);
    ork_load_options load = ORK_OPTIONS_INIT(ork_load_options);
    load.input_sizes = sizes;
    load.input_size_count = count;
    load.inputs = values->inputs.items;
    load.input_count = values->inputs.count;
    load.outputs = values->outputs.items;
    load.output_count = values->outputs.count;
    if (!ork_model_load(model, path, &load))
        return load_failed(cli, model, count > 0);
    ork_model_info info;
    if (!to_run || !ork_model_get_info(model, &info) || info.quantized ||
        strcmp(info.format, "rknn") == 0)
        return 0;
    ork_build_options options = ORK_OPTIONS_INIT(ork_build_options);
    return ork_model_build(model, &options) ? 0 : ork_cli_model_failed(cli, model);
}

int ork_cli_with_model(ork_cli *cli, bool to_run, int (*work)(ork_cli *cli, ork_model *model))
{
    const ork_cli_model_values *values = cli->values;
    int code;
    ork_model *model = ork_cli_new_model(cli, values, &code);
    if (!model)
        return code;
    code = ork_cli_load(cli, model, cli->arguments.items[0], values, to_run);
    if (!code)
        code = work(cli, model);
    ork_model_free(model);
    return code;
}

void ork_cli_set_board(const ork_cli *cli, const ork_cli_board_values *board,
                       ork_session_options *options)
{
    options->threads = cli->threads;
    options->device_id = board->device;
    options->target = board->target;
}
