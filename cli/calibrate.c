/* SPDX-License-Identifier: Apache-2.0 */
/* What quantizing needs to know of samples, measured by several machines or processes. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *dataset, *target, *output, *share, *extremes;
    int quantize;
    bool vendor_exact, merge;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_calibrate_options[] = {
    {"dataset", 'd', ORK_CLI_TEXT, "LIST",
     "text file of samples, one a line, or a folder of pictures", offsetof(values, dataset), 0, 0},
    {"output", 'o', ORK_CLI_TEXT, "FILE", "where the statistics go", offsetof(values, output), 0,
     0},
    {"shard", 0, ORK_CLI_TEXT, "K/N", "measure share K of N, from 1: its extremes",
     offsetof(values, share), 0, 0},
    {"extremes", 0, ORK_CLI_TEXT, "FILE",
     "merged extremes of all shares: measure distributions between them",
     offsetof(values, extremes), 0, 0},
    {"merge", 0, ORK_CLI_FLAG, NULL, "merge files of statistics in place of measuring",
     offsetof(values, merge), 0, 0},
    {"quantize", 0, ORK_CLI_CHOICE, "u8|i8|i16", "integers that the network will compute with",
     offsetof(values, quantize), 0, 0},
    {"target", 0, ORK_CLI_TEXT, "PLATFORM", "rk1808, rk3399pro, rv1109, rv1126 ...",
     offsetof(values, target), 0, 0},
    {"vendor-exact", 0, ORK_CLI_FLAG, NULL, "for ork convert --vendor-exact",
     offsetof(values, vendor_exact), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

/* ---- files ---- */

static int read_blob(ork_cli *cli, const char *path, ork_blob *blob)
{
    FILE *file = fopen(path, "rb");
    size_t room = 0, got = 1;
    *blob = (ork_blob){0};
    while (file && got > 0) {
        room = blob->size + (1 << 20);
        char *larger = realloc(blob->data, room);
        if (!larger)
            break;
        blob->data = larger;
        got = fread(larger + blob->size, 1, room - blob->size, file);
        blob->size += got;
    }
    const bool good = file && got == 0 && !ferror(file);
    if (file)
        fclose(file);
    return good ? 0 : ork_cli_fail(cli, "E0101", path, NULL, NULL, "the file cannot be read");
}

static int write_blob(ork_cli *cli, const char *path, const ork_blob *blob)
{
    char *temporary;
    FILE *file = ork_cli_create(path, &temporary);
    if (!file || !ork_cli_finish(file, path, temporary,
                                 fwrite(blob->data, 1, blob->size, file) == blob->size))
        return ork_cli_fail(cli, "E0102", path, NULL, NULL, "the file cannot be written");
    ork_cli_say(cli, "wrote %s: %s", path, ork_cli_bytes(blob->size));
    return 0;
}

static int merge_files(ork_cli *cli, const values *v)
{
    const int count = cli->arguments.count;
    ork_blob *parts = ork_cli_alloc(sizeof(*parts) * (size_t)count), merged = {0};
    ork_model *model = ork_model_new();
    int code = 0;
    for (int i = 0; i < count && !code; i++)
        code = read_blob(cli, cli->arguments.items[i], &parts[i]);
    if (!code && !ork_statistics_join(model, parts, count, &merged))
        code = ork_cli_model_failed(cli, model);
    if (!code)
        code = write_blob(cli, v->output, &merged);
    for (int i = 0; i < count; i++)
        ork_blob_free(&parts[i]);
    ork_blob_free(&merged);
    ork_model_free(model);
    return code;
}

/* ---- measuring ---- */

static int prepare(ork_cli *cli, ork_model *model, const values *v)
{
    static const char *const dtypes[] = {"u8", "i8", "i16"};
    if (!ork_cli_config(model, "target_platform", v->target) ||
        !ork_cli_config(model, "quantized_dtype", dtypes[v->quantize]) ||
        !ork_cli_config(model, "vendor_exact", v->vendor_exact ? "1" : NULL))
        return ork_cli_model_failed(cli, model);
    return ork_cli_load(cli, model, cli->arguments.items[0], &v->model, false);
}

static int measure_share(ork_cli *cli, ork_model *model, const values *v, const char *list)
{
    ork_calibrate_options options = ORK_OPTIONS_INIT(ork_calibrate_options);
    ork_blob extremes = {0}, statistics = {0};
    char end;
    int code = 0;
    options.dataset = list;
    if (v->share && sscanf(v->share, "%d/%d%c", &options.share, &options.shares, &end) != 2)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "write --shard 1/4",
                            "--shard does not take '%s'", v->share);
    if (v->extremes) {
        code = read_blob(cli, v->extremes, &extremes);
        options.extremes = &extremes;
    }
    if (!code && !ork_model_calibrate(model, &options, &statistics))
        code = ork_cli_model_failed(cli, model);
    if (!code)
        code = write_blob(cli, v->output, &statistics);
    ork_blob_free(&statistics);
    ork_blob_free(&extremes);
    return code;
}

/* One round of all processes: each measures its share, everyone gets all of them merged. */
static int measure_round(ork_cli *cli, ork_model *model, ork_calibrate_options *options,
                         ork_blob *merged)
{
    ork_blob own = {0}, *parts = ork_cli_alloc(sizeof(*parts) * (size_t)options->shares);
    int code = 0;
    if (!ork_model_calibrate(model, options, &own))
        code = ork_cli_model_failed(cli, model);
    if (!ork_cli_processes_share(&own, parts) && !code)
        code = ork_cli_fail(cli, "E0102", NULL, NULL, NULL, "another process has failed");
    if (!code && !ork_statistics_join(model, parts, options->shares, merged))
        code = ork_cli_model_failed(cli, model);
    for (int i = 0; i < options->shares; i++)
        ork_blob_free(&parts[i]);
    ork_blob_free(&own);
    return code;
}

static int measure_together(ork_cli *cli, ork_model *model, const values *v, const char *list,
                            int rank, int count)
{
    ork_calibrate_options options = ORK_OPTIONS_INIT(ork_calibrate_options);
    ork_blob extremes = {0}, statistics = {0};
    options.dataset = list;
    options.share = rank + 1;
    options.shares = count;
    int code = measure_round(cli, model, &options, &extremes);
    options.extremes = &extremes;
    if (!code && !v->vendor_exact && v->quantize != 2)
        code = measure_round(cli, model, &options, &statistics);
    if (!code && rank == 0)
        code = write_blob(cli, v->output, statistics.size ? &statistics : &extremes);
    ork_blob_free(&statistics);
    ork_blob_free(&extremes);
    return code;
}

static int measure(ork_cli *cli, const values *v)
{
    const char *list = v->dataset;
    int code, rank = 0, count = 1;
    ork_model *model = ork_cli_new_model(cli, &v->model, &code);
    if (!model)
        return code;
    if (!ork_cli_processes_start(&rank, &count))
        code = ork_cli_fail(cli, "E0003", NULL, NULL, "set the option mpi of Meson to enabled",
                            "this program was built without MPI");
    if (!code)
        code = ork_cli_list_samples(cli, v->dataset, &list);
    if (!code)
        code = prepare(cli, model, v);
    if (!code && count > 1)
        code = measure_together(cli, model, v, list, rank, count);
    else if (!code)
        code = measure_share(cli, model, v, list);
    ork_cli_drop_list(v->dataset, list);
    ork_model_free(model);
    ork_cli_processes_end();
    return code;
}

int ork_cli_calibrate(ork_cli *cli)
{
    const values *v = cli->values;
    if (!v->output)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "add -o FILE", "calibrate needs an output");
    const int code = ork_cli_check_output(cli, v->output, false);
    if (code)
        return code;
    if (v->merge)
        return merge_files(cli, v);
    if (cli->arguments.count > 1)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "give --merge for files of statistics",
                            "one network is calibrated at a time");
    if (!v->dataset)
        return ork_cli_fail(cli, "E0404", NULL, "ranges are measured on samples",
                            "add --dataset list.txt, or a folder of pictures",
                            "calibration needs a dataset");
    return measure(cli, v);
}
