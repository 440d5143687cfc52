/* SPDX-License-Identifier: Apache-2.0 */
/* Where this computer keeps ork-board for boards. */
#define _GNU_SOURCE
#include "install.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *machine, *architecture;
} architectures[] = {
    {"aarch64", "aarch64"},
    {"armv8l", "armhf"},
    {"armv7l", "armhf"},
    {"x86_64", "x86_64"},
};

const char *board_architecture(const char *machine)
{
    for (size_t i = 0; i < ORK_COUNT(architectures); i++)
        if (strcmp(architectures[i].machine, machine) == 0)
            return architectures[i].architecture;
    return NULL;
}

static char *look_in(const char *folder, const char *architecture, ork_str *looked)
{
    ork_str path = {0};
    ork_str_printf(&path, "%s/ork-board-%s", folder, architecture);
    ork_str_printf(looked, "%s%s", looked->length ? ", " : "", folder);
    char *found = access(path.text, R_OK) == 0 ? strdup(path.text) : NULL;
    ork_str_free(&path);
    return found;
}

/* From the program or library that holds this function: a build folder has board/ beside cli/ and
   beside python/; an installation has libexec/ beside bin/. */
static char *look_beside(const char *architecture, ork_str *looked)
{
    static const char *const places[] = {"../board", "../../board", "../libexec/openrknn"};
    Dl_info info;
    char *found = NULL;
    if (dladdr(__extension__(void *) board_program, &info) == 0 || !info.dli_fname)
        return NULL;
    char *own = realpath(info.dli_fname, NULL);
    char *slash = own ? strrchr(own, '/') : NULL;
    for (size_t i = 0; slash && !found && i < ORK_COUNT(places); i++) {
        ork_str folder = {0};
        ork_str_printf(&folder, "%.*s/%s", (int)(slash - own), own, places[i]);
        char *real = realpath(folder.text, NULL);
        if (real)
            found = look_in(real, architecture, looked);
        free(real);
        ork_str_free(&folder);
    }
    free(own);
    return found;
}

char *board_program(const char *architecture, ork_str *looked)
{
    const char *wanted = getenv("ORK_BOARD_DIR");
    if (wanted && *wanted)
        return look_in(wanted, architecture, looked);
    char *found = look_beside(architecture, looked);
    return found ? found : look_in(ORK_LIBEXEC, architecture, looked);
}
