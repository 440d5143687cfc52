/* SPDX-License-Identifier: Apache-2.0 */
/* What functions that were scripted do besides tensors: lists, texts, None, ranges, errors. All of
   it is known while the network is imported. */
#include "torch.h"

#include <string.h>

/* ---- lists ---- */

/* Long lists cost as many steps as they have items: loops could double them. */
static ork_torch_value **new_items(ork_torch *torch, size_t count)
{
    if (count > torch->steps_left)
        return ork_build_unsupported(torch->build, "the code is too long");
    torch->steps_left -= count;
    return ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
}

/* `list` with the items of `other` put in at `at`; lists are shared, so it changes for all. */
static ork_torch_value *insert(ork_torch *torch, ork_torch_value *list, size_t at,
                               ork_torch_value *const *other, size_t added)
{
    size_t count = list->list.count;
    ork_torch_value **items = new_items(torch, count + added);
    if (!items)
        return NULL;
    at = ork_min_size(at, count);
    for (size_t i = 0; i < count; i++)
        items[i < at ? i : i + added] = list->list.items[i];
    for (size_t i = 0; i < added; i++)
        items[at + i] = other[i];
    list->list.items = items;
    list->list.count = count + added;
    return list;
}

/* (list, item) */
ORK_TORCH_HANDLER(append)
{
    return insert(torch, arg[0], arg[0]->list.count, &arg[1], 1);
}

/* (list, place, item) */
ORK_TORCH_HANDLER(insert)
{
    int64_t at = ork_torch_as_int(arg[1]);
    at += at < 0 ? (int64_t)arg[0]->list.count : 0;
    return insert(torch, arg[0], at > 0 ? (size_t)at : 0, &arg[2], 1);
}

/* (list, list) */
ORK_TORCH_HANDLER(extend)
{
    return insert(torch, arg[0], arg[0]->list.count, arg[1]->list.items, arg[1]->list.count);
}

static ork_torch_value *copied(ork_torch *torch, const ork_torch_value *list)
{
    ork_torch_value *copy = ork_torch_list(torch, ORK_TORCH_LIST, NULL, 0);
    return insert(torch, copy, 0, list->list.items, list->list.count);
}

/* (list): a list of its own */
ORK_TORCH_HANDLER(copy_list)
{
    return copied(torch, arg[0]);
}

/* (list, list): both in one */
ORK_TORCH_HANDLER(join_lists)
{
    ork_torch_value *joined = copied(torch, arg[0]);
    if (!joined)
        return NULL;
    return insert(torch, joined, joined->list.count, arg[1]->list.items, arg[1]->list.count);
}

/* (list, times) */
ORK_TORCH_HANDLER(repeat_list)
{
    ork_torch_value *all = ork_torch_list(torch, ORK_TORCH_LIST, NULL, 0);
    for (int64_t i = ork_torch_as_int(arg[1]); i > 0 && all && arg[0]->list.count > 0; i--)
        all = insert(torch, all, 0, arg[0]->list.items, arg[0]->list.count);
    return all;
}

static bool find_item(ork_torch *torch, const ork_torch_value *list, const ork_torch_value *index,
                      size_t *at)
{
    int64_t place = ork_torch_as_int(index);
    place += place < 0 ? (int64_t)list->list.count : 0;
    *at = (size_t)place;
    if (place >= 0 && *at < list->list.count)
        return true;
    return ork_build_unsupported(torch->build, "index %lld is out of range", (long long)place) !=
           NULL;
}

/* (list, place, item) */
ORK_TORCH_HANDLER(set_item)
{
    size_t at;
    if (!find_item(torch, arg[0], arg[1], &at) || !insert(torch, arg[0], 0, NULL, 0))
        return NULL;
    arg[0]->list.items[at] = arg[2];
    return arg[0];
}

/* (list, place): takes the item out */
ORK_TORCH_HANDLER(pop)
{
    size_t at;
    if (!find_item(torch, arg[0], arg[1], &at) || !insert(torch, arg[0], 0, NULL, 0))
        return NULL;
    ork_torch_value **items = arg[0]->list.items, *item = items[at];
    memmove(items + at, items + at + 1, (--arg[0]->list.count - at) * sizeof(*items));
    return item;
}

/* ---- comparisons ---- */

static bool is_same(const ork_torch_value *a, const ork_torch_value *b)
{
    if (ork_torch_is_number(a) && ork_torch_is_number(b))
        return ork_torch_as_double(a) == ork_torch_as_double(b);
    if (a->kind != b->kind || a->kind == ORK_TORCH_NONE)
        return a->kind == b->kind;
    if (a->kind == ORK_TORCH_STRING || a->kind == ORK_TORCH_DEVICE)
        return strcmp(a->text, b->text) == 0;
    if (a == b || !ork_torch_is_sequence(a) || a->list.count != b->list.count)
        return a == b;
    for (size_t i = 0; i < a->list.count; i++) {
        const ork_torch_value *x = a->list.items[i], *y = b->list.items[i];
        bool simple = !ork_torch_is_sequence(x) && !ork_torch_is_sequence(y);
        if (!(x == y || (simple && is_same(x, y))))
            return false;
    }
    return true;
}

/* (a, b) of texts, lists, devices; param: equal, or different */
ORK_TORCH_HANDLER(same_values)
{
    return ork_torch_bool(torch, is_same(arg[0], arg[1]) == (param != 0));
}

/* (list, item) */
ORK_TORCH_HANDLER(contains)
{
    for (size_t i = 0; i < arg[0]->list.count; i++)
        if (is_same(arg[0]->list.items[i], arg[1]))
            return ork_torch_bool(torch, true);
    return ork_torch_bool(torch, false);
}

ORK_TORCH_HANDLER(not )
{
    return ork_torch_bool(torch, !arg[0]->boolean);
}

/* (a, b) or (list); param is the operator. */
ORK_TORCH_HANDLER(extreme_number)
{
    ork_torch_value *best = NULL, **items = arg;
    size_t count = 2;
    if (ork_torch_is_sequence(arg[0])) {
        items = arg[0]->list.items;
        count = arg[0]->list.count;
    }
    for (size_t i = 0; i < count; i++) {
        bool wins = !best || (param == ORK_OP_MAXIMUM
                                  ? ork_torch_as_double(items[i]) > ork_torch_as_double(best)
                                  : ork_torch_as_double(items[i]) < ork_torch_as_double(best));
        best = wins ? items[i] : best;
    }
    return best ? best : ork_build_unsupported(torch->build, "the extreme of an empty list");
}

/* ---- ranges ---- */

/* (begin, end, step): how many numbers */
ORK_TORCH_HANDLER(range_length)
{
    int64_t begin = ork_torch_as_int(arg[0]), end = ork_torch_as_int(arg[1]);
    int64_t step = ork_torch_as_int(arg[2]);
    if (step == 0 || begin > INT32_MAX || begin < INT32_MIN || end > INT32_MAX || end < INT32_MIN ||
        step > INT32_MAX || step < INT32_MIN)
        return ork_build_unsupported(torch->build, "such a range");
    int64_t span = step > 0 ? end - begin + step - 1 : end - begin + step + 1;
    return ork_torch_int(torch, span / step > 0 ? span / step : 0);
}

/* (place, begin, step) */
ORK_TORCH_HANDLER(range_item)
{
    ork_torch_value *away = ork_torch_binary(torch, ORK_OP_MUL, arg[0], arg[2], false);
    return away ? ork_torch_binary(torch, ORK_OP_ADD, arg[1], away, false) : NULL;
}

/* ---- what tensors are ---- */

/* The number that torch has for a type. */
ORK_TORCH_HANDLER(dtype_of)
{
    static const int codes[ORK_DTYPE_COUNT] = {
        [ORK_U8] = 0,  [ORK_I8] = 1,  [ORK_I16] = 2, [ORK_I32] = 3,
        [ORK_I64] = 4, [ORK_F16] = 5, [ORK_F32] = 6, [ORK_BOOL] = 11};
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    return x ? ork_torch_int(torch, codes[x->type.dtype]) : NULL;
}

ORK_TORCH_HANDLER(is_float)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    return x ? ork_torch_bool(torch, ork_dtype_table[x->type.dtype].is_float) : NULL;
}

/* Of any tensor here. */
ORK_TORCH_HANDLER(processor)
{
    return ork_torch_text(torch, ORK_TORCH_DEVICE, "cpu");
}

ORK_TORCH_HANDLER(never)
{
    return ork_torch_bool(torch, false);
}

/* (numbers or tensors, dtype): a tensor of them */
ORK_TORCH_HANDLER(tensor_of)
{
    ork_dtype dtype;
    ork_torch_value *data = arg[0], *dim = ork_torch_int(torch, 0);
    if (ork_torch_is_sequence(data)) {
        for (size_t i = 0; i < data->list.count; i++)
            if (!ork_torch_is_number(data->list.items[i]) &&
                data->list.items[i]->kind != ORK_TORCH_TENSOR)
                return ork_build_unsupported(torch->build, "a tensor of %s",
                                             ork_torch_kind_names[data->list.items[i]->kind]);
        ork_torch_value *all[] = {data, dim};
        data = ork_torch_op_stack(torch, all, 0);
    }
    ork_value *x = data ? ork_torch_graph_value(torch, data) : NULL;
    if (!x || !ork_torch_arg_dtype(torch, arg[1], x->type.dtype, &dtype))
        return NULL;
    return ork_torch_tensor(torch, ork_build_cast(torch->build, x, dtype));
}

/* ---- errors ---- */

/* (text, ...) */
ORK_TORCH_HANDLER(raise)
{
    const char *text = arg[0]->kind == ORK_TORCH_STRING ? arg[0]->text : "";
    return ork_build_unsupported(torch->build, "the model's own code fails: %.200s", text);
}

/* A text with values put in; they do not matter here. */
ORK_TORCH_HANDLER(first)
{
    return arg[0];
}

ORK_TORCH_HANDLER(nothing_at_all)
{
    return ork_torch_new(torch, ORK_TORCH_NONE);
}
