/* SPDX-License-Identifier: Apache-2.0 */
/* A board's numbers against the simulator's. */
#include "cli.h"

#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    ork_cli_board_values board;
    bool all;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_compare_options[] = {
    {"all", 'a', ORK_CLI_FLAG, NULL, "name every value, not only outputs and those that differ",
     offsetof(values, all), 0, 0},
    ORK_CLI_BOARD_OPTIONS(values, board),
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

enum { MOST_INPUTS = 16, SAME = 0, DIFFERENT = 1 };

static void print_row(const ork_compared_value *row)
{
    const char *what = row->is_output ? "output" : "value";
    if (row->different == 0)
        printf("same       %-6s %-5s %s: %zu numbers\n", what, ork_cli_dtype_name(row->dtype),
               row->name, row->count);
    else
        printf("different  %-6s %-5s %s: %zu of %zu numbers, by up to %.3g\n", what,
               ork_cli_dtype_name(row->dtype), row->name, row->different, row->count,
               row->greatest);
}

static void print_text(const ork_comparison *result, bool all)
{
    size_t numbers = 0;
    for (int i = 0; i < result->value_count; i++) {
        const ork_compared_value *row = &result->values[i];
        numbers += row->count;
        if (all || row->is_output || row->different)
            print_row(row);
    }
    printf("%s (%s%s%s): %d values, %zu numbers; %zu integers differ from the simulator's.\n",
           result->board, result->machine, *result->chip ? ", " : "", result->chip,
           result->value_count, numbers, result->different_integers);
}

static void print_json(ork_cli *cli, const ork_comparison *result)
{
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "board", result->board);
    ork_cli_json_text(&json, "machine", result->machine);
    ork_cli_json_text(&json, "chip", result->chip);
    ork_cli_json_number(&json, "different_integers", (double)result->different_integers);
    ork_cli_json_open(&json, "values", '[');
    for (int i = 0; i < result->value_count; i++) {
        const ork_compared_value *row = &result->values[i];
        ork_cli_json_open(&json, NULL, '{');
        ork_cli_json_text(&json, "name", row->name);
        ork_cli_json_text(&json, "type", ork_cli_dtype_name(row->dtype));
        ork_cli_json_bool(&json, "output", row->is_output);
        ork_cli_json_number(&json, "count", (double)row->count);
        ork_cli_json_number(&json, "different", (double)row->different);
        ork_cli_json_number(&json, "greatest", row->greatest);
        ork_cli_json_close(&json, '}');
    }
    ork_cli_json_close(&json, ']');
    ork_cli_json_end(&json, stdout);
}

static int compare(ork_cli *cli, ork_model *model, const ork_input *inputs, int count)
{
    const values *v = cli->values;
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    ork_cli_set_board(cli, &v->board, &options);
    if (!options.device_id && !options.target)
        options.device_id = ""; /* the only one there is */
    const ork_comparison *result = ork_model_compare(model, &options, inputs, count);
    if (!result)
        return ork_cli_model_failed(cli, model);
    if (cli->json)
        print_json(cli, result);
    else
        print_text(result, v->all);
    return result->different_integers ? DIFFERENT : SAME;
}

static int compare_model(ork_cli *cli, ork_model *model)
{
    ork_cli_sample samples[MOST_INPUTS] = {0};
    ork_input inputs[MOST_INPUTS] = {0};
    const int count = cli->arguments.count - 1, wanted = ork_model_input_count(model);
    if (count != wanted || count > MOST_INPUTS)
        return ork_cli_fail(cli, "E0701", NULL, NULL, "give one picture or array for each input",
                            "%d inputs were given to a network of %d", count, wanted);
    int code = 0;
    for (int i = 0; i < count && !code; i++)
        code =
            ork_cli_read_input(cli, model, i, cli->arguments.items[1 + i], &samples[i], &inputs[i]);
    if (!code)
        code = compare(cli, model, inputs, count);
    for (int i = 0; i < count; i++)
        ork_cli_free_sample(&samples[i]);
    return code;
}

int ork_cli_compare(ork_cli *cli)
{
    return ork_cli_with_model(cli, true, compare_model);
}
