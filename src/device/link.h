/* SPDX-License-Identifier: Apache-2.0 */
/* A connection with an ork-board, from the host; private to this folder. */
#ifndef ORK_DEVICE_LINK_H
#define ORK_DEVICE_LINK_H

#include "device.h"
#include "wire.h"

struct ork_link {
    wire wire;
    int fd;
    char *serial;    /* of adb, or NULL */
    char *address;   /* "HOST:PORT" of a direct connection, or NULL */
    char *id;        /* as in ork_board_info */
    bool probing;    /* only to see whether it answers */
    int adb_version; /* of the server, when the connection was made */
    char version[WIRE_TEXT], machine[WIRE_TEXT], chip[WIRE_TEXT];
    int processors;
};

/* Says hello and reads the answer. */
bool link_greet(ork_link *link, ork_diag *diag, const char *token);
/* Waits for an answer of the kind; an ERROR becomes the error of the diag, with the board's id as
   its place. */
bool link_answer(ork_link *link, ork_diag *diag, wire_kind kind);
/* The body of an ERROR, as above; false. */
bool link_read_error(ork_link *link, ork_diag *diag);
/* Tells why the wire is in trouble: looks whether the board is still there. */
bool link_failed(ork_link *link, ork_diag *diag);
/* While the link waits, the progress of this diag is asked whether to go on; NULL: nobody. */
void link_ask(ork_link *link, ork_diag *diag);

#endif
