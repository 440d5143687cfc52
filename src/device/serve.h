/* SPDX-License-Identifier: Apache-2.0 */
/* What a host that has connected gets; private to this folder. */
#ifndef ORK_DEVICE_SERVE_H
#define ORK_DEVICE_SERVE_H

#include "device.h"
#include "wire.h"

/* Serves the host until it closes, is gone, or sends what is no frame. The chip in the options must
   be known by now. */
void serve_host(wire *w, const ork_board_options *options);
/* Tells a host that there are too many. */
void serve_refusal(wire *w, int sessions);

#endif
