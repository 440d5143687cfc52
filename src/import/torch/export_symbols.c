/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on sizes. Export leaves calls of Python in the graph for it: of the modules operator
   and math, and of torch.sym_... */
#include "export.h"

#include <math.h>
#include <string.h>

typedef ork_torch_value *(*symbol)(ork_torch *torch, const ork_torch_value *number);

static ork_torch_value *floor_of(ork_torch *torch, const ork_torch_value *number)
{
    return ork_torch_int(
        torch, ork_torch_as_int(ork_torch_float(torch, floor(ork_torch_as_double(number)), false)));
}

static ork_torch_value *ceil_of(ork_torch *torch, const ork_torch_value *number)
{
    return ork_torch_int(
        torch, ork_torch_as_int(ork_torch_float(torch, ceil(ork_torch_as_double(number)), false)));
}

/* To the even neighbour from the middle, as Python rounds. */
static ork_torch_value *round_of(ork_torch *torch, const ork_torch_value *number)
{
    double rounded = nearbyint(ork_torch_as_double(number));
    return ork_torch_int(torch, ork_torch_as_int(ork_torch_float(torch, rounded, false)));
}

static ork_torch_value *int_of(ork_torch *torch, const ork_torch_value *number)
{
    return ork_torch_int(torch, ork_torch_as_int(number));
}

static ork_torch_value *float_of(ork_torch *torch, const ork_torch_value *number)
{
    return ork_torch_float(torch, ork_torch_as_double(number), false);
}

static ork_torch_value *sqrt_of(ork_torch *torch, const ork_torch_value *number)
{
    return ork_torch_float(torch, sqrt(ork_torch_as_double(number)), false);
}

static ork_torch_value *not_of(ork_torch *torch, const ork_torch_value *number)
{
    return ork_torch_bool(torch, ork_torch_as_double(number) == 0);
}

static ork_torch_value *minus(ork_torch *torch, const ork_torch_value *number)
{
    if (number->kind == ORK_TORCH_FLOAT)
        return ork_torch_float(torch, -number->number, number->is_single);
    return ork_torch_int(torch, (int64_t)(0 - (uint64_t)ork_torch_as_int(number)));
}

static const struct {
    const char *name;
    symbol function;
} of_one[] = {
    {"math.floor", floor_of},   {"math.ceil", ceil_of},       {"builtins.round", round_of},
    {"math.trunc", int_of},     {"torch.sym_int", int_of},    {"torch.sym_float", float_of},
    {"math.sqrt", sqrt_of},     {"torch._sym_sqrt", sqrt_of}, {"torch.sym_not", not_of},
    {"_operator.not_", not_of}, {"_operator.neg", minus},     {"_operator.trunc", int_of},
};

static const struct {
    const char *name;
    ork_op op;
    bool is_double; /* in Python: quotients of whole numbers */
} of_two[] = {
    {"_operator.add", ORK_OP_ADD, false},          {"_operator.sub", ORK_OP_SUB, false},
    {"_operator.mul", ORK_OP_MUL, false},          {"_operator.floordiv", ORK_OP_FLOOR_DIV, false},
    {"_operator.truediv", ORK_OP_DIV, true},       {"_operator.mod", ORK_OP_REMAINDER, false},
    {"_operator.pow", ORK_OP_POW, false},          {"torch.sym_max", ORK_OP_MAXIMUM, false},
    {"torch.sym_min", ORK_OP_MINIMUM, false},      {"_operator.eq", ORK_OP_EQUAL, false},
    {"_operator.ne", ORK_OP_NOT_EQUAL, false},     {"_operator.lt", ORK_OP_LESS, false},
    {"_operator.le", ORK_OP_LESS_EQUAL, false},    {"_operator.gt", ORK_OP_GREATER, false},
    {"_operator.ge", ORK_OP_GREATER_EQUAL, false}, {"_operator.and_", ORK_OP_LOGICAL_AND, false},
    {"_operator.or_", ORK_OP_LOGICAL_OR, false},
};

ork_torch_value *ork_torch_export_symbol(ork_torch *torch, const char *name,
                                         ork_torch_value **items, size_t count, bool *found)
{
    *found = true;
    for (size_t i = 0; i < ORK_COUNT(of_one); i++) {
        if (strcmp(of_one[i].name, name) != 0)
            continue;
        if (count != 1 || !ork_torch_is_number(items[0]))
            return ork_build_unsupported(torch->build, "%s of what is no number", name);
        return of_one[i].function(torch, items[0]);
    }
    for (size_t i = 0; i < ORK_COUNT(of_two); i++) {
        if (strcmp(of_two[i].name, name) != 0)
            continue;
        if (count != 2)
            return ork_build_unsupported(torch->build, "%s of %zu values", name, count);
        if (of_two[i].is_double && ork_torch_is_number(items[0]))
            items[0] = float_of(torch, items[0]);
        return ork_torch_binary(torch, of_two[i].op, items[0], items[1], false);
    }
    *found = false;
    return NULL;
}
