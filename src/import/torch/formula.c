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

static ork_ts_value *number(ork_ts *ts, const char **text)
{
    size_t length = strspn(*text, "-0123456789.einf");
    const char *digits = ork_arena_strndup(ts->arena, *text, length);
    *text += length;
    if (strpbrk(digits, ".ei"))
        return ork_ts_float(ts, strtod(digits, NULL), false);
    return ork_ts_int(ts, strtoll(digits, NULL, 10));
}

static ork_ts_value *apply(ork_ts *ts, ork_op op, ork_ts_value **operand)
{
    if (op == ORK_OP_WHERE)
        return ork_ts_op_where(ts, operand, 0);
    if (ork_op_table[op].op_class == ORK_CLASS_BINARY)
        return ork_ts_binary(ts, op, operand[0], operand[1], op == ORK_OP_DIV);
    ork_value *x = ork_ts_arg_float(ts, operand[0]);
    return x ? ork_ts_tensor(ts, ork_build_add1(ts->build, op, NULL, x)) : NULL;
}

static ork_ts_value *evaluate(ork_ts *ts, const char **text, ork_ts_value **arg)
{
    *text = skip(*text);
    size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if ((*text)[length] != '(') {
        bool is_letter = length == 1 && **text >= 'a';
        return is_letter ? arg[*(*text)++ - 'a'] : number(ts, text);
    }
    ork_op op;
    const char *name = ork_arena_strndup(ts->arena, *text, length);
    if (!ork_op_from_name(name, &op))
        return ork_build_unsupported(ts->build, "the formula's '%s'", name);
    ork_ts_value *operand[MOST_OPERANDS] = {NULL};
    *text += length + 1;
    for (int i = 0; i < MOST_OPERANDS && *(*text = skip(*text)) != ')'; i++)
        if (!(operand[i] = evaluate(ts, text, arg)))
            return NULL;
    ++*text;
    return apply(ts, op, operand);
}

ORK_TS_HANDLER(formula)
{
    const char *text = ts->op->formula;
    return evaluate(ts, &text, arg);
}
