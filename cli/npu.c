/* SPDX-License-Identifier: Apache-2.0 */
/* The NPU of the board that this runs on. */
#include "cli.h"

typedef struct values {
    ork_cli_model_values model;
    const char *driver;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_npu_options[] = {
    {"driver", 0, ORK_CLI_TEXT, "FILE", "the driver's library (libOpenVX.so.1)",
     offsetof(values, driver), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

bool ork_cli_npu_line(ork_cli *cli, const char *driver)
{
    bool found = false;
    char *text = ork_npu_driver_text(driver, &found);
    ork_cli_say(cli, "%s", text);
    ork_text_free(text);
    return found;
}

static int tell_driver(ork_cli *cli)
{
    const values *v = cli->values;
    bool found;
    if (!cli->json)
        return ork_cli_npu_line(cli, v->driver) ? 0 : 6;
    ork_cli_json json;
    char *text = ork_npu_driver_text(v->driver, &found);
    ork_cli_json_start(&json, cli);
    ork_cli_json_bool(&json, "found", found);
    ork_cli_json_text(&json, "driver", text);
    ork_text_free(text);
    return !ork_cli_json_end(&json, stdout) ? 8 : found ? 0 : 6;
}

static int try_model(ork_cli *cli, ork_model *model)
{
    const ork_npu_trial *t = ork_model_try_npu(model, ((const values *)cli->values)->driver);
    if (!t)
        return ork_cli_model_failed(cli, model);
    if (!cli->json) {
        ork_cli_say(cli,
                    "%s: %zu layers there, %zu here, in %zu pieces\n"
                    "%.3f ms a run; the simulator takes %.3f ms with one thread\n"
                    "%zu of %zu numbers differ from the simulator's",
                    t->driver, t->npu_layers, t->host_layers, t->pieces, t->seconds * 1e3,
                    t->simulator_seconds * 1e3, t->different, t->compared);
        return t->different ? 1 : 0;
    }
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "driver", t->driver);
    ork_cli_json_number(&json, "npu_layers", (double)t->npu_layers);
    ork_cli_json_number(&json, "host_layers", (double)t->host_layers);
    ork_cli_json_number(&json, "pieces", (double)t->pieces);
    ork_cli_json_number(&json, "milliseconds", t->seconds * 1e3);
    ork_cli_json_number(&json, "simulator_milliseconds", t->simulator_seconds * 1e3);
    ork_cli_json_number(&json, "compared", (double)t->compared);
    ork_cli_json_number(&json, "different", (double)t->different);
    return !ork_cli_json_end(&json, stdout) ? 8 : t->different ? 1 : 0;
}

int ork_cli_npu(ork_cli *cli)
{
    return cli->arguments.count ? ork_cli_with_model(cli, true, try_model) : tell_driver(cli);
}
