/* SPDX-License-Identifier: Apache-2.0 */
/* Results of runs. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- what a run leaves ---- */

typedef struct result {
    const void *raw;
    const float *real;
} result;

/* With a thread of its own the frame before; the first has none before it, and is waited for. */
static result result_of(runtime *r, uint32_t index)
{
    const runtime_output *output = &r->outputs[index];
    if (r->worker.is_there && r->frames > 1)
        return (result){output->kept_raw, output->kept_real};
    runtime_wait(r);
    return (result){ork_runner_output_raw(r->runner, index), ork_runner_output(r->runner, index)};
}

static size_t raw_bytes(const ork_type *type)
{
    return (size_t)ork_shape_count(&type->shape) * ork_dtype_table[type->dtype].size;
}

/* Memory is taken at the second frame, once. */
static bool reserve_kept(runtime *r, runtime_output *output)
{
    size_t count = (size_t)ork_shape_count(&output->value->type.shape);
    if (!output->kept_raw)
        output->kept_raw = ork_data_alloc(raw_bytes(&output->value->type));
    if (!output->kept_real)
        output->kept_real = ork_data_alloc(count * sizeof(float));
    return (output->kept_raw && output->kept_real) ||
           ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "no memory to keep output '%s'",
                    output->value->name);
}

bool runtime_keep_outputs(runtime *r)
{
    for (uint32_t i = 0; i < r->output_count; i++) {
        runtime_output *output = &r->outputs[i];
        const ork_type *type = &output->value->type;
        if (!reserve_kept(r, output))
            return false;
        memcpy(output->kept_raw, ork_runner_output_raw(r->runner, i), raw_bytes(type));
        memcpy(output->kept_real, ork_runner_output(r->runner, i),
               (size_t)ork_shape_count(&type->shape) * sizeof(float));
    }
    return true;
}

/* ---- in the caller's type and format ---- */

/* From NCHW to N H W C. */
static void put_channels_last(const ork_shape *shape, size_t size, const void *from, void *to)
{
    const int64_t *d = shape->dim, plane = d[2] * d[3];
    char *out = to;
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t at = 0; at < plane; at++)
            for (int64_t c = 0; c < d[1]; c++, out += size)
                memcpy(out, (const char *)from + (size_t)((n * d[1] + c) * plane + at) * size,
                       size);
}

static void put_halves(const float *from, uint16_t *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = ork_float_to_half(from[i]);
}

/* type: FLOAT32 or that of the output's attribute. */
static void store(const runtime_output *output, result from, rknn_tensor_type type,
                  rknn_tensor_format format, void *to)
{
    const ork_shape *shape = &output->value->type.shape;
    int64_t count = ork_shape_count(shape);
    size_t size = runtime_type_size(type);
    const void *elements = type == RKNN_TENSOR_FLOAT32 ? (const void *)from.real : from.raw;
    if (type == RKNN_TENSOR_FLOAT16 && output->value->type.dtype != ORK_F16)
        put_halves(from.real, to, count);
    else if (format == RKNN_TENSOR_NHWC && shape->rank == 4)
        put_channels_last(shape, size, elements, to);
    else
        memcpy(to, elements, (size_t)count * size);
}

void runtime_fill_memory(runtime *r)
{
    for (uint32_t i = 0; i < r->output_count; i++) {
        const runtime_output *output = &r->outputs[i];
        result from = {ork_runner_output_raw(r->runner, i), ork_runner_output(r->runner, i)};
        if (output->memory)
            store(output, from, output->memory_type, output->memory_format,
                  output->memory->logical_addr);
    }
}

/* ---- the calls ---- */

static bool check_outputs(runtime *r, uint32_t count, const void *outputs)
{
    if (!outputs || count > r->output_count)
        return ork_fail(r->diag, ORK_ERR_CALL_ORDER, "%u outputs at %p of a model of %u",
                        (unsigned)count, outputs, (unsigned)r->output_count);
    if (r->frames > 0)
        return true;
    ork_fail(r->diag, ORK_ERR_CALL_ORDER, "nothing has run yet");
    return ork_fix(r->diag, "call rknn_run first");
}

static bool get_output(runtime *r, uint32_t position, rknn_output *wanted)
{
    rknn_tensor_attr attr = {.index = wanted->is_prealloc ? wanted->index : position};
    if (attr.index >= r->output_count)
        return ork_fail(r->diag, ORK_ERR_CALL_ORDER, "there is no output %u of %u",
                        (unsigned)attr.index, (unsigned)r->output_count);
    runtime_describe(r->outputs[attr.index].value, &attr);
    rknn_tensor_type type = wanted->want_float ? RKNN_TENSOR_FLOAT32 : attr.type;
    uint32_t size = attr.n_elems * runtime_type_size(type);
    if (wanted->is_prealloc && (!wanted->buf || wanted->size < size))
        return ork_fail(r->diag, ORK_ERR_CALL_ORDER, "output '%s' needs %u bytes, not %u at %p",
                        attr.name, (unsigned)size, (unsigned)wanted->size, wanted->buf);
    if (!wanted->is_prealloc)
        wanted->buf = malloc(size ? size : 1);
    if (!wanted->buf)
        return ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for output '%s'", attr.name);
    wanted->index = attr.index;
    wanted->size = size;
    store(&r->outputs[attr.index], result_of(r, attr.index), type, attr.fmt, wanted->buf);
    return true;
}

/* What was made for the first outputs, when a later one fails. */
static void give_back(uint32_t count, rknn_output outputs[])
{
    for (uint32_t i = 0; outputs && i < count; i++) {
        if (outputs[i].is_prealloc)
            continue;
        free(outputs[i].buf);
        outputs[i].buf = NULL;
    }
}

RUNTIME_API int rknn_outputs_get(rknn_context context, uint32_t n_outputs, rknn_output outputs[],
                                 rknn_output_extend *extend)
{
    runtime *r = runtime_enter(context, "rknn_outputs_get");
    if (!r)
        return RKNN_ERR_CTX_INVALID;
    bool good = check_outputs(r, n_outputs, outputs);
    for (uint32_t i = 0; good && i < n_outputs; i++) {
        good = get_output(r, i, &outputs[i]);
        if (!good)
            give_back(i, outputs);
    }
    if (good && extend)
        extend->frame_id = r->worker.is_there && r->frames > 1 ? r->frame_id_before : r->frame_id;
    return runtime_leave(r, "rknn_outputs_get");
}

RUNTIME_API int rknn_outputs_release(rknn_context context, uint32_t n_outputs,
                                     rknn_output outputs[])
{
    runtime *r = runtime_enter(context, "rknn_outputs_release");
    if (!r)
        return RKNN_ERR_CTX_INVALID;
    if (!outputs || n_outputs > r->output_count)
        ork_fail(r->diag, ORK_ERR_CALL_ORDER, "%u outputs at %p of a model of %u",
                 (unsigned)n_outputs, (void *)outputs, (unsigned)r->output_count);
    else
        give_back(n_outputs, outputs);
    return runtime_leave(r, "rknn_outputs_release");
}

/* ---- mapped memory ---- */

static bool map_output(runtime *r, uint32_t index, rknn_tensor_mem *mem)
{
    runtime_output *output = &r->outputs[index];
    rknn_tensor_attr attr = {0};
    runtime_describe(output->value, &attr);
    if (!output->mapped)
        output->mapped = ork_data_alloc(attr.size);
    if (!output->mapped)
        return ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for output '%s'", attr.name);
    memset(output->mapped, 0, attr.size);
    *mem = (rknn_tensor_mem){.logical_addr = output->mapped, .fd = -1, .size = attr.size};
    return true;
}

static bool sync_output(runtime *r, uint32_t index, rknn_tensor_mem *mem)
{
    runtime_output *output = &r->outputs[index];
    rknn_tensor_attr attr = {0};
    runtime_describe(output->value, &attr);
    if (!output->mapped || mem->logical_addr != output->mapped)
        return ork_fail(r->diag, ORK_ERR_CALL_ORDER, "output '%s' is not mapped there", attr.name);
    if (!check_outputs(r, 1, mem))
        return false;
    store(output, result_of(r, index), attr.type, attr.fmt, output->mapped);
    return true;
}

static bool unmap_output(runtime *r, uint32_t index, rknn_tensor_mem *mem)
{
    ork_data_free(r->outputs[index].mapped);
    r->outputs[index].mapped = NULL;
    *mem = (rknn_tensor_mem){.fd = -1};
    return true;
}

static int for_each(rknn_context context, uint32_t count, rknn_tensor_mem mem[], const char *call,
                    bool (*act)(runtime *, uint32_t, rknn_tensor_mem *))
{
    runtime *r = runtime_enter(context, call);
    if (!r)
        return RKNN_ERR_CTX_INVALID;
    bool good = mem && count <= r->output_count;
    if (!good)
        ork_fail(r->diag, ORK_ERR_CALL_ORDER, "%u outputs at %p of a model of %u", (unsigned)count,
                 (void *)mem, (unsigned)r->output_count);
    for (uint32_t i = 0; good && i < count; i++)
        good = act(r, i, &mem[i]);
    return runtime_leave(r, call);
}

RUNTIME_API int rknn_outputs_map(rknn_context context, uint32_t n_outputs, rknn_tensor_mem mem[])
{
    return for_each(context, n_outputs, mem, "rknn_outputs_map", map_output);
}

RUNTIME_API int rknn_outputs_sync(rknn_context context, uint32_t n_outputs, rknn_tensor_mem mem[])
{
    return for_each(context, n_outputs, mem, "rknn_outputs_sync", sync_output);
}

RUNTIME_API int rknn_outputs_unmap(rknn_context context, uint32_t n_outputs, rknn_tensor_mem mem[])
{
    return for_each(context, n_outputs, mem, "rknn_outputs_unmap", unmap_output);
}
