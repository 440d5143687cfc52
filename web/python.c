/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of Python that do what a command does, for who wants to go on in a script. */
#include "web.h"

#include <ctype.h>
#include <string.h>

/* A text in quotes. */
static void put_text(ork_str *lines, const char *text)
{
    ork_str_append(lines, "'", 1);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            ork_str_append(lines, "\\", 1);
        if (*text == '\n')
            ork_str_printf(lines, "\\n");
        else
            ork_str_append(lines, text, 1);
    }
    ork_str_append(lines, "'", 1);
}

/* "123.7 116.3 103.5" or "3x416x416" -> "[123.7, 116.3, 103.5]" */
static void put_numbers(ork_str *lines, const char *text)
{
    const char *between = "";
    ork_str_append(lines, "[", 1);
    for (const char *at = text; *at;) {
        const size_t length = strcspn(at, " x,");
        if (length > 0) {
            ork_str_printf(lines, "%s%.*s", between, (int)length, at);
            between = ", ";
        }
        at += length + (at[length] != '\0');
    }
    ork_str_append(lines, "]", 1);
}

static const ork_json *option(const web_command *command, const char *name)
{
    return ork_json_get(ork_json_get(command->request, "options"), name);
}

static const char *text_option(const web_command *command, const char *name)
{
    return ork_json_as_text(option(command, name));
}

static const char *argument(const web_command *command, size_t index)
{
    const char *text =
        ork_json_as_text(ork_json_item(ork_json_get(command->request, "arguments"), index));
    return text ? text : "";
}

/* ---- config ---- */

static void put_vector(ork_str *lines, const char *text)
{
    ork_str_append(lines, "[", 1);
    put_numbers(lines, text);
    ork_str_append(lines, "]", 1);
}

static void put_name_in_list(ork_str *lines, const char *text)
{
    ork_str_append(lines, "[", 1);
    put_text(lines, text);
    ork_str_append(lines, "]", 1);
}

static void put_dtype(ork_str *lines, const char *text)
{
    static const char *const names[][2] = {{"u8", "asymmetric_quantized-u8"},
                                           {"i8", "dynamic_fixed_point-i8"},
                                           {"i16", "dynamic_fixed_point-i16"}};
    for (size_t i = 0; i < ORK_CLI_COUNT(names); i++)
        if (strcmp(text, names[i][0]) == 0)
            text = names[i][1];
    put_text(lines, text);
}

static void put_as_is(ork_str *lines, const char *text)
{
    ork_str_append(lines, text, strlen(text));
}

/* The options that are keys of config(), and how their values are written there. */
static const struct {
    const char *option, *key;
    void (*put)(ork_str *lines, const char *text);
} keys[] = {
    {"mean", "mean_values", put_vector},
    {"std", "std_values", put_vector},
    {"reorder", "reorder_channel", put_text},
    {"target", "target_platform", put_name_in_list},
    {"quantize", "quantized_dtype", put_dtype},
    {"level", "optimization_level", put_as_is},
    {"splits", "splits", put_as_is},
    {"max-drop", "max_drop", put_as_is},
};

static void put_config(const web_command *command, ork_str *lines)
{
    const char *between = "";
    bool on = false;
    ork_str_printf(lines, "rknn.config(");
    for (size_t i = 0; i < ORK_CLI_COUNT(keys); i++) {
        const char *text = text_option(command, keys[i].option);
        if (!text || strcmp(text, "no") == 0 || strcmp(text, "auto") == 0)
            continue;
        ork_str_printf(lines, "%s%s=", between, keys[i].key);
        keys[i].put(lines, text);
        between = ", ";
    }
    if (ork_json_as_bool(option(command, "vendor-exact"), &on) && on)
        ork_str_printf(lines, "%svendor_exact=True", between);
    ork_str_printf(lines, ")\n");
}

/* ---- loading ---- */

static void put_sizes(const web_command *command, ork_str *lines)
{
    const ork_json *sizes = option(command, "input-size");
    if (!sizes)
        return;
    ork_str_printf(lines, ", input_size_list=[");
    for (size_t i = 0; i < (ork_json_as_text(sizes) ? 1 : ork_json_count(sizes)); i++) {
        const char *text =
            ork_json_as_text(ork_json_as_text(sizes) ? sizes : ork_json_item(sizes, i));
        ork_str_printf(lines, "%s", i ? ", " : "");
        put_numbers(lines, text ? text : "");
    }
    ork_str_printf(lines, "]");
}

static void put_load(const web_command *command, ork_str *lines)
{
    const char *path = argument(command, 0);
    const bool is_model = ork_cli_ends_with(path, ".rknn");
    ork_str_printf(lines, "rknn.load_%s(",
                   is_model                           ? "rknn"
                   : ork_cli_ends_with(path, ".onnx") ? "onnx"
                                                      : "pytorch");
    put_text(lines, path);
    if (!is_model)
        put_sizes(command, lines);
    ork_str_printf(lines, ")\n");
}

static void put_build(const web_command *command, ork_str *lines)
{
    const char *dataset = text_option(command, "dataset");
    if (ork_cli_ends_with(argument(command, 0), ".rknn"))
        return;
    ork_str_printf(lines, "rknn.build(do_quantization=%s", dataset ? "True, dataset=" : "False");
    if (dataset)
        put_text(lines, dataset);
    ork_str_printf(lines, ")\n");
}

/* ---- what each verb ends with ---- */

static void end_convert(const web_command *command, ork_str *lines)
{
    const char *output = text_option(command, "output");
    put_build(command, lines);
    ork_str_printf(lines, "rknn.export_rknn(");
    put_text(lines, output ? output : ork_cli_with_extension(argument(command, 0), ".rknn"));
    ork_str_printf(lines, ")\n");
}

static void end_check(const web_command *command, ork_str *lines)
{
    const char *target = text_option(command, "target");
    ork_str_printf(lines, "rknn.check(target=");
    put_text(lines, target ? target : "rk1808");
    ork_str_printf(lines, ")\n");
}

static void end_perf(const web_command *command, ork_str *lines)
{
    (void)command;
    ork_str_printf(lines, "rknn.eval_perf()\n");
}

static void end_analyze(const web_command *command, ork_str *lines)
{
    const char *samples = text_option(command, "samples"),
               *dataset = text_option(command, "dataset");
    put_build(command, lines);
    ork_str_printf(lines, "rknn.accuracy_analysis(inputs=");
    put_text(lines, samples ? samples : dataset ? dataset : "");
    ork_str_printf(lines, ")\n");
}

static void end_eval(const web_command *command, ork_str *lines)
{
    const char *truth = text_option(command, "annotations"),
               *labelled = text_option(command, "labelled");
    put_build(command, lines);
    ork_str_printf(lines, "rknn.evaluate(%s=", truth ? "annotations" : "labelled");
    put_text(lines, truth ? truth : labelled ? labelled : "");
    ork_str_printf(lines, ")\n");
}

static const struct {
    const char *verb;
    void (*end)(const web_command *command, ork_str *lines);
} ends[] = {{"convert", end_convert},
            {"check", end_check},
            {"perf", end_perf},
            {"analyze", end_analyze},
            {"eval", end_eval}};

void web_command_python(const web_command *command, ork_str *lines)
{
    for (size_t i = 0; i < ORK_CLI_COUNT(ends); i++) {
        if (strcmp(command->verb->name, ends[i].verb) != 0)
            continue;
        ork_str_printf(lines, "from rknn.api import RKNN\n\nrknn = RKNN()\n");
        put_config(command, lines);
        put_load(command, lines);
        ends[i].end(command, lines);
        ork_str_printf(lines, "rknn.release()\n");
    }
}
