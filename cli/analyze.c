/* SPDX-License-Identifier: Apache-2.0 */
/* Which layers lose accuracy. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *dataset, *inputs, *target, *splits, *folder, *page;
    int quantize, samples, dump, top;
    bool vendor_exact;
    double bad;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

enum { USUAL_SAMPLES = 4, USUAL_TOP = 12 };

const ork_cli_option ork_cli_analyze_options[] = {
    {"dataset", 'd', ORK_CLI_TEXT, "LIST",
     "samples to quantize with: a text file, one a line, or a folder of pictures",
     offsetof(values, dataset), 0, 0},
    {"samples", 0, ORK_CLI_TEXT, "LIST", "samples to compare on; the same by default",
     offsetof(values, inputs), 0, 0},
    {"limit", 'n', ORK_CLI_INT, "N", "compare on the first N samples (default 4)",
     offsetof(values, samples), 1, 1000000},
    {"quantize", 0, ORK_CLI_CHOICE, "u8|i8|i16", "integers to compute with",
     offsetof(values, quantize), 0, 0},
    {"target", 0, ORK_CLI_TEXT, "PLATFORM", "rk1808, rk3399pro, rv1109, rv1126 ...",
     offsetof(values, target), 0, 0},
    {"splits", 0, ORK_CLI_TEXT, "N", "as for ork convert", offsetof(values, splits), 0, 0},
    {"vendor-exact", 0, ORK_CLI_FLAG, NULL, "quantize as the vendor's toolkit does, bit for bit",
     offsetof(values, vendor_exact), 0, 0},
    {"page", 'p', ORK_CLI_TEXT, "FILE", "write a page for browsers", offsetof(values, page), 0, 0},
    {"output", 'o', ORK_CLI_TEXT, "DIR",
     "write the folders and files of the vendor's accuracy_analysis, error_analysis.json and "
     "error_analysis.html",
     offsetof(values, folder), 0, 0},
    {"dump", 0, ORK_CLI_CHOICE, "no|tensor|npy", "with -o: also the numbers of each layer",
     offsetof(values, dump), 0, 0},
    {"bad", 0, ORK_CLI_NUMBER, "DB", "signal over error below which an output is bad (default 10)",
     offsetof(values, bad), 0.1, 100},
    {"top", 0, ORK_CLI_INT, "N", "tell of so many layers (default 12)", offsetof(values, top), 1,
     1000000},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

/* ---- telling ---- */

static const char *decibels(double number)
{
    return isinf(number) ? (number > 0 ? "exact" : "-") : ork_cli_format("%.1f", number);
}

static void say_layer(ork_cli *cli, const ork_analysis *analysis, int index)
{
    ork_analyzed_layer l;
    ork_analysis_layer(analysis, index, &l);
    ork_cli_say(cli, "%4d %9.4f %8s %8s %6.2f%% %5s  %s (%s)", index, l.damage,
                decibels(l.alone.channel_sqnr), decibels(l.entire.channel_sqnr), l.saturated * 100,
                ork_cli_dtype_name(l.dtype), l.name, l.op);
}

/* Layers by damage, the worst first. */
static const ork_analysis *ordered;

static int by_damage(const void *a, const void *b)
{
    ork_analyzed_layer x, y;
    ork_analysis_layer(ordered, *(const int *)a, &x);
    ork_analysis_layer(ordered, *(const int *)b, &y);
    if (x.damage != y.damage)
        return x.damage > y.damage ? -1 : 1;
    return *(const int *)a - *(const int *)b;
}

static void say_advice(ork_cli *cli, const ork_analysis *analysis, int index)
{
    ork_analyzed_layer l;
    const char *sentence;
    const bool known = ork_analysis_layer(analysis, index, &l);
    for (int i = 0; (sentence = ork_analysis_advice(analysis, index, i)); i++)
        ork_cli_say(cli, "%s%s%s", known ? l.name : "", known ? ": " : "", sentence);
}

static void say(ork_cli *cli, const values *v, const ork_analysis *analysis)
{
    const int count = ork_analysis_layer_count(analysis);
    int *order = ork_cli_alloc(sizeof(int) * (size_t)(count + 1));
    for (int i = 0; i < count; i++)
        order[i] = i;
    ordered = analysis;
    qsort(order, (size_t)count, sizeof(int), by_damage);
    const int told = v->top ? v->top : USUAL_TOP;
    ork_cli_say(cli, "%4s %9s %8s %8s %7s %5s  %s", "", "damage", "alone", "entire", "cut", "type",
                "layer");
    for (int i = 0; i < count && i < told; i++)
        say_layer(cli, analysis, order[i]);
    ork_cli_say(cli,
                "damage: error of the answers with this layer alone on integers; alone, entire: "
                "signal over error of the average channel in dB\n\n%s\n",
                ork_analysis_verdict(analysis));
    say_advice(cli, analysis, -1);
    for (int i = 0, index; i < 3 && (index = ork_analysis_culprit(analysis, i)) >= 0; i++)
        say_advice(cli, analysis, index);
}

/* ---- files ---- */

/* Frees the text. */
static int write_text(ork_cli *cli, const char *path, char *text)
{
    const int code = ork_cli_write_text(cli, path, text);
    ork_text_free(text);
    return code;
}

static int tell(ork_cli *cli, const values *v, const ork_analysis *analysis)
{
    int code = v->page ? write_text(cli, v->page, ork_analysis_page(analysis)) : 0;
    if (code || !cli->json) {
        if (!code)
            say(cli, v, analysis);
        return code;
    }
    ork_cli_json json, inner = {.text = ork_analysis_json(analysis)};
    inner.length = strlen(inner.text);
    ork_cli_json_start(&json, cli);
    ork_cli_json_splice(&json, "analysis", &inner);
    return ork_cli_json_end(&json, stdout) ? 0 : 8;
}

/* ---- the verb ---- */

static int build(ork_cli *cli, ork_model *model, const values *v, const char *list)
{
    static const char *const dtypes[] = {"u8", "i8", "i16"};
    ork_build_options options = ORK_OPTIONS_INIT(ork_build_options);
    options.do_quantization = true;
    options.dataset = list;
    if (!ork_cli_config(model, "target_platform", v->target) ||
        !ork_cli_config(model, "quantized_dtype", dtypes[v->quantize]) ||
        !ork_cli_config(model, "splits", v->splits) ||
        !ork_cli_config(model, "vendor_exact", v->vendor_exact ? "1" : NULL))
        return ork_cli_model_failed(cli, model);
    int code = ork_cli_load(cli, model, cli->arguments.items[0], &v->model, false);
    if (code)
        return code;
    return ork_model_build(model, &options) ? 0 : ork_cli_model_failed(cli, model);
}

static int analyze(ork_cli *cli, ork_model *model, const values *v, const char *list)
{
    static const ork_dump dumps[] = {ORK_DUMP_NOTHING, ORK_DUMP_TENSORS, ORK_DUMP_ARRAYS};
    ork_analysis_options options = ORK_OPTIONS_INIT(ork_analysis_options);
    options.dataset = list;
    options.samples = v->samples ? v->samples : USUAL_SAMPLES;
    options.folder = v->folder;
    options.dump = dumps[v->dump];
    options.bad_sqnr = v->bad;
    ork_analysis *analysis = ork_analysis_new(model, &options);
    if (!analysis)
        return ork_cli_model_failed(cli, model);
    const int code = tell(cli, v, analysis);
    ork_analysis_free(analysis);
    return code;
}

static int check_outputs(ork_cli *cli, const values *v)
{
    if (!v->dataset)
        return ork_cli_fail(cli, "E0404", NULL, "ranges are measured on samples",
                            "add --dataset list.txt, or a folder of pictures",
                            "the analysis needs samples");
    const int code = ork_cli_check_output(cli, v->page, false);
    return code ? code : ork_cli_check_output(cli, v->folder, true);
}

int ork_cli_analyze(ork_cli *cli)
{
    const values *v = cli->values;
    const char *to_build = v->dataset, *to_compare = v->inputs;
    int code = check_outputs(cli, v);
    ork_model *model = code ? NULL : ork_cli_new_model(cli, &v->model, &code);
    if (!code)
        code = ork_cli_list_samples(cli, v->dataset, &to_build);
    if (!code)
        code = ork_cli_list_samples(cli, v->inputs, &to_compare);
    if (!code)
        code = build(cli, model, v, to_build);
    if (!code)
        code = analyze(cli, model, v, to_compare ? to_compare : to_build);
    ork_cli_drop_list(v->dataset, to_build);
    ork_cli_drop_list(v->inputs, to_compare);
    ork_model_free(model);
    return code;
}
