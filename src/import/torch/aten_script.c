/* SPDX-License-Identifier: Apache-2.0 */
/* What functions that were scripted do besides tensors: lists, texts, None, ranges, errors. All of
   it is known while the network is imported. */
#include "torch.h"

#include <string.h>

/* ---- lists ---- */

/* Long lists cost as many steps as they have items: loops could double them. */
static ork_ts_value **new_items(ork_ts *ts, size_t count)
{
    if (count > ts->steps_left)
        return ork_build_unsupported(ts->build, "the code is too long");
    ts->steps_left -= count;
    return ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
}

/* `list` with the items of `other` put in at `at`; lists are shared, so it changes for all. */
static ork_ts_value *insert(ork_ts *ts, ork_ts_value *list, size_t at, ork_ts_value *const *other,
                            size_t added)
{
    size_t count = list->list.count;
    ork_ts_value **items = new_items(ts, count + added);
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
ORK_TS_HANDLER(append)
{
    return insert(ts, arg[0], arg[0]->list.count, &arg[1], 1);
}

/* (list, place, item) */
ORK_TS_HANDLER(insert)
{
    int64_t at = ork_ts_as_int(arg[1]);
    at += at < 0 ? (int64_t)arg[0]->list.count : 0;
    return insert(ts, arg[0], at > 0 ? (size_t)at : 0, &arg[2], 1);
}

/* (list, list) */
ORK_TS_HANDLER(extend)
{
    return insert(ts, arg[0], arg[0]->list.count, arg[1]->list.items, arg[1]->list.count);
}

static ork_ts_value *copied(ork_ts *ts, const ork_ts_value *list)
{
    ork_ts_value *copy = ork_ts_list(ts, ORK_TS_LIST, NULL, 0);
    return insert(ts, copy, 0, list->list.items, list->list.count);
}

/* (list): a list of its own */
ORK_TS_HANDLER(copy_list)
{
    return copied(ts, arg[0]);
}

/* (list, list): both in one */
ORK_TS_HANDLER(join_lists)
{
    ork_ts_value *joined = copied(ts, arg[0]);
    if (!joined)
        return NULL;
    return insert(ts, joined, joined->list.count, arg[1]->list.items, arg[1]->list.count);
}

/* (list, times) */
ORK_TS_HANDLER(repeat_list)
{
    ork_ts_value *all = ork_ts_list(ts, ORK_TS_LIST, NULL, 0);
    for (int64_t i = ork_ts_as_int(arg[1]); i > 0 && all && arg[0]->list.count > 0; i--)
        all = insert(ts, all, 0, arg[0]->list.items, arg[0]->list.count);
    return all;
}

static bool find_item(ork_ts *ts, const ork_ts_value *list, const ork_ts_value *index, size_t *at)
{
    int64_t place = ork_ts_as_int(index);
    place += place < 0 ? (int64_t)list->list.count : 0;
    *at = (size_t)place;
    if (place >= 0 && *at < list->list.count)
        return true;
    return ork_build_unsupported(ts->build, "index %lld is out of range", (long long)place) != NULL;
}

/* (list, place, item) */
ORK_TS_HANDLER(set_item)
{
    size_t at;
    if (!find_item(ts, arg[0], arg[1], &at) || !insert(ts, arg[0], 0, NULL, 0))
        return NULL;
    arg[0]->list.items[at] = arg[2];
    return arg[0];
}

/* (list, place): takes the item out */
ORK_TS_HANDLER(pop)
{
    size_t at;
    if (!find_item(ts, arg[0], arg[1], &at) || !insert(ts, arg[0], 0, NULL, 0))
        return NULL;
    ork_ts_value **items = arg[0]->list.items, *item = items[at];
    memmove(items + at, items + at + 1, (--arg[0]->list.count - at) * sizeof(*items));
    return item;
}

/* ---- comparisons ---- */

static bool is_same(const ork_ts_value *a, const ork_ts_value *b)
{
    if (ork_ts_is_number(a) && ork_ts_is_number(b))
        return ork_ts_as_double(a) == ork_ts_as_double(b);
    if (a->kind != b->kind || a->kind == ORK_TS_NONE)
        return a->kind == b->kind;
    if (a->kind == ORK_TS_STRING || a->kind == ORK_TS_DEVICE)
        return strcmp(a->text, b->text) == 0;
    if (a == b || !ork_ts_is_sequence(a) || a->list.count != b->list.count)
        return a == b;
    for (size_t i = 0; i < a->list.count; i++) {
        const ork_ts_value *x = a->list.items[i], *y = b->list.items[i];
        bool simple = !ork_ts_is_sequence(x) && !ork_ts_is_sequence(y);
        if (!(x == y || (simple && is_same(x, y))))
            return false;
    }
    return true;
}

/* (a, b) of texts, lists, devices; param: equal, or different */
ORK_TS_HANDLER(same_values)
{
    return ork_ts_bool(ts, is_same(arg[0], arg[1]) == (param != 0));
}

/* (list, item) */
ORK_TS_HANDLER(contains)
{
    for (size_t i = 0; i < arg[0]->list.count; i++)
        if (is_same(arg[0]->list.items[i], arg[1]))
            return ork_ts_bool(ts, true);
    return ork_ts_bool(ts, false);
}

ORK_TS_HANDLER(not )
{
    return ork_ts_bool(ts, !arg[0]->boolean);
}

/* (a, b) or (list); param is the operator. */
ORK_TS_HANDLER(extreme_number)
{
    ork_ts_value *best = NULL, **items = arg;
    size_t count = 2;
    if (ork_ts_is_sequence(arg[0])) {
        items = arg[0]->list.items;
        count = arg[0]->list.count;
    }
    for (size_t i = 0; i < count; i++) {
        bool wins = !best ||
                    (param == ORK_OP_MAXIMUM ? ork_ts_as_double(items[i]) > ork_ts_as_double(best)
                                             : ork_ts_as_double(items[i]) < ork_ts_as_double(best));
        best = wins ? items[i] : best;
    }
    return best ? best : ork_build_unsupported(ts->build, "the extreme of an empty list");
}

/* ---- ranges ---- */

/* (begin, end, step): how many numbers */
ORK_TS_HANDLER(range_length)
{
    int64_t begin = ork_ts_as_int(arg[0]), end = ork_ts_as_int(arg[1]);
    int64_t step = ork_ts_as_int(arg[2]);
    if (step == 0 || begin > INT32_MAX || begin < INT32_MIN || end > INT32_MAX || end < INT32_MIN ||
        step > INT32_MAX || step < INT32_MIN)
        return ork_build_unsupported(ts->build, "such a range");
    int64_t span = step > 0 ? end - begin + step - 1 : end - begin + step + 1;
    return ork_ts_int(ts, span / step > 0 ? span / step : 0);
}

/* (place, begin, step) */
ORK_TS_HANDLER(range_item)
{
    ork_ts_value *away = ork_ts_binary(ts, ORK_OP_MUL, arg[0], arg[2], false);
    return away ? ork_ts_binary(ts, ORK_OP_ADD, arg[1], away, false) : NULL;
}

/* ---- what tensors are ---- */

/* The number that torch has for a type. */
ORK_TS_HANDLER(dtype_of)
{
    static const int codes[ORK_DTYPE_COUNT] = {
        [ORK_U8] = 0,  [ORK_I8] = 1,  [ORK_I16] = 2, [ORK_I32] = 3,
        [ORK_I64] = 4, [ORK_F16] = 5, [ORK_F32] = 6, [ORK_BOOL] = 11};
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    return x ? ork_ts_int(ts, codes[x->type.dtype]) : NULL;
}

ORK_TS_HANDLER(is_float)
{
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    return x ? ork_ts_bool(ts, ork_dtype_table[x->type.dtype].is_float) : NULL;
}

/* Of any tensor here. */
ORK_TS_HANDLER(processor)
{
    return ork_ts_text(ts, ORK_TS_DEVICE, "cpu");
}

ORK_TS_HANDLER(never)
{
    return ork_ts_bool(ts, false);
}

/* (numbers or tensors, dtype): a tensor of them */
ORK_TS_HANDLER(tensor_of)
{
    ork_dtype dtype;
    ork_ts_value *data = arg[0], *dim = ork_ts_int(ts, 0);
    if (ork_ts_is_sequence(data)) {
        for (size_t i = 0; i < data->list.count; i++)
            if (!ork_ts_is_number(data->list.items[i]) &&
                data->list.items[i]->kind != ORK_TS_TENSOR)
                return ork_build_unsupported(ts->build, "a tensor of %s",
                                             ork_ts_kind_names[data->list.items[i]->kind]);
        ork_ts_value *all[] = {data, dim};
        data = ork_ts_op_stack(ts, all, 0);
    }
    ork_value *x = data ? ork_ts_graph_value(ts, data) : NULL;
    if (!x || !ork_ts_arg_dtype(ts, arg[1], x->type.dtype, &dtype))
        return NULL;
    return ork_ts_tensor(ts, ork_build_cast(ts->build, x, dtype));
}

/* ---- errors ---- */

/* (text, ...) */
ORK_TS_HANDLER(raise)
{
    const char *text = arg[0]->kind == ORK_TS_STRING ? arg[0]->text : "";
    return ork_build_unsupported(ts->build, "the model's own code fails: %.200s", text);
}

/* A text with values put in; they do not matter here. */
ORK_TS_HANDLER(first)
{
    return arg[0];
}

ORK_TS_HANDLER(nothing_at_all)
{
    return ork_ts_new(ts, ORK_TS_NONE);
}
