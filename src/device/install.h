/* SPDX-License-Identifier: Apache-2.0 */
/* Getting ork-board onto a board, and running; private to this folder. */
#ifndef ORK_DEVICE_INSTALL_H
#define ORK_DEVICE_INSTALL_H

#include "device.h"

/* Copies ork-board to the device of adb, unless it is there, starts it, unless it runs or when it
   is to be started anew, and connects. A socket, or -1 on failure. */
int board_start(ork_diag *diag, const char *serial, bool anew);
/* The file on this computer that runs on such a machine ("aarch64"), or NULL; from malloc. The
   places that were looked at are appended to `looked`. */
char *board_program(const char *architecture, ork_str *looked);
/* "aarch64", "armhf" or "x86_64" for what `uname -m` says; NULL when there is no ork-board for it.
 */
const char *board_architecture(const char *machine);

#endif
