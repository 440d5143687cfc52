/* SPDX-License-Identifier: Apache-2.0 */
/* What the rewrites to integers share; private to this folder. */
#ifndef ORK_QUANT_INTERNAL_H
#define ORK_QUANT_INTERNAL_H

#include "quant.h"

/* The simulator, and the chips, compute this operator on integers. */
bool ork_quant_has_integer_form(const ork_node *node);
/* The output has the quantization of the first input, whose elements are moved. */
bool ork_quant_keeps_numbers(const ork_node *node);

#endif
