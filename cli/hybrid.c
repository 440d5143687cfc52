/* SPDX-License-Identifier: Apache-2.0 */
/* `ork hybrid`: quantization in two steps, with a configuration between them for people to change.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *output, *target, *dataset, *data, *cfg;
    bool in_floats;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_hybrid_options[] = {
    {"dataset", 'd', ORK_CLI_TEXT, "LIST", "text file of samples, one a line, for the first step",
     offsetof(values, dataset), 0, 0},
    {"output", 'o', ORK_CLI_TEXT, "NAME",
     "first step: how the files begin; second step: the .rknn file", offsetof(values, output), 0,
     0},
    {"target", 0, ORK_CLI_TEXT, "PLATFORM", "rk1808, rk3399pro, rv1109, rv1126 ...",
     offsetof(values, target), 0, 0},
    {"data", 0, ORK_CLI_TEXT, "FILE", "second step: the .data file, if it is not beside the .json",
     offsetof(values, data), 0, 0},
    {"cfg", 0, ORK_CLI_TEXT, "FILE",
     "second step: the .quantization.cfg file, if it is not beside the .json",
     offsetof(values, cfg), 0, 0},
    {"float", 0, ORK_CLI_FLAG, NULL, "second step: in floats, without a configuration",
     offsetof(values, in_floats), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

static void tell(ork_cli *cli, const char *output)
{
    ork_cli_say(cli, "wrote %s", output);
    if (!cli->json)
        return;
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "output", output);
    ork_cli_json_end(&json, stdout);
}

static int prepare(ork_cli *cli, ork_model *model, const values *v, const char *path)
{
    const char *prefix = v->output ? v->output : ork_cli_with_extension(path, "");
    int code = ork_cli_load(cli, model, path, &v->model, false);
    if (code)
        return code;
    if (!ork_model_hybrid_prepare(model, v->dataset, prefix))
        return ork_cli_model_failed(cli, model);
    tell(cli, ork_cli_format("%s.quantization.cfg", prefix));
    return 0;
}

static int build(ork_cli *cli, ork_model *model, const values *v, const char *path)
{
    const char *output = v->output ? v->output : ork_cli_with_extension(path, ".rknn");
    const char *data = v->data ? v->data : ork_cli_with_extension(path, ".data");
    const char *cfg = v->cfg ? v->cfg : ork_cli_with_extension(path, ".quantization.cfg");
    int code = ork_cli_check_output(cli, output, false);
    if (code)
        return code;
    if (!ork_model_hybrid_build(model, path, data, v->in_floats ? NULL : cfg) ||
        !ork_model_export(model, output))
        return ork_cli_model_failed(cli, model);
    tell(cli, output);
    return 0;
}

int ork_cli_hybrid(ork_cli *cli)
{
    values *v = cli->values;
    const char *path = cli->arguments.items[0];
    const char *ending = strrchr(path, '.');
    const bool second = ending && strcmp(ending, ".json") == 0;
    if (second == (v->dataset != NULL))
        return ork_cli_fail(
            cli, "E0004", NULL, NULL,
            "first: ork hybrid MODEL --dataset list.txt; then: ork hybrid FILE.json",
            second ? "the second step takes no dataset" : "the first step needs a dataset");
    if (v->in_floats && (!second || v->cfg))
        return ork_cli_fail(cli, "E0004", NULL, NULL, "leave out --float",
                            "--float is for the second step without a configuration");
    int code;
    ork_model *model = ork_cli_new_model(cli, &v->model, &code);
    if (!model)
        return code;
    if (!ork_cli_config(model, "target_platform", v->target))
        code = ork_cli_model_failed(cli, model);
    else
        code = second ? build(cli, model, v, path) : prepare(cli, model, v, path);
    ork_model_free(model);
    return code;
}
