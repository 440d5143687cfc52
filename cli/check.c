/* SPDX-License-Identifier: Apache-2.0 */
/* What a chip will not take. Findings are grouped by rule: a network of fifty depthwise layers has
   one thing to say about them. */
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
    {"all", 'a', ORK_CLI_FLAG, NULL, "name every layer, not only the first of each kind",
     offsetof(values, all), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

enum { CHIP_REFUSES = 4 };

static const struct {
    const char *severity, *title;
} titles[] = {
    {"stops", "The chip refuses"},
    {"host", "Runs on the host processor"},
    {"accuracy", "Loses accuracy in 8 bits"},
    {"slow", "Is slow"},
};

static int count_rule(const ork_check_report *report, const char *rule)
{
    int count = 0;
    for (int i = 0; i < report->finding_count; i++)
        count += strcmp(report->findings[i].rule, rule) == 0;
    return count;
}

static bool has_severity(const ork_check_report *report, const char *severity)
{
    for (int i = 0; i < report->finding_count; i++)
        if (strcmp(report->findings[i].severity, severity) == 0)
            return true;
    return false;
}

/* ---- as text ---- */

static void print_layer(const ork_check_finding *finding)
{
    printf("      %s  %s  %s -> %s%s%s%s\n", finding->layer, finding->op, finding->inputs,
           finding->output, *finding->scope ? "  (" : "", finding->scope,
           *finding->scope ? ")" : "");
}

static void print_rule(const ork_check_report *report, int first, bool all)
{
    enum { SHOWN = 3 };
    const ork_check_finding *finding = &report->findings[first];
    int count = count_rule(report, finding->rule), shown = 0;
    printf("  %s: %d layer%s\n", finding->rule, count, count == 1 ? "" : "s");
    for (int i = first; i < report->finding_count && (all || shown < SHOWN); i++)
        if (strcmp(report->findings[i].rule, finding->rule) == 0) {
            print_layer(&report->findings[i]);
            shown++;
        }
    if (shown < count)
        printf("      ... and %d more; --all names them\n", count - shown);
    printf("    why:     %s\n    instead: %s\n", finding->reason, finding->instead);
}

static bool is_first(const ork_check_report *report, int index)
{
    for (int i = 0; i < index; i++)
        if (strcmp(report->findings[i].rule, report->findings[index].rule) == 0)
            return false;
    return true;
}

static void print_findings(const ork_check_report *report, bool all)
{
    for (size_t t = 0; t < ORK_CLI_COUNT(titles); t++) {
        if (!has_severity(report, titles[t].severity))
            continue;
        printf("\n%s\n", titles[t].title);
        for (int i = 0; i < report->finding_count; i++)
            if (strcmp(report->findings[i].severity, titles[t].severity) == 0 &&
                is_first(report, i))
                print_rule(report, i, all);
    }
}

static void print_cut(const ork_check_report *report)
{
    if (report->cut_count == 0)
        return;
    printf("\nEnd the network here, and compute the rest after it\n  outputs=[");
    for (int i = 0; i < report->cut_count; i++)
        printf("%s'%s'", i > 0 ? ", " : "", report->cut[i]);
    printf("]\n");
}

static void print_text(const ork_check_report *report, const char *name, bool all)
{
    printf("%s on %s: %zu layers on the NPU, %zu on the host processor\n", name, report->target,
           report->npu_layers, report->host_layers);
    printf("%s multiplications, %s weights, %s numbers in memory at most (bytes, in 8 bits)\n",
           ork_cli_count(report->macs), ork_cli_count(report->weight_count),
           ork_cli_count(report->peak_count));
    print_findings(report, all);
    print_cut(report);
    if (report->finding_count == 0)
        printf("\nNothing to say against it.\n");
}

/* ---- as JSON ---- */

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

static int check(ork_cli *cli, ork_model *model, const values *v)
{
    const ork_check_report *report = ork_model_check(model, v->target ? v->target : "rk1808");
    ork_model_info info;
    if (!report || !ork_model_get_info(model, &info))
        return ork_cli_model_failed(cli, model);
    if (cli->json)
        print_json(cli, report);
    else
        print_text(report, info.name, v->all);
    return has_severity(report, "stops") ? CHIP_REFUSES : 0;
}

int ork_cli_check(ork_cli *cli)
{
    const values *v = cli->values;
    int code;
    ork_model *model = ork_cli_new_model(cli, &v->model, &code);
    if (!model)
        return code;
    code = ork_cli_load(cli, model, cli->arguments.items[0], &v->model, false);
    if (!code)
        code = check(cli, model, v);
    ork_model_free(model);
    return code;
}
