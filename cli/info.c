/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    bool graph, constants;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_info_options[] = {
    {"graph", 'g', ORK_CLI_FLAG, NULL, "print the network in its text form",
     offsetof(values, graph), 0, 0},
    {"constants", 0, ORK_CLI_FLAG, NULL, "with --graph: all weights, so that the text reads back",
     offsetof(values, constants), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

/* ---- as text ---- */

static char *quant_text(const ork_tensor_info *info)
{
    if (strcmp(info->quant, "affine") == 0)
        return ork_cli_format(", scale %g, zero point %d", (double)info->scale, info->zero_point);
    if (strcmp(info->quant, "dfp") == 0)
        return ork_cli_format(", fraction length %d", info->fraction_length);
    return ork_cli_format("%s%s", *info->quant ? ", " : "", info->quant);
}

static void print_floats(const char *word, const float *numbers, int count)
{
    printf("          %s", word);
    for (int i = 0; i < count; i++)
        printf(" %g", (double)numbers[i]);
    putchar('\n');
}

static void print_tensor(const char *word, int index, const ork_tensor_info *info)
{
    printf("%s %d  %s  %s %s%s\n", word, index, info->name, ork_cli_dtype_name(info->dtype),
           ork_cli_shape(info->dims, info->rank), quant_text(info));
}

static void print_preprocess(const ork_preprocess_info *info)
{
    if (!info->count)
        return;
    print_floats("mean", info->mean, info->count);
    print_floats("std", info->std, info->count);
    printf("          channel order");
    for (int i = 0; i < info->count; i++)
        printf(" %d", info->reorder[i]);
    putchar('\n');
}

static void print_text(ork_model *model, const ork_model_info *info)
{
    printf("format    %s\nnetwork   %s\nplatform  %s\nnumbers   %s\n", info->format, info->name,
           *info->target ? info->target : "any", info->quantized ? "quantized" : "floats");
    printf("operators %zu\nweights   %zu numbers, %s\n", info->operator_count, info->weight_count,
           ork_cli_bytes(info->weight_bytes));
    ork_tensor_info tensor;
    ork_preprocess_info preprocess;
    for (int i = 0; ork_model_input_info(model, i, &tensor); i++) {
        print_tensor("input", i, &tensor);
        if (ork_model_preprocess_info(model, i, &preprocess))
            print_preprocess(&preprocess);
    }
    for (int i = 0; ork_model_output_info(model, i, &tensor); i++)
        print_tensor("output", i, &tensor);
}

/* ---- as JSON ---- */

static void tensor_fields(ork_cli_json *json, const ork_tensor_info *info)
{
    ork_cli_json_text(json, "name", info->name);
    ork_cli_json_text(json, "dtype", ork_cli_dtype_name(info->dtype));
    ork_cli_json_dims(json, "shape", info->dims, info->rank);
    if (!*info->quant)
        return;
    ork_cli_json_open(json, "quantization", '{');
    ork_cli_json_text(json, "scheme", info->quant);
    ork_cli_json_number(json, "scale", (double)info->scale);
    ork_cli_json_number(json, "zero_point", info->zero_point);
    ork_cli_json_number(json, "fraction_length", info->fraction_length);
    ork_cli_json_close(json, '}');
}

static void preprocess_fields(ork_cli_json *json, const ork_preprocess_info *info)
{
    ork_cli_json_open(json, "preprocessing", '{');
    ork_cli_json_open(json, "mean", '[');
    for (int i = 0; i < info->count; i++)
        ork_cli_json_number(json, NULL, (double)info->mean[i]);
    ork_cli_json_close(json, ']');
    ork_cli_json_open(json, "std", '[');
    for (int i = 0; i < info->count; i++)
        ork_cli_json_number(json, NULL, (double)info->std[i]);
    ork_cli_json_close(json, ']');
    ork_cli_json_open(json, "reorder", '[');
    for (int i = 0; i < info->count; i++)
        ork_cli_json_number(json, NULL, info->reorder[i]);
    ork_cli_json_close(json, ']');
    ork_cli_json_close(json, '}');
}

static void print_json(ork_cli *cli, ork_model *model, const ork_model_info *info,
                       const char *graph)
{
    ork_cli_json json;
    ork_tensor_info tensor;
    ork_preprocess_info preprocess;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "format", info->format);
    ork_cli_json_text(&json, "name", info->name);
    ork_cli_json_text(&json, "target", info->target);
    ork_cli_json_bool(&json, "quantized", info->quantized);
    ork_cli_json_number(&json, "operators", (double)info->operator_count);
    ork_cli_json_number(&json, "weights", (double)info->weight_count);
    ork_cli_json_number(&json, "weight_bytes", (double)info->weight_bytes);
    ork_cli_json_open(&json, "inputs", '[');
    for (int i = 0; ork_model_input_info(model, i, &tensor); i++) {
        ork_cli_json_open(&json, NULL, '{');
        tensor_fields(&json, &tensor);
        if (ork_model_preprocess_info(model, i, &preprocess) && preprocess.count)
            preprocess_fields(&json, &preprocess);
        ork_cli_json_close(&json, '}');
    }
    ork_cli_json_close(&json, ']');
    ork_cli_json_open(&json, "outputs", '[');
    for (int i = 0; ork_model_output_info(model, i, &tensor); i++) {
        ork_cli_json_open(&json, NULL, '{');
        tensor_fields(&json, &tensor);
        ork_cli_json_close(&json, '}');
    }
    ork_cli_json_close(&json, ']');
    if (graph)
        ork_cli_json_text(&json, "graph", graph);
    ork_cli_json_end(&json, stdout);
}

static int show(ork_cli *cli, ork_model *model)
{
    const values *v = cli->values;
    ork_model_info info;
    if (!ork_model_get_info(model, &info))
        return ork_cli_model_failed(cli, model);
    char *graph = v->graph ? ork_model_text(model, v->constants) : NULL;
    if (cli->json)
        print_json(cli, model, &info, graph);
    else if (graph)
        fputs(graph, stdout);
    else
        print_text(model, &info);
    ork_text_free(graph);
    return 0;
}

int ork_cli_info(ork_cli *cli)
{
    return ork_cli_with_model(cli, false, show);
}
