/* SPDX-License-Identifier: Apache-2.0 */
/* ork.1, from the tables that also print the help. */
#include "cli.h"

#include <string.h>

/* roff takes points and quotes at the beginning of a line, hyphens and backslashes anywhere, for
   something else. */
static void put_roff(const char *text, size_t length)
{
    static const struct {
        char letter;
        const char *written;
    } escapes[] = {{'\\', "\\e"}, {'-', "\\-"}, {'\'', "\\(aq"}, {'^', "\\(ha"}, {'~', "\\(ti"}};
    if (length && text[0] == '.')
        printf("\\&");
    for (size_t i = 0; i < length; i++) {
        size_t row = 0;
        while (row < ORK_CLI_COUNT(escapes) && escapes[row].letter != text[i])
            row++;
        if (row < ORK_CLI_COUNT(escapes))
            printf("%s", escapes[row].written);
        else
            putchar(text[i]);
    }
}

static void put_text(const char *text)
{
    put_roff(text, strlen(text));
}

/* Each line of the text as one of the page. */
static void put_lines(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        put_roff(text, length);
        putchar('\n');
        text += length + (text[length] == '\n');
    }
}

static void put_options(const ork_cli_option *rows)
{
    for (; rows->name; rows++) {
        printf(".TP\n");
        if (rows->letter)
            printf("\\fB\\-%c\\fR, ", rows->letter);
        printf("\\fB\\-\\-");
        put_text(rows->name);
        printf("\\fR");
        if (rows->value) {
            printf(" \\fI");
            put_text(rows->value);
            printf("\\fR");
        }
        printf("\n");
        put_lines(rows->help);
    }
}

static void put_verb(const ork_cli_verb *verb)
{
    printf(".SS %s\n\\fBork %s\\fR [\\fIOPTION\\fR]... \\fI", verb->name, verb->name);
    put_text(verb->arguments);
    printf("\\fR\n.PP\n%c", verb->summary[0] - 'a' + 'A');
    put_text(verb->summary + 1);
    printf(".\n");
    put_lines(verb->text);
    put_options(verb->options);
    printf(".PP\n.EX\n");
    put_lines(verb->examples);
    printf(".EE\n");
}

void ork_cli_print_manual(void)
{
    printf(".\\\" Written by `ork help --man`.\n"
           ".TH ORK 1 \"\" \"ork %s\" \"User Commands\"\n"
           ".SH NAME\nork \\- neural networks for RK1808 and RV1126 class processors\n"
           ".SH SYNOPSIS\n.B ork\n\\fIVERB\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n"
           ".SH DESCRIPTION\n",
           ork_version());
    put_lines(
        "Turns trained networks into .rknn files, runs these on the computer as the processor "
        "does,\nand finds objects in pictures and videos with them.");
    printf(".SH VERBS\n");
    for (const ork_cli_verb *verb = ork_cli_verbs; verb->name; verb++)
        put_verb(verb);
    printf(".SH COMMON OPTIONS\nAll verbs take these, unless they have one of the same name.\n");
    put_options(ork_cli_common_options);
    printf(".SH EXIT STATUS\n");
    for (int code = 0; code <= ORK_CLI_LAST_EXIT_CODE; code++)
        if (ork_cli_exit_meaning(code))
            printf(".TP\n.B %d\n%s\n", code, ork_cli_exit_meaning(code));
    printf(".SH ENVIRONMENT\n"
           ".TP\n.B NO_COLOR\nWhen set, messages have no colour.\n"
           ".TP\n.B TMPDIR\nWhere the list of a folder's pictures is kept during "
           "\\fBork convert\\fR; /tmp by default.\n");
}
