/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two networks. */
#include "cli.h"

#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *stage;
    double weights;
    bool exact, all;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_diff_options[] = {
    {"weights", 'w', ORK_CLI_NUMBER, "NUMBER",
     "weights may differ by this much (1e-5), relative to the greatest where that is above 1",
     offsetof(values, weights), 0, 1e30},
    {"exact", 0, ORK_CLI_FLAG, NULL, "weights may not differ at all", offsetof(values, exact), 0,
     0},
    {"stage", 0, ORK_CLI_TEXT, "STAGE",
     "imported: as the files have it; canon: as it is built (the default); quant",
     offsetof(values, stage), 0, 0},
    {"all", 'a', ORK_CLI_FLAG, NULL, "name every difference, not only the first forty",
     offsetof(values, all), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

enum { SAME = 0, DIFFERENT = 1, SHOWN = 40 };

/* ---- as text ---- */

static const char *layer_name(const ork_difference *row)
{
    if (!*row->first || !*row->second || strcmp(row->first, row->second) == 0)
        return *row->second ? row->second : row->first;
    return ork_cli_format("%s | %s", row->first, row->second);
}

static void print_row(const ork_difference *row)
{
    char sign = strcmp(row->kind, "added") == 0     ? '+'
                : strcmp(row->kind, "removed") == 0 ? '-'
                                                    : '~';
    printf("%c %s  %s", sign, row->op, layer_name(row));
    if (*row->what)
        printf("  %s: %s%s%s", row->what, row->before, *row->before ? " -> " : "", row->after);
    putchar('\n');
}

static void print_text(const ork_diff_report *report, bool all)
{
    int shown = all || report->difference_count <= SHOWN ? report->difference_count : SHOWN;
    for (int i = 0; i < shown; i++)
        print_row(&report->differences[i]);
    if (shown < report->difference_count)
        printf("... and %d more; --all names them\n", report->difference_count - shown);
    if (report->difference_count == 0)
        printf("The same network: %zu layers", report->matched_layers);
    else
        printf("%d differences: %zu layers and %zu, %zu of them in both", report->difference_count,
               report->first_layers, report->second_layers, report->matched_layers);
    printf("; weights differ by up to %.3g.\n", report->weight_difference);
}

/* ---- as JSON ---- */

static void print_json(ork_cli *cli, const ork_diff_report *report)
{
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_bool(&json, "same", report->difference_count == 0);
    ork_cli_json_number(&json, "matched_layers", (double)report->matched_layers);
    ork_cli_json_number(&json, "first_layers", (double)report->first_layers);
    ork_cli_json_number(&json, "second_layers", (double)report->second_layers);
    ork_cli_json_number(&json, "weight_difference", report->weight_difference);
    ork_cli_json_open(&json, "differences", '[');
    for (int i = 0; i < report->difference_count; i++) {
        const ork_difference *row = &report->differences[i];
        ork_cli_json_open(&json, NULL, '{');
        ork_cli_json_text(&json, "kind", row->kind);
        ork_cli_json_text(&json, "first", row->first);
        ork_cli_json_text(&json, "second", row->second);
        ork_cli_json_text(&json, "operator", row->op);
        ork_cli_json_text(&json, "what", row->what);
        ork_cli_json_text(&json, "before", row->before);
        ork_cli_json_text(&json, "after", row->after);
        ork_cli_json_close(&json, '}');
    }
    ork_cli_json_close(&json, ']');
    ork_cli_json_end(&json, stdout);
}

static int compare(ork_cli *cli, ork_model *first, ork_model *second, const values *v)
{
    ork_diff_options options = ORK_OPTIONS_INIT(ork_diff_options);
    options.stage = v->stage;
    options.exact_weights = v->exact;
    options.weights_within = v->weights;
    const ork_diff_report *report = ork_model_diff(first, second, &options);
    if (!report)
        return ork_cli_model_failed(cli, first);
    if (cli->json)
        print_json(cli, report);
    else
        print_text(report, v->all);
    return report->difference_count ? DIFFERENT : SAME;
}

int ork_cli_diff(ork_cli *cli)
{
    const values *v = cli->values;
    ork_model *models[2] = {NULL, NULL};
    int code = 0;
    for (int i = 0; i < 2 && !code; i++) {
        models[i] = ork_cli_new_model(cli, &v->model, &code);
        if (models[i])
            code = ork_cli_load(cli, models[i], cli->arguments.items[i], &v->model, false);
    }
    if (!code)
        code = compare(cli, models[0], models[1], v);
    ork_model_free(models[0]);
    ork_model_free(models[1]);
    return code;
}
