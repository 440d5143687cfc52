/* SPDX-License-Identifier: Apache-2.0 */
/* What a chip will not take. */
#include "cli.h"

#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *target;
    bool all;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_check_options[] = {
    {"target", 0, ORK_CLI_TEXT, "PLATFORM", "rk1808 (the default), rk3399pro, rv1109, rv1126 ...",
     offsetof(values, target), 0, 0},
    {"all", 'a', ORK_CLI_FLAG, NULL, "name every layer, not only the first three of each kind",
     offsetof(values, all), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

enum { CHIP_REFUSES = 4 };

static bool is_refused(const ork_check_report *report)
{
    for (int i = 0; i < report->finding_count; i++)
        if (strcmp(report->findings[i].severity, "stops") == 0)
            return true;
    return false;
}

static void finding_fields(ork_cli_json *json, const ork_check_finding *finding)
{
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_text(json, "rule", finding->rule);
    ork_cli_json_text(json, "severity", finding->severity);
    ork_cli_json_text(json, "layer", finding->layer);
    ork_cli_json_text(json, "scope", finding->scope);
    ork_cli_json_text(json, "operator", finding->op);
    ork_cli_json_text(json, "inputs", finding->inputs);
    ork_cli_json_text(json, "output", finding->output);
    ork_cli_json_text(json, "why", finding->reason);
    ork_cli_json_text(json, "instead", finding->instead);
    ork_cli_json_close(json, '}');
}

static void print_json(ork_cli *cli, const ork_check_report *report)
{
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "target", report->target);
    ork_cli_json_number(&json, "npu_layers", (double)report->npu_layers);
    ork_cli_json_number(&json, "host_layers", (double)report->host_layers);
    ork_cli_json_number(&json, "refused_layers", (double)report->refused_layers);
    ork_cli_json_number(&json, "multiplications", (double)report->macs);
    ork_cli_json_number(&json, "weights", (double)report->weight_count);
    ork_cli_json_number(&json, "peak_numbers", (double)report->peak_count);
    ork_cli_json_open(&json, "findings", '[');
    for (int i = 0; i < report->finding_count; i++)
        finding_fields(&json, &report->findings[i]);
    ork_cli_json_close(&json, ']');
    ork_cli_json_open(&json, "outputs", '[');
    for (int i = 0; i < report->cut_count; i++)
        ork_cli_json_text(&json, NULL, report->cut[i]);
    ork_cli_json_close(&json, ']');
    ork_cli_json_end(&json, stdout);
}

static int check(ork_cli *cli, ork_model *model)
{
    const values *v = cli->values;
    const ork_check_report *report = ork_model_check(model, v->target ? v->target : "rk1808");
    if (!report)
        return ork_cli_model_failed(cli, model);
    if (cli->json) {
        print_json(cli, report);
    } else {
        char *text = ork_check_text(report, v->all);
        fputs(text, stdout);
        ork_text_free(text);
    }
    return is_refused(report) ? CHIP_REFUSES : 0;
}

int ork_cli_check(ork_cli *cli)
{
    return ork_cli_with_model(cli, false, check);
}
