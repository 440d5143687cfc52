/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in where SDL2 was not there at build time. */
#include "cli.h"

ork_cli_window *ork_cli_window_open(const char *title, const char **problem)
{
    (void)title;
    *problem = "this ork was built without SDL2";
    return NULL;
}

void ork_cli_window_close(ork_cli_window *window)
{
    (void)window;
}

bool ork_cli_window_show(ork_cli_window *window, const ork_picture *picture, const char *title,
                         bool wait)
{
    (void)window, (void)picture, (void)title, (void)wait;
    return false;
}
