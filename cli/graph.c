/* SPDX-License-Identifier: Apache-2.0 */
/* A network as a drawing. */
#include "cli.h"

#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *output, *stage;
    int format;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_graph_options[] = {
    {"output", 'o', ORK_CLI_TEXT, "FILE",
     "write to this file; .svg, .dot, .txt or .json tells the format", offsetof(values, output), 0,
     0},
    {"format", 'f', ORK_CLI_CHOICE, "auto|text|svg|dot|json",
     "format, where no file's name tells it (text)", offsetof(values, format), 0, 0},
    {"stage", 0, ORK_CLI_TEXT, "STAGE",
     "imported: as the file has it; canon: as it is built (the default); quant",
     offsetof(values, stage), 0, 0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

static ork_diagram_format format_of(const values *v)
{
    static const struct {
        const char *end;
        ork_diagram_format format;
    } ends[] = {{".svg", ORK_DIAGRAM_SVG},
                {".dot", ORK_DIAGRAM_DOT},
                {".gv", ORK_DIAGRAM_DOT},
                {".json", ORK_DIAGRAM_JSON}};
    if (v->format > 0)
        return (ork_diagram_format)(v->format - 1);
    for (size_t i = 0; v->output && i < ORK_CLI_COUNT(ends); i++)
        if (ork_cli_ends_with(v->output, ends[i].end))
            return ends[i].format;
    return ORK_DIAGRAM_TEXT;
}

/* With --json the document of all verbs, with the diagram as JSON in it. */
static int write_json(ork_cli *cli, char *diagram)
{
    ork_cli_json json, inner = {.text = diagram, .length = strlen(diagram)};
    ork_cli_json_start(&json, cli);
    ork_cli_json_splice(&json, "diagram", &inner);
    return ork_cli_json_end(&json, stdout) ? 0 : 8;
}

static int draw(ork_cli *cli, ork_model *model)
{
    const values *v = cli->values;
    ork_diagram_options options = ORK_OPTIONS_INIT(ork_diagram_options);
    bool as_json = cli->json && !v->output;
    options.format = as_json ? ORK_DIAGRAM_JSON : format_of(v);
    options.stage = v->stage;
    char *text = ork_model_diagram(model, &options);
    if (!text)
        return ork_cli_model_failed(cli, model);
    if (as_json)
        return write_json(cli, text);
    int code = 0;
    if (v->output)
        code = ork_cli_write_text(cli, v->output, text);
    else
        fputs(text, stdout);
    ork_text_free(text);
    return code;
}

int ork_cli_graph(ork_cli *cli)
{
    return ork_cli_with_model(cli, false, draw);
}
