/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of operators by name, and what happens when there is none of that name. */
#include "torch.h"

#include <string.h>

static bool is_unknown(const ork_torch_value *value)
{
    if (value->kind == ORK_TORCH_UNKNOWN)
        return true;
    for (size_t i = 0; ork_torch_is_sequence(value) && i < value->list.count; i++)
        if (value->list.items[i]->kind == ORK_TORCH_UNKNOWN)
            return true;
    return false;
}

enum { MAX_UNKNOWN = 64 }; /* told one by one */

/* The run goes on, so that all unknown operators can be told at once. */
static ork_torch_value *note_unknown(ork_torch *torch, const char *name)
{
    for (size_t i = 0; i < torch->unknown.count; i++) {
        if (strcmp(torch->unknown.items[i]->name, name) != 0)
            continue;
        torch->unknown.items[i]->count++;
        return ork_torch_new(torch, ORK_TORCH_UNKNOWN);
    }
    if (torch->unknown.count == MAX_UNKNOWN) {
        torch->has_more_unknown = true;
        return ork_torch_new(torch, ORK_TORCH_UNKNOWN);
    }
    ork_torch_unknown_op *unknown = ORK_NEW(torch->arena, ork_torch_unknown_op);
    unknown->name = ork_arena_strdup(torch->arena, name);
    unknown->place = ork_torch_place(torch);
    unknown->count = 1;
    ork_vec_push(torch->arena, &torch->unknown, unknown);
    return ork_torch_new(torch, ORK_TORCH_UNKNOWN);
}

/* Unless they have rows of their own, an operator "x_" is "x" with its result written into the
   first argument, and "x_copy" is "x" where that gives a view: in graphs where nothing is written.
 */
static const ork_torch_op *find_op(ork_torch *torch, const char *name, bool *in_place)
{
    static const char copy[] = "_copy";
    const ork_torch_op *op = ork_torch_find_op(name);
    size_t length = strlen(name);
    *in_place = false;
    if (!op && ork_ends_with(name, copy))
        return ork_torch_find_op(ork_arena_strndup(torch->arena, name, length - strlen(copy)));
    if (op || length < 2 || name[length - 1] != '_' || name[length - 2] == '_')
        return op;
    *in_place = true;
    return ork_torch_find_op(ork_arena_strndup(torch->arena, name, length - 1));
}

static ork_torch_value *run_op(ork_torch *torch, const ork_torch_op *first, bool in_place,
                               ork_torch_value **items, const char *const *keywords, size_t count)
{
    ork_torch_value *arg[ORK_TORCH_MAX_ARGS];
    const ork_torch_op *row = ork_torch_bind(torch, first, items, keywords, count, arg);
    torch->op = row ? row : first;
    ork_torch_value *result = row ? ork_torch_run_row(torch, row, arg) : NULL;
    if (!result && ork_diag_error_id(torch->diag) == ORK_ERR_NONE)
        return ork_build_unsupported(torch->build, "it cannot be computed");
    if (!result || !in_place || result->kind == ORK_TORCH_UNKNOWN)
        return result;
    return ork_torch_write(torch, items[0], result) ? items[0] : NULL;
}

ork_torch_value *ork_torch_call_op(ork_torch *torch, const char *name, ork_torch_value **items,
                                   const char *const *keywords, size_t count)
{
    bool in_place;
    const ork_torch_op *op = find_op(torch, name, &in_place);
    if (!op)
        return note_unknown(torch, name);
    for (size_t i = 0; i < count; i++)
        if (is_unknown(items[i]))
            return ork_torch_new(torch, ORK_TORCH_UNKNOWN);
    const ork_torch_op *outer = torch->op;
    torch->op = op;
    ork_torch_value *result = run_op(torch, op, in_place && count > 0, items, keywords, count);
    torch->op = outer;
    return result;
}

/* What to do instead of operators that are asked for most. */
static const struct {
    const char *name, *instead;
} substitutes[] = {
    {"ops.torchvision.nms", "run it after the network"},
    {"torch.unique", "run it after the network"},
    {"torch._unique2", "run it after the network"},
    {"torch.bincount", "run it after the network"},
    {"torch.histc", "run it after the network"},
    {"torch.rand", "a tensor given as input"},
    {"torch.rand_like", "a tensor given as input"},
    {"torch.randn", "a tensor given as input"},
    {"torch.randn_like", "a tensor given as input"},
    {"torch.bernoulli", "call model.eval() first"},
    {"torch.stft", "run it before the network"},
    {"torch.istft", "run it after the network"},
    {"torch.complex", "real and imaginary parts as channels"},
    {"torch.view_as_complex", "real and imaginary parts as channels"},
};

static const char *substitute(ork_torch *torch, const char *name)
{
    for (size_t i = 0; i < ORK_COUNT(substitutes); i++)
        if (!strcmp(substitutes[i].name, name))
            return ork_arena_printf(torch->arena, "; instead: %s", substitutes[i].instead);
    if (ork_starts_with(name, "ops.quantized.") || strstr(name, "quantize_per_"))
        return "; instead: the float model, which is quantized here";
    return "";
}

bool ork_torch_fail_unknown(ork_torch *torch)
{
    const char *list = "";
    for (size_t i = 0; i < torch->unknown.count; i++) {
        const ork_torch_unknown_op *op = torch->unknown.items[i];
        list = ork_arena_printf(torch->arena, "%s\n    %-32s %zu x, first in %s%s", list, op->name,
                                op->count, op->place, substitute(torch, op->name));
    }
    ork_fail(torch->diag, ORK_ERR_UNKNOWN_OP, "%s%zu operator%s not known:%s",
             torch->has_more_unknown ? "more than " : "", torch->unknown.count,
             torch->unknown.count == 1 ? " is" : "s are", list);
    return ork_fix(torch->diag,
                   "write these parts of the model with other operators, or leave them "
                   "out of the traced module and run them after the network");
}
