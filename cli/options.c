/* SPDX-License-Identifier: Apache-2.0 */
/* Options in the manner of getopt_long, read from the tables that also print the help. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const ork_cli_option ork_cli_common_options[] = {
    {"threads", 't', ORK_CLI_INT, "N", "threads to use; 0, the default, takes all processors",
     offsetof(ork_cli, threads), 0, 4096},
    {"json", 0, ORK_CLI_FLAG, NULL, "print one JSON document, errors included",
     offsetof(ork_cli, json), 0, 0},
    {"quiet", 'q', ORK_CLI_FLAG, NULL, "print results and errors only", offsetof(ork_cli, quiet), 0,
     0},
    {"verbose", 'v', ORK_CLI_COUNTER, NULL, "print notes; twice for details",
     offsetof(ork_cli, verbose), 0, 0},
    {"color", 0, ORK_CLI_CHOICE, "auto|always|never",
     "colour messages; auto does on a terminal where NO_COLOR is not set",
     offsetof(ork_cli, colour_choice), 0, 0},
    {"progress", 0, ORK_CLI_CHOICE, "auto|lines|none",
     "how far long work is: a bar on a terminal, or lines of JSON on stderr for programs",
     offsetof(ork_cli, progress_choice), 0, 0},
    {"help", 'h', ORK_CLI_FLAG, NULL, "show this help", offsetof(ork_cli, help), 0, 0},
    {"version", 0, ORK_CLI_FLAG, NULL, "show the version", offsetof(ork_cli, version), 0, 0},
    {0},
};

/* An option together with the structure its field is in. */
typedef struct found_option {
    const ork_cli_option *row;
    void *values;
} found_option;

/* The verb's options hide common ones of the same name. */
static int tables(ork_cli *cli, found_option table[2])
{
    int count = 0;
    if (cli->verb && cli->verb->options)
        table[count++] = (found_option){cli->verb->options, cli->values};
    table[count++] = (found_option){ork_cli_common_options, cli};
    return count;
}

static bool takes_value(const ork_cli_option *row)
{
    return row->kind != ORK_CLI_FLAG && row->kind != ORK_CLI_COUNTER;
}

/* By exact name, or by a beginning that only one option has. */
static found_option find_long(ork_cli *cli, const char *name, size_t length)
{
    found_option table[2], found = {0};
    int matches = 0;
    for (int t = 0, count = tables(cli, table); t < count; t++) {
        for (const ork_cli_option *row = table[t].row; row->name; row++) {
            if (strncmp(row->name, name, length) != 0)
                continue;
            if (strlen(row->name) == length)
                return (found_option){row, table[t].values};
            found = (found_option){row, table[t].values};
            matches++;
        }
    }
    return matches == 1 ? found : (found_option){0};
}

static found_option find_letter(ork_cli *cli, char letter)
{
    found_option table[2];
    for (int t = 0, count = tables(cli, table); t < count; t++)
        for (const ork_cli_option *row = table[t].row; row->name; row++)
            if (row->letter == letter)
                return (found_option){row, table[t].values};
    return (found_option){0};
}

/* ---- values ---- */

static int bad_value(ork_cli *cli, const ork_cli_option *row, const char *text, const char *why)
{
    return ork_cli_fail(cli, "E0004", NULL, why, NULL, "--%s does not take '%s'", row->name, text);
}

static int set_number(ork_cli *cli, found_option found, const char *text, void *field)
{
    const ork_cli_option *row = found.row;
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    bool whole = row->kind == ORK_CLI_INT;
    if (end == text || *end || errno || !isfinite(number) || (whole && number != floor(number)))
        return bad_value(cli, row, text, whole ? "it is no whole number" : "it is no number");
    double low = row->low, high = row->high;
    if (low == 0 && high == 0) {
        low = -2147483647;
        high = 2147483647;
    }
    if (number < low || number > high)
        return bad_value(cli, row, text, ork_cli_format("it must be between %g and %g", low, high));
    if (whole)
        *(int *)field = (int)number;
    else
        *(double *)field = number;
    return 0;
}

static int set_choice(ork_cli *cli, found_option found, const char *text, void *field)
{
    const char *choice = found.row->value;
    for (int index = 0; choice; index++) {
        size_t length = strcspn(choice, "|");
        if (strlen(text) == length && memcmp(text, choice, length) == 0) {
            *(int *)field = index;
            return 0;
        }
        choice = choice[length] ? choice + length + 1 : NULL;
    }
    return bad_value(cli, found.row, text,
                     ork_cli_format("it must be one of %s", found.row->value));
}

static int set_value(ork_cli *cli, found_option found, const char *text)
{
    void *field = (char *)found.values + found.row->offset;
    switch (found.row->kind) {
    case ORK_CLI_FLAG:
        *(bool *)field = true;
        return 0;
    case ORK_CLI_COUNTER:
        ++*(int *)field;
        return 0;
    case ORK_CLI_TEXT:
        *(const char **)field = text;
        return 0;
    case ORK_CLI_LIST:
        ork_cli_list_add(field, text);
        return 0;
    case ORK_CLI_CHOICE:
        return set_choice(cli, found, text, field);
    case ORK_CLI_INT:
    case ORK_CLI_NUMBER:
        return set_number(cli, found, text, field);
    }
    return 0;
}

/* ---- parsing ---- */

static int unknown_option(ork_cli *cli, const char *text)
{
    ork_cli_list names = {0};
    found_option table[2];
    for (int t = 0, count = tables(cli, table); t < count; t++)
        for (const ork_cli_option *row = table[t].row; row->name; row++)
            ork_cli_list_add(&names, row->name);
    const char *near =
        text[0] == '-' && text[1] == '-' ? ork_cli_nearest(text + 2, names.items) : NULL;
    const char *fix =
        ork_cli_format("see ork help%s%s", cli->verb ? " " : "", cli->verb ? cli->verb->name : "");
    if (near)
        fix = ork_cli_format("did you mean --%s?", near);
    return ork_cli_fail(cli, "E0004", NULL, NULL, fix, "there is no option %s", text);
}

static int missing_value(ork_cli *cli, const ork_cli_option *row)
{
    return ork_cli_fail(cli, "E0004", NULL, NULL,
                        ork_cli_format("write --%s %s", row->name, row->value),
                        "--%s needs a value", row->name);
}

/* Both return 0 or an exit code; *i moves on when the next argument was the value. */
static int parse_long(ork_cli *cli, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    found_option found = find_long(cli, name, length);
    if (!found.row)
        return unknown_option(cli, ork_cli_format("--%.*s", (int)length, name));
    if (!takes_value(found.row) && equals)
        return ork_cli_fail(cli, "E0004", NULL, NULL, NULL, "--%s takes no value", found.row->name);
    const char *value = equals ? equals + 1 : NULL;
    if (takes_value(found.row) && !value) {
        if (*i + 1 >= argc)
            return missing_value(cli, found.row);
        value = argv[++*i];
    }
    return set_value(cli, found, value);
}

static int parse_letters(ork_cli *cli, int argc, char **argv, int *i)
{
    for (const char *letter = argv[*i] + 1; *letter; letter++) {
        found_option found = find_letter(cli, *letter);
        if (!found.row)
            return unknown_option(cli, ork_cli_format("-%c", *letter));
        if (takes_value(found.row)) {
            if (!letter[1] && *i + 1 >= argc)
                return missing_value(cli, found.row);
            return set_value(cli, found, letter[1] ? letter + 1 : argv[++*i]);
        }
        int code = set_value(cli, found, NULL);
        if (code)
            return code;
    }
    return 0;
}

int ork_cli_parse(ork_cli *cli, int argc, char **argv)
{
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        int code = 0;
        if (only_arguments || text[0] != '-' || !text[1])
            ork_cli_list_add(&cli->arguments, text);
        else if (strcmp(text, "--") == 0)
            only_arguments = true;
        else if (text[1] == '-')
            code = parse_long(cli, argc, argv, &i);
        else
            code = parse_letters(cli, argc, argv, &i);
        if (code)
            return code;
    }
    return 0;
}
