/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of operators against their schemas. A schema lists parameters, separated by ", ":

     t x          tensor (or a number that came from one)
     n alpha      number (or a constant tensor of one element)
     i dim        integer         f eps   number         b keep   bool
     l size       list of integers, or one of them
     v tensors    list of tensors
     d dtype      number of torch.dtype
     s mode       text            D device               a any value
     L list       list of anything

   "?" behind the letter allows None; "=..." gives what is taken when the code leaves it out. What
   stands behind "*" is given by name only. */
#include "torch.h"

#include <stdlib.h>
#include <string.h>

static const ork_torch_op rows[] = {
#define ORK_TORCH_OP(name, schema, function, param)                                                \
    {name, schema, ork_torch_op_##function, param, NULL},
#define ORK_TORCH_FORMULA(name, schema, formula) {name, schema, ork_torch_op_formula, 0, formula},
#include "torch_ops.def"
#undef ORK_TORCH_OP
#undef ORK_TORCH_FORMULA
};

const ork_torch_op *ork_torch_find_op(const char *name)
{
    for (size_t i = 0; i < ORK_COUNT(rows); i++)
        if (!strcmp(rows[i].name, name))
            return &rows[i];
    return NULL;
}

typedef struct parameter {
    char kind;
    bool allows_none;
    const char *name, *standard; /* standard is NULL when there is none */
    size_t name_length, standard_length;
} parameter;

/* Cuts the next parameter off the schema. */
static bool next_parameter(const char **schema, parameter *out)
{
    const char *at = *schema;
    if (!*at)
        return false;
    const char *end = strstr(at, ", ");
    end = end ? end : at + strlen(at);
    *out = (parameter){.kind = *at++};
    if (*at == '?') {
        out->allows_none = true;
        at++;
    }
    at += at < end; /* the space; "*" has none, and no name */
    out->name = at;
    const char *equal = memchr(at, '=', (size_t)(end - at));
    out->name_length = (size_t)((equal ? equal : end) - at);
    if (equal) {
        out->standard = equal + 1;
        out->standard_length = (size_t)(end - equal - 1);
    }
    *schema = *end ? end + 2 : end;
    return true;
}

static ork_torch_value *standard_value(ork_torch *torch, const parameter *p)
{
    const char *text = ork_arena_strndup(torch->arena, p->standard, p->standard_length);
    if (!strcmp(text, "None"))
        return ork_torch_new(torch, ORK_TORCH_NONE);
    if (!strcmp(text, "True") || !strcmp(text, "False"))
        return ork_torch_bool(torch, *text == 'T');
    if (!strcmp(text, "[]"))
        return ork_torch_list(torch, ORK_TORCH_LIST, NULL, 0);
    if (p->kind == 's')
        return ork_torch_text(torch, ORK_TORCH_STRING, text);
    if (strpbrk(text, ".e"))
        return ork_torch_float(torch, strtod(text, NULL), false);
    return ork_torch_int(torch, strtoll(text, NULL, 10));
}

/* ---- kinds ---- */

static ork_torch_value *accept_number(ork_torch *torch, ork_torch_value *value)
{
    return ork_torch_to_number(torch, value);
}

static ork_torch_value *accept_integer(ork_torch *torch, ork_torch_value *value)
{
    ork_torch_value *number = ork_torch_to_number(torch, value);
    return number && number->kind != ORK_TORCH_FLOAT ? number : NULL;
}

static ork_torch_value *accept_tensor(ork_torch *torch, ork_torch_value *value)
{
    (void)torch;
    bool fits = value->kind == ORK_TORCH_TENSOR || value->kind == ORK_TORCH_UNAVAILABLE ||
                ork_torch_is_number(value);
    return fits ? value : NULL;
}

static ork_torch_value *accept_integers(ork_torch *torch, ork_torch_value *value)
{
    if (!ork_torch_is_sequence(value))
        return accept_integer(torch, value);
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, value->list.count + 1);
    for (size_t i = 0; i < value->list.count; i++) {
        items[i] = accept_integer(torch, value->list.items[i]);
        if (!items[i])
            return NULL;
    }
    return ork_torch_list(torch, ORK_TORCH_LIST, items, value->list.count);
}

static ork_torch_value *accept_tensors(ork_torch *torch, ork_torch_value *value)
{
    if (!ork_torch_is_sequence(value))
        return NULL;
    for (size_t i = 0; i < value->list.count; i++)
        if (value->list.items[i]->kind != ORK_TORCH_NONE &&
            !accept_tensor(torch, value->list.items[i]))
            return NULL;
    return value;
}

static ork_torch_value *accept_bool(ork_torch *torch, ork_torch_value *value)
{
    ork_torch_value *number = accept_integer(torch, value);
    return number ? ork_torch_bool(torch, ork_torch_as_int(number) != 0) : NULL;
}

static ork_torch_value *accept_text(ork_torch *torch, ork_torch_value *value)
{
    (void)torch;
    return value->kind == ORK_TORCH_STRING ? value : NULL;
}

static ork_torch_value *accept_device(ork_torch *torch, ork_torch_value *value)
{
    (void)torch;
    return value->kind == ORK_TORCH_DEVICE ? value : NULL;
}

static ork_torch_value *accept_list(ork_torch *torch, ork_torch_value *value)
{
    (void)torch;
    return ork_torch_is_sequence(value) ? value : NULL;
}

static ork_torch_value *accept_any(ork_torch *torch, ork_torch_value *value)
{
    (void)torch;
    return value;
}

static ork_torch_value *accept(ork_torch *torch, const parameter *p, ork_torch_value *value)
{
    static const struct {
        char kind;
        ork_torch_value *(*accept)(ork_torch *, ork_torch_value *);
    } kinds[] = {
        {'t', accept_tensor}, {'n', accept_number},   {'i', accept_integer}, {'f', accept_number},
        {'b', accept_bool},   {'l', accept_integers}, {'v', accept_tensors}, {'d', accept_integer},
        {'s', accept_text},   {'D', accept_device},   {'a', accept_any},     {'L', accept_list},
    };
    if (value->kind == ORK_TORCH_NONE && p->allows_none)
        return value;
    for (size_t i = 0; i < ORK_COUNT(kinds); i++)
        if (kinds[i].kind == p->kind)
            return kinds[i].accept(torch, value);
    return NULL;
}

/* ---- binding ---- */

typedef struct call {
    ork_torch_value *const *items;
    const char *const *keywords;
    size_t count, positional;
} call;

static ork_torch_value *find_keyword(const call *c, const parameter *p)
{
    for (size_t i = c->positional; i < c->count; i++)
        if (strlen(c->keywords[i]) == p->name_length &&
            !memcmp(c->keywords[i], p->name, p->name_length))
            return c->items[i];
    return NULL;
}

size_t ork_torch_parameter_count(const ork_torch_op *row)
{
    const char *schema = row->schema;
    parameter p;
    size_t count = 0;
    while (next_parameter(&schema, &p))
        count += p.kind != '*';
    return count;
}

static bool bind_row(ork_torch *torch, const ork_torch_op *row, const call *c,
                     ork_torch_value **arg)
{
    const char *schema = row->schema;
    parameter p;
    size_t count = 0, used = 0, positional = c->positional;
    for (; next_parameter(&schema, &p); count++) {
        if (p.kind == '*') {
            positional = ork_min_size(positional, count);
            if (!next_parameter(&schema, &p))
                break;
        }
        ork_torch_value *value = count < positional ? c->items[count] : find_keyword(c, &p);
        used += value != NULL;
        if (!value && p.standard)
            value = standard_value(torch, &p);
        arg[count] = value ? accept(torch, &p, value) : NULL;
        if (!arg[count])
            return false;
    }
    return used == c->count;
}

static const char *describe(ork_torch *torch, const call *c)
{
    const char *text = "";
    for (size_t i = 0; i < c->count && i < ORK_TORCH_MAX_ARGS; i++)
        text = ork_arena_printf(torch->arena, "%s%s%s", text, *text ? ", " : "",
                                ork_torch_kind_names[c->items[i]->kind]);
    return text;
}

static bool has_computed_number(const call *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->items[i]->kind == ORK_TORCH_TENSOR &&
            c->items[i]->tensor.value->kind != ORK_VALUE_CONSTANT &&
            ork_shape_count(&c->items[i]->tensor.value->type.shape) == 1)
            return true;
    return false;
}

const ork_torch_op *ork_torch_bind(ork_torch *torch, const ork_torch_op *first,
                                   ork_torch_value *const *items, const char *const *keywords,
                                   size_t count, ork_torch_value **arg)
{
    call c = {.items = items, .keywords = keywords, .count = count};
    while (c.positional < count && (!keywords || !keywords[c.positional]))
        c.positional++;
    for (size_t i = c.positional; i < count; i++)
        if (!keywords[i])
            return ork_build_unsupported(torch->build, "a positional argument after a keyword");
    for (const ork_torch_op *row = first;
         row < rows + ORK_COUNT(rows) && !strcmp(row->name, first->name); row++) {
        if (bind_row(torch, row, &c, arg))
            return row;
        if (ork_diag_error_id(torch->diag) != ORK_ERR_NONE)
            return NULL;
    }
    ork_build_unsupported(torch->build, "these arguments are not supported: (%s)",
                          describe(torch, &c));
    if (has_computed_number(&c))
        ork_why(torch->diag,
                "a tensor stands where a number is needed, and it is known only when the "
                "network runs");
    return NULL;
}

/* ---- reading bound arguments ---- */

bool ork_torch_arg_ints(ork_torch *torch, const ork_torch_value *list, ork_ints *out)
{
    *out = (ork_ints){0};
    if (!ork_torch_is_sequence(list)) {
        out->count = 1;
        out->v[0] = ork_torch_as_int(list);
        return true;
    }
    if (list->list.count > ORK_MAX_RANK)
        return ork_build_unsupported(torch->build, "more than %d axes", ORK_MAX_RANK) != NULL;
    out->count = (int)list->list.count;
    for (int i = 0; i < out->count; i++)
        out->v[i] = ork_torch_as_int(list->list.items[i]);
    return true;
}

bool ork_torch_arg_fixed(ork_torch *torch, const ork_torch_value *list, int count, int64_t *out)
{
    ork_ints ints;
    if (!ork_torch_arg_ints(torch, list, &ints))
        return false;
    if (ints.count != 1 && ints.count != count)
        return ork_build_unsupported(torch->build, "%d numbers stand where %d are needed",
                                     ints.count, count) != NULL;
    for (int i = 0; i < count; i++) {
        out[i] = ints.v[ints.count == 1 ? 0 : i];
        if (out[i] > INT32_MAX || out[i] < INT32_MIN)
            return ork_build_bad_shape(torch->build, "a number is out of range") != NULL;
    }
    return true;
}

bool ork_torch_arg_shape(ork_torch *torch, const ork_torch_value *list, ork_shape *out)
{
    ork_ints ints;
    if (!ork_torch_arg_ints(torch, list, &ints))
        return false;
    for (int i = 0; i < ints.count; i++)
        if (ints.v[i] < 0 || ints.v[i] > INT32_MAX)
            return ork_build_bad_shape(torch->build, "a size of %lld", (long long)ints.v[i]) !=
                   NULL;
    *out = ork_shape_of(ints.count, ints.v);
    return true;
}

static bool wrap_axis(ork_torch *torch, int64_t axis, int rank, int64_t *out)
{
    int64_t limit = rank > 0 ? rank : 1;
    if (axis < -limit || axis >= limit)
        return ork_build_bad_shape(torch->build, "axis %lld of a tensor with %d axes",
                                   (long long)axis, rank) != NULL;
    *out = axis < 0 ? axis + limit : axis;
    return true;
}

bool ork_torch_arg_axis(ork_torch *torch, const ork_torch_value *axis, int rank, int *out)
{
    int64_t wrapped = 0;
    if (!wrap_axis(torch, ork_torch_as_int(axis), rank, &wrapped))
        return false;
    *out = (int)wrapped;
    return true;
}

bool ork_torch_arg_axes(ork_torch *torch, const ork_torch_value *axes, int rank, ork_ints *out)
{
    *out = (ork_ints){0};
    if (axes->kind != ORK_TORCH_NONE && !ork_torch_arg_ints(torch, axes, out))
        return false;
    if (out->count == 0) {
        for (; out->count < rank; out->count++)
            out->v[out->count] = out->count;
        return true;
    }
    for (int i = 0; i < out->count; i++)
        if (!wrap_axis(torch, out->v[i], rank, &out->v[i]))
            return false;
    return true;
}

bool ork_torch_arg_dtype(ork_torch *torch, const ork_torch_value *dtype, ork_dtype standard,
                         ork_dtype *out)
{
    *out = standard;
    return dtype->kind == ORK_TORCH_NONE || ork_torch_dtype(torch, ork_torch_as_int(dtype), out);
}

ork_value *ork_torch_arg_float(ork_torch *torch, ork_torch_value *tensor)
{
    ork_value *value = ork_torch_graph_value(torch, tensor);
    if (value && !ork_dtype_table[value->type.dtype].is_float)
        return ork_build_cast(torch->build, value, ORK_F32);
    return value;
}
