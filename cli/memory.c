/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory a model takes: here, and on a chip. */
#include "cli.h"

#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *output, *target;
    int top;
    bool chart;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_memory_options[] = {
    {"output", 'o', ORK_CLI_TEXT, "FILE.svg", "write a picture of who lies when in memory",
     offsetof(values, output), 0, 0},
    {"chart", 0, ORK_CLI_FLAG, NULL, "show who lies when in memory", offsetof(values, chart), 0, 0},
    {"top", 0, ORK_CLI_INT, "N", "of the chart, show so many of the largest tensors only",
     offsetof(values, top), 1, 1000000},
    {"target", 0, ORK_CLI_TEXT, "PLATFORM",
     "rk1808, rk3399pro, rv1109, rv1126 ...; the first that the model is for",
     offsetof(values, target), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

static void put_bytes(ork_cli_json *json, const char *key, uint64_t bytes)
{
    ork_cli_json_number(json, key, (double)bytes);
}

static void chip_to_json(ork_cli_json *json, const ork_npu_memory_report *chip)
{
    ork_cli_json_open(json, "chip", '{');
    ork_cli_json_text(json, "target", chip->target);
    ork_cli_json_text(json, "kind", "estimated");
    put_bytes(json, "weight_bytes", chip->weight_bytes);
    put_bytes(json, "internal_bytes", chip->internal_bytes);
    put_bytes(json, "value_bytes", chip->value_bytes);
    put_bytes(json, "input_bytes", chip->input_bytes);
    put_bytes(json, "output_bytes", chip->output_bytes);
    put_bytes(json, "host_bytes", chip->host_bytes);
    ork_cli_json_close(json, '}');
}

static void buffers_to_json(ork_cli_json *json, const ork_memory_report *r)
{
    ork_cli_json_open(json, "buffers", '[');
    for (int i = 0; i < r->buffer_count; i++) {
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_text(json, "value", r->buffers[i].value);
        put_bytes(json, "bytes", r->buffers[i].bytes);
        put_bytes(json, "offset", r->buffers[i].offset);
        ork_cli_json_number(json, "first", r->buffers[i].first);
        ork_cli_json_number(json, "last", r->buffers[i].last);
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
    ork_cli_json_open(json, "steps", '[');
    for (int i = 0; i < r->moment_count; i++) {
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_text(json, "layer", r->moments[i].layer);
        put_bytes(json, "bytes", r->moments[i].bytes);
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
}

static int tell_json(ork_cli *cli, const ork_memory_report *r, const ork_npu_memory_report *chip)
{
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_open(&json, "session", '{');
    put_bytes(&json, "total_bytes", r->total_bytes);
    put_bytes(&json, "weight_bytes", r->weight_bytes);
    put_bytes(&json, "parameter_bytes", r->parameter_bytes);
    put_bytes(&json, "tensor_bytes", r->tensor_bytes);
    put_bytes(&json, "live_bytes", r->live_bytes);
    put_bytes(&json, "scratch_bytes", r->scratch_bytes);
    put_bytes(&json, "output_bytes", r->output_bytes);
    put_bytes(&json, "constant_bytes", r->constant_bytes);
    put_bytes(&json, "process_bytes", r->process_bytes);
    put_bytes(&json, "process_peak_bytes", r->process_peak_bytes);
    buffers_to_json(&json, r);
    ork_cli_json_close(&json, '}');
    chip_to_json(&json, chip);
    return ork_cli_json_end(&json, stdout) ? 0 : 8;
}

static void tell(ork_cli *cli, const ork_memory_report *r, const ork_npu_memory_report *chip)
{
    const struct {
        const char *what;
        size_t bytes;
    } parts[] = {{"weights, as kernels want them", r->weight_bytes},
                 {"sizes, places and tables of steps", r->parameter_bytes},
                 {"tensors, which share places", r->tensor_bytes},
                 {"scratch of all threads", r->scratch_bytes},
                 {"outputs as real numbers", r->output_bytes},
                 {"a session in all", r->total_bytes}};
    ork_cli_say(cli, "here:");
    for (size_t i = 0; i < ORK_CLI_COUNT(parts); i++)
        ork_cli_say(cli, "%12s  %s", ork_cli_bytes(parts[i].bytes), parts[i].what);
    ork_cli_say(cli, "%12s  of the tensors are in use at the worst moment",
                ork_cli_bytes(r->live_bytes));
    if (r->process_bytes)
        ork_cli_say(cli, "%12s  of its own has this program, by the system; %s was the most",
                    ork_cli_bytes(r->process_bytes), ork_cli_bytes(r->process_peak_bytes));
    char *text = ork_npu_memory_text(chip);
    ork_cli_say(cli, "\non the chip:\n%s", text);
    ork_text_free(text);
}

static int write_picture(ork_cli *cli, const char *path, const ork_memory_report *report)
{
    char *text = ork_memory_picture(report);
    const int code = ork_cli_write_text(cli, path, text);
    ork_text_free(text);
    return code;
}

static int look(ork_cli *cli, ork_model *model, ork_session *session)
{
    const values *v = cli->values;
    ork_estimate_options options = ORK_OPTIONS_INIT(ork_estimate_options);
    options.target = v->target;
    const ork_npu_memory_report *chip = ork_model_estimate_memory(model, &options);
    if (!chip)
        return ork_cli_model_failed(cli, model);
    const ork_memory_report *report = ork_session_memory(session);
    const int code = v->output ? write_picture(cli, v->output, report) : 0;
    if (code || cli->json)
        return code ? code : tell_json(cli, report, chip);
    tell(cli, report, chip);
    if (v->chart) {
        char *text = ork_memory_chart(report, v->top);
        ork_cli_say(cli, "\n%s", text ? text : "");
        ork_text_free(text);
    }
    return 0;
}

static int with_session(ork_cli *cli, ork_model *model)
{
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    options.threads = cli->threads;
    ork_session *session = ork_session_new(model, &options);
    const int code = session ? look(cli, model, session) : ork_cli_model_failed(cli, model);
    ork_session_free(session);
    return code;
}

int ork_cli_memory(ork_cli *cli)
{
    return ork_cli_with_model(cli, true, with_session);
}
