/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the codec only: numbers as text, always with a point, whatever the process's locale. */
#ifndef ORK_CODEC_NUMBER_H
#define ORK_CODEC_NUMBER_H

#include "codec.h"

/* strtod. */
double ork_number_read(const char *text, char **end);

/* The shortest decimal text that reads back as the same double, or as the same float; has a point
   or an exponent. For finite values. */
enum { ORK_NUMBER_TEXT = 40 };
void ork_number_write_double(double value, char text[ORK_NUMBER_TEXT]);
void ork_number_write_float(float value, char text[ORK_NUMBER_TEXT]);

#endif
