/* SPDX-License-Identifier: Apache-2.0 */
/* What methods compute with. */
#include "torch.h"

const char *const ork_ts_kind_names[ORK_TS_KIND_COUNT] = {
    "None",   "a bool",  "an int",   "a float",  "a string",         "a device",
    "a list", "a tuple", "a tensor", "a module", "an unknown value", "an unreadable value"};

ork_ts_value *ork_ts_new(ork_ts *ts, ork_ts_kind kind)
{
    ork_ts_value *value = ORK_NEW(ts->arena, ork_ts_value);
    value->kind = kind;
    return value;
}

ork_ts_value *ork_ts_bool(ork_ts *ts, bool boolean)
{
    ork_ts_value *value = ork_ts_new(ts, ORK_TS_BOOL);
    value->boolean = boolean;
    return value;
}

ork_ts_value *ork_ts_int(ork_ts *ts, int64_t integer)
{
    ork_ts_value *value = ork_ts_new(ts, ORK_TS_INT);
    value->integer = integer;
    return value;
}

ork_ts_value *ork_ts_float(ork_ts *ts, double number, bool is_single)
{
    ork_ts_value *value = ork_ts_new(ts, ORK_TS_FLOAT);
    value->number = is_single ? (double)(float)number : number;
    value->is_single = is_single;
    return value;
}

ork_ts_value *ork_ts_text(ork_ts *ts, ork_ts_kind kind, const char *text)
{
    ork_ts_value *value = ork_ts_new(ts, kind);
    value->text = text;
    return value;
}

ork_ts_value *ork_ts_list(ork_ts *ts, ork_ts_kind kind, ork_ts_value **items, size_t count)
{
    ork_ts_value *value = ork_ts_new(ts, kind);
    value->list.items = items;
    value->list.count = count;
    return value;
}

ork_ts_value *ork_ts_tensor(ork_ts *ts, ork_value *graph_value)
{
    if (!graph_value)
        return NULL;
    ork_ts_value *value = ork_ts_new(ts, ORK_TS_TENSOR);
    value->tensor.value = graph_value;
    return value;
}

bool ork_ts_is_sequence(const ork_ts_value *value)
{
    return value->kind == ORK_TS_LIST || value->kind == ORK_TS_TUPLE;
}

ork_value *ork_ts_graph_value(ork_ts *ts, ork_ts_value *value)
{
    switch (value->kind) {
    case ORK_TS_TENSOR:
        return ork_ts_view_value(ts, value);
    case ORK_TS_BOOL:
        return ork_build_scalar(ts->build, ORK_BOOL, value->boolean);
    case ORK_TS_INT:
        return ork_build_scalar(ts->build, ORK_I64, (double)value->integer);
    case ORK_TS_FLOAT:
        return ork_build_scalar(ts->build, ORK_F32, value->number);
    case ORK_TS_UNAVAILABLE:
        return ork_build_unsupported(ts->build, "%s cannot be used", value->text);
    default:
        return ork_build_unsupported(ts->build, "%s stands where a tensor is needed",
                                     ork_ts_kind_names[value->kind]);
    }
}

ork_shape ork_ts_shape(const ork_ts_value *value)
{
    return value->kind == ORK_TS_TENSOR ? value->tensor.value->type.shape : (ork_shape){0};
}
