/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the codec only. */
#ifndef ORK_CODEC_UTF8_H
#define ORK_CODEC_UTF8_H

#include "codec.h"

/* Writes a code point below 0x110000 as 1 to 4 bytes; returns how many. */
size_t ork_utf8_encode(uint32_t code, char *out);

#endif
