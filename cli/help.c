/* SPDX-License-Identifier: Apache-2.0 */
/* help, version, explain, completion: all of them read the tables. */
#include "cli.h"

#include <string.h>
#include <strings.h>

static const ork_cli_option no_options[] = {{0}};

enum { HELP_COLUMN = 30, HELP_WIDTH = 80 };

/* Prints the text from the column on, broken at spaces. */
static void print_wrapped(const char *text)
{
    int left = HELP_WIDTH - HELP_COLUMN;
    while (*text) {
        int length = (int)strlen(text);
        if (length > left)
            for (length = left; length > 1 && text[length] != ' '; length--)
                ;
        printf("%.*s\n", length, text);
        text += length;
        while (*text == ' ')
            text++;
        if (*text)
            printf("%*s", HELP_COLUMN, "");
    }
}

static void print_options(const char *title, const ork_cli_option *rows,
                          const ork_cli_option *hidden_by)
{
    printf("\n%s:\n", title);
    for (; rows->name; rows++) {
        const ork_cli_option *same = hidden_by;
        while (same->name && strcmp(same->name, rows->name) != 0)
            same++;
        if (same->name)
            continue;
        char letter[8] = "    ", left[96];
        if (rows->letter)
            snprintf(letter, sizeof(letter), "-%c, ", rows->letter);
        int length = snprintf(left, sizeof(left), "  %s--%s%s%s", letter, rows->name,
                              rows->value ? " " : "", rows->value ? rows->value : "");
        if (length > HELP_COLUMN - 2)
            printf("%s\n%*s", left, HELP_COLUMN, "");
        else
            printf("%-*s", HELP_COLUMN, left);
        print_wrapped(rows->help);
    }
}

static const char *const exit_meanings[ORK_CLI_LAST_EXIT_CODE + 1] = {
    [0] = "good",
    [2] = "usage",
    [3] = "model or file format",
    [4] = "unsupported",
    [5] = "dataset or input",
    [6] = "device",
    [7] = "numeric",
    [8] = "files and resources",
    [70] = "a fault of ours",
    [130] = "interrupted",
};

const char *ork_cli_exit_meaning(int code)
{
    return code >= 0 && code <= ORK_CLI_LAST_EXIT_CODE ? exit_meanings[code] : NULL;
}

static void print_exit_codes(void)
{
    const char *before = "\nExit codes: ";
    for (int code = 0, width = 12; code <= ORK_CLI_LAST_EXIT_CODE; code++) {
        if (!exit_meanings[code])
            continue;
        const char *text = ork_cli_format("%s%d %s", before, code, exit_meanings[code]);
        width += (int)strlen(text);
        bool full = width > HELP_WIDTH;
        printf("%s", full ? ork_cli_format(",\n%s", text + 2) : text);
        width = full ? (int)strlen(text) : width;
        before = ", ";
    }
    printf(".\n");
}

void ork_cli_print_help(const ork_cli_verb *verb)
{
    printf("Usage: ork %s [OPTION]... %s\n\n%c%s.\n", verb->name, verb->arguments,
           verb->summary[0] - 'a' + 'A', verb->summary + 1);
    if (*verb->text)
        printf("\n%s\n", verb->text);
    if (verb->options->name)
        print_options("Options", verb->options, no_options);
    print_options("Common options", ork_cli_common_options, verb->options);
    printf("\nExamples:\n");
    for (const char *line = verb->examples; *line;) {
        size_t length = strcspn(line, "\n");
        printf("  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    print_exit_codes();
}

void ork_cli_print_overview(FILE *to)
{
    fprintf(to, "Usage: ork VERB [OPTION]... [ARGUMENT]...\n\n"
                "From trained networks to .rknn files for RK1808 and RV1126 class processors.\n\n"
                "Verbs:\n");
    for (const ork_cli_verb *verb = ork_cli_verbs; verb->name; verb++)
        fprintf(to, "  %-12s %s\n", verb->name, verb->summary);
    fprintf(to, "\nork help VERB tells more, with examples.\n");
}

/* ---- help, version ---- */

typedef struct help_values {
    bool manual;
} help_values;

const ork_cli_option ork_cli_help_options[] = {
    {"man", 0, ORK_CLI_FLAG, NULL, "print the manual page of all verbs, for man",
     offsetof(help_values, manual), 0, 0},
    {0},
};

int ork_cli_help(ork_cli *cli)
{
    const help_values *values = cli->values;
    if (values->manual) {
        ork_cli_print_manual();
        return 0;
    }
    if (!cli->arguments.count) {
        ork_cli_print_overview(stdout);
        return 0;
    }
    const ork_cli_verb *verb = ork_cli_find_verb(cli->arguments.items[0]);
    if (!verb)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "ork help lists the verbs",
                            "there is no verb %s", cli->arguments.items[0]);
    ork_cli_print_help(verb);
    return 0;
}

const ork_cli_option ork_cli_version_options[] = {{0}};

int ork_cli_version(ork_cli *cli)
{
    if (!cli->json) {
        printf("ork %s\n", ork_version());
        return 0;
    }
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "version", ork_version());
    ork_cli_json_end(&json, stdout);
    return 0;
}

/* ---- explain ---- */

const ork_cli_option ork_cli_explain_options[] = {{0}};

static void error_to_json(ork_cli_json *json, const ork_error *error)
{
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_text(json, "id", error->id);
    ork_cli_json_text(json, "name", error->name);
    ork_cli_json_text(json, "fix", error->fix);
    ork_cli_json_number(json, "exit_code", error->exit_code);
    ork_cli_json_text(json, "kind", ork_cli_exit_meaning(error->exit_code));
    ork_cli_json_close(json, '}');
}

static void explain_one(const ork_error *error)
{
    printf("%s %s\n  kind:      %s\n  exit code: %d\n  fix:       %s\n", error->id, error->name,
           ork_cli_exit_meaning(error->exit_code), error->exit_code,
           *error->fix ? error->fix : "the message itself says it: it depends on the place");
}

static int unknown_error(ork_cli *cli, const char *wanted)
{
    ork_cli_list names = {0};
    const ork_error *error;
    for (int i = 0; (error = ork_error_at(i)); i++) {
        ork_cli_list_add(&names, ork_cli_format("%s", error->id));
        ork_cli_list_add(&names, ork_cli_format("%s", error->name));
    }
    const char *near = names.count ? ork_cli_nearest(wanted, names.items) : NULL;
    return ork_cli_fail(cli, "E0004", NULL, NULL,
                        near ? ork_cli_format("did you mean %s?", near)
                             : "ork explain lists all errors",
                        "there is no error %s", wanted);
}

int ork_cli_explain(ork_cli *cli)
{
    const char *wanted = cli->arguments.count ? cli->arguments.items[0] : NULL;
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_open(&json, "errors", '[');
    int found = 0;
    const ork_error *error;
    for (int i = 0; (error = ork_error_at(i)); i++) {
        if (wanted && strcasecmp(error->id, wanted) != 0 && strcmp(error->name, wanted) != 0)
            continue;
        found++;
        if (cli->json)
            error_to_json(&json, error);
        else if (wanted)
            explain_one(error);
        else
            printf("%s  %-22s %s\n", error->id, error->name,
                   ork_cli_exit_meaning(error->exit_code));
    }
    ork_cli_json_close(&json, ']');
    if (found && cli->json)
        ork_cli_json_end(&json, stdout);
    ork_cli_json_drop(&json);
    return found ? 0 : unknown_error(cli, wanted ? wanted : "");
}

/* ---- completion ---- */

const ork_cli_option ork_cli_completion_options[] = {{0}};

static void print_names(const ork_cli_option *rows)
{
    for (; rows->name; rows++)
        printf(" --%s", rows->name);
}

/* Choices of an option, as a case of the word before the cursor. */
static void print_choices(const ork_cli_option *rows, const char *verb)
{
    for (; rows->name; rows++) {
        if (rows->kind != ORK_CLI_CHOICE)
            continue;
        printf("    %s:--%s) COMPREPLY=($(compgen -W '", verb, rows->name);
        for (const char *letter = rows->value; *letter; letter++)
            putchar(*letter == '|' ? ' ' : *letter);
        printf("' -- \"$word\")); return ;;\n");
    }
}

int ork_cli_completion(ork_cli *cli)
{
    const char *shell = cli->arguments.items[0];
    if (strcmp(shell, "bash") != 0)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "write ork completion bash",
                            "there is no completion for %s", shell);
    printf("# bash completion for ork\n_ork()\n{\n"
           "    local word=\"${COMP_WORDS[COMP_CWORD]}\" verb=\"${COMP_WORDS[1]}\" options=''\n"
           "    local before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n    COMPREPLY=()\n"
           "    if [[ $COMP_CWORD -eq 1 ]]; then\n        COMPREPLY=($(compgen -W '");
    for (const ork_cli_verb *verb = ork_cli_verbs; verb->name; verb++)
        printf("%s ", verb->name);
    printf("' -- \"$word\"))\n        return\n    fi\n    case \"$verb:$before\" in\n");
    for (const ork_cli_verb *verb = ork_cli_verbs; verb->name; verb++)
        print_choices(verb->options, verb->name);
    print_choices(ork_cli_common_options, "*");
    printf("    esac\n    case \"$verb\" in\n");
    for (const ork_cli_verb *verb = ork_cli_verbs; verb->name; verb++) {
        printf("    %s) options='", verb->name);
        print_names(verb->options);
        print_names(ork_cli_common_options);
        printf("' ;;\n");
    }
    printf("    esac\n    if [[ $word == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n    fi\n}\n"
           "complete -o default -F _ork ork\n");
    return 0;
}
