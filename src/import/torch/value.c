/* SPDX-License-Identifier: Apache-2.0 */
/* What methods compute with. */
#include "torch.h"

const char *const ork_torch_kind_names[ORK_TORCH_KIND_COUNT] = {
    "None",   "a bool",  "an int",   "a float",  "a string",         "a device",
    "a list", "a tuple", "a tensor", "a module", "an unknown value", "an unreadable value"};

ork_torch_value *ork_torch_new(ork_torch *torch, ork_torch_kind kind)
{
    ork_torch_value *value = ORK_NEW(torch->arena, ork_torch_value);
    value->kind = kind;
    return value;
}

ork_torch_value *ork_torch_bool(ork_torch *torch, bool boolean)
{
    ork_torch_value *value = ork_torch_new(torch, ORK_TORCH_BOOL);
    value->boolean = boolean;
    return value;
}

ork_torch_value *ork_torch_int(ork_torch *torch, int64_t integer)
{
    ork_torch_value *value = ork_torch_new(torch, ORK_TORCH_INT);
    value->integer = integer;
    return value;
}

ork_torch_value *ork_torch_float(ork_torch *torch, double number, bool is_single)
{
    ork_torch_value *value = ork_torch_new(torch, ORK_TORCH_FLOAT);
    value->number = is_single ? (double)(float)number : number;
    value->is_single = is_single;
    return value;
}

ork_torch_value *ork_torch_text(ork_torch *torch, ork_torch_kind kind, const char *text)
{
    ork_torch_value *value = ork_torch_new(torch, kind);
    value->text = text;
    return value;
}

ork_torch_value *ork_torch_list(ork_torch *torch, ork_torch_kind kind, ork_torch_value **items,
                                size_t count)
{
    ork_torch_value *value = ork_torch_new(torch, kind);
    value->list.items = items;
    value->list.count = count;
    return value;
}

ork_torch_value *ork_torch_tensor(ork_torch *torch, ork_value *graph_value)
{
    if (!graph_value)
        return NULL;
    ork_torch_value *value = ork_torch_new(torch, ORK_TORCH_TENSOR);
    value->tensor.value = graph_value;
    return value;
}

bool ork_torch_is_sequence(const ork_torch_value *value)
{
    return value->kind == ORK_TORCH_LIST || value->kind == ORK_TORCH_TUPLE;
}

ork_value *ork_torch_graph_value(ork_torch *torch, ork_torch_value *value)
{
    switch (value->kind) {
    case ORK_TORCH_TENSOR:
        return ork_torch_view_value(torch, value);
    case ORK_TORCH_BOOL:
        return ork_build_scalar(torch->build, ORK_BOOL, value->boolean);
    case ORK_TORCH_INT:
        return ork_build_scalar(torch->build, ORK_I64, (double)value->integer);
    case ORK_TORCH_FLOAT:
        return ork_build_scalar(torch->build, ORK_F32, value->number);
    case ORK_TORCH_UNAVAILABLE:
        return ork_build_unsupported(torch->build, "%s cannot be used", value->text);
    default:
        return ork_build_unsupported(torch->build, "%s stands where a tensor is needed",
                                     ork_torch_kind_names[value->kind]);
    }
}

ork_shape ork_torch_shape(const ork_torch_value *value)
{
    return value->kind == ORK_TORCH_TENSOR ? value->tensor.value->type.shape : (ork_shape){0};
}
