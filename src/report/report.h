/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, told to programs and to people. */
#ifndef ORK_REPORT_H
#define ORK_REPORT_H

#include "../base/base.h"
#include "../quant/quant.h"

/* One JSON document; what is no number (a cosine with nothing) is null. */
void ork_report_json(const ork_accuracy *accuracy, ork_str *out);
/* One HTML page that needs neither network nor other files, and reads without scripts too. */
void ork_report_page(const ork_accuracy *accuracy, ork_str *out);
/* The distributions of one layer's numbers, float and quantized, as a picture (SVG). */
void ork_report_histogram(const ork_layer_accuracy *layer, ork_str *out);
/* The distribution of its weights, and the codes that each of its channels has; nothing when there
   are no weights. */
void ork_report_weights(const ork_layer_accuracy *layer, ork_str *out);

#endif
