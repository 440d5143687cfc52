/* SPDX-License-Identifier: Apache-2.0 */
/* The system's adb server, spoken to as any adb does: a request is four hexadecimal digits of
   length and text, the answer OKAY, or FAIL, a length and a message. Private to this folder.

   The server is found at ANDROID_ADB_SERVER_ADDRESS (127.0.0.1) and ANDROID_ADB_SERVER_PORT (5037).
   The program adb is run for one thing only: to start a server where none runs, so that two
   versions of it never fight. */
#ifndef ORK_DEVICE_ADB_H
#define ORK_DEVICE_ADB_H

#include "device.h"
#include "wire.h"

enum { ADB_TEXT = 256 };

typedef struct adb_device {
    char serial[ADB_TEXT], state[32],
        model[64]; /* state: "device", "offline", "unauthorized", ... */
} adb_device;
typedef ORK_VEC(adb_device) adb_devices;

/* The program: of ORK_ADB, else "adb" on the PATH. NULL when there is none; from malloc. */
char *adb_program(void);
/* Runs it; true when it ends well. What it says is appended, in one line. */
bool adb_run(const char *program, const char *argument, ork_str *said);
/* The version that the program says it is, as "41" of 1.0.41; -1 when it says none. */
int adb_program_version(const char *program);
/* The server's; -1 when none answers. Starts nothing. */
int adb_server_version(void);

/* Starts the server where there is none. Fails with ADB_MISSING, ADB_SERVER or ADB_VERSION. */
bool adb_list(ork_diag *diag, ork_arena *arena, adb_devices *devices);
/* The state of one device, or "" when it is not there. */
void adb_state(const char *serial, char state[32]);
/* Fails when a device in this state cannot be used. */
bool adb_check_state(ork_diag *diag, const adb_device *device);
/* The serial number of the device that is meant, which can be used; NULL: the only one. From
   malloc; NULL on failure. */
char *adb_choose(ork_diag *diag, const char *serial);

/* Runs a command in the device's shell; what it writes is appended. */
bool adb_shell(ork_diag *diag, const char *serial, const char *command, ork_str *output);
/* A socket to a port of the device; -1 on failure. */
int adb_tunnel(ork_diag *diag, const char *serial, const char *port);
/* Writes a file on the device. `refusal` is what the device says when it does not take it, else "".
 */
bool adb_push(ork_diag *diag, const char *serial, ork_bytes bytes, const char *path,
              char refusal[ADB_TEXT]);

/* ---- answers, read from any wire ---- */

/* OKAY; else the message of FAIL, or "" when the connection is broken. */
bool adb_read_okay(wire *w, char message[ADB_TEXT]);
/* Four hexadecimal digits and so many bytes, appended. */
bool adb_read_text(wire *w, ork_str *text);
/* The lines of host:devices-l. Others are left out. */
void adb_parse_devices(const char *text, ork_arena *arena, adb_devices *devices);
/* The answer to a file that was sent. */
bool adb_read_sync(wire *w, char message[ADB_TEXT]);

#endif
