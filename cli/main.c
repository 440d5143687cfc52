/* SPDX-License-Identifier: Apache-2.0 */
/* ork: finds the verb, reads its options, runs it. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const ork_cli_verb ork_cli_verbs[] = {
#define ORK_VERB(name, arguments, fewest, most, summary, text, examples)                           \
    {#name,         arguments, fewest, most, summary, text, examples, ork_cli_##name##_options,    \
     ork_cli_##name},
#include "verbs.def"
#undef ORK_VERB
    {0},
};

const ork_cli_verb *ork_cli_find_verb(const char *name)
{
    for (const ork_cli_verb *verb = ork_cli_verbs; verb->name; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

static int unknown_verb(ork_cli *cli, const char *name)
{
    ork_cli_list names = {0};
    for (const ork_cli_verb *verb = ork_cli_verbs; verb->name; verb++)
        ork_cli_list_add(&names, verb->name);
    const char *near = ork_cli_nearest(name, names.items);
    return ork_cli_fail(cli, "E0004", NULL, NULL,
                        near ? ork_cli_format("did you mean %s?", near)
                             : "ork help lists the verbs",
                        "there is no verb %s", name);
}

static int wrong_count(ork_cli *cli)
{
    const ork_cli_verb *verb = cli->verb;
    return ork_cli_fail(cli, "E0004", NULL, NULL,
                        ork_cli_format("usage: ork %s %s; see ork help %s", verb->name,
                                       verb->arguments, verb->name),
                        "%s %s arguments", verb->name,
                        cli->arguments.count < verb->fewest ? "needs more" : "takes fewer");
}

/* Asked before the options are read, so that errors in them come in the right form. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--json=-") == 0)
            return true;
    return false;
}

static void set_terminal(ork_cli *cli)
{
    enum { AUTO, ALWAYS, NEVER };
    enum { PROGRESS_BAR, PROGRESS_LINES };
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && !(kind && strcmp(kind, "dumb") == 0);
    cli->colour = cli->colour_choice == ALWAYS ||
                  (cli->colour_choice == AUTO && terminal && !(no_colour && *no_colour));
    cli->bar = terminal && !cli->quiet && cli->progress_choice == PROGRESS_BAR;
    cli->progress_lines = cli->progress_choice == PROGRESS_LINES;
}

static int run_verb(ork_cli *cli, int argc, char **argv)
{
    int code = ork_cli_parse(cli, argc, argv);
    if (code)
        return code;
    set_terminal(cli);
    if (cli->help) {
        ork_cli_print_help(cli->verb);
        return 0;
    }
    if (cli->version)
        return ork_cli_version(cli);
    int given = cli->arguments.count;
    if (given < cli->verb->fewest || (cli->verb->most >= 0 && given > cli->verb->most))
        return wrong_count(cli);
    return cli->verb->run(cli);
}

/* No verb: --help, --version, or nothing at all. */
static int run_bare(ork_cli *cli, int argc, char **argv)
{
    int code = ork_cli_parse(cli, argc, argv);
    if (code)
        return code;
    set_terminal(cli);
    cli->verb = ork_cli_find_verb(cli->version ? "version" : "help");
    if (cli->version || cli->help)
        return cli->verb->run(cli);
    ork_cli_print_overview(stderr);
    return 2;
}

static int dispatch(ork_cli *cli, int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-')
        return run_bare(cli, argc - 1, argv + 1);
    cli->verb = ork_cli_find_verb(argv[1]);
    if (!cli->verb)
        return unknown_verb(cli, argv[1]);
    return run_verb(cli, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
    ork_cli cli = {.json = wants_json(argc, argv)};
    cli.values = ork_cli_alloc(ORK_CLI_VALUES_SIZE);
    set_terminal(&cli);
    ork_cli_catch_interrupt();
    int code = dispatch(&cli, argc, argv);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    cli.json = cli.json && written; /* else the error would go the same way */
    if (!written && !code)
        code = ork_cli_fail(&cli, "E0102", NULL, NULL, NULL, "the output could not be written");
    ork_cli_free_all();
    return code;
}
