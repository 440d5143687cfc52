/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of nodes, and constant inputs that later versions use in their place. */
#include "onnx.h"

#include <math.h>
#include <string.h>

static const ork_onnx_attribute *find(const ork_onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->attributes.count; i++)
        if (!strcmp(node->attributes.items[i].name, name))
            return &node->attributes.items[i];
    return NULL;
}

/* Inside a function an attribute may stand for one of the call. */
const ork_onnx_attribute *ork_onnx_attribute_of(const ork_onnx_call *call, const char *name)
{
    const ork_onnx_attribute *attribute = find(call->node, name);
    while (attribute && attribute->refers_to) {
        call = call->frame->call;
        attribute = call ? find(call->node, attribute->refers_to) : NULL;
    }
    return attribute;
}

int64_t ork_onnx_int(const ork_onnx_call *call, const char *name, int64_t standard)
{
    const ork_onnx_attribute *attribute = ork_onnx_attribute_of(call, name);
    return attribute ? attribute->integer : standard;
}

double ork_onnx_float(const ork_onnx_call *call, const char *name, double standard)
{
    const ork_onnx_attribute *attribute = ork_onnx_attribute_of(call, name);
    return attribute ? (double)attribute->number : standard;
}

const char *ork_onnx_text(const ork_onnx *onnx, const ork_onnx_call *call, const char *name,
                          const char *standard)
{
    const ork_onnx_attribute *attribute = ork_onnx_attribute_of(call, name);
    if (!attribute || !attribute->text.data)
        return standard;
    return ork_arena_strndup(onnx->arena, (const char *)attribute->text.data, attribute->text.size);
}

bool ork_onnx_choice(ork_onnx *onnx, const ork_onnx_call *call, const char *name,
                     const char *const *names, int count, int standard, int *choice)
{
    const char *text = ork_onnx_text(onnx, call, name, names[standard]);
    for (*choice = 0; *choice < count; ++*choice)
        if (!strcmp(text, names[*choice]))
            return true;
    ork_build_unsupported(onnx->build, "%s \"%s\"", name, text);
    return false;
}

bool ork_onnx_ints(ork_onnx *onnx, const ork_onnx_call *call, const char *name, ork_ints *ints)
{
    const ork_onnx_attribute *attribute = ork_onnx_attribute_of(call, name);
    size_t count = attribute ? attribute->integers.count : 0;
    *ints = (ork_ints){.count = (int)ork_min_size(count, ORK_MAX_RANK)};
    if (count > ORK_MAX_RANK) {
        ork_build_unsupported(onnx->build, "%s with more than %d numbers", name, ORK_MAX_RANK);
        return false;
    }
    if (count > 0)
        memcpy(ints->v, attribute->integers.items, count * sizeof(*ints->v));
    return true;
}

bool ork_onnx_must_be_constant(ork_onnx *onnx, const ork_onnx_call *call, int input)
{
    if (input < call->input_count && call->in[input] && call->in[input]->kind == ORK_VALUE_CONSTANT)
        return true;
    ork_build_unsupported(onnx->build, "its input %d is not known before the network runs", input);
    ork_why(onnx->diag, "sizes and shapes must be fixed on a chip");
    return false;
}

bool ork_onnx_input_ints(ork_onnx *onnx, const ork_onnx_call *call, int input, ork_ints *ints)
{
    *ints = (ork_ints){0};
    if (input >= call->input_count || !call->in[input])
        return true;
    if (!ork_onnx_must_be_constant(onnx, call, input))
        return false;
    const ork_value *value = call->in[input];
    int64_t count = ork_shape_count(&value->type.shape);
    if (count > ORK_MAX_RANK) {
        ork_build_unsupported(onnx->build, "an input with more than %d numbers", ORK_MAX_RANK);
        return false;
    }
    ints->count = (int)count;
    for (int i = 0; i < ints->count; i++)
        ints->v[i] = ork_element_get_int(value->type.dtype, value->data, i);
    return true;
}

bool ork_onnx_ints_either(ork_onnx *onnx, const ork_onnx_call *call, const char *name, int input,
                          int64_t input_since, ork_ints *ints)
{
    return call->version >= input_since ? ork_onnx_input_ints(onnx, call, input, ints)
                                        : ork_onnx_ints(onnx, call, name, ints);
}

bool ork_onnx_input_number(ork_onnx *onnx, const ork_onnx_call *call, int input, double standard,
                           double *number)
{
    *number = standard;
    if (input >= call->input_count || !call->in[input])
        return true;
    const ork_value *value = call->in[input];
    if (!ork_onnx_must_be_constant(onnx, call, input))
        return false;
    if (ork_shape_count(&value->type.shape) != 1) {
        ork_build_bad_shape(onnx->build, "its input %d is not a single number", input);
        return false;
    }
    *number = ork_element_get(value->type.dtype, value->data, 0);
    return true;
}

bool ork_onnx_axis(ork_onnx *onnx, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank) {
        ork_build_bad_shape(onnx->build, "axis %lld of a tensor with %d axes", (long long)axis,
                            rank);
        return false;
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool ork_onnx_axes(ork_onnx *onnx, ork_ints *axes, int rank, bool all_if_empty)
{
    for (int i = 0; i < axes->count; i++) {
        int axis;
        if (!ork_onnx_axis(onnx, axes->v[i], rank, &axis))
            return false;
        axes->v[i] = axis;
    }
    if (axes->count == 0 && all_if_empty)
        for (axes->count = 0; axes->count < rank; axes->count++)
            axes->v[axes->count] = axes->count;
    return true;
}

bool ork_onnx_result(ork_onnx_call *call, ork_value *value)
{
    call->out[0] = value;
    return value != NULL;
}
