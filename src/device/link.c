/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "adb.h"
#include "install.h"
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_SECONDS = 10, PATIENCE = 30 };

/* ---- waiting ---- */

static bool keep_waiting(void *user)
{
    return ork_progress(user, "waiting for the board", 0, 1);
}

void link_ask(ork_link *link, ork_diag *diag)
{
    link->wire.keep_waiting = diag ? keep_waiting : NULL;
    link->wire.ask_user = diag;
}

/* ---- what went wrong ---- */

static bool lost(ork_link *link, ork_diag *diag, ork_error_id id, const char *what, const char *why)
{
    ork_fail(diag, id, "%s", what);
    ork_where(diag, "%s", link->id);
    return why ? ork_why(diag, "%s", why) : false;
}

/* A program that is being killed may still be connected with, but no longer answers. */
static bool answers(const char *address)
{
    char host[256], port[8];
    ork_link again = {.id = (char *)(uintptr_t)address, .fd = -1};
    ork_diag *diag = ork_diag_new();
    if (socket_split(address, host, port))
        again.fd = socket_connect(host, port, CONNECT_SECONDS);
    const int reason = errno;
    bool good = again.fd >= 0;
    if (good) {
        again.wire = wire_of_socket(again.fd, CONNECT_SECONDS);
        again.probing = true;
        good = link_greet(&again, diag, getenv("ORK_BOARD_TOKEN")) ||
               again.wire.trouble == WIRE_FINE; /* an ERROR is an answer, too */
        close(again.fd);
    }
    ork_diag_free(diag);
    errno = good || again.fd >= 0 ? ECONNREFUSED : reason;
    return good;
}

static bool lost_direct(ork_link *link, ork_diag *diag)
{
    if (answers(link->address))
        return lost(link, diag, ORK_ERR_BOARD_LOST, "the connection with the board was lost",
                    "the board is there, and can be connected again");
    if (errno == ECONNREFUSED)
        return lost(link, diag, ORK_ERR_BOARD_DIED, "ork-board has ended on the board",
                    "nothing answers at its address any more");
    return lost(link, diag, ORK_ERR_BOARD_LOST, "the connection with the board was lost",
                "the board cannot be reached");
}

static bool lost_adb(ork_link *link, ork_diag *diag)
{
    char state[32];
    const int version = adb_server_version();
    if (version < 0)
        return lost(link, diag, ORK_ERR_ADB_SERVER, "the adb server has ended", NULL);
    if (version != link->adb_version) {
        ork_fail(diag, ORK_ERR_ADB_VERSION,
                 "another adb has put its own server in the place of the one in use");
        ork_where(diag, "%s", link->id);
        return ork_why(diag, "the server was version %d and is version %d now", link->adb_version,
                       version);
    }
    adb_state(link->serial, state);
    if (strcmp(state, "device") == 0)
        return lost(link, diag, ORK_ERR_BOARD_DIED, "ork-board has ended on the board",
                    "the board is connected, but the program closed the connection");
    ork_fail(diag, ORK_ERR_BOARD_LOST, "the board was unplugged, or has restarted");
    ork_where(diag, "%s", link->id);
    return ork_why(diag, "adb says: %s", *state ? state : "not connected");
}

bool link_failed(ork_link *link, ork_diag *diag)
{
    const wire_trouble trouble = link->wire.trouble;
    if (trouble == WIRE_CANCELLED || link->probing)
        return false; /* the error is there already, or nobody wants it */
    if (trouble == WIRE_STALLED)
        return lost(link, diag, ORK_ERR_BOARD_LOST, "the board does not answer any more",
                    "it has sent nothing for a long time");
    if (trouble == WIRE_GARBLED)
        return lost(link, diag, ORK_ERR_BOARD_PROTOCOL, "the board's answer makes no sense",
                    "what listens there may be no ork-board, or of another version");
    return link->serial ? lost_adb(link, diag) : lost_direct(link, diag);
}

/* ---- answers ---- */

static ork_error_id find_error(const char *id)
{
    for (int i = 1; i < ORK_ERR_COUNT; i++)
        if (strcmp(ork_error_table[i].id, id) == 0)
            return (ork_error_id)i;
    return ORK_ERR_DEVICE; /* of a later version */
}

bool link_read_error(ork_link *link, ork_diag *diag)
{
    uint8_t room[WIRE_SMALL];
    char id[WIRE_TEXT], what[WIRE_TEXT], where[WIRE_TEXT], why[WIRE_TEXT], fix[WIRE_TEXT];
    ork_reader reader;
    if (!wire_take_small(&link->wire, room, &reader))
        return link_failed(link, diag);
    wire_get_text(&reader, id);
    wire_get_text(&reader, what);
    wire_get_text(&reader, where);
    wire_get_text(&reader, why);
    wire_get_text(&reader, fix);
    if (reader.failed) {
        wire_trouble_is(&link->wire, WIRE_GARBLED);
        return link_failed(link, diag);
    }
    ork_fail(diag, find_error(id), "%s", what);
    ork_where(diag, "%s", *where ? where : link->id);
    if (*why)
        ork_why(diag, "%s", why);
    return *fix ? ork_fix(diag, "%s", fix) : false;
}

bool link_answer(ork_link *link, ork_diag *diag, wire_kind kind)
{
    uint32_t got;
    if (!wire_next(&link->wire, &got))
        return link_failed(link, diag);
    if (got == (uint32_t)kind)
        return true;
    if (got == WIRE_ERROR)
        return link_read_error(link, diag);
    wire_trouble_is(&link->wire, WIRE_GARBLED);
    return link_failed(link, diag);
}

static bool read_welcome(ork_link *link, ork_diag *diag)
{
    uint8_t room[WIRE_SMALL];
    ork_reader reader;
    if (!wire_take_small(&link->wire, room, &reader))
        return link_failed(link, diag);
    const uint32_t protocol = ork_read_u32(&reader);
    wire_get_text(&reader, link->version);
    wire_get_text(&reader, link->machine);
    wire_get_text(&reader, link->chip);
    link->processors = (int)(ork_read_u32(&reader) & 0xffff);
    if (!reader.failed && protocol == WIRE_PROTOCOL)
        return true;
    wire_trouble_is(&link->wire, WIRE_GARBLED);
    return link_failed(link, diag);
}

bool link_greet(ork_link *link, ork_diag *diag, const char *token)
{
    ork_str body = {0};
    wire_put_u32(&body, WIRE_PROTOCOL);
    wire_put_text(&body, token ? token : "");
    wire_put_text(&body, ORK_VERSION);
    link->wire.hurry = true;
    wire_send_text(&link->wire, WIRE_HELLO, &body);
    ork_str_free(&body);
    if (!link_answer(link, diag, WIRE_WELCOME) || !read_welcome(link, diag))
        return false;
    link->wire.hurry = false;
    if (strcmp(link->version, ORK_VERSION) != 0)
        ork_log(diag, ORK_LOG_WARNING,
                "ork-board on %s is version %s, this is " ORK_VERSION ": results may differ",
                link->id, link->version);
    return true;
}

/* ---- opening ---- */

static bool connect_direct(ork_link *link, ork_diag *diag)
{
    char host[256], port[8];
    if (!socket_split(link->address, host, port)) {
        ork_fail(diag, ORK_ERR_DEVICE_UNKNOWN, "'%s' is no address of a board", link->id);
        return ork_fix(diag, "write it as tcp:192.168.1.7:9510");
    }
    link->fd = socket_connect(host, port, CONNECT_SECONDS);
    if (link->fd >= 0)
        return true;
    const int reason = errno;
    ork_fail(diag, ORK_ERR_DEVICE_NONE, "no ork-board can be reached at %s", link->address);
    ork_why(diag, "%s", strerror(reason));
    return ork_fix(diag, "start it on the board: ork-board --listen 0.0.0.0:%s --token-file FILE",
                   port);
}

static bool greet(ork_link *link, ork_diag *diag)
{
    link->wire = wire_of_socket(link->fd, PATIENCE);
    link_ask(link, diag);
    const bool good = link_greet(link, diag, getenv("ORK_BOARD_TOKEN"));
    link_ask(link, NULL);
    return good;
}

/* What was left running there may have ended, and something else may have its port now. */
static bool connect_adb(ork_link *link, ork_diag *diag, bool anew)
{
    link->fd = board_start(diag, link->serial, anew);
    if (link->fd < 0)
        return false;
    if (greet(link, diag))
        return true;
    const wire_trouble trouble = link->wire.trouble;
    if (anew || trouble == WIRE_FINE || trouble == WIRE_CANCELLED)
        return false;
    close(link->fd);
    return connect_adb(link, diag, true);
}

static bool open_link(ork_link *link, ork_diag *diag, const char *device_id)
{
    static const char direct[] = "tcp:";
    if (device_id && ork_starts_with(device_id, direct)) {
        link->id = strdup(device_id);
        link->address = strdup(device_id + sizeof(direct) - 1);
        return connect_direct(link, diag) && greet(link, diag);
    }
    link->serial = adb_choose(diag, device_id);
    if (!link->serial)
        return false;
    link->id = strdup(link->serial);
    link->adb_version = adb_server_version();
    return connect_adb(link, diag, false);
}

ork_link *ork_link_open(ork_diag *diag, const char *device_id)
{
    ork_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->fd = -1;
    if (open_link(link, diag, device_id && *device_id ? device_id : NULL))
        return link;
    ork_link_free(link);
    return NULL;
}

void ork_link_free(ork_link *link)
{
    if (!link)
        return;
    if (link->fd >= 0)
        close(link->fd);
    free(link->serial);
    free(link->address);
    free(link->id);
    free(link);
}

ork_board_info ork_link_board(const ork_link *link)
{
    return (ork_board_info){link->id, link->version, link->machine, link->chip, link->processors};
}
