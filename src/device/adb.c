/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "adb.h"

#include "socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SECONDS = 10,         /* to connect with the server, and without a byte from it */
    SHELL_SECONDS = 60,   /* without a byte from a command on the board */
    OLDEST_SERVER = 32,   /* 1.0.32: before it devices-l and shells had other forms */
    NEWEST_SERVER = 1000, /* what answers with more is no adb */
    MOST_TEXT = 1 << 20,  /* of an answer */
    PIECE = 1 << 16,      /* of a file: the most that every adbd takes */
    OUR_MODE = 0100755,
};

/* ---- answers ---- */

static bool read_hex(wire *w, size_t *number)
{
    char digits[5] = "";
    char *end;
    if (!w->read(w, digits, 4))
        return false;
    *number = strtoul(digits, &end, 16);
    return (end == digits + 4 && strspn(digits, "0123456789abcdefABCDEF") == 4) ||
           wire_trouble_is(w, WIRE_GARBLED);
}

static bool read_bytes(wire *w, size_t size, ork_str *text)
{
    char room[4096];
    while (size > 0) {
        const size_t part = ork_min_size(size, sizeof(room));
        if (!w->read(w, room, part))
            return false;
        ork_str_append(text, room, part);
        size -= part;
    }
    return true;
}

bool adb_read_text(wire *w, ork_str *text)
{
    size_t size;
    return read_hex(w, &size) && read_bytes(w, size, text);
}

/* One line of people's text, whatever came. */
static void copy_message(const ork_str *text, char message[ADB_TEXT])
{
    const size_t size = ork_min_size(text->length, ADB_TEXT - 1);
    for (size_t i = 0; i < size; i++)
        message[i] = (char)((unsigned char)text->text[i] < ' ' ? ' ' : text->text[i]);
    message[size] = '\0';
}

bool adb_read_okay(wire *w, char message[ADB_TEXT])
{
    char word[4];
    ork_str text = {0};
    message[0] = '\0';
    if (!w->read(w, word, sizeof(word)))
        return false;
    if (memcmp(word, "OKAY", 4) == 0)
        return true;
    if (memcmp(word, "FAIL", 4) != 0)
        return wire_trouble_is(w, WIRE_GARBLED);
    if (adb_read_text(w, &text))
        copy_message(&text, message);
    ork_str_free(&text);
    return false;
}

bool adb_read_sync(wire *w, char message[ADB_TEXT])
{
    uint8_t head[8];
    ork_str text = {0};
    message[0] = '\0';
    if (!w->read(w, head, sizeof(head)))
        return false;
    ork_reader reader = ork_reader_new((ork_bytes){head + 4, 4});
    const size_t size = ork_read_u32(&reader);
    if (memcmp(head, "OKAY", 4) == 0)
        return true;
    if (memcmp(head, "FAIL", 4) != 0 || size > MOST_TEXT)
        return wire_trouble_is(w, WIRE_GARBLED);
    if (read_bytes(w, size, &text))
        copy_message(&text, message);
    ork_str_free(&text);
    return false;
}

/* ---- lists of devices ---- */

/* The text after `name` up to the next space: "model:" of "... model:RK1808_EVB device:...". */
static void find_field(const char *line, size_t length, const char *name, char *to, size_t size)
{
    const size_t skip = strlen(name);
    to[0] = '\0';
    for (size_t i = 0; i + skip < length; i++) {
        if (line[i] != ' ' || strncmp(line + i + 1, name, skip) != 0)
            continue;
        const char *value = line + i + 1 + skip;
        const size_t most = (size_t)(line + length - value);
        const size_t end = ork_min_size(strcspn(value, " \n"), most);
        snprintf(to, size, "%.*s", (int)ork_min_size(end, size - 1), value);
        return;
    }
}

/* "SERIAL   STATE key:value ..."; the state is one word, but for "no permissions". */
static void parse_line(const char *line, size_t length, ork_arena *arena, adb_devices *devices)
{
    static const char denied[] = "no permissions";
    adb_device device = {.serial = ""};
    const size_t serial = ork_min_size(strcspn(line, " \t\n"), length);
    size_t at = serial;
    while (at < length && (line[at] == ' ' || line[at] == '\t'))
        at++;
    size_t state = ork_min_size(strcspn(line + at, " \t\n"), length - at);
    if (strncmp(line + at, denied, sizeof(denied) - 1) == 0)
        state = sizeof(denied) - 1;
    if (serial == 0 || serial >= sizeof(device.serial) || state == 0 ||
        state >= sizeof(device.state))
        return;
    memcpy(device.serial, line, serial);
    memcpy(device.state, line + at, state);
    find_field(line, length, "model:", device.model, sizeof(device.model));
    ork_vec_push(arena, devices, device);
}

void adb_parse_devices(const char *text, ork_arena *arena, adb_devices *devices)
{
    *devices = (adb_devices){0};
    while (*text) {
        const size_t length = strcspn(text, "\n");
        parse_line(text, length, arena, devices);
        text += length + (text[length] == '\n');
    }
}

/* ---- talking to the server ---- */

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static int connect_server(void)
{
    return socket_connect(setting("ANDROID_ADB_SERVER_ADDRESS", "127.0.0.1"),
                          setting("ANDROID_ADB_SERVER_PORT", "5037"), SECONDS);
}

/* Sends a request and reads OKAY; message as adb_read_okay. */
static bool ask(wire *w, char message[ADB_TEXT], const char *format, ...) ORK_PRINTF(3, 4);
static bool ask(wire *w, char message[ADB_TEXT], const char *format, ...)
{
    char head[8];
    va_list args;
    ork_arena *arena = ork_arena_new();
    va_start(args, format);
    char *text = ork_arena_vprintf(arena, format, args);
    va_end(args);
    snprintf(head, sizeof(head), "%04x", (unsigned)(strlen(text) & 0xffff));
    struct iovec parts[] = {{head, 4}, {text, strlen(text)}};
    message[0] = '\0';
    w->in_frame = true; /* the server is patient with us, and we are not */
    const bool good = strlen(text) <= 0xffff && w->write(w, parts, 2) && adb_read_okay(w, message);
    ork_arena_free(arena);
    return good;
}

/* One request and its text, on a connection of its own. */
static bool ask_text(const char *request, ork_str *text, char message[ADB_TEXT])
{
    const int fd = connect_server();
    message[0] = '\0';
    if (fd < 0)
        return false;
    wire w = wire_of_socket(fd, SECONDS);
    const bool good = ask(&w, message, "%s", request) && adb_read_text(&w, text);
    close(fd);
    return good;
}

int adb_server_version(void)
{
    char message[ADB_TEXT];
    ork_str text = {0};
    int version = -1;
    if (ask_text("host:version", &text, message) && text.length == 4)
        version = (int)strtol(text.text, NULL, 16);
    ork_str_free(&text);
    return version;
}

/* ---- a server that answers ---- */

static bool check_version(ork_diag *diag, int version)
{
    if (version >= OLDEST_SERVER && version <= NEWEST_SERVER)
        return true;
    if (version < 0) {
        ork_fail(diag, ORK_ERR_ADB_SERVER, "what listens on the port of the adb server is none");
        return ork_fix(diag, "name another port: ANDROID_ADB_SERVER_PORT");
    }
    ork_fail(diag, ORK_ERR_ADB_VERSION, "the adb server is version %d", version);
    return ork_why(diag, "1.0.%d is the oldest that is understood", OLDEST_SERVER);
}

static bool start_server(ork_diag *diag)
{
    char *program = adb_program();
    const char *wanted = getenv("ORK_ADB");
    if (!program) {
        if (wanted && *wanted)
            return ork_fail(diag, ORK_ERR_ADB_MISSING, "there is no program '%s'", wanted);
        return ork_fail(diag, ORK_ERR_ADB_MISSING, "no adb server runs, and there is no adb");
    }
    ork_log(diag, ORK_LOG_NOTE, "starting the adb server: %s start-server", program);
    ork_str said = {0};
    const bool good = adb_run(program, "start-server", &said) && adb_server_version() >= 0;
    if (!good) {
        ork_fail(diag, ORK_ERR_ADB_SERVER, "%s cannot start its server", program);
        if (said.length)
            ork_why(diag, "%s", said.text);
    }
    ork_str_free(&said);
    free(program);
    return good;
}

static bool have_server(ork_diag *diag)
{
    const int fd = connect_server();
    if (fd < 0)
        return start_server(diag) && check_version(diag, adb_server_version());
    close(fd);
    return check_version(diag, adb_server_version());
}

bool adb_list(ork_diag *diag, ork_arena *arena, adb_devices *devices)
{
    char message[ADB_TEXT];
    ork_str text = {0};
    *devices = (adb_devices){0};
    if (!have_server(diag))
        return false;
    const bool good = ask_text("host:devices-l", &text, message);
    if (good && text.length)
        adb_parse_devices(text.text, arena, devices);
    ork_str_free(&text);
    if (good)
        return true;
    ork_fail(diag, ORK_ERR_ADB_SERVER, "the adb server does not list its devices");
    return *message ? ork_why(diag, "%s", message) : false;
}

void adb_state(const char *serial, char state[32])
{
    char message[ADB_TEXT];
    ork_str text = {0};
    adb_devices devices = {0};
    ork_arena *arena = ork_arena_new();
    if (ask_text("host:devices-l", &text, message) && text.length)
        adb_parse_devices(text.text, arena, &devices);
    state[0] = '\0';
    for (size_t i = 0; i < devices.count; i++)
        if (strcmp(devices.items[i].serial, serial) == 0)
            memcpy(state, devices.items[i].state, sizeof(devices.items[i].state));
    ork_str_free(&text);
    ork_arena_free(arena);
}

/* ---- a device ---- */

/* A connection that goes on with the device; -1 with the error set. */
static int open_device(ork_diag *diag, const char *serial, wire *w)
{
    char message[ADB_TEXT];
    const int fd = connect_server();
    if (fd < 0) {
        const int reason = errno;
        ork_fail(diag, ORK_ERR_ADB_SERVER, "the adb server cannot be reached");
        ork_why(diag, "%s", strerror(reason));
        return -1;
    }
    *w = wire_of_socket(fd, SECONDS);
    if (ask(w, message, "host:transport:%s", serial))
        return fd;
    close(fd);
    ork_fail(diag, ORK_ERR_BOARD_LOST, "the board cannot be reached");
    ork_where(diag, "%s", serial);
    if (*message)
        ork_why(diag, "adb says: %s", message);
    return -1;
}

static bool open_failed(ork_diag *diag, const char *serial, const char *message)
{
    ork_fail(diag, ORK_ERR_BOARD_LOST, "the board was unplugged, or has restarted");
    ork_where(diag, "%s", serial);
    return *message ? ork_why(diag, "adb says: %s", message) : false;
}

/* Reads until the other end closes, as a command's end is told. */
static bool read_output(wire *w, ork_str *output)
{
    char byte;
    w->in_frame = true;
    w->patience = SHELL_SECONDS;
    while (output->length < MOST_TEXT) {
        if (!w->read(w, &byte, 1))
            return w->trouble == WIRE_LOST;
        ork_str_append(output, &byte, 1);
    }
    return true;
}

bool adb_shell(ork_diag *diag, const char *serial, const char *command, ork_str *output)
{
    char message[ADB_TEXT];
    wire w;
    const int fd = open_device(diag, serial, &w);
    if (fd < 0)
        return false;
    const bool good = ask(&w, message, "shell:%s", command) && read_output(&w, output);
    close(fd);
    return good || open_failed(diag, serial, message);
}

int adb_tunnel(ork_diag *diag, const char *serial, const char *port)
{
    char message[ADB_TEXT];
    wire w;
    const int fd = open_device(diag, serial, &w);
    if (fd < 0 || ask(&w, message, "tcp:%s", port))
        return fd;
    close(fd);
    open_failed(diag, serial, message);
    return -1;
}

/* ---- files ---- */

static bool send_sync(wire *w, const char *word, uint32_t number, const void *data, size_t size)
{
    uint8_t head[8];
    memcpy(head, word, 4);
    for (int i = 0; i < 4; i++)
        head[4 + i] = (uint8_t)(number >> 8 * i);
    struct iovec parts[] = {{head, sizeof(head)}, {(void *)(uintptr_t)data, size}};
    return w->write(w, parts, 2);
}

/* A device that does not take the file closes before its end: then its answer says why. */
static bool send_file(wire *w, ork_bytes bytes, const char *path, char refusal[ADB_TEXT])
{
    char place[1024];
    const int length = snprintf(place, sizeof(place), "%s,%d", path, OUR_MODE);
    if (length < 0 || (size_t)length >= sizeof(place))
        return false;
    bool good = send_sync(w, "SEND", (uint32_t)length, place, (size_t)length);
    for (size_t at = 0; good && at < bytes.size; at += PIECE) {
        const size_t size = ork_min_size(bytes.size - at, PIECE);
        good = send_sync(w, "DATA", (uint32_t)size, bytes.data + at, size);
    }
    if (good)
        send_sync(w, "DONE", 0, NULL, 0);
    w->trouble = WIRE_FINE;
    return adb_read_sync(w, refusal);
}

bool adb_push(ork_diag *diag, const char *serial, ork_bytes bytes, const char *path,
              char refusal[ADB_TEXT])
{
    wire w;
    refusal[0] = '\0';
    const int fd = open_device(diag, serial, &w);
    if (fd < 0)
        return false;
    w.patience = SHELL_SECONDS;
    const bool good = ask(&w, refusal, "sync:") && send_file(&w, bytes, path, refusal);
    if (good)
        send_sync(&w, "QUIT", 0, NULL, 0);
    close(fd);
    return good || open_failed(diag, serial, refusal);
}
