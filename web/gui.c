/* SPDX-License-Identifier: Apache-2.0 */
/* ork gui: the page in a browser. */
#include "web.h"

#include <string.h>
#include <unistd.h>

typedef struct values {
    int port;
    bool no_browser;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_gui_options[] = {
    {"port", 'p', ORK_CLI_INT, "N", "port to listen on, or the next free one (default 7000)",
     offsetof(values, port), 1, 65535},
    {"no-browser", 0, ORK_CLI_FLAG, NULL, "open no browser, only print the address",
     offsetof(values, no_browser), 0, 0},
    {0},
};

/* Leaves it to the desktop; without one, the printed address has to do. */
static void open_browser(const char *address)
{
    const char *const argv[] = {"xdg-open", address, NULL};
    ork_cli_child child;
    if (ork_cli_program_exists(argv[0]) && ork_cli_child_start(&child, argv, false))
        ork_cli_child_finish(&child, false);
}

static void ready(ork_cli *cli, const char *address)
{
    const values *v = cli->values;
    if (cli->json) {
        ork_cli_json json;
        ork_cli_json_start(&json, cli);
        ork_cli_json_text(&json, "address", address);
        ork_cli_json_end(&json, stdout);
    }
    ork_cli_say(cli, "%s\nCtrl-C ends it.", address);
    fflush(stdout);
    if (!v->no_browser)
        open_browser(address);
}

int ork_cli_gui(ork_cli *cli)
{
    const values *v = cli->values;
    const char *folder = cli->arguments.count ? cli->arguments.items[0] : ".";
    web_site site = {.verbs = ork_cli_verbs};
    if (chdir(folder) != 0)
        return ork_cli_fail(cli, "E0101", folder, NULL, NULL, "the folder cannot be opened");
    if (!web_gate_new_token(&site.gate))
        return ork_cli_fail(cli, "E0001", NULL, NULL, NULL, "the system gives no random numbers");
    site.jobs = web_jobs_new("/proc/self/exe");
    if (!site.jobs)
        return ork_cli_fail(cli, "E0103", NULL, NULL, NULL, "no memory");
    const int code = web_serve(cli, &site, v->port ? v->port : 7000, ready);
    web_jobs_free(site.jobs);
    return code;
}
