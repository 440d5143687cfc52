/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in where libmicrohttpd was not there at build time. */
#include "../cli/cli.h"

const ork_cli_option ork_cli_gui_options[] = {{0}};

int ork_cli_gui(ork_cli *cli)
{
    return ork_cli_fail(cli, "E0003", NULL, "this ork was built without libmicrohttpd",
                        "install libmicrohttpd-dev and build again", "there is no page");
}
