/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef ORK_REPORT_INTERNAL_H
#define ORK_REPORT_INTERNAL_H

#include "report.h"

extern const char report_style[];  /* CSS of the page, light and dark */
extern const char report_script[]; /* JavaScript: sorts and filters the table, nothing else */

/* Text in which nothing has a meaning to HTML. */
/* So many digits behind a point, in every locale; "–" for what is no number. */
void put_figure(ork_str *out, double number, int digits);

/* How well each layer does, from the first to the last. */
void put_course(ork_str *out, const ork_accuracy *accuracy);
void put_histogram(ork_str *out, const ork_layer_accuracy *layer);
void put_weights(ork_str *out, const ork_layer_accuracy *layer);

#endif
