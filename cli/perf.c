/* SPDX-License-Identifier: Apache-2.0 */
/* How long a chip takes. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *target;
    bool in_float, sort, advise;
    int top;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_perf_options[] = {
    {"target", 0, ORK_CLI_TEXT, "PLATFORM",
     "rk1808, rk3399pro, rv1109, rv1126 ...; the first that the model is for",
     offsetof(values, target), 0, 0},
    {"float", 0, ORK_CLI_FLAG, NULL, "what is float stays float on the chip, in 16 bits",
     offsetof(values, in_float), 0, 0},
    {"sort", 0, ORK_CLI_FLAG, NULL, "slowest layers first", offsetof(values, sort), 0, 0},
    {"advise", 0, ORK_CLI_FLAG, NULL, "tell what would be faster, and by how much",
     offsetof(values, advise), 0, 0},
    {"top", 0, ORK_CLI_INT, "N", "show so many layers only", offsetof(values, top), 1, 1000000},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

static void layer_fields(ork_cli_json *json, const ork_estimate_layer *layer)
{
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_text(json, "layer", layer->layer);
    ork_cli_json_text(json, "operator", layer->op);
    ork_cli_json_text(json, "unit", layer->unit);
    ork_cli_json_number(json, "multiplications", layer->macs);
    ork_cli_json_number(json, "elements", layer->elements);
    ork_cli_json_number(json, "data_bytes", layer->data_bytes);
    ork_cli_json_number(json, "weight_bytes", layer->weight_bytes);
    ork_cli_json_number(json, "microseconds", layer->seconds * 1e6);
    ork_cli_json_text(json, "reason", layer->reason);
    ork_cli_json_close(json, '}');
}

static void print_json(ork_cli *cli, const ork_estimate_report *report)
{
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "target", report->target);
    ork_cli_json_text(&json, "kind", "estimated");
    ork_cli_json_number(&json, "npu_mhz", report->npu_mhz);
    ork_cli_json_number(&json, "memory_mhz", report->memory_mhz);
    ork_cli_json_number(&json, "microseconds", report->seconds * 1e6);
    ork_cli_json_open(&json, "layers", '[');
    for (int i = 0; i < report->layer_count; i++)
        layer_fields(&json, &report->layers[i]);
    ork_cli_json_close(&json, ']');
    ork_cli_json_end(&json, stdout);
}

static int by_time(const void *a, const void *b)
{
    const ork_estimate_layer *first = *(const ork_estimate_layer *const *)a;
    const ork_estimate_layer *second = *(const ork_estimate_layer *const *)b;
    if (first->seconds != second->seconds)
        return first->seconds < second->seconds ? 1 : -1;
    return first < second ? -1 : first > second; /* the order of the network */
}

static void print_layers(const ork_estimate_report *report, const values *v)
{
    const ork_estimate_layer **rows = calloc((size_t)report->layer_count + 1, sizeof(*rows));
    int count = 0;
    for (int i = 0; rows && i < report->layer_count; i++)
        if (strcmp(report->layers[i].unit, "free") != 0)
            rows[count++] = &report->layers[i];
    if (v->sort)
        qsort(rows, (size_t)count, sizeof(*rows), by_time);
    printf("%10s %6s %10s %10s  %-10s %-9s %-18s %s\n", "us", "%", "M mults", "kB", "unit",
           "reason", "operator", "layer");
    for (int i = 0; i < count && (v->top == 0 || i < v->top); i++)
        printf("%10.1f %6.1f %10.2f %10.1f  %-10s %-9s %-18s %s\n", rows[i]->seconds * 1e6,
               100.0 * rows[i]->seconds / report->seconds, rows[i]->macs * 1e-6,
               (rows[i]->data_bytes + rows[i]->weight_bytes) * 1e-3, rows[i]->unit, rows[i]->reason,
               rows[i]->op, rows[i]->layer);
    free(rows);
}

static void item_to_json(ork_cli_json *json, const ork_advice_item *item)
{
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_text(json, "rule", item->rule);
    ork_cli_json_text(json, "why", item->why);
    ork_cli_json_text(json, "instead", item->instead);
    ork_cli_json_number(json, "microseconds", item->seconds * 1e6);
    ork_cli_json_number(json, "saved_microseconds", item->saved * 1e6);
    ork_cli_json_open(json, "layers", '[');
    for (int i = 0; i < item->layer_count; i++) {
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_text(json, "layer", item->layers[i].layer);
        ork_cli_json_text(json, "operator", item->layers[i].op);
        ork_cli_json_number(json, "microseconds", item->layers[i].seconds * 1e6);
        ork_cli_json_number(json, "saved_microseconds", item->layers[i].saved * 1e6);
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
    ork_cli_json_close(json, '}');
}

static int advise(ork_cli *cli, ork_model *model, const ork_estimate_options *options)
{
    const ork_advice_report *report = ork_model_advise(model, options);
    if (!report)
        return ork_cli_model_failed(cli, model);
    if (!cli->json) {
        char *text = ork_advice_text(report, cli->verbose > 0);
        fputs(text, stdout);
        ork_text_free(text);
        return 0;
    }
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "target", report->target);
    ork_cli_json_text(&json, "kind", "estimated");
    ork_cli_json_number(&json, "microseconds", report->seconds * 1e6);
    ork_cli_json_open(&json, "advice", '[');
    for (int i = 0; i < report->item_count; i++)
        item_to_json(&json, &report->items[i]);
    ork_cli_json_close(&json, ']');
    return ork_cli_json_end(&json, stdout) ? 0 : 8;
}

static int estimate(ork_cli *cli, ork_model *model)
{
    const values *v = cli->values;
    ork_estimate_options options = ORK_OPTIONS_INIT(ork_estimate_options);
    options.target = v->target;
    options.in_float = v->in_float;
    if (v->advise)
        return advise(cli, model, &options);
    const ork_estimate_report *report = ork_model_estimate(model, &options);
    if (!report)
        return ork_cli_model_failed(cli, model);
    if (cli->json) {
        print_json(cli, report);
        return 0;
    }
    printf("%s, estimated for %s (NPU %.0f MHz, memory %.0f MHz): %.2f ms, %.1f a second\n\n",
           report->network, report->target, report->npu_mhz, report->memory_mhz,
           report->seconds * 1e3, 1.0 / report->seconds);
    print_layers(report, v);
    return 0;
}

int ork_cli_perf(ork_cli *cli)
{
    return ork_cli_with_model(cli, false, estimate);
}
