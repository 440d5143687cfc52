/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <string.h>
#include <sys/stat.h>

typedef struct values {
    ork_cli_model_values model;
    const char *output, *target, *dataset, *splits, *max_drop, *statistics;
    int quantize, level, batch;
    bool pre_compile, help_config, vendor_exact, per_channel;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

enum { FLOAT, U8, I8, I16 };
static const char *const quantized_dtypes[] = {
    [FLOAT] = NULL,
    [U8] = "asymmetric_quantized-u8",
    [I8] = "dynamic_fixed_point-i8",
    [I16] = "dynamic_fixed_point-i16",
};

const ork_cli_option ork_cli_convert_options[] = {
    {"output", 'o', ORK_CLI_TEXT, "FILE", "the .rknn file; MODEL with another ending by default",
     offsetof(values, output), 0, 0},
    {"target", 0, ORK_CLI_TEXT, "PLATFORM", "rk1808, rk3399pro, rv1109, rv1126 ...",
     offsetof(values, target), 0, 0},
    {"quantize", 0, ORK_CLI_CHOICE, "no|u8|i8|i16",
     "integers to compute with; a dataset alone means u8", offsetof(values, quantize), 0, 0},
    {"dataset", 'd', ORK_CLI_TEXT, "LIST",
     "text file of samples, one a line, or a folder of pictures", offsetof(values, dataset), 0, 0},
    {"statistics", 0, ORK_CLI_TEXT, "FILE", "what ork calibrate measured of the dataset",
     offsetof(values, statistics), 0, 0},
    {"splits", 0, ORK_CLI_TEXT, "N",
     "launches that may be added against the loss of 8 bits (default 8; 0: none)",
     offsetof(values, splits), 0, 0},
    {"max-drop", 0, ORK_CLI_TEXT, "POINTS",
     "points that may be lost: layers that lose more get 16 bits", offsetof(values, max_drop), 0,
     0},
    {"per-channel", 0, ORK_CLI_FLAG, NULL,
     "weights of u8 get a scale for each output channel (RK1808, RK1806, RK3399Pro)",
     offsetof(values, per_channel), 0, 0},
    {"vendor-exact", 0, ORK_CLI_FLAG, NULL, "quantize as the vendor's toolkit does, bit for bit",
     offsetof(values, vendor_exact), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {"level", 0, ORK_CLI_CHOICE, "auto|0|1|2|3", "how far to optimize; auto is 3",
     offsetof(values, level), 0, 0},
    {"batch", 0, ORK_CLI_INT, "N", "pictures that the model takes at once", offsetof(values, batch),
     1, 1024},
    {"pre-compile", 0, ORK_CLI_FLAG, NULL, "pack for one target; cannot be simulated",
     offsetof(values, pre_compile), 0, 0},
    {"help-config", 0, ORK_CLI_FLAG, NULL, "list the keys of --config",
     offsetof(values, help_config), 0, 0},
    {0},
};

static int help_config(ork_cli *cli)
{
    const ork_config_key *key;
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_open(&json, "keys", '[');
    for (int i = 0; (key = ork_config_key_at(i)); i++) {
        if (!cli->json) {
            printf("%s  (%s%s%s)\n    %s\n", key->name, key->values,
                   *key->default_value ? "; default " : "", key->default_value, key->help);
            continue;
        }
        ork_cli_json_open(&json, NULL, '{');
        ork_cli_json_text(&json, "name", key->name);
        ork_cli_json_text(&json, "default", key->default_value);
        ork_cli_json_text(&json, "values", key->values);
        ork_cli_json_text(&json, "help", key->help);
        ork_cli_json_close(&json, '}');
    }
    ork_cli_json_close(&json, ']');
    if (cli->json)
        ork_cli_json_end(&json, stdout);
    ork_cli_json_drop(&json);
    return 0;
}

/* ---- converting ---- */

static int configure(ork_cli *cli, ork_model *model, const values *v)
{
    static const char *const levels[] = {NULL, "0", "1", "2", "3"};
    if (!ork_cli_config(model, "target_platform", v->target) ||
        !ork_cli_config(model, "quantized_dtype", quantized_dtypes[v->quantize]) ||
        !ork_cli_config(model, "optimization_level", levels[v->level]) ||
        !ork_cli_config(model, "splits", v->splits) ||
        !ork_cli_config(model, "max_drop", v->max_drop) ||
        !ork_cli_config(model, "quantized_method", v->per_channel ? "channel" : NULL) ||
        !ork_cli_config(model, "vendor_exact", v->vendor_exact ? "1" : NULL))
        return ork_cli_model_failed(cli, model);
    return 0;
}

static int build(ork_cli *cli, ork_model *model, const values *v, const char *list)
{
    ork_build_options options = ORK_OPTIONS_INIT(ork_build_options);
    options.do_quantization = v->quantize != FLOAT;
    options.dataset = list;
    options.statistics = v->statistics;
    options.rknn_batch_size = v->batch;
    options.pre_compile = v->pre_compile;
    if (!ork_model_build(model, &options) || !ork_model_export(model, v->output))
        return ork_cli_model_failed(cli, model);
    return 0;
}

/* Which layers got 16 bits. */
static void tell_precision(ork_cli_json *json, const ork_precision_report *p)
{
    ork_cli_json_open(json, "precision", '{');
    ork_cli_json_text(json, "measure", p->measure);
    ork_cli_json_number(json, "asked", p->asked);
    ork_cli_json_number(json, "drop_in_8_bits", p->drop_before);
    ork_cli_json_number(json, "drop", p->drop);
    ork_cli_json_number(json, "cost", p->cost);
    ork_cli_json_open(json, "layers", '[');
    for (int i = 0; i < p->layer_count; i++) {
        const ork_precision_layer *layer = &p->layers[i];
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_text(json, "layer", layer->layer);
        ork_cli_json_text(json, "why", layer->why);
        ork_cli_json_number(json, "error_before", layer->error_before);
        ork_cli_json_number(json, "error", layer->error);
        ork_cli_json_number(json, "cost", layer->cost);
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
    ork_cli_json_close(json, '}');
}

static void print_precision(ork_cli *cli, const ork_precision_report *p)
{
    if (p->layer_count)
        ork_cli_say(cli, "%-44s %9s %9s %7s  %s", "computed in 16 bits", "error", "before", "cost",
                    "why");
    for (int i = 0; i < p->layer_count; i++) {
        const ork_precision_layer *layer = &p->layers[i];
        ork_cli_say(cli, "%-44s %9.2g %9.2g %+6.1f%%  %s", layer->layer, layer->error,
                    layer->error_before, 100 * layer->cost, layer->why);
    }
    ork_cli_say(cli,
                "lost: %.2f points, %.2f in 8 bits alone (%s); estimated cost %.2f times 8 bits",
                p->drop, p->drop_before, p->measure, p->cost);
}

static void tell(ork_cli *cli, ork_model *model, const values *v, double seconds)
{
    struct stat status = {0};
    stat(v->output, &status);
    ork_cli_say(cli, "wrote %s: %s in %.1f s", v->output, ork_cli_bytes((size_t)status.st_size),
                seconds);
    const ork_precision_report *precision = ork_model_precision(model);
    if (precision)
        print_precision(cli, precision);
    if (!cli->json)
        return;
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "output", v->output);
    ork_cli_json_number(&json, "bytes", (double)status.st_size);
    ork_cli_json_number(&json, "seconds", seconds);
    ork_cli_json_number(&json, "inputs", ork_model_input_count(model));
    ork_cli_json_number(&json, "outputs", ork_model_output_count(model));
    ork_cli_json_bool(&json, "quantized", v->quantize != FLOAT);
    if (precision)
        tell_precision(&json, precision);
    ork_cli_json_end(&json, stdout);
}

static int convert(ork_cli *cli, values *v, const char *path, const char *list)
{
    double begun = ork_cli_seconds();
    int code;
    ork_model *model = ork_cli_new_model(cli, &v->model, &code);
    if (!model)
        return code;
    code = configure(cli, model, v);
    if (!code)
        code = ork_cli_load(cli, model, path, &v->model, false);
    if (!code)
        code = build(cli, model, v, list);
    if (!code)
        tell(cli, model, v, ork_cli_seconds() - begun);
    ork_model_free(model);
    return code;
}

int ork_cli_convert(ork_cli *cli)
{
    values *v = cli->values;
    if (v->help_config)
        return help_config(cli);
    if (!cli->arguments.count)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "usage: ork convert MODEL",
                            "convert needs a model");
    const char *path = cli->arguments.items[0], *list = v->dataset;
    if (!v->output)
        v->output = ork_cli_with_extension(path, ".rknn");
    if (strcmp(v->output, path) == 0)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "give another name with -o",
                            "the model would overwrite itself");
    if (v->quantize == FLOAT && v->dataset)
        v->quantize = U8;
    if (v->quantize != FLOAT && !v->dataset)
        return ork_cli_fail(cli, "E0404", NULL, "ranges are measured on samples",
                            "add --dataset list.txt, or a folder of pictures",
                            "quantization needs a dataset");
    int code = ork_cli_check_output(cli, v->output, false);
    if (!code)
        code = ork_cli_list_samples(cli, v->dataset, &list);
    if (!code)
        code = convert(cli, v, path, list);
    ork_cli_drop_list(v->dataset, list);
    return code;
}
