/* SPDX-License-Identifier: Apache-2.0 */
/* Which of adb's devices is meant, and whether it can be used: the rules of the vendor's toolkit,
   which wants a device_id wherever there is a choice. */
#include "adb.h"

#include <stdlib.h>
#include <string.h>

typedef struct state_row {
    const char *state;
    ork_error_id error;
    const char *what;
} state_row;

static const state_row states[] = {
    {"offline", ORK_ERR_DEVICE_OFFLINE, "the board is offline: it does not answer adb"},
    {"unauthorized", ORK_ERR_DEVICE_UNAUTHORIZED, "the board does not know this computer"},
    {"authorizing", ORK_ERR_DEVICE_UNAUTHORIZED, "the board has not allowed this computer yet"},
    {"no permissions", ORK_ERR_DEVICE_PERMISSION,
     "this user may not use the board's USB connection"},
    {"connecting", ORK_ERR_DEVICE_OFFLINE, "the board is being connected"},
    {"recovery", ORK_ERR_DEVICE, "the board is in recovery mode"},
    {"sideload", ORK_ERR_DEVICE, "the board waits for an update"},
    {"bootloader", ORK_ERR_DEVICE, "the board is in its boot loader"},
};

bool adb_check_state(ork_diag *diag, const adb_device *device)
{
    if (strcmp(device->state, "device") == 0)
        return true;
    const state_row *row = NULL;
    for (size_t i = 0; i < ORK_COUNT(states) && !row; i++)
        if (strcmp(states[i].state, device->state) == 0)
            row = &states[i];
    ork_fail(diag, row ? row->error : ORK_ERR_DEVICE, "%s",
             row ? row->what : "the board cannot be used now");
    ork_where(diag, "%s", device->serial);
    return ork_why(diag, "adb says: %s", device->state);
}

static void append_list(ork_str *text, const adb_devices *devices)
{
    for (size_t i = 0; i < devices->count; i++)
        ork_str_printf(text, "%s%s (%s)", i ? ", " : "", devices->items[i].serial,
                       devices->items[i].state);
}

static const adb_device *find(ork_diag *diag, const adb_devices *devices, const char *serial)
{
    for (size_t i = 0; i < devices->count; i++)
        if (strcmp(devices->items[i].serial, serial) == 0)
            return &devices->items[i];
    ork_str list = {0};
    append_list(&list, devices);
    ork_fail(diag, ORK_ERR_DEVICE_UNKNOWN, "no board '%s' is connected", serial);
    if (devices->count == 0)
        ork_why(diag, "adb sees no device at all");
    else
        ork_why(diag, "adb sees: %s", list.text);
    ork_fix(diag, "look at ork devices; a network address is given as tcp:HOST:PORT");
    ork_str_free(&list);
    return NULL;
}

static const adb_device *find_only(ork_diag *diag, const adb_devices *devices)
{
    const adb_device *usable = NULL;
    size_t count = 0;
    for (size_t i = 0; i < devices->count; i++) {
        if (strcmp(devices->items[i].state, "device") != 0)
            continue;
        usable = &devices->items[i];
        count++;
    }
    if (devices->count == 0) {
        ork_fail(diag, ORK_ERR_DEVICE_NONE, "no board is connected");
        ork_why(diag, "the adb server sees no device");
    }
    if (devices->count == 1)
        return devices->items;
    if (count == 1 || devices->count == 0)
        return usable;
    ork_str list = {0};
    append_list(&list, devices);
    ork_fail(diag, ORK_ERR_DEVICE_SEVERAL, "%zu boards are connected", devices->count);
    ork_why(diag, "adb sees: %s", list.text);
    ork_fix(diag, "say which: device_id='%s', or --device %s", devices->items[0].serial,
            devices->items[0].serial);
    ork_str_free(&list);
    return NULL;
}

char *adb_choose(ork_diag *diag, const char *serial)
{
    char *chosen = NULL;
    adb_devices devices;
    ork_arena *arena = ork_arena_new();
    if (adb_list(diag, arena, &devices)) {
        const adb_device *device =
            serial ? find(diag, &devices, serial) : find_only(diag, &devices);
        if (device && adb_check_state(diag, device))
            chosen = strdup(device->serial);
    }
    ork_arena_free(arena);
    return chosen;
}
