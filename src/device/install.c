/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a board before the first frame: one look around, a copy of ork-board where there
   is none, a start where none runs. The file's name holds the hash of its contents, so that several
   versions live beside each other and none is mistaken for another. */
#define _GNU_SOURCE
#include "install.h"

#include "adb.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HASH_DIGITS = 16, IDLE_SECONDS = 600 };

typedef struct place {
    ork_arena *arena;
    const char *serial;
    const char *machine, *folder; /* of the board */
    const char *architecture;     /* of our program for it */
    ork_file program;
    const char *file; /* on the board */
} place;

/* ---- looking around ---- */

/* The folders that may hold programs: the shell's, Android's, Rockchip's, everybody's. */
static const char folders[] = "\"$TMPDIR\" /data/local/tmp /userdata /tmp";
static const char look[] =
    "echo machine=$(uname -m); for d in %s; do "
    "if [ -n \"$d\" ] && [ -d \"$d\" ] && [ -w \"$d\" ]; then echo folder=$d; break; fi; done";

/* The rest of the line that begins with `name`; NULL when there is none. */
static const char *find_line(ork_arena *arena, const ork_str *text, const char *name)
{
    const size_t skip = strlen(name);
    for (const char *line = text->length ? text->text : ""; *line;) {
        const size_t length = strcspn(line, "\r\n");
        if (length > skip && strncmp(line, name, skip) == 0)
            return ork_arena_strndup(arena, line + skip, length - skip);
        line += length + strspn(line + length, "\r\n");
    }
    return NULL;
}

/* For a shell: in single quotes. */
static const char *quote(ork_arena *arena, const char *text)
{
    ork_str quoted = {0};
    ork_str_append(&quoted, "'", 1);
    for (; *text; text++)
        if (*text == '\'')
            ork_str_append(&quoted, "'\\''", 4);
        else
            ork_str_append(&quoted, text, 1);
    ork_str_append(&quoted, "'", 1);
    const char *copy = ork_arena_strdup(arena, quoted.text);
    ork_str_free(&quoted);
    return copy;
}

static bool look_around(place *p, ork_diag *diag)
{
    const char *wanted = getenv("ORK_BOARD_FOLDER");
    ork_str said = {0};
    const bool has_wanted = wanted && *wanted;
    const char *command =
        ork_arena_printf(p->arena, look, has_wanted ? quote(p->arena, wanted) : folders);
    if (!adb_shell(diag, p->serial, command, &said)) {
        ork_str_free(&said);
        return false;
    }
    p->machine = find_line(p->arena, &said, "machine=");
    p->folder = find_line(p->arena, &said, "folder=");
    ork_str_free(&said);
    if (p->machine && p->folder)
        return true;
    if (p->machine && has_wanted)
        ork_fail(diag, ORK_ERR_DEVICE_WRITE, "'%s' is no folder of the board that can be written",
                 wanted);
    else if (p->machine)
        ork_fail(diag, ORK_ERR_DEVICE_WRITE, "the board has no folder that can be written");
    else
        ork_fail(diag, ORK_ERR_DEVICE, "the board's shell does not answer");
    return ork_where(diag, "%s", p->serial);
}

/* ---- our program ---- */

static bool find_program(place *p, ork_diag *diag)
{
    ork_str looked = {0};
    p->architecture = board_architecture(p->machine);
    if (!p->architecture) {
        ork_fail(diag, ORK_ERR_DEVICE_ARCHITECTURE, "there is no ork-board for a %s", p->machine);
        ork_where(diag, "%s", p->serial);
        return ork_fix(diag, "ork-board exists for aarch64, armhf and x86_64");
    }
    char *path = board_program(p->architecture, &looked);
    if (!path) {
        ork_fail(diag, ORK_ERR_BOARD_PROGRAM, "ork-board-%s is not installed on this computer",
                 p->architecture);
        ork_where(diag, "%s", p->serial);
        ork_why(diag, "the board is a %s; looked in %s", p->machine, looked.text);
    }
    const bool good = path && ork_file_map(diag, path, &p->program);
    ork_str_free(&looked);
    free(path);
    if (!good)
        return false;
    char hash[ORK_SHA256_TEXT];
    ork_sha256(p->program.bytes, hash);
    p->file = ork_arena_printf(p->arena, "%s/ork-board-%.*s", p->folder, HASH_DIGITS, hash);
    return true;
}

/* ---- copying ---- */

static bool is_full(const char *refusal)
{
    return strcasestr(refusal, "no space left") || strcasestr(refusal, "disk full") ||
           strcasestr(refusal, "quota exceeded");
}

static bool copy_failed(place *p, ork_diag *diag, const char *why)
{
    if (is_full(why)) {
        ork_fail(diag, ORK_ERR_DEVICE_FULL, "the board's disk is full");
        ork_fix(diag,
                "make room in %s: ork-board needs %zu kB; or name another folder: "
                "ORK_BOARD_FOLDER=/path",
                p->folder, p->program.bytes.size / 1024 + 1);
    } else {
        ork_fail(diag, ORK_ERR_DEVICE_WRITE, "ork-board cannot be copied to the board");
    }
    ork_where(diag, "%s: %s", p->serial, p->file);
    return ork_why(diag, "%s", *why ? why : "the copy is not what was sent");
}

/* Written under another name first: a copy that ends early is never taken for the program, and two
   hosts do not write into each other's. */
static bool try_copy(place *p, ork_diag *diag, char refusal[ADB_TEXT])
{
    const char *part = ork_arena_printf(p->arena, "%s.%ld-%06ld.part", p->file, (long)getpid(),
                                        (long)(ork_seconds() * 1e6) % 1000000);
    const char *quoted = quote(p->arena, part);
    ork_str said = {0};
    if (!adb_push(diag, p->serial, p->program.bytes, part, refusal))
        return false;
    const char *command = ork_arena_printf(
        p->arena, "chmod 755 %s && [ $(wc -c <%s) = %zu ] && mv %s %s && echo copied=1", quoted,
        quoted, p->program.bytes.size, quoted, quote(p->arena, p->file));
    const bool good = adb_shell(diag, p->serial, command, &said) &&
                      (find_line(p->arena, &said, "copied=") || copy_failed(p, diag, ""));
    ork_str_free(&said);
    return good;
}

static void clean_up(place *p, ork_diag *diag)
{
    ork_str said = {0};
    adb_shell(diag, p->serial,
              ork_arena_printf(p->arena, "rm -f %s/ork-board-*", quote(p->arena, p->folder)),
              &said);
    ork_str_free(&said);
}

static bool copy(place *p, ork_diag *diag)
{
    char refusal[ADB_TEXT] = "";
    ork_log(diag, ORK_LOG_NOTE, "copying ork-board for %s to %s: %zu kB", p->architecture,
            p->serial, p->program.bytes.size / 1024);
    if (try_copy(p, diag, refusal))
        return true;
    if (!*refusal)
        return false;
    const bool full = is_full(refusal);
    clean_up(p, diag); /* what is left of the copy, and older versions */
    if (full && try_copy(p, diag, refusal)) {
        ork_diag_clear(diag);
        return true;
    }
    if (full)
        clean_up(p, diag);
    return *refusal ? copy_failed(p, diag, refusal) : false;
}

/* The program of this name and size is there; "port=" when it left an address. */
static bool inspect(place *p, ork_diag *diag, bool *is_there, const char **port)
{
    const char *quoted = quote(p->arena, p->file);
    const char *command = ork_arena_printf(
        p->arena, "[ -x %s ] && echo size=$(wc -c <%s); [ -f %s.port ] && echo port=$(cat %s.port)",
        quoted, quoted, quoted, quoted);
    ork_str said = {0};
    const bool good = adb_shell(diag, p->serial, command, &said);
    const char *size = good ? find_line(p->arena, &said, "size=") : NULL;
    *is_there = size && strtoull(size, NULL, 10) == p->program.bytes.size;
    *port = good ? find_line(p->arena, &said, "port=") : NULL;
    ork_str_free(&said);
    return good;
}

/* ---- starting ---- */

/* A shell that cannot run a program says so in its own words, or takes it for a script; what
   ork-board itself has to say begins with its name. */
static bool start_failed(place *p, ork_diag *diag, const char *status, const char *said)
{
    const long code = status ? strtol(status, NULL, 10) : 0;
    const bool is_denied = said && strcasestr(said, "permission denied");
    if (is_denied) {
        ork_fail(diag, ORK_ERR_DEVICE_WRITE, "programs in %s may not run on the board", p->folder);
    } else if (code < 128 && !(said && strstr(said, "ork-board: "))) {
        ork_fail(diag, ORK_ERR_DEVICE_ARCHITECTURE, "the board cannot run ork-board for %s",
                 p->architecture);
        ork_fix(diag, "it says that it is a %s; use a system of one architecture on it",
                p->machine);
    } else {
        ork_fail(diag, ORK_ERR_BOARD_START, "ork-board does not start on the board");
        ork_fix(diag, "look at what it says: adb -s %s shell %s --listen 127.0.0.1:0", p->serial,
                p->file);
    }
    ork_where(diag, "%s: %s", p->serial, p->file);
    return said && *said ? ork_why(diag, "%s", said) : false;
}

/* It prints "port=N" when it listens, and goes on in the background. */
static const char *start(place *p, ork_diag *diag)
{
    const char *quoted = quote(p->arena, p->file);
    const char *command = ork_arena_printf(
        p->arena,
        "%s --listen 127.0.0.1:0 --background --idle %d --port-file %s.port 2>&1; echo status=$?",
        quoted, IDLE_SECONDS, quoted);
    ork_str said = {0};
    if (!adb_shell(diag, p->serial, command, &said)) {
        ork_str_free(&said);
        return NULL;
    }
    const char *port = find_line(p->arena, &said, "port=");
    const char *status = find_line(p->arena, &said, "status=");
    if (!port) {
        char *line =
            said.length ? ork_arena_strndup(p->arena, said.text, strcspn(said.text, "\r\n")) : NULL;
        start_failed(p, diag, status, line);
    }
    ork_str_free(&said);
    return port;
}

static int connect_board(place *p, ork_diag *diag, bool anew)
{
    bool is_there;
    const char *port;
    int fd = -1;
    if (!look_around(p, diag) || !find_program(p, diag) || !inspect(p, diag, &is_there, &port))
        return -1;
    if (is_there && port && !anew)
        fd = adb_tunnel(diag, p->serial, port);
    if (fd >= 0)
        return fd;
    if (!is_there && !copy(p, diag))
        return -1;
    port = start(p, diag);
    return port ? adb_tunnel(diag, p->serial, port) : -1;
}

int board_start(ork_diag *diag, const char *serial, bool anew)
{
    place p = {.arena = ork_arena_new(), .serial = serial};
    const int fd = connect_board(&p, diag, anew);
    if (fd >= 0)
        ork_diag_clear(diag);
    ork_file_unmap(&p.program);
    ork_arena_free(p.arena);
    return fd;
}
