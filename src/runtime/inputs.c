/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs as the caller sets them, or writes them into mapped memory. */
#include "internal.h"

#include <string.h>

/* The shape of what comes in that format. */
static ork_shape shape_in(const ork_value *value, rknn_tensor_format format)
{
    const int64_t *d = value->type.shape.dim;
    if (value->type.shape.rank == 4 && format == RKNN_TENSOR_NHWC)
        return ork_shape_of(4, (int64_t[]){d[0], d[2], d[3], d[1]});
    return value->type.shape;
}

static bool reserve(runtime *r, runtime_input *input, uint32_t size)
{
    if (size <= input->capacity)
        return true;
    ork_data_free(input->staged);
    input->staged = ork_data_alloc(size);
    input->capacity = input->staged ? size : 0;
    input->feed.data = NULL;
    return input->staged ||
           ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for %u bytes of input '%s'",
                    (unsigned)size, input->value->name);
}

/* The input that is meant, or NULL. */
static runtime_input *find_input(runtime *r, uint32_t index)
{
    if (index < r->input_count)
        return &r->inputs[index];
    ork_fail(r->diag, ORK_ERR_INPUT_COUNT, "there is no input %u of %u", (unsigned)index,
             (unsigned)r->input_count);
    return NULL;
}

/* What passes through is of the tensor's own type and format, whatever the caller says. Programs
   give the attribute's size with bytes for halves too. */
static bool check_input(runtime *r, const runtime_input *input, rknn_input *given)
{
    rknn_tensor_attr attr = {0};
    runtime_describe(input->value, &attr);
    if (given->pass_through) {
        given->type = attr.type;
        given->fmt = attr.fmt;
    }
    if (runtime_type_size(given->type) == 0 || (unsigned)given->fmt >= RKNN_TENSOR_FORMAT_MAX)
        return ork_fail(r->diag, ORK_ERR_INPUT_TYPE, "input '%s' has type %d and format %d",
                        attr.name, (int)given->type, (int)given->fmt);
    uint32_t size = attr.n_elems * runtime_type_size(given->type);
    bool fits = given->size == size || (given->size == attr.size && attr.size > size);
    if (given->buf && fits) {
        given->size = size;
        return true;
    }
    ork_fail(r->diag, ORK_ERR_INPUT_SHAPE, "input '%s' has %u bytes at %p, but needs %u", attr.name,
             (unsigned)given->size, given->buf, (unsigned)size);
    return ork_why(r->diag, "%u elements of %u bytes", (unsigned)attr.n_elems,
                   (unsigned)runtime_type_size(given->type));
}

static bool set_input(runtime *r, const rknn_input *given)
{
    rknn_input checked = *given;
    runtime_input *input = find_input(r, given->index);
    if (!input || !check_input(r, input, &checked) || !reserve(r, input, checked.size))
        return false;
    memcpy(input->staged, checked.buf, checked.size);
    input->is_mapped = false;
    input->feed = (ork_feed){.data = input->staged,
                             .dtype = runtime_dtype(checked.type),
                             .shape = shape_in(input->value, checked.fmt),
                             .is_nhwc = checked.fmt == RKNN_TENSOR_NHWC,
                             .pass_through = checked.pass_through != 0};
    return true;
}

RUNTIME_API int rknn_inputs_set(rknn_context context, uint32_t n_inputs, rknn_input inputs[])
{
    runtime *r = runtime_enter(context, "rknn_inputs_set");
    if (!r)
        return RKNN_ERR_CTX_INVALID;
    if (!inputs || n_inputs > r->input_count)
        ork_fail(r->diag, ORK_ERR_INPUT_COUNT, "%u inputs at %p for a model of %u",
                 (unsigned)n_inputs, (void *)inputs, (unsigned)r->input_count);
    for (uint32_t i = 0; ork_diag_error_id(r->diag) == ORK_ERR_NONE && i < n_inputs; i++)
        set_input(r, &inputs[i]);
    return runtime_leave(r, "rknn_inputs_set");
}

/* ---- mapped memory ---- */

static bool map_input(runtime *r, runtime_input *input, rknn_tensor_mem *mem)
{
    rknn_tensor_attr attr = {0};
    runtime_describe(input->value, &attr);
    if (!reserve(r, input, attr.size))
        return false;
    input->is_mapped = true;
    *mem = (rknn_tensor_mem){.logical_addr = input->staged, .fd = -1, .size = attr.size};
    return true;
}

static bool sync_input(runtime *r, runtime_input *input, rknn_tensor_mem *mem)
{
    rknn_tensor_attr attr = {0};
    runtime_describe(input->value, &attr);
    if (!input->is_mapped || mem->logical_addr != input->staged)
        return ork_fail(r->diag, ORK_ERR_INPUT_TYPE, "input '%s' is not mapped there", attr.name);
    input->feed = (ork_feed){.data = input->staged,
                             .dtype = runtime_dtype(attr.type),
                             .shape = input->value->type.shape,
                             .pass_through = true};
    return true;
}

/* What was taken over stays for further runs. */
static bool unmap_input(runtime *r, runtime_input *input, rknn_tensor_mem *mem)
{
    (void)r;
    input->is_mapped = false;
    *mem = (rknn_tensor_mem){.fd = -1};
    return true;
}

static int for_each(rknn_context context, uint32_t count, rknn_tensor_mem mem[], const char *call,
                    bool (*act)(runtime *, runtime_input *, rknn_tensor_mem *))
{
    runtime *r = runtime_enter(context, call);
    if (!r)
        return RKNN_ERR_CTX_INVALID;
    if (!mem || count > r->input_count)
        ork_fail(r->diag, ORK_ERR_INPUT_COUNT, "%u inputs at %p for a model of %u", (unsigned)count,
                 (void *)mem, (unsigned)r->input_count);
    for (uint32_t i = 0; ork_diag_error_id(r->diag) == ORK_ERR_NONE && i < count; i++)
        act(r, &r->inputs[i], &mem[i]);
    return runtime_leave(r, call);
}

RUNTIME_API int rknn_inputs_map(rknn_context context, uint32_t n_inputs, rknn_tensor_mem mem[])
{
    return for_each(context, n_inputs, mem, "rknn_inputs_map", map_input);
}

RUNTIME_API int rknn_inputs_sync(rknn_context context, uint32_t n_inputs, rknn_tensor_mem mem[])
{
    return for_each(context, n_inputs, mem, "rknn_inputs_sync", sync_input);
}

RUNTIME_API int rknn_inputs_unmap(rknn_context context, uint32_t n_inputs, rknn_tensor_mem mem[])
{
    return for_each(context, n_inputs, mem, "rknn_inputs_unmap", unmap_input);
}
