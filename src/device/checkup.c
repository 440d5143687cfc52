/* SPDX-License-Identifier: Apache-2.0 */
/* What is connected, and what stands between this computer and a board. */
#include "adb.h"
#include "install.h"

#include <stdlib.h>
#include <string.h>

bool ork_devices_list(ork_diag *diag, ork_arena *arena, ork_device_rows *rows)
{
    adb_devices devices;
    *rows = (ork_device_rows){0};
    if (!adb_list(diag, arena, &devices))
        return false;
    for (size_t i = 0; i < devices.count; i++) {
        const adb_device *device = &devices.items[i];
        ork_diag *own = ork_diag_new();
        adb_check_state(own, device);
        const ork_error *error = ork_diag_error(own);
        const ork_device_row row = {device->serial,
                                    device->state,
                                    device->model,
                                    error->id,
                                    ork_arena_strdup(arena, error->what),
                                    ork_arena_strdup(arena, *error->id ? error->fix : "")};
        ork_vec_push(arena, rows, row);
        ork_diag_free(own);
    }
    return true;
}

/* ---- the checkup ---- */

typedef struct checkup {
    ork_arena *arena;
    ork_checkup_rows *rows;
} checkup;

static void add_good(checkup *c, const char *name, const char *text)
{
    const ork_checkup_row row = {name, true, text, "", ""};
    ork_vec_push(c->arena, c->rows, row);
}

static void add_error(checkup *c, const char *name, const ork_diag *diag)
{
    const ork_error *error = ork_diag_error(diag);
    const char *text = *error->why ? ork_arena_printf(c->arena, "%s (%s)", error->what, error->why)
                                   : ork_arena_strdup(c->arena, error->what);
    const ork_checkup_row row = {name, false, text, error->id,
                                 ork_arena_strdup(c->arena, error->fix)};
    ork_vec_push(c->arena, c->rows, row);
}

/* Two adb of different versions stop each other's server whenever one is run. */
static void check_adb(checkup *c, ork_diag *diag)
{
    char *program = adb_program();
    const int own = program ? adb_program_version(program) : -1;
    const int server = adb_server_version();
    if (program && own < 0) {
        ork_fail(diag, ORK_ERR_ADB_MISSING, "%s does not say which version it is", program);
    } else if (!program && server < 0) {
        ork_fail(diag, ORK_ERR_ADB_MISSING, "no adb server runs, and there is no adb");
    } else if (program && server >= 0 && own != server) {
        ork_fail(diag, ORK_ERR_ADB_VERSION, "the adb server is version %d, but %s is version %d",
                 server, program, own);
        ork_why(diag, "running the program would stop the server, and what uses it");
    }
    if (ork_diag_error_id(diag) != ORK_ERR_NONE)
        add_error(c, "adb", diag);
    else if (program)
        add_good(c, "adb", ork_arena_printf(c->arena, "%s, version 1.0.%d", program, own));
    else
        add_good(c, "adb", "not installed, but a server runs");
    free(program);
}

static void check_devices(checkup *c, ork_diag *diag)
{
    ork_device_rows rows;
    ork_diag_clear(diag);
    if (!ork_devices_list(diag, c->arena, &rows)) {
        add_error(c, "adb server", diag);
        return;
    }
    add_good(c, "adb server", ork_arena_printf(c->arena, "version 1.0.%d", adb_server_version()));
    if (rows.count == 0)
        add_good(c, "boards", "none is connected by adb");
    for (size_t i = 0; i < rows.count; i++) {
        const ork_device_row *device = &rows.items[i];
        const char *name = ork_arena_printf(c->arena, "board %s", device->id);
        const bool good = !*device->error;
        const ork_checkup_row row = {name, good, good ? device->state : device->problem,
                                     device->error, device->fix};
        ork_vec_push(c->arena, c->rows, row);
    }
}

static void check_programs(checkup *c)
{
    static const char *const architectures[] = {"aarch64", "armhf"};
    for (size_t i = 0; i < ORK_COUNT(architectures); i++) {
        ork_str looked = {0};
        ork_diag *diag = ork_diag_new();
        char *path = board_program(architectures[i], &looked);
        const char *name = ork_arena_printf(c->arena, "ork-board-%s", architectures[i]);
        if (path) {
            add_good(c, name, ork_arena_strdup(c->arena, path));
        } else {
            ork_fail(diag, ORK_ERR_BOARD_PROGRAM,
                     "not installed: boards of this kind cannot run it");
            ork_why(diag, "looked in %s", looked.text);
            add_error(c, name, diag);
        }
        free(path);
        ork_diag_free(diag);
        ork_str_free(&looked);
    }
}

static void check_board(checkup *c, ork_diag *diag, const char *device_id)
{
    ork_diag_clear(diag);
    ork_link *link = ork_link_open(diag, device_id);
    if (!link) {
        add_error(c, "ork-board", diag);
        return;
    }
    const ork_board_info info = ork_link_board(link);
    add_good(c, "ork-board",
             ork_arena_printf(c->arena, "version %s on %s: %s, %d processors, %s", info.version,
                              info.id, info.machine, info.processors,
                              *info.chip ? info.chip : "the chip is not known"));
    ork_link_free(link);
}

void ork_checkup_run(ork_arena *arena, const char *device_id, bool connect, ork_checkup_rows *rows)
{
    checkup c = {arena, rows};
    ork_diag *diag = ork_diag_new();
    *rows = (ork_checkup_rows){0};
    check_adb(&c, diag);
    check_devices(&c, diag);
    check_programs(&c);
    if (connect)
        check_board(&c, diag, device_id);
    ork_diag_free(diag);
}
