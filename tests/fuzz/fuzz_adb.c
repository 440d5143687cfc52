/* SPDX-License-Identifier: Apache-2.0 */
/* What an adb server answers: the first byte says to what. */
#include "wire_memory.h"

#include "device/adb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const char message[ADB_TEXT])
{
    for (size_t i = 0; message[i]; i++)
        if ((unsigned char)message[i] < ' ')
            abort();
}

static void check_devices(const char *text)
{
    ork_arena *arena = ork_arena_new();
    ork_diag *diag = ork_diag_new();
    adb_devices devices;
    adb_parse_devices(text, arena, &devices);
    for (size_t i = 0; i < devices.count; i++) {
        const adb_device *device = &devices.items[i];
        const bool good = adb_check_state(diag, device);
        if (!*device->serial || !*device->state || strlen(device->model) >= sizeof(device->model))
            abort();
        if (good != (strcmp(device->state, "device") == 0))
            abort();
    }
    ork_diag_free(diag);
    ork_arena_free(arena);
}

static void read_list(wire *w)
{
    char message[ADB_TEXT];
    ork_str text = {0};
    if (adb_read_okay(w, message) && adb_read_text(w, &text) && text.length)
        check_devices(text.text);
    else
        check_message(message);
    ork_str_free(&text);
}

static void read_sync(wire *w)
{
    char message[ADB_TEXT];
    adb_read_sync(w, message);
    check_message(message);
}

/* The list alone, without the digits of its length. */
static void read_lines(wire *w)
{
    const memory *server = w->user;
    ork_str text = {0};
    ork_str_append(&text, (const char *)server->data, server->size);
    check_devices(text.text);
    ork_str_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(wire *) = {read_list, read_sync, read_lines};
    if (size == 0)
        return 0;
    memory server = {data + 1, size - 1, 0, 0};
    wire w = wire_of_memory(&server);
    readers[data[0] % ORK_COUNT(readers)](&w);
    return 0;
}
