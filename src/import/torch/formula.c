/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that are formulas of others: "sub(1, erf(a))". An operator of the graph is called by
   its name; a, b, c are the arguments; numbers are floats where a point or an e stands in them. */
#include "torch.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_OPERANDS = 3 };

static const char *skip(const char *text)
{
    return text + strspn(text, " ,");
}

static ork_torch_value *number(ork_torch *torch, const char **text)
{
    size_t length = strspn(*text, "-0123456789.einf");
    const char *digits = ork_arena_strndup(torch->arena, *text, length);
    *text += length;
    if (strpbrk(digits, ".ei"))
        return ork_torch_float(torch, strtod(digits, NULL), false);
    return ork_torch_int(torch, strtoll(digits, NULL, 10));
}

static ork_torch_value *apply(ork_torch *torch, ork_op op, ork_torch_value **operand)
{
    if (op == ORK_OP_WHERE)
        return ork_torch_op_where(torch, operand, 0);
    if (ork_op_table[op].op_class == ORK_CLASS_BINARY)
        return ork_torch_binary(torch, op, operand[0], operand[1], op == ORK_OP_DIV);
    ork_value *x = ork_torch_arg_float(torch, operand[0]);
    return x ? ork_torch_tensor(torch, ork_build_add1(torch->build, op, NULL, x)) : NULL;
}

static ork_torch_value *evaluate(ork_torch *torch, const char **text, ork_torch_value **arg)
{
    *text = skip(*text);
    size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if ((*text)[length] != '(') {
        bool is_letter = length == 1 && **text >= 'a';
        return is_letter ? arg[*(*text)++ - 'a'] : number(torch, text);
    }
    ork_op op;
    const char *name = ork_arena_strndup(torch->arena, *text, length);
    if (!ork_op_from_name(name, &op))
        return ork_build_unsupported(torch->build, "the formula's '%s'", name);
    ork_torch_value *operand[MOST_OPERANDS] = {NULL};
    *text += length + 1;
    for (int i = 0; i < MOST_OPERANDS && *(*text = skip(*text)) != ')'; i++)
        if (!(operand[i] = evaluate(torch, text, arg)))
            return NULL;
    ++*text;
    return apply(torch, op, operand);
}

ORK_TORCH_HANDLER(formula)
{
    const char *text = torch->op->formula;
    return evaluate(torch, &text, arg);
}
